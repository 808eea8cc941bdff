package files

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"sync"

	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
)

// item is one file of a delivery.
type item struct {
	name      string
	mediaType string
	part      string // "" for the document
	size      int64  // -1 until known
	sha256    string // "" until known
	open      func(ctx context.Context) (io.ReadCloser, error)
	staged    Staged // nil before, and once it has its name
	there     bool   // its name is that of a file with the same content
}

// newItems are the document and its companions.
func newItems(req *target.Request) (document *item, beside []*item, err error) {
	rest := req.Files
	switch {
	case len(req.Body) > 0:
		document = bodyItem(req)
	case len(rest) > 0:
		document = fileItem(req.Path, rest[0])
		rest = rest[1:]
	default:
		return nil, nil, outcome.Errorf(outcome.Misconfigured, "no_document", "the request has neither a document nor a file")
	}
	names, err := companions(req.Path, rest)
	if err != nil {
		return nil, nil, err
	}
	for i, f := range rest {
		it := fileItem(names[i], f)
		it.part = f.Part
		beside = append(beside, it)
	}
	return document, beside, nil
}

func bodyItem(req *target.Request) *item {
	sum := sha256.Sum256(req.Body)
	return &item{
		name: req.Path, mediaType: req.ContentType, size: int64(len(req.Body)), sha256: hex.EncodeToString(sum[:]),
		open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(req.Body)), nil },
	}
}

func fileItem(name string, f target.File) *item {
	return &item{name: name, mediaType: f.ContentType, size: f.Size, open: f.Open}
}

// what names the item in messages. File names are made of invoice numbers, which have no place there.
func (it *item) what() string {
	if it.part == "" {
		return "a file of this name"
	}
	return "a file with the name of " + it.part
}

// stage brings the item to the store; size and hash are known then.
func (it *item) stage(ctx context.Context, store Store, name string) error {
	from, err := it.open(ctx)
	if err != nil {
		return openFailure(err)
	}
	it.size = target.SizeOf(it.size, from)
	s := newSource(ctx, from)
	defer s.Close()
	staged, err := store.Stage(ctx, Content{Reader: s, Name: name, Type: it.mediaType})
	size, sum, broken := s.result()
	if broken && ctx.Err() == nil {
		err = outcome.Errorf(outcome.Retry, "file", "a file broke off while it was being sent")
	}
	if err == nil && it.size >= 0 && it.size != size {
		err = outcome.Errorf(outcome.Retry, "file", "a file ended after %d of %d bytes", size, it.size)
	}
	if err != nil {
		discard(ctx, staged)
		return err
	}
	it.staged, it.size, it.sha256 = staged, size, sum
	return nil
}

// discard removes what was staged, also after the end of the attempt.
func discard(ctx context.Context, staged Staged) {
	if staged == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), Grace)
	defer cancel()
	staged.Discard(ctx)
}

// openFailure is for a file that could not be opened: nothing was sent.
func openFailure(err error) error {
	var known *outcome.Error
	if errors.As(err, &known) {
		return known
	}
	return outcome.Errorf(outcome.Retry, "file", "%v", err)
}

// source reads a file once, hashes it, and ends with its context, also in the middle of a Read.
type source struct {
	ctx   context.Context
	from  io.ReadCloser
	close func()
	stop  func() bool

	mu     sync.Mutex // a Store that failed may still be reading in another goroutine
	hash   hash.Hash
	size   int64
	broken bool // could not be read to its end
}

func newSource(ctx context.Context, from io.ReadCloser) *source {
	s := &source{ctx: ctx, from: from, hash: sha256.New()}
	s.close = sync.OnceFunc(func() { _ = from.Close() }) // read-only
	s.stop = context.AfterFunc(ctx, s.close)
	return s
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := s.from.Read(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hash.Write(p[:n])
	s.size += int64(n)
	s.broken = err != nil && err != io.EOF
	return n, err
}

// result is what has been read.
func (s *source) result() (size int64, sum string, broken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size, hex.EncodeToString(s.hash.Sum(nil)), s.broken
}

// Close closes the file.
func (s *source) Close() {
	s.stop()
	s.close()
}
