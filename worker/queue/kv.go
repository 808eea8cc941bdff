package queue

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The errors of a Bucket.
var (
	// ErrNotFound: the key has no value.
	ErrNotFound = errors.New("not found")
	// ErrConflict: somebody else wrote the key in between.
	ErrConflict = errors.New("changed meanwhile")
)

const (
	retryPause = 100 * time.Millisecond
	tryWithin  = 3 * time.Second
)

// Bucket is a typed, sealed key-value bucket. Values are JSON. Writes that met a lost leader or a time-out are repeated
// until ctx ends and then told apart by reading back, so that ErrConflict always means another writer.
type Bucket[T any] struct {
	q    *Queue
	name string
	kv   jetstream.KeyValue
}

// OpenBucket opens one of the buckets named in this package.
func OpenBucket[T any](ctx context.Context, q *Queue, name string) (*Bucket[T], error) {
	kv, err := q.js.KeyValue(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("queue: bucket %s: %w", name, err)
	}
	return &Bucket[T]{q: q, name: name, kv: kv}, nil
}

// Get reads a value and its revision; ErrNotFound where there is none.
func (b *Bucket[T]) Get(ctx context.Context, key string) (T, uint64, error) {
	var zero T
	e, err := b.entry(ctx, key)
	if err != nil {
		return zero, 0, err
	}
	v, err := b.open(key, e.Value())
	return v, e.Revision(), err
}

// Create writes a value where there is none; ErrConflict where there is one.
func (b *Bucket[T]) Create(ctx context.Context, key string, v T) (uint64, error) {
	return b.write(ctx, key, v, func(ctx context.Context, data []byte) (uint64, error) {
		if b.q.groups[streamOf(b.name)] != nil {
			if revision, err := b.createGrouped(ctx, key, data); !isConflict(err) {
				return revision, err
			}
		}
		return b.kv.Create(ctx, key, data) // which also knows deleted keys
	})
}

// createGrouped is what kv.Create does for a key that never was, in a form that can be grouped.
func (b *Bucket[T]) createGrouped(ctx context.Context, key string, data []byte) (uint64, error) {
	m := nats.NewMsg("$KV." + b.name + "." + key)
	m.Header.Set(jetstream.ExpectedLastSubjSeqHeader, "0")
	m.Data = data
	ack, err := b.q.storeMsg(ctx, streamOf(b.name), m)
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

// Update writes a value over the given revision; ErrConflict where the revision is another by now.
func (b *Bucket[T]) Update(ctx context.Context, key string, v T, revision uint64) (uint64, error) {
	rev, err := b.update(ctx, key, v, revision)
	if errors.Is(err, ErrConflict) {
		if now, ok := b.q.resealed(ctx, b.name, key, revision); ok {
			return b.update(ctx, key, v, now)
		}
	}
	return rev, err
}

func (b *Bucket[T]) update(ctx context.Context, key string, v T, revision uint64) (uint64, error) {
	return b.write(ctx, key, v, func(ctx context.Context, data []byte) (uint64, error) {
		return b.kv.Update(ctx, key, data, revision)
	})
}

// Put writes a value whatever was there.
func (b *Bucket[T]) Put(ctx context.Context, key string, v T) (uint64, error) {
	return b.write(ctx, key, v, func(ctx context.Context, data []byte) (uint64, error) {
		return b.kv.Put(ctx, key, data)
	})
}

// Change reads, changes and writes a value until no other writer comes between. The function gets the zero value where
// there was none; its error ends the change and is returned. It may be called several times.
func (b *Bucket[T]) Change(ctx context.Context, key string, change func(v *T) error) (T, error) {
	for {
		v, rev, err := b.Get(ctx, key)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return v, err
		}
		missing := err != nil
		if err := change(&v); err != nil {
			return v, err
		}
		if missing {
			_, err = b.Create(ctx, key, v)
		} else {
			_, err = b.Update(ctx, key, v, rev)
		}
		if !errors.Is(err, ErrConflict) {
			return v, err
		}
	}
}

