package pipeline

import (
	"errors"
	"slices"
	"strings"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/document/csv"
	"github.com/rossum-relay/rossum-relay/worker/document/fixed"
	"github.com/rossum-relay/rossum-relay/worker/document/format"
	"github.com/rossum-relay/rossum-relay/worker/document/json"
	"github.com/rossum-relay/rossum-relay/worker/document/xml"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

// encoder turns a tree into bytes.
type encoder func(tree any) (document.Document, error)

// format compiles the format of a document.
func (c *compiler) format(d *docCode, path string, s *configs.Step, n names) {
	if slices.Contains(format.Names(), s.Format.Type) {
		d.electronic = c.invoiceFormat(path, s.Format, n)
	} else {
		d.encode = c.encoder(path, s.Format)
	}
	d.rows = s.Format.Type == "csv" || s.Format.Type == "fixed"
	body, made := c.bodyOf(s, n)
	fail := func(message, try string) { c.fail(path, c.cfg.Pos(path), message, "", try) }
	switch {
	case d.electronic != nil && s.Invoice == nil && (s.Body.IsZero() || made && body.Kind() != configs.KindInvoice):
		fail(s.Format.Type+" writes invoices", "use it in an invoice step, or beside body: steps.NAME of one")
	case s.Invoice != nil && s.Format.Type == "xml":
		fail("an invoice has no xml of its own", "write ubl or cii, or a map of steps."+s.Name)
	case d.again && made && body.Kind() == configs.KindRender:
		fail("a rendered text is sent as it is", "remove format")
	}
}

// bodyOf is the step whose value is the body, where that is plain to see.
func (c *compiler) bodyOf(s *configs.Step, n names) (*configs.Step, bool) {
	name, ok := strings.CutPrefix(strings.TrimSpace(s.Body.Source), "steps.")
	for i := range n.pipeline.Steps[:n.before] {
		if before := &n.pipeline.Steps[i]; ok && before.Name == name {
			return before, true
		}
	}
	return nil, false
}

// encoder reads a format and its options.
func (c *compiler) encoder(path string, f configs.Format) encoder {
	switch f.Type {
	case "xml":
		return bound(c, path, f, xml.ParseOptions, xml.Encode)
	case "csv":
		return bound(c, path, f, csv.ParseOptions, csv.Encode)
	case "fixed":
		return bound(c, path, f, fixed.ParseOptions, fixed.Encode)
	}
	return bound(c, path, f, json.ParseOptions, json.Encode)
}

func bound[O any](c *compiler, path string, f configs.Format, parse func(configs.Node) (O, error), encode func(any, O) (document.Document, error)) encoder {
	opts, err := parse(f.Options)
	c.optionProblems(path, err)
	return func(tree any) (document.Document, error) { return encode(tree, opts) }
}

// optionProblems reports what is wrong with the options of a format.
func (c *compiler) optionProblems(path string, err error) {
	var problems configs.Errors
	if errors.As(err, &problems) {
		for _, p := range problems {
			p.Path = path
			c.errs = append(c.errs, p)
		}
	} else if err != nil {
		c.fail(path, c.cfg.Pos(path), err.Error(), "", "")
	}
}

// inStep names the step in what an encoder complains of.
func inStep(path string, err error) error {
	var decided *outcome.Error
	if !errors.As(err, &decided) {
		return err
	}
	o := decided.Outcome
	o.Message = path + ": " + err.Error()
	return &outcome.Error{Outcome: o}
}
