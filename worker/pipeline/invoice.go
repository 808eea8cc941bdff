package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
	"github.com/rossum-relay/rossum-relay/worker/jinja"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

// invoiceCode reads and checks the canonical invoice.
type invoiceCode struct {
	path    string
	mapping invoice.Mapping  // without Evaluate; the expression of a field is its name
	fields  map[string]*code // of fields with an expression
	gate    invoice.Gate
}

// rowName is what expressions of the fields of lines, taxes and charges call the row.
const rowName = "row"

func (c *compiler) invoice(path string, cfg *configs.InvoiceStep, n names) *invoiceCode {
	i := &invoiceCode{path: path, fields: map[string]*code{}, mapping: invoice.Mapping{Fields: map[string]invoice.Source{}, Units: map[string]string{}}}
	known := invoice.Fields()
	for _, e := range cfg.Fields {
		at := path + ".fields." + e.Name
		if !slices.Contains(known, e.Name) {
			c.fail(at, e.Pos, "unknown field of the invoice "+e.Name, configs.Nearest(e.Name, known), "one of "+strings.Join(besides(e.Name, known), ", "))
			continue
		}
		table, _ := cfg.Fields.Get(invoice.TableOf(e.Name))
		from := c.invoiceSource(at, e, i, n.inRow(e.Name, table.Text))
		if len(from.SchemaIDs) == 1 && (table.Kind == configs.NodeString || invoice.TableOf(e.Name) == "") {
			c.noteID(at, e.Value.Pos, from.SchemaIDs[0], table.Text)
		}
		i.mapping.Fields[e.Name] = from
	}
	for _, e := range cfg.Units {
		if !invoice.IsUnit(e.Value) {
			c.fail(path+".units."+e.Name, e.Pos, "not a unit of UN/ECE recommendation 20: "+e.Value, "", "write C62 for pieces, KGM for kilograms, HUR for hours")
		}
		i.mapping.Units[strings.ToLower(e.Name)] = e.Value
	}
	i.gate = c.gate(path+".gate", &cfg.Gate)
	return i
}

// besides are the names with the same first part as name, else those of one part.
func besides(name string, known []string) []string {
	group, _, _ := strings.Cut(name, ".")
	var same, single []string
	for _, k := range known {
		first, _, parts := strings.Cut(k, ".")
		if parts && first == group {
			same = append(same, k)
		} else if !parts {
			single = append(single, k)
		}
	}
	if len(same) > 0 {
		return same
	}
	return single
}

// invoiceSource reads where a field comes from: a schema id, a list of them, or a template.
func (c *compiler) invoiceSource(at string, e configs.Entry[configs.Node], i *invoiceCode, n names) invoice.Source {
	var from invoice.Source
	switch v := e.Value; {
	case v.Kind == configs.NodeNone, v.Kind == configs.NodeNull: // the field stays empty
	case v.Kind == configs.NodeString && strings.Contains(v.Text, "{{"):
		if slices.Contains([]string{"lines", "taxes", "charges"}, e.Name) {
			c.fail(at, v.Pos, "a table is named by its schema id, not by a template", "", "")
		}
		from.Expression = e.Name
		i.fields[e.Name] = c.native(at, v.Text, v.Pos, n)
	case v.Kind == configs.NodeString:
		from.SchemaIDs = []string{v.Text}
	case v.Kind == configs.NodeList:
		for _, item := range v.List {
			if item.Kind != configs.NodeString || strings.Contains(item.Text, "{{") {
				c.fail(at, item.Pos, "a list names schema ids", "", "write a template alone, without the list")
			}
			from.SchemaIDs = append(from.SchemaIDs, item.Text)
		}
	default:
		c.fail(at, v.Pos, "expected a schema id, a list of them, or a template, got "+v.Kind.String(), "", "")
	}
	return from
}