// Delete removes a key where its revision is still the given one; 0 means any.
func (b *Bucket[T]) Delete(ctx context.Context, key string, revision uint64) error {
	err := b.remove(ctx, key, revision)
	if errors.Is(err, ErrConflict) {
		if now, ok := b.q.resealed(ctx, b.name, key, revision); ok {
			return b.remove(ctx, key, now)
		}
	}
	return err
}

func (b *Bucket[T]) remove(ctx context.Context, key string, revision uint64) error {
	var opts []jetstream.KVDeleteOpt
	if revision > 0 {
		opts = append(opts, jetstream.LastRevision(revision))
	}
	return b.q.tapped("delete", b.place(key), func() error {
		return again(ctx, func(ctx context.Context) error { return b.named(key, b.kv.Purge(ctx, key, opts...)) })
	})
}

// Each calls f for every key there is now, without order, until it returns an error. It streams: memory stays bounded.
func (b *Bucket[T]) Each(ctx context.Context, f func(key string, v T, revision uint64) error) error {
	return b.watch(ctx, func(e jetstream.KeyValueEntry) error {
		v, err := b.open(e.Key(), e.Value())
		if err != nil {
			return err
		}
		return f(e.Key(), v, e.Revision())
	})
}

// Expire deletes the keys last written before the given time and counts them.
func (b *Bucket[T]) Expire(ctx context.Context, before time.Time) (n int, err error) {
	err = b.watch(ctx, func(e jetstream.KeyValueEntry) error {
		if e.Created().After(before) {
			return nil
		}
		err := b.Delete(ctx, e.Key(), e.Revision())
		switch {
		case err == nil:
			n++
		case errors.Is(err, ErrConflict): // written again
			err = nil
		}
		return err
	}, jetstream.MetaOnly())
	return n, err
}

// Keys calls f for every key there is now, without order, until it returns an error. It reads no values.
func (b *Bucket[T]) Keys(ctx context.Context, f func(key string) error) error {
	return b.watch(ctx, func(e jetstream.KeyValueEntry) error { return f(e.Key()) }, jetstream.MetaOnly())
}

// watch calls f with every entry there is now. A watch neither notices that its server was lost, nor that what it still
// waits for was deleted: one that brings nothing for stallAfter is an error, and reading again is what helps.
func (b *Bucket[T]) watch(ctx context.Context, f func(jetstream.KeyValueEntry) error, opts ...jetstream.WatchOpt) error {
	w, err := b.kv.WatchAll(ctx, append(opts, jetstream.IgnoreDeletes())...)
	if err != nil {
		return fmt.Errorf("queue: bucket %s: %w", b.name, err)
	}
	defer w.Stop() //nolint:errcheck // the watch is done
	stalled := time.NewTimer(stallAfter)
	defer stalled.Stop()
	for {
		select {
		case e, ok := <-w.Updates():
			if !ok {
				return errors.Join(fmt.Errorf("queue: bucket %s: %w", b.name, errStalled), ctx.Err())
			}
			if e == nil {
				return nil
			}
			if err := f(e); err != nil {
				return err
			}
		case <-stalled.C:
			return fmt.Errorf("queue: bucket %s: %w", b.name, errStalled)
		case <-ctx.Done():
			return ctx.Err()
		}
		stalled.Reset(stallAfter)
	}
}

func (b *Bucket[T]) entry(ctx context.Context, key string) (jetstream.KeyValueEntry, error) {
	var e jetstream.KeyValueEntry
	err := again(ctx, func(ctx context.Context) (err error) {
		e, err = b.kv.Get(ctx, key)
		return b.named(key, err)
	})
	return e, err
}

func (b *Bucket[T]) open(key string, sealed []byte) (v T, err error) {
	plain, err := b.q.ring.Open(b.place(key), sealed)
	if err != nil {
		return v, fmt.Errorf("queue: %s/%s: %w", b.name, key, err)
	}
	if err := json.Unmarshal(plain, &v); err != nil {
		return v, fmt.Errorf("queue: %s/%s: %w", b.name, key, err)
	}
	return v, nil
}

func (b *Bucket[T]) place(key string) string { return b.name + "/" + key }

