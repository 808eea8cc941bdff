package httptarget_test

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
)

// TestStreamingHoldsLittle sends 40 MiB and counts every byte allocated on the way, on both ends.
func TestStreamingHoldsLittle(t *testing.T) {
	const size = 40 << 20
	var arrived atomic.Int64
	erp := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		arrived.Store(n)
	})
	tgt := open(t, erp.URL, configs.HTTPTarget{})
	req := create()
	req.Files = []target.File{{Part: "file", Name: "big.pdf", Size: size, Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(io.LimitReader(zeros{}, size)), nil
	}}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, out := tgt.Do(t.Context(), req)
	runtime.ReadMemStats(&after)
	wantOutcome(t, out, outcome.OK, "http_200")
	if n := arrived.Load(); n < size {
		t.Errorf("%d bytes arrived", n)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
		t.Errorf("%d KiB were allocated for a file of %d KiB", used>>10, size>>10)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestFileWithoutPartIsTheBody: services such as SAP's attachments take a file as it is.
func TestFileWithoutPartIsTheBody(t *testing.T) {
	type arrival struct {
		contentType, body string
		size              int64
	}
	arrived := make(chan arrival, 1)
	erp := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		arrived <- arrival{r.Header.Get("Content-Type"), string(data), r.ContentLength}
	})
	req := create()
	closed := false
	req.Files = []target.File{{Name: "a.pdf", ContentType: "application/pdf", Size: 4, Open: func(context.Context) (io.ReadCloser, error) {
		return closing{strings.NewReader("%PDF"), &closed}, nil
	}}}
	_, out := open(t, erp.URL, configs.HTTPTarget{}).Do(t.Context(), req)
	wantOutcome(t, out, outcome.OK, "http_200")
	if got, want := <-arrived, (arrival{"application/pdf", "%PDF", 4}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !closed {
		t.Error("the file was not closed")
	}
}

type closing struct {
	io.Reader
	closed *bool
}

func (c closing) Close() error { *c.closed = true; return nil }

// TestLengthOfFiles: a file that knows its size only when it is opened is sent with a length, also in a multipart body.
func TestLengthOfFiles(t *testing.T) {
	lengths := make(chan int64, 1)
	erp := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		lengths <- r.ContentLength - n
	})
	open := open(t, erp.URL, configs.HTTPTarget{})
	for _, part := range []string{"", "scan"} {
		req := create()
		req.Body = nil
		req.Files = []target.File{{Part: part, Name: "a.pdf", Size: -1, Open: func(context.Context) (io.ReadCloser, error) {
			return sized{strings.NewReader("%PDF")}, nil
		}}}
		_, out := open.Do(t.Context(), req)
		wantOutcome(t, out, outcome.OK, "http_200")
		if off := <-lengths; off != 0 {
			t.Errorf("part %q: the length is off by %d", part, off)
		}
	}
}

type sized struct{ *strings.Reader }

func (sized) Close() error { return nil }
