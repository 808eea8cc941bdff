package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"slices"
	"sync"

	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/target"
)

// witnessed is a request that remembers what of it was read to be sent: configurations change, so that what is computed
// later need not be what went out.
type witnessed struct {
	target.Request
	mu    sync.Mutex // a transport may read on after its answer
	files []reading
}

// reading is a file on its way.
type reading struct {
	bytes int64
	sum   hash.Hash
	whole bool
}

func witness(req target.Request) *witnessed {
	w := &witnessed{Request: req, files: make([]reading, len(req.Files))}
	w.Files = slices.Clone(req.Files)
	for i := range w.Files {
		open := w.Files[i].Open
		w.Files[i].Open = func(ctx context.Context) (io.ReadCloser, error) {
			f, err := open(ctx)
			if err != nil {
				return nil, err
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.files[i] = reading{sum: sha256.New()}
			return &witnessFile{f, w, i}, nil
		}
	}
	return w
}

type witnessFile struct {
	io.ReadCloser
	of *witnessed
	n  int
}

// Read reads the file, remembering it.
func (f *witnessFile) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	f.of.mu.Lock()
	defer f.of.mu.Unlock()
	r := &f.of.files[f.n]
	r.sum.Write(p[:n])
	r.bytes += int64(n)
	r.whole = err == io.EOF
	return n, err
}

// sent is what the request consists of: its body or form, then its files as far as they were read.
func (w *witnessed) sent() []journal.Sent {
	var all []journal.Sent
	body := w.Body
	if len(body) == 0 && len(w.Form) > 0 {
		body = []byte(w.Form.Encode())
	}
	if len(body) > 0 {
		sum := sha256.Sum256(body)
		all = append(all, journal.Sent{Bytes: int64(len(body)), SHA256: hex.EncodeToString(sum[:])})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, r := range w.files {
		s := journal.Sent{Part: w.Files[i].Part, Bytes: r.bytes}
		if r.whole {
			s.SHA256 = hex.EncodeToString(r.sum.Sum(nil))
		}
		all = append(all, s)
	}
	return all
}