// write seals once; as no two seals are alike, the sealed bytes themselves tell whether a write that timed out was ours.
func (b *Bucket[T]) write(ctx context.Context, key string, v T, put func(context.Context, []byte) (uint64, error)) (uint64, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return 0, fmt.Errorf("queue: %s/%s: %w", b.name, key, err)
	}
	data := b.q.ring.Seal(b.place(key), plain)
	var rev uint64
	tries := 0
	try := func(ctx context.Context) (err error) {
		tries++
		if rev, err = put(ctx, data); err != nil && tries > 1 && isConflict(err) {
			if e, getErr := b.kv.Get(ctx, key); getErr == nil && bytes.Equal(e.Value(), data) {
				rev, err = e.Revision(), nil
			}
		}
		return b.named(key, err)
	}
	err = b.q.tapped("put", b.place(key), func() error { return again(ctx, try) })
	return rev, err
}

// named turns the library's errors into ours.
func (b *Bucket[T]) named(key string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jetstream.ErrKeyNotFound), errors.Is(err, jetstream.ErrKeyDeleted):
		return ErrNotFound
	case isConflict(err):
		return ErrConflict
	default:
		return fmt.Errorf("queue: %s/%s: %w", b.name, key, err)
	}
}

// isConflict: a lost compare-and-set comes as 10071 or, on replicas, 10164.
func isConflict(err error) bool {
	if errors.Is(err, jetstream.ErrKeyExists) {
		return true
	}
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == 10164)
}

// unavailable is JetStream's "temporarily unavailable", as while a cluster elects a leader.
const unavailable = 10008

// isPassing: the outcome is unknown or nobody was there to answer; the same call may go through in a moment.
func isPassing(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == unavailable || errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrNoStreamResponse) ||
		errors.Is(err, nats.ErrTimeout) || errors.Is(err, nats.ErrDisconnected) || errors.Is(err, nats.ErrConnectionReconnecting) ||
		errors.Is(err, context.DeadlineExceeded)
}

// again repeats f while it fails in passing, until ctx ends. Each try has a deadline of its own inside ctx's: an
// answer that was lost with a leader never comes.
func again(ctx context.Context, f func(context.Context) error) error {
	return againWithin(ctx, tryWithin, f)
}

// againWithin is again with another deadline for each try.
func againWithin(ctx context.Context, within time.Duration, f func(context.Context) error) error {
	for {
		try, cancel := context.WithTimeout(ctx, within)
		err := f(try)
		cancel()
		if err == nil || !isPassing(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(retryPause):
		}
	}
}

// indexKey makes names that must not be readable: keys and links.
type indexKey struct{ key []byte }

type storedIndexKey struct {
	Key []byte `json:"key"`
	// Restoring and Restored: see Restore.
	Restoring bool      `json:"restoring,omitempty"`
	Restored  time.Time `json:"restored,omitzero"`
}

const indexKeyName = "index-key"

// loadIndexKey reads the index key; the first process to come makes it. It stays the same when sealing keys change.
func (q *Queue) loadIndexKey(ctx context.Context) error {
	b, err := OpenBucket[storedIndexKey](ctx, q, BucketTokens)
	if err != nil {
		return err
	}
	v, _, err := b.Get(ctx, indexKeyName)
	if errors.Is(err, ErrNotFound) {
		v.Key = make([]byte, KeySize)
		rand.Read(v.Key) // never fails
		if _, err = b.Create(ctx, indexKeyName, v); errors.Is(err, ErrConflict) {
			v, _, err = b.Get(ctx, indexKeyName)
		}
	}
	if err != nil {
		return fmt.Errorf("queue: index key: %w", err)
	}
	if v.Restoring && !q.forRestore {
		return fmt.Errorf("queue: %w", ErrRestoring)
	}
	q.index, q.restoring, q.restored = indexKey{v.Key}, v.Restoring, v.Restored
	return nil
}

// Index turns parts into a key of a-z and 2-7 that tells nothing about them: invoice numbers must not stand in keys,
// nor does a key allow UTF-8.
func (q *Queue) Index(parts ...string) string {
	h := hmac.New(sha256.New, q.index.key)
	for _, p := range parts {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding).EncodeToString(h.Sum(nil)[:20])
}