func (c *compiler) gate(path string, cfg *configs.Gate) invoice.Gate {
	g := invoice.Gate{Severities: map[string]invoice.Severity{}, Tolerance: map[string]decimal.Decimal{}}
	severities, known := invoice.Rules(), []string{"tolerance"}
	for rule := range severities {
		known = append(known, rule)
	}
	slices.Sort(known)
	for _, e := range cfg.Rules.Map {
		if _, ok := severities[e.Name]; !ok {
			c.fail(path, e.Pos, "unknown rule "+e.Name, configs.Nearest(e.Name, known), "one of "+strings.Join(known, ", "))
		}
		switch severity := invoice.Severity(e.Value.Text); severity {
		case invoice.Block, invoice.Warn, invoice.Off:
			g.Severities[e.Name] = severity
		default:
			c.fail(path+"."+e.Name, e.Value.Pos, "expected block, warn or off", "", "")
		}
	}
	for _, e := range cfg.Tolerance {
		at := path + ".tolerance." + e.Name
		amount, err := decimal.NewFromString(e.Value)
		switch {
		case !invoice.IsCurrency(e.Name):
			c.fail(at, e.Pos, "not a currency of ISO 4217: "+e.Name, "", "write EUR")
		case err != nil || amount.IsNegative() || strings.ContainsAny(e.Value, "eE"):
			c.fail(at, e.Pos, "expected an amount such as 0.05", "", "")
		default:
			g.Tolerance[e.Name] = amount
		}
	}
	return g
}

// checkInvoiceValue checks that an invoice has the value asked for, as deep as names are the same in all invoices.
func (c *compiler) checkInvoiceValue(built *code, ref jinja.Reference, s *configs.Step) {
	if slices.Contains([]string{"text", "content_type", "filename"}, ref.Path[2]) {
		return
	}
	m := (&invoice.Invoice{}).Values()
	for depth, part := range ref.Path[2:] {
		v, ok := m.Get(part)
		if !ok && (depth == 0 || !slices.Contains(dictMethods(), part)) {
			known := make([]string, 0, len(m))
			for _, e := range m {
				known = append(known, e.Key)
			}
			c.fail(built.path, at(built, ref), "the invoice of step "+s.Name+" has no value "+strings.Join(ref.Path[2:3+depth], "."), configs.Nearest(part, known), "one of "+strings.Join(known, ", "))
			return
		}
		if m, ok = v.(document.Map); !ok {
			return
		}
	}
}

// codes visits the code of the fields.
func (i *invoiceCode) codes(visit func(*code)) {
	if i == nil {
		return
	}
	for _, c := range i.fields {
		visit(c)
	}
}

// read reads and checks the invoice. Problems that block are an *outcome.Error that rejects, with a Field for each;
// the others are returned as messages.
func (i *invoiceCode) read(f *frame) (*invoice.Invoice, []rossumapi.Message, error) {
	tree, err := f.view.content(f.ctx)
	if err != nil {
		return nil, nil, err
	}
	e := evaluation{code: i, frame: f, columns: map[string]int{}}
	mapping := i.mapping
	mapping.Evaluate = e.field
	inv, problems, err := invoice.Read(tree, mapping)
	switch {
	case e.err != nil:
		return nil, nil, e.failure(problems)
	case err != nil:
		return nil, nil, outcome.Errorf(outcome.Misconfigured, "invoice", "%s: %s", i.path, err)
	}
	messages, err := judged("invoice", append(problems, i.gate.Check(inv)...))
	return inv, messages, err
}

// content is the tree of the annotation; the stable view's without the values of the fields that the pipeline writes.
func (v *view) content(ctx context.Context) (rossumapi.Tree, error) {
	if err := v.scope.loadContent(ctx); err != nil || !v.stable || len(v.own) == 0 {
		return v.scope.content, err
	}
	tree := slices.Clone(v.scope.content)
	for i, section := range tree {
		settled := *section
		settled.Children = slices.Clone(section.Children)
		for j, node := range settled.Children {
			if v.own[node.SchemaID] {
				blank := *node
				blank.Content = nil
				settled.Children[j] = &blank
			}
		}
		tree[i] = &settled
	}
	return tree, nil
}

