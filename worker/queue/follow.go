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

const (
	// kvOperation marks the deletion of a key (ADR-8).
	kvOperation = "KV-Operation"
	followPull  = 1000
)

// Follow calls f with what was written after the given revision, then with what is written from then on, in order and in
// batches: all that is there, at most so many at once. Of several writes of a key the older ones may be missing. It
// blocks until ctx ends, the connection is closed or f returns an error.
func (b *Bucket[T]) Follow(ctx context.Context, after uint64, most int, f func([]Change[T]) error) error {
	cfg := jetstream.OrderedConsumerConfig{FilterSubjects: []string{"$KV." + b.name + ".>"}, DeliverPolicy: jetstream.DeliverAllPolicy}
	if after > 0 {
		cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, after+1
	}
	cons, err := b.q.js.OrderedConsumer(ctx, streamOf(b.name), cfg)
	if err != nil {
		return fmt.Errorf("queue: follow %s: %w", b.name, err)
	}
	it, err := cons.Messages(jetstream.PullMaxMessages(followPull), jetstream.PullExpiry(10*time.Second))
	if err != nil {
		return fmt.Errorf("queue: follow %s: %w", b.name, err)
	}
	defer it.Stop()
	batch := make([]Change[T], 0, most)
	for {
		m, err := it.Next(jetstream.NextContext(ctx))
		if err != nil {
			return errors.Join(ctx.Err(), fmt.Errorf("queue: follow %s: %w", b.name, err))
		}
		meta, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("queue: follow %s: %w", b.name, err)
		}
		batch = append(batch, b.change(m, meta.Sequence.Stream))
		if meta.NumPending > 0 && len(batch) < most {
			continue
		}
		if err := f(batch); err != nil {
			return err
		}
		batch = batch[:0]
	}
}

func (b *Bucket[T]) change(m jetstream.Msg, revision uint64) Change[T] {
	c := Change[T]{Key: m.Subject()[len("$KV."+b.name+"."):], Revision: revision}
	if c.Deleted = m.Headers().Get(kvOperation) != ""; !c.Deleted {
		c.Value, c.Err = b.open(c.Key, m.Data())
	}
	return c
}
