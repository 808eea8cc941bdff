package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Change is what a follower learns of one key: its newest value, or that it is gone.
type Change[T any] struct {
	Key      string
	Value    T
	Deleted  bool
	Revision uint64
	// Err says that the value cannot be read, such as one sealed with a key that was taken away.
	Err error
}

// Span tells how far a bucket has come. Revisions of a bucket that was created at another time mean nothing.
type Span struct {
	Created time.Time
	Last    uint64 // the newest revision
}

// Span asks the server how far the bucket is.
func (b *Bucket[T]) Span(ctx context.Context) (Span, error) {
	s, err := b.q.js.Stream(ctx, streamOf(b.name))
	if err != nil {
		return Span{}, fmt.Errorf("queue: bucket %s: %w", b.name, err)
	}
	info := s.CachedInfo()
	return Span{Created: info.Created.UTC(), Last: info.State.LastSeq}, nil
}

// kvOperation marks the deletion of a key (ADR-8).
const kvOperation = "KV-Operation"

const (
	// followWait is how long one request for changes stands at the server.
	followWait = 5 * time.Second
	// followIdle is how long the server keeps the place of a follower that asks no more.
	followIdle = time.Minute
)

// errGap means that changes were lost on their way: they are asked for again.
var errGap = errors.New("changes were lost on their way")

// Follow calls f with what was written after the given revision, then with what is written from then on, in order and in
// batches: all that is there, at most so many at once. Of several writes of a key the older ones may be missing. It
// blocks until ctx ends, the server forgets the follower or f returns an error; it may be called again with the last
// revision f has seen.
func (b *Bucket[T]) Follow(ctx context.Context, after uint64, most int, f func([]Change[T]) error) error {
	cfg := jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverAllPolicy, InactiveThreshold: followIdle, MemoryStorage: true,
	}
	if after > 0 {
		cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, after+1
	}
	cons, err := b.q.js.CreateConsumer(ctx, streamOf(b.name), cfg)
	if err != nil {
		return fmt.Errorf("queue: follow %s: %w", b.name, err)
	}
	defer b.q.js.DeleteConsumer(context.WithoutCancel(ctx), streamOf(b.name), cons.CachedInfo().Name) //nolint:errcheck // it ends by itself too
	fl := &follower[T]{b: b, most: most, f: f}
	for ctx.Err() == nil {
		if err := fl.fetch(ctx, cons); err != nil {
			return fmt.Errorf("queue: follow %s: %w", b.name, err)
		}
	}
	return ctx.Err()
}

// follower collects changes into batches.
type follower[T any] struct {
	b     *Bucket[T]
	most  int
	f     func([]Change[T]) error
	batch []Change[T]
	seen  uint64 // deliveries
}

// fetch makes one request and hands on what comes.
func (fl *follower[T]) fetch(ctx context.Context, cons jetstream.Consumer) error {
	wait, cancel := context.WithTimeout(ctx, followWait)
	defer cancel()
	messages, err := cons.Fetch(fl.most, jetstream.FetchContext(wait))
	if err != nil {
		return err
	}
	for m := range messages.Messages() {
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		if fl.seen++; meta.Sequence.Consumer != fl.seen {
			return errGap
		}
		fl.batch = append(fl.batch, fl.b.change(m, meta.Sequence.Stream))
		if meta.NumPending == 0 || len(fl.batch) == fl.most {
			if err := fl.f(fl.batch); err != nil {
				return err
			}
			fl.batch = fl.batch[:0]
		}
	}
	if err := messages.Error(); err != nil && wait.Err() == nil {
		return err
	}
	return nil
}

func (b *Bucket[T]) change(m jetstream.Msg, revision uint64) Change[T] {
	c := Change[T]{Key: m.Subject()[len("$KV."+b.name+"."):], Revision: revision}
	if c.Deleted = m.Headers().Get(kvOperation) != ""; !c.Deleted {
		c.Value, c.Err = b.open(c.Key, m.Data())
	}
	return c
}
