package document

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
)

// Embedded is a leaf of XML trees: the content of a file as base64. A document does not hold it: it is streamed with the
// document, see Document.Open.
type Embedded struct {
	// Open is called once for each time the document is sent.
	Open func(ctx context.Context) (io.ReadCloser, error)
}

// Insert is a file that belongs into a Body.
type Insert struct {
	Embedded
	At int // offset in Body
}

// Open streams the document, its embedded files in their places as base64. All files are opened at once, so that one that
// cannot be had fails before anything is sent. The reader is closed by the caller.
func (d Document) Open(ctx context.Context) (io.ReadCloser, error) {
	whole := &stream{size: int64(len(d.Body))}
	var parts []io.Reader
	rest, at := d.Body, 0
	for _, insert := range d.Inserts {
		file, err := insert.Open(ctx)
		if err != nil {
			return nil, errors.Join(err, whole.Close())
		}
		whole.add(file)
		parts = append(parts, bytes.NewReader(rest[:insert.At-at]), newLines(file))
		rest, at = rest[insert.At-at:], insert.At
	}
	whole.Reader = io.MultiReader(append(parts, bytes.NewReader(rest))...)
	return whole, nil
}

// stream is a document on its way.
type stream struct {
	io.Reader
	files []io.Closer
	size  int64
}

// Size in bytes, -1 where a file does not tell its own by a method Size.
func (s *stream) Size() int64 { return s.size }

func (s *stream) add(file io.ReadCloser) {
	s.files = append(s.files, file)
	plain := int64(-1)
	if sized, ok := file.(interface{ Size() int64 }); ok {
		plain = sized.Size()
	}
	if s.size >= 0 && plain >= 0 {
		s.size += lineLength(plain)
	} else {
		s.size = -1
	}
}

// Close closes the files.
func (s *stream) Close() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// The lines of base64 (RFC 2045, 6.8): firewalls take long runs that happen to spell drop or union for an attack.
const (
	lineWidth = 76
	lineBytes = lineWidth / 4 * 3
	lineBatch = 400 // lines encoded at once
)

// lines encodes a file as base64 in lines, with a line feed between them.
type lines struct {
	from    io.Reader
	plain   []byte
	encoded []byte
	ready   []byte // the part of encoded that is not read yet
	begun   bool
	err     error
}

// lineLength is how long the base64 of so many bytes is, in lines.
func lineLength(plain int64) int64 {
	breaks := max(0, (plain-1)/lineBytes)
	return (plain+2)/3*4 + breaks
}

func newLines(from io.Reader) *lines {
	return &lines{from: from, plain: make([]byte, lineBytes*lineBatch), encoded: make([]byte, 0, (lineWidth+1)*lineBatch)}
}

// Read implements io.Reader.
func (l *lines) Read(p []byte) (int, error) {
	for len(l.ready) == 0 {
		if l.err != nil {
			return 0, l.err
		}
		l.fill()
	}
	n := copy(p, l.ready)
	l.ready = l.ready[n:]
	return n, nil
}

// fill encodes the next lines. Only the last one is shorter than the others.
func (l *lines) fill() {
	n, err := io.ReadFull(l.from, l.plain)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	l.err, l.encoded = err, l.encoded[:0]
	for plain := l.plain[:n]; len(plain) > 0; {
		if l.begun {
			l.encoded = append(l.encoded, '\n')
		}
		l.begun = true
		one := plain[:min(len(plain), lineBytes)]
		l.encoded = base64.StdEncoding.AppendEncode(l.encoded, one)
		plain = plain[len(one):]
	}
	l.ready = l.encoded
}
