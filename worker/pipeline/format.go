package pipeline

import (
	"errors"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/document/csv"
	"github.com/rossum-relay/rossum-relay/worker/document/fixed"
	"github.com/rossum-relay/rossum-relay/worker/document/json"
	"github.com/rossum-relay/rossum-relay/worker/document/xml"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

// encoder turns a tree into bytes.
type encoder func(tree any) (document.Document, error)

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
	var problems configs.Errors
	if errors.As(err, &problems) {
		for _, p := range problems {
			p.Path = path
			c.errs = append(c.errs, p)
		}
	} else if err != nil {
		c.fail(path, c.cfg.Pos(path), err.Error(), "", "")
	}
	return func(tree any) (document.Document, error) { return encode(tree, opts) }
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
