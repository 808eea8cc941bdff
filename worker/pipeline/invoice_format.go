package pipeline

import (
	"context"
	"fmt"
	"io"
	"mime"
	"slices"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/document/format"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

// maxEmbedded bounds the files embedded in one document, which is made in memory. Rossum takes documents up to 40 MB.
const maxEmbedded = 48 << 20

// invoiceFormat is a format that takes invoices only.
type invoiceFormat struct {
	name    string
	encode  invoice.Encoder
	profile string
	attach  *code // files to embed
}

func (c *compiler) invoiceFormat(path string, f configs.Format, n names) *invoiceFormat {
	encode, err := format.Find(f.Type)
	if err != nil {
		c.fail(path, c.cfg.Pos(path), err.Error(), "", "")
		return nil
	}
	options := document.ReadOptions(f.Options)
	i := &invoiceFormat{name: f.Type, encode: encode, profile: options.Text("profile", "")}
	if attach := options.Text("attach", ""); attach != "" {
		node, _ := f.Options.Map.Get("attach")
		i.attach = c.expression(path+".attach", attach, node.Pos, n)
	}
	c.optionProblems(path, options.Err())
	if _, _, err := encode(&invoice.Invoice{}, invoice.Options{Profile: i.profile}); err != nil {
		node, _ := f.Options.Map.Get("profile")
		c.fail(path, node.Pos, err.Error(), "", "")
	}
	return i
}

// read is the value of an invoice step.
func (d *docCode) read(f *frame) (*docValue, error) {
	inv, messages, err := d.invoice.read(f)
	if err != nil {
		return nil, err
	}
	v, err := d.written(f, inv)
	if err != nil {
		return nil, err
	}
	v.messages = append(messages, v.messages...)
	v.doc.Notes = append(derivations(inv), v.doc.Notes...)
	return v, nil
}

// written is an invoice in the document's format.
func (d *docCode) written(f *frame, inv *invoice.Invoice) (*docValue, error) {
	v := &docValue{tree: inv.Tree(), invoice: inv}
	var err error
	switch {
	case d.electronic != nil:
		err = d.electronic.write(f, v)
	case d.rows:
		v.doc, err = d.encode(inv.Rows())
	default:
		v.doc, err = d.encode(v.tree)
	}
	if err != nil {
		return nil, inStep(d.path, err)
	}
	return v, nil
}

func (i *invoiceFormat) write(f *frame, v *docValue) error {
	files, notes, err := i.files(f)
	if err != nil {
		return err
	}
	doc, problems, err := i.encode(v.invoice, invoice.Options{Profile: i.profile, Attachments: files})
	if err != nil {
		return err
	}
	if v.messages, err = judged(i.name, problems); err != nil {
		return err
	}
	v.doc = doc
	v.doc.Notes = slices.Concat(notes, doc.Notes)
	return nil
}

// files are what attach names. Null leaves one out.
func (i *invoiceFormat) files(f *frame) (files []invoice.Attachment, notes []string, err error) {
	if i.attach == nil {
		return nil, nil, nil
	}
	v, err := i.attach.value(f)
	if err != nil {
		return nil, nil, err
	}
	left := maxEmbedded
	for _, item := range itemsOf(v) {
		var a invoice.Attachment
		switch item := item.(type) {
		case *file:
			a = invoice.Attachment{Filename: item.name, MediaType: mediaType(item.contentType)}
			switch {
			case f.view.stable: // a fingerprint needs the name only
			case f.view.scope.in.Resources == nil:
				notes = append(notes, "the attached file is empty here: it is fetched when the document is sent")
			default:
				a.Content, err = item.read(f.ctx, left)
			}
			if err != nil {
				return nil, nil, err
			}
		case *docValue:
			part := item.part("document")
			a = invoice.Attachment{Filename: part.Name, MediaType: mediaType(part.ContentType), Content: item.doc.Body}
		default:
			return nil, nil, i.attach.misconfigured("not_a_file", "a file is needed here, such as document.original or steps.NAME, not "+kindOf(item))
		}
		if left -= len(a.Content); left < 0 {
			return nil, nil, tooLarge()
		}
		files = append(files, a)
	}
	return files, notes, nil
}

func tooLarge() error {
	return outcome.Errorf(outcome.Rejected, "attachment_too_large", "the attached files are larger than %d MiB, too large to embed", maxEmbedded>>20)
}

// mediaType is a content type without its parameters.
func mediaType(contentType string) string {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return contentType
	}
	return kind
}

// read fetches a file whole, if it is no larger than most.
func (f *file) read(ctx context.Context, most int) ([]byte, error) {
	body, err := f.open(ctx)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	content, err := io.ReadAll(io.LimitReader(body, int64(most)+1))
	switch cause := context.Cause(ctx); {
	case err == nil && len(content) > most:
		return nil, tooLarge()
	case err != nil && cause != nil:
		return nil, fmt.Errorf("document: %w", cause)
	case err != nil: // cut on the way: Rossum sends it again
		return nil, outcome.Errorf(outcome.Retry, "document_cut", "the document's file could not be read to its end")
	}
	return content, nil
}
