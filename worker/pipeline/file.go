package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"path"
	"strings"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
	"github.com/rossum-relay/rossum-relay/worker/jinja"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
)

// file is document.original: a handle for files, not its bytes.
type file struct {
	scope       *Scope
	name        string
	contentType string
	url         string
}

func originalFile(s *Scope, document rossumapi.Object) *file {
	f := &file{scope: s, contentType: document.Text("mime_type"), url: document.Text("content")}
	f.name = safeName(document.Text("original_file_name"))
	if f.name == "" {
		f.name = "document-" + safeName(string(document.Get("id"))) + extension(f.contentType)
	}
	return f
}

// extension is the usual one of a content type, "" where there is none.
func extension(contentType string) string {
	known := map[string]string{"application/pdf": ".pdf", "image/tiff": ".tiff", "image/png": ".png", "image/jpeg": ".jpg", "application/xml": ".xml", "text/xml": ".xml"}
	return known[contentType]
}

// Lookup finds name and content_type.
func (f *file) Lookup(_ context.Context, name string) (any, bool, error) {
	switch name {
	case "name":
		return f.name, true, nil
	case "content_type":
		return f.contentType, true, nil
	}
	f.scope.notes.missing = "document.original." + name
	return nil, false, nil
}

// part is the file as a part of a request, opened through Resources when it is sent.
func (f *file) part(name string) target.File {
	return target.File{Part: name, Name: f.name, ContentType: f.contentType, Size: -1, Open: f.open}
}

func (f *file) open(ctx context.Context) (io.ReadCloser, error) {
	if f.scope.in.Resources == nil {
		return nil, outcome.Errorf(outcome.Misconfigured, "no_document", "the document's file cannot be fetched here")
	}
	opened, err := f.scope.in.Resources.Open(ctx, f.url)
	if err != nil {
		return nil, fmt.Errorf("document: %w", err)
	}
	return sizedFile{opened.Body, opened.Size}, nil
}

// sizedFile is a file on its way that knows its size, see target.SizeOf.
type sizedFile struct {
	io.ReadCloser
	size int64
}

// Size in bytes, -1 where Rossum does not tell.
func (f sizedFile) Size() int64 { return f.size }

// docValue is the value of a map, render or invoice step: its tree where it has one, and the document made of it.
type docValue struct {
	tree     any
	doc      document.Document
	invoice  *invoice.Invoice
	file     *file               // the document is a file, which is streamed: all else is empty
	messages []rossumapi.Message // warnings
	values   *jinja.Dict         // of the invoice, made when first needed
}

var _ jinja.Object = (*docValue)(nil)

// Lookup finds a key of the tree, or text, content_type and filename of the document.
func (d *docValue) Lookup(_ context.Context, name string) (any, bool, error) {
	if d.invoice != nil {
		if v, ok := d.names().Get(name); ok {
			return v, true, nil
		}
	} else if tree, ok := d.tree.(document.Map); ok {
		if v, ok := tree.Get(name); ok {
			return fromTree(v), true, nil
		}
	}
	switch name {
	case "text":
		if len(d.doc.Inserts) > 0 {
			return nil, false, outcome.Errorf(outcome.Misconfigured, "embedded_files", "a document with files embedded is streamed: send it as body or among files")
		}
		return string(d.doc.Body), true, nil
	case "content_type":
		return d.doc.ContentType, true, nil
	case "filename":
		return d.doc.Filename, true, nil
	}
	return nil, false, nil
}

// names are the values of the invoice. Every name is there, whether or not the document has it.
func (d *docValue) names() *jinja.Dict {
	if d.values == nil {
		d.values, _ = fromTree(d.invoice.Values()).(*jinja.Dict) // a map is one
	}
	return d.values
}

// String is the document's text, without files embedded in it.
func (d *docValue) String() string { return string(d.doc.Body) }

func (d *docValue) part(name string) target.File {
	filename := d.doc.Filename
	if filename == "" {
		exts, err := mime.ExtensionsByType(d.doc.ContentType)
		filename = name
		if err == nil && len(exts) > 0 && path.Ext(name) == "" {
			filename += exts[0]
		}
	}
	part := target.File{Part: name, Name: filename, ContentType: d.doc.ContentType, Size: int64(len(d.doc.Body)), Open: d.doc.Open}
	if len(d.doc.Inserts) > 0 {
		part.Size = -1
	}
	sum := sha256.Sum256(d.doc.Body) // what is embedded never changes
	part.SHA256 = hex.EncodeToString(sum[:])
	return part
}

// safeName makes a file name of a text: one path element that no file system, gateway or header takes for more. Names
// are cut to 200 bytes, the extension kept.
func safeName(text string) string {
	const longest = 200
	name := strings.Map(func(r rune) rune {
		switch {
		case r < ' ', r >= 0x7f && r < 0xa0, r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r == 0xfeff:
			return -1
		case strings.ContainsRune(`/\:*?"<>|`+"`", r):
			return '_'
		}
		return r
	}, strings.ToValidUTF8(text, "_"))
	name = strings.Trim(name, " .")
	if len(name) <= longest {
		return name
	}
	ext := path.Ext(name)
	if len(ext) > 10 {
		ext = ""
	}
	return strings.ToValidUTF8(name[:longest-len(ext)], "") + ext
}
