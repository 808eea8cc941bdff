package rossumapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
)

// MaxFile is the size limit of a file in bytes.
const MaxFile = 40 << 20

// Document is a file in Rossum.
type Document struct {
	ID               int64    `json:"id"`
	URL              string   `json:"url"`
	Content          string   `json:"content"` // URL of the bytes, for [Client.Download]
	MimeType         string   `json:"mime_type"`
	OriginalFileName string   `json:"original_file_name"`
	CreatedAt        string   `json:"created_at"`
	Creator          string   `json:"creator"`
	Parent           string   `json:"parent"`
	Annotations      []string `json:"annotations"`
	Metadata         Object   `json:"metadata"`

	Raw json.RawMessage `json:"-"` // the object as sent
}

// UnmarshalJSON reads a document and keeps it as sent.
func (d *Document) UnmarshalJSON(data []byte) error {
	type plain Document
	return keepRaw(data, (*plain)(d), &d.Raw)
}

// Document returns a document.
func (c *Client) Document(ctx context.Context, id int64) (Document, error) {
	var document Document
	err := c.Get(ctx, c.resource("documents", id), &document)
	return document, err
}

// Documents yields the documents that match query.
func (c *Client) Documents(ctx context.Context, query url.Values) iter.Seq2[Document, error] {
	return list[Document](ctx, c, "documents", query)
}

// NewDocument is a file to create. No annotation is made of it.
type NewDocument struct {
	Name        string
	ContentType string         // Defaults to application/octet-stream
	Content     []byte         // at most MaxFile bytes
	Metadata    map[string]any // optional
	Parent      string         // URL, optional
}

// CreateDocument stores a file. It is not repeated on failure: look for the
// name with [Client.Documents] before trying again.
func (c *Client) CreateDocument(ctx context.Context, file NewDocument) (Document, error) {
	if len(file.Content) > MaxFile {
		return Document{}, fmt.Errorf("rossum: file of %d bytes, at most %d are allowed", len(file.Content), MaxFile)
	}
	var form form
	form.part("content", file.Name, orBinary(file.ContentType), file.Content)
	if file.Metadata != nil {
		form.json("metadata", file.Metadata)
	}
	if file.Parent != "" {
		form.part("parent", "", "text/plain", []byte(file.Parent))
	}
	var document Document
	err := c.post(ctx, c.URL("documents"), &form, &document)
	return document, err
}

// PatchDocument changes attributes of a document, such as metadata. Give metadata whole: whether it is merged is not
// documented.
func (c *Client) PatchDocument(ctx context.Context, id int64, changes map[string]any) (Document, error) {
	var document Document
	err := c.call(ctx, http.MethodPatch, c.resource("documents", id), changes, &document)
	return document, err
}

func (c *Client) post(ctx context.Context, target string, form *form, out any) error {
	body, contentType, err := form.done()
	if err != nil {
		return err
	}
	return c.do(ctx, request{method: http.MethodPost, url: target, body: body, contentType: contentType}, out)
}

// form builds a multipart body in memory: a body that can be measured, and
// sent again where that is safe.
type form struct {
	buf    bytes.Buffer
	writer *multipart.Writer
	err    error
}

func (f *form) file(name, fileName string, content []byte) {
	f.part(name, fileName, orBinary(""), content)
}

func orBinary(contentType string) string {
	if contentType == "" {
		return "application/octet-stream"
	}
	return contentType
}

// json adds a JSON part. Rossum wants the content type and a file name, which
// is empty in its own SDK.
func (f *form) json(name string, value any) {
	content, err := encode(value)
	f.err = errors.Join(f.err, err)
	f.part(name, "", "application/json", content)
}

func (f *form) part(name, fileName, contentType string, content []byte) {
	if f.writer == nil {
		f.writer = multipart.NewWriter(&f.buf)
	}
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", "", "\n", "")
	header := textproto.MIMEHeader{}
	header.Set("Content-Disposition", fmt.Sprintf(`form-data; name="%s"; filename="%s"`, name, escape.Replace(fileName)))
	header.Set("Content-Type", contentType)
	part, err := f.writer.CreatePart(header)
	if err == nil {
		_, err = part.Write(content)
	}
	f.err = errors.Join(f.err, err)
}

func (f *form) done() (body []byte, contentType string, err error) {
	if err := errors.Join(f.err, f.writer.Close()); err != nil {
		return nil, "", fmt.Errorf("multipart body: %w", err)
	}
	return f.buf.Bytes(), f.writer.FormDataContentType(), nil
}
