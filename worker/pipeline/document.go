package pipeline

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

// docCode makes a document: of a map, a template file, an invoice or a value.
type docCode struct {
	path        string
	tree        *tree // map
	text        *code // render
	invoice     *invoiceCode
	body        *code // body
	contentType string
	again       bool // a format is given: the tree of a body is encoded anew
	encode      encoder
	rows        bool           // the encoder takes rows
	electronic  *invoiceFormat // of ubl and cii, nil for formats that take any tree
	filename    *code
	volatile    bool // differs from run to run: see view
}

// document compiles what a step sends or makes; nil where it has no document.
func (c *compiler) document(path string, s *configs.Step, n names, files templateFiles) *docCode {
	d := &docCode{path: path, filename: c.template(path+".filename", s.Filename, n), again: c.cfg.Given(path + ".format")}
	c.format(d, path+".format", s, n)
	switch {
	case !s.Map.IsZero():
		d.tree = c.tree(path+".map", s.Map, n)
	case s.Render != "":
		d.text, d.contentType = c.render(path+".render", s, n, files), contentTypeOf(s.Render)
	case s.Invoice != nil:
		d.invoice = c.invoice(path+".invoice", s.Invoice, n)
	case !s.Body.IsZero():
		d.body = c.expr(path+".body", s.Body, n)
	default:
		return nil
	}
	return d
}

func (c *compiler) render(path string, s *configs.Step, n names, files templateFiles) *code {
	file := files[s.Render]
	if file.err != nil || file.path == "" {
		c.fail(path, c.cfg.Pos(path), "read template: "+readFailure(file.err), "", "paths are relative to the configuration file")
		return nil
	}
	return c.renderer(path, file.path, file.source, n)
}

func readFailure(err error) string {
	if err == nil {
		return "too many template files"
	}
	return err.Error()
}

// contentTypeOf tells what a template file such as invoice.xml.j2 makes.
func contentTypeOf(name string) string {
	switch strings.ToLower(filepath.Ext(strings.TrimSuffix(name, ".j2"))) {
	case ".xml":
		return "application/xml; charset=utf-8"
	case ".json":
		return "application/json"
	case ".csv":
		return "text/csv; charset=utf-8"
	}
	return "text/plain; charset=utf-8"
}

// codes visits the code the document is made by, but not its file name: a renamed document is the same.
func (d *docCode) codes(visit func(*code)) {
	if d == nil {
		return
	}
	d.tree.codes(visit)
	d.invoice.codes(visit)
	visit(d.text)
	visit(d.body)
}

// make makes the document.
func (d *docCode) make(f *frame) (*docValue, error) {
	v, err := d.content(f)
	if err != nil || d.filename == nil {
		return v, err
	}
	name, err := d.filename.string(f)
	if err != nil {
		return nil, err
	}
	named := *v
	if named.doc.Filename = safeName(name); named.doc.Filename == "" {
		return nil, outcome.Errorf(outcome.Misconfigured, "filename", "%s: the file name is empty", d.filename.path)
	}
	return &named, nil
}

func (d *docCode) content(f *frame) (*docValue, error) {
	switch {
	case d.tree != nil:
		built, err := d.tree.build(f)
		if err != nil {
			return nil, err
		}
		return d.encoded(built)
	case d.text != nil:
		return d.rendered(f)
	}
	if d.invoice != nil {
		return d.read(f)
	}
	v, err := d.body.value(f)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case *docValue:
		return d.passed(f, v)
	case *file:
		return &docValue{file: v}, nil
	case string:
		return &docValue{doc: document.Document{Body: []byte(v), ContentType: "text/plain; charset=utf-8"}}, nil
	}
	built, err := toTree(v)
	if err != nil {
		return nil, outcome.Errorf(outcome.Misconfigured, "document_shape", "%s (%s): %s", d.body.path, d.body.pos, err)
	}
	return d.encoded(built)
}

// passed is the document of another step: as it is, else its tree or invoice in this step's format.
func (d *docCode) passed(f *frame, v *docValue) (*docValue, error) {
	switch {
	case d.again && v.invoice != nil:
		return d.written(f, v.invoice)
	case d.again && v.tree != nil:
		return d.encoded(v.tree)
	}
	same := *v
	same.messages = nil // told by the step that made it
	return &same, nil
}

func (d *docCode) encoded(built any) (*docValue, error) {
	if d.electronic != nil {
		return nil, outcome.Errorf(outcome.Misconfigured, "document_shape", "%s.format: %s writes invoices: body must be the value of an invoice step", d.path, d.electronic.name)
	}
	doc, err := d.encode(built)
	if err != nil {
		return nil, inStep(d.path, err)
	}
	return &docValue{tree: built, doc: doc}, nil
}

func (d *docCode) rendered(f *frame) (*docValue, error) {
	f.lenient = true
	defer func() { f.lenient = false }()
	text, err := d.text.string(f)
	if err != nil {
		return nil, err
	}
	return &docValue{doc: document.Document{Body: []byte(text), ContentType: d.contentType}}, nil
}

// both makes the document, and the same as the stable view shows it. Where that fails the document stands for itself.
func (d *docCode) both(ctx context.Context, scope *Scope, own map[string]bool) (live, stable *docValue, err error) {
	live, err = d.make(scope.live.frame(ctx))
	if err != nil || !d.volatile {
		return live, live, err
	}
	if stable, err = d.make(scope.stable(own).frame(ctx)); err != nil {
		stable = live
	}
	return live, stable, nil
}