// evaluation evaluates the expressions of one invoice.
type evaluation struct {
	code    *invoiceCode
	frame   *frame
	columns map[string]int
	err     error           // the first failure; one that is no rejection counts more
	fields  []outcome.Field // of rejections
}

// field evaluates the expression of a field, which is its name, for a row of its table.
func (e *evaluation) field(name string, tuple *rossumapi.Node) (any, error) {
	if err := context.Cause(e.frame.ctx); err != nil {
		e.fail(err)
		return nil, err
	}
	if tuple != nil {
		mark := e.frame.bind(local{rowName, &row{view: e.frame.view, tuple: tuple, as: asField, columns: e.columns}})
		defer e.frame.unbind(mark)
	}
	c := e.code.fields[name]
	v, err := c.value(e.frame)
	if err == nil {
		if v, err = toTree(v); err != nil {
			err = c.misconfigured("invoice", err.Error())
		}
	}
	if err != nil {
		e.fail(err)
	}
	return v, err
}

func (e *evaluation) fail(err error) {
	var decided *outcome.Error
	rejected := errors.As(err, &decided) && decided.Outcome.Kind == outcome.Rejected
	if rejected && len(e.fields) < maxInvoiceFields {
		e.fields = append(e.fields, decided.Outcome.Fields...)
	}
	var earlier *outcome.Error
	if e.err == nil || !rejected && errors.As(e.err, &earlier) && earlier.Outcome.Kind == outcome.Rejected {
		e.err = err
	}
}

// failure is the error of an evaluation. A rejection tells all that is wrong, so that the reviewer can mend it at once.
func (e *evaluation) failure(problems []invoice.Problem) error {
	var decided *outcome.Error
	if !errors.As(e.err, &decided) || decided.Outcome.Kind != outcome.Rejected {
		return e.err
	}
	o := decided.Outcome
	o.Fields = nil
	for _, f := range e.fields {
		if !slices.Contains(o.Fields, f) {
			o.Fields = append(o.Fields, f)
		}
	}
	for _, p := range problems {
		o.Fields = append(o.Fields, p.Outcome())
	}
	o.Fields = o.Fields[:min(len(o.Fields), maxInvoiceFields)]
	return &outcome.Error{Outcome: o}
}

// maxInvoiceFields bounds what is told about one invoice.
const maxInvoiceFields = 100

// judged turns problems into messages, or into a rejection if one of them blocks. Its own message names rules and fields
// but no values.
func judged(reason string, problems []invoice.Problem) ([]rossumapi.Message, error) {
	slices.SortStableFunc(problems, func(a, b invoice.Problem) int { // what blocks is told first
		return cmp.Compare(blocking(b), blocking(a))
	})
	problems = problems[:min(len(problems), maxInvoiceFields)]
	if !invoice.Blocks(problems) {
		var messages []rossumapi.Message
		for _, p := range problems {
			messages = append(messages, rossumapi.Message{ID: p.Datapoint, Type: rossumapi.TypeWarning, Content: p.Message})
		}
		return messages, nil
	}
	o := outcome.Outcome{Kind: outcome.Rejected, Reason: reason}
	var broken []string
	for _, p := range problems {
		o.Fields = append(o.Fields, p.Outcome())
		what := fmt.Sprintf("%s (%s)", p.Field, p.Rule)
		if p.Severity == invoice.Block && !slices.Contains(broken, what) {
			broken = append(broken, what)
		}
	}
	const most = 5
	o.Message = "the invoice cannot be delivered: " + strings.Join(broken[:min(len(broken), most)], ", ")
	if more := len(broken) - most; more > 0 {
		o.Message += fmt.Sprintf(" and %d more", more)
	}
	return nil, &outcome.Error{Outcome: o}
}

func blocking(p invoice.Problem) int {
	if p.Severity == invoice.Block {
		return 1
	}
	return 0
}

// derivations tell what was computed instead of read.
func derivations(inv *invoice.Invoice) []string {
	var t document.Tally
	for _, d := range inv.Derived {
		t.Add(1, "%s: %s", d.Field, d.How)
	}
	return t.Notes()
}
