package pipeline

import (
	"mime"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/document/format"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
	"github.com/rossum-relay/rossum-relay/worker/document/xml"
	"github.com/rossum-relay/rossum-relay/worker/target"
)

// invoiceFormat is a format that takes invoices only.
type invoiceFormat struct {
	name    string
	encode  invoice.Encoder
	options invoice.Options // without attachments
	attach  *code           // files to embed
}

func (c *compiler) invoiceFormat(path string, f configs.Format, n names) *invoiceFormat {
	encode, err := format.Find(f.Type)
	if err != nil {
		c.fail(path, c.cfg.Pos(path), err.Error(), "", "")
		return nil
	}
	options := document.ReadOptions(f.Options)
	i := &invoiceFormat{name: f.Type, encode: encode, options: invoice.Options{
		Profile: options.Text("profile", ""), ContentType: options.Choice("content_type", xml.ContentTypes()...),
	}}
	if attach := options.Text("attach", ""); attach != "" {
		node, _ := f.Options.Map.Get("attach")
		i.attach = c.expression(path+".attach", attach, node.Pos, n)
	}
	c.optionProblems(path, options.Err())
	if _, _, err := encode(&invoice.Invoice{}, i.options); err != nil {
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
	options, err := i.options, error(nil)
	if options.Attachments, err = i.files(f); err != nil {
		return err
	}
	doc, problems, err := i.encode(v.invoice, options)
	if err != nil {
		return err
	}
	if v.messages, err = judged(i.name, problems); err != nil {
		return err
	}
	v.doc = doc
	var notes document.Tally
	notes.Add(len(options.Attachments), "files are embedded while the document is sent")
	v.doc.Notes = append(notes.Notes(), doc.Notes...)
	return nil
}

// files are what attach names, opened when the document is sent. Null leaves one out.
func (i *invoiceFormat) files(f *frame) ([]invoice.Attachment, error) {
	if i.attach == nil {
		return nil, nil
	}
	v, err := i.attach.value(f)
	if err != nil {
		return nil, err
	}
	var files []invoice.Attachment
	for _, item := range itemsOf(v) {
		var part target.File
		switch item := item.(type) {
		case *file:
			part = item.part("")
		case *docValue:
			part = item.part("document")
		default:
			return nil, i.attach.misconfigured("not_a_file", "a file is needed here, such as document.original or steps.NAME, not "+kindOf(item))
		}
		files = append(files, invoice.Attachment{
			Filename: part.Name, MediaType: mediaType(part.ContentType), Content: document.Embedded{Open: part.Open},
		})
	}
	return files, nil
}

// mediaType is a content type without its parameters.
func mediaType(contentType string) string {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return contentType
	}
	return kind
}
