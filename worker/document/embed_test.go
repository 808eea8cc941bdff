package document_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/rossum-relay/rossum-relay/worker/document"
)

// sized is a file that knows its size.
type sized struct{ *bytes.Reader }

func (sized) Close() error { return nil }

func embedded(content []byte) document.Embedded {
	return document.Embedded{Open: func(context.Context) (io.ReadCloser, error) { return sized{bytes.NewReader(content)}, nil }}
}

// TestOpen streams files of all lengths around those of lines and batches into their places.
func TestOpen(t *testing.T) {
	for _, plain := range []int{0, 1, 56, 57, 58, 114, 57*400 - 1, 57 * 400, 57*400 + 1, 100_000} {
		content := bytes.Repeat([]byte{0xfb, 'a', 7}, plain/3+1)[:plain]
		doc := document.Document{Body: []byte("<a></a><b></b>"), Inserts: []document.Insert{
			{At: 3, Embedded: embedded(content)}, {At: 10, Embedded: embedded([]byte("%PDF"))},
		}}
		r, err := doc.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		size := r.(interface{ Size() int64 }).Size()
		got, err := io.ReadAll(iotest.OneByteReader(r))
		if err != nil || r.Close() != nil {
			t.Fatal(err)
		}
		text, ok := strings.CutPrefix(string(got), "<a>")
		text, closed := strings.CutSuffix(text, "</a><b>JVBERg==</b>")
		decoded, err := base64.StdEncoding.DecodeString(text)
		if size != int64(len(got)) {
			t.Fatalf("%d bytes became %d, not %d as told", len(content), len(got), size)
		}
		if !ok || !closed || err != nil || !bytes.Equal(decoded, content) {
			t.Fatalf("%d bytes became %.200q, %v", plain, got, err)
		}
		for i, line := range strings.Split(text, "\n") {
			if len(line) > 76 || len(line) == 0 && plain > 0 {
				t.Fatalf("line %d has %d characters", i, len(line))
			}
		}
	}
}

type failing struct{ closed *bool }

func (failing) Read([]byte) (int, error) { return 0, errors.New("torn") }
func (f failing) Close() error           { *f.closed = true; return nil }

// TestOpenFails: a file that breaks off breaks the document off; one that cannot be opened closes those before.
func TestOpenFails(t *testing.T) {
	closed := false
	torn := document.Embedded{Open: func(context.Context) (io.ReadCloser, error) { return failing{&closed}, nil }}
	absent := document.Embedded{Open: func(context.Context) (io.ReadCloser, error) { return nil, errors.New("absent") }}
	doc := document.Document{Body: []byte("<a></a>"), Inserts: []document.Insert{{At: 3, Embedded: torn}}}
	r, err := doc.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if size := r.(interface{ Size() int64 }).Size(); size != -1 {
		t.Errorf("a size of %d, though nobody knows the file's", size)
	}
	if got, err := io.ReadAll(r); err == nil || string(got) != "<a>" {
		t.Errorf("got %q, %v", got, err)
	}
	doc.Inserts = append(doc.Inserts, document.Insert{At: 3, Embedded: absent})
	if _, err := doc.Open(t.Context()); err == nil || !closed {
		t.Errorf("got %v, the first file closed: %v", err, closed)
	}
}

// TestOpenHoldsLittle streams 40 MiB and counts every byte allocated on the way.
func TestOpenHoldsLittle(t *testing.T) {
	const size = 40 << 20
	file := document.Embedded{Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(io.LimitReader(zeros{}, size)), nil
	}}
	doc := document.Document{Body: []byte("<a></a>"), Inserts: []document.Insert{{At: 3, Embedded: file}}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, err := doc.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, r)
	runtime.ReadMemStats(&after)
	if err != nil || n < size/3*4 {
		t.Errorf("%d bytes, %v", n, err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
		t.Errorf("%d KiB were allocated for a file of %d KiB", used>>10, size>>10)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
