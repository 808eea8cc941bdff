package ingest

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

const (
	// firstRead is how much of a body is made room for before anything of it was seen.
	firstRead = 64 << 10
	// keptBody is the largest buffer kept for the next call.
	keptBody = 1 << 20
)

var (
	errTooLarge = errors.New("the body is larger than ingest.max_body")
	errBusy     = errors.New("too many bytes in flight")
)

// bodies reads request bodies and bounds the bytes of all that are held at once: until its signature is known, a call
// may come from anybody.
type bodies struct {
	free atomic.Int64
	pool sync.Pool
}

// body is one request's body, valid until release.
type body struct {
	data  []byte
	taken int64 // bytes it counts for
	from  *bodies
}

func newBodies(limit int64) *bodies {
	b := &bodies{}
	b.free.Store(limit)
	b.pool.New = func() any { return &body{from: b} }
	return b
}

// read reads a body of length bytes, -1 if unknown, and at most limit. Room is taken as bytes arrive, so that announcing
// a large body holds nothing. The error is errTooLarge, errBusy or the reader's.
func (b *bodies) read(src io.Reader, length, limit int64) (*body, error) {
	if length > limit {
		return nil, errTooLarge
	}
	most := length
	if length < 0 {
		most = limit + 1 // the last byte tells that there is more
	}
	d := b.pool.Get().(*body)
	err := d.fill(src, most)
	if err == nil && int64(len(d.data)) > limit {
		err = errTooLarge
	}
	if err == nil && int64(len(d.data)) < length {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		d.release()
		return nil, err
	}
	return d, nil
}

func (d *body) fill(src io.Reader, most int64) error {
	for int64(len(d.data)) < most {
		if int64(len(d.data)) == d.taken && !d.grow(most) {
			return errBusy
		}
		n, err := src.Read(d.data[len(d.data):d.taken])
		d.data = d.data[:len(d.data)+n]
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// grow takes room for four times what came, at most for most bytes.
func (d *body) grow(most int64) bool {
	room := min(max(4*d.taken, firstRead), most)
	if !d.from.take(room - d.taken) {
		return false
	}
	d.taken = room
	if int64(cap(d.data)) < room {
		grown := make([]byte, len(d.data), max(room, firstRead))
		copy(grown, d.data)
		d.data = grown
	}
	return true
}

// release gives the room back; data must not be used any more.
func (d *body) release() {
	d.from.free.Add(d.taken)
	d.taken, d.data = 0, d.data[:0]
	if cap(d.data) > keptBody {
		d.data = nil
	}
	d.from.pool.Put(d)
}

func (b *bodies) take(n int64) bool {
	if b.free.Add(-n) < 0 {
		b.free.Add(n)
		return false
	}
	return true
}
