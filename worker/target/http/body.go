package httptarget

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/rossum-relay/rossum-relay/worker/target"
)

// body is a request body that is read once, streamed, of known size where all its files' sizes are.
type body struct {
	reader      io.Reader
	contentType string
	size        int64 // -1 unknown: sent in chunks
	closers     []io.Closer
	once        sync.Once
	broken      atomic.Bool // a file could not be read to its end
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.reader.Read(p)
	if err != nil && err != io.EOF {
		b.broken.Store(true)
	}
	return n, err
}

// Close closes the files; the first call counts.
func (b *body) Close() error {
	b.once.Do(func() {
		for _, c := range b.closers {
			_ = c.Close() // read-only
		}
	})
	return nil
}

// newBody opens all files, so that one that cannot be opened fails before anything is sent. It is nil where the
// request has no body.
func newBody(ctx context.Context, req *target.Request) (*body, error) {
	switch {
	case len(req.Files) == 1 && req.Files[0].Part == "":
		return newRaw(ctx, req.Files[0])
	case len(req.Files) > 0:
		return newMultipart(ctx, req)
	case req.Form != nil:
		return newBytes([]byte(req.Form.Encode()), "application/x-www-form-urlencoded"), nil
	case len(req.Body) > 0:
		return newBytes(req.Body, req.ContentType), nil
	}
	return nil, nil
}

func newBytes(data []byte, contentType string) *body {
	return &body{reader: bytes.NewReader(data), contentType: contentType, size: int64(len(data))}
}

// newRaw is a body that is one file as it is.
func newRaw(ctx context.Context, f target.File) (*body, error) {
	r, err := f.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("open the file: %w", err)
	}
	return &body{reader: r, contentType: dropControls(f.ContentType), size: target.SizeOf(f.Size, r), closers: []io.Closer{r}}, nil
}

// newMultipart lays out multipart/form-data (RFC 7578): form fields in order of their names, the document, the files.
func newMultipart(ctx context.Context, req *target.Request) (*body, error) {
	boundary := rand.Text()
	m := &multipart{boundary: boundary, body: &body{contentType: "multipart/form-data; boundary=" + boundary}}
	for _, name := range slices.Sorted(maps.Keys(req.Form)) {
		for _, value := range req.Form[name] {
			m.part(name, "", "", strings.NewReader(value), int64(len(value)))
		}
	}
	if len(req.Body) > 0 {
		name := req.BodyName
		if name == "" {
			name = "document"
		}
		m.part(name, "", req.ContentType, bytes.NewReader(req.Body), int64(len(req.Body)))
	}
	for _, f := range req.Files {
		r, err := f.Open(ctx)
		if err != nil {
			_ = m.body.Close()
			return nil, fmt.Errorf("open the file of part %s: %w", f.Part, err)
		}
		m.body.closers = append(m.body.closers, r)
		contentType := f.ContentType
		if contentType == "" {
			contentType = "application/octet-stream"
		}
		m.part(f.Part, f.Name, contentType, r, target.SizeOf(f.Size, r))
	}
	m.text("--" + boundary + "--\r\n")
	m.body.reader = io.MultiReader(m.readers...)
	return m.body, nil
}

type multipart struct {
	boundary string
	readers  []io.Reader
	body     *body
}

func (m *multipart) text(s string) { m.add(strings.NewReader(s), int64(len(s))) }

func (m *multipart) add(r io.Reader, size int64) {
	m.readers = append(m.readers, r)
	if size < 0 || m.body.size < 0 {
		m.body.size = -1
		return
	}
	m.body.size += size
}

func (m *multipart) part(name, filename, contentType string, r io.Reader, size int64) {
	head := "--" + m.boundary + "\r\nContent-Disposition: form-data; name=" + quote(name)
	if filename != "" {
		head += "; filename=" + quote(strings.NewReplacer("/", "_", `\`, "_").Replace(filename))
	}
	head += "\r\n"
	if contentType != "" {
		head += "Content-Type: " + dropControls(contentType) + "\r\n"
	}
	m.text(head + "\r\n")
	m.add(r, size)
	m.text("\r\n")
}

// quote writes a parameter of Content-Disposition as browsers do (WHATWG HTML, multipart/form-data): UTF-8 as it is,
// quotes as %22. Control characters have no place in a name.
func quote(s string) string {
	return `"` + strings.ReplaceAll(dropControls(s), `"`, "%22") + `"`
}

func dropControls(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "_"))
}
