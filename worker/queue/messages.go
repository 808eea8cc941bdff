package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// readAhead is how many bytes are on their way while a stream is read: far below what the server cuts a connection at.
const readAhead = 8 << 20

const (
	// stallAfter is how long a reader waits for messages that are there before it takes its server for lost.
	stallAfter = 15 * time.Second
	// nextLook is how often a reader that gets nothing asks whether anything is left.
	nextLook = time.Second
)

var errStalled = errors.New("nothing comes although there is more: the server was lost, or is too busy; try again")

// stored is one message of a stream as it lies there.
type stored struct {
	stream, subject string
	sequence        uint64
	at              time.Time
	header          nats.Header
	data            []byte
}

// messages calls f with every message that a stream holds now, oldest first, until it returns an error. Messages that
// come or go meanwhile may be missed or met.
func (q *Queue) messages(ctx context.Context, stream string, f func(stored) error) error {
	s, err := q.js.Stream(ctx, stream)
	if err != nil {
		return fmt.Errorf("queue: stream %s: %w", stream, err)
	}
	if s.CachedInfo().State.Msgs == 0 {
		return nil
	}
	if s.CachedInfo().Config.Retention == jetstream.WorkQueuePolicy {
		return q.pick(ctx, s, f)
	}
	return q.read(ctx, s, f)
}

// pick reads a work queue one by one: a consumer would take its messages.
func (q *Queue) pick(ctx context.Context, s jetstream.Stream, f func(stored) error) error {
	stream, last := s.CachedInfo().Config.Name, s.CachedInfo().State.LastSeq
	for next := s.CachedInfo().State.FirstSeq; next <= last; next++ {
		var m *jetstream.RawStreamMsg
		err := again(ctx, func(ctx context.Context) (err error) {
			m, err = s.GetMsg(ctx, next, jetstream.WithGetMsgSubject(">"))
			return err
		})
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("queue: read %s: %w", stream, err)
		}
		if m.Sequence > last {
			return nil
		}
		next = m.Sequence
		if err := f(stored{stream, m.Subject, m.Sequence, m.Time, m.Header, m.Data}); err != nil {
			return err
		}
	}
	return nil
}

// read streams a stream whose messages stay when they are read.
func (q *Queue) read(ctx context.Context, s jetstream.Stream, f func(stored) error) error {
	stream := s.CachedInfo().Config.Name
	cons, err := q.js.OrderedConsumer(ctx, stream, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return fmt.Errorf("queue: read %s: %w", stream, err)
	}
	info, err := cons.Info(ctx)
	if err != nil {
		return fmt.Errorf("queue: read %s: %w", stream, err)
	}
	defer q.js.DeleteConsumer(context.WithoutCancel(ctx), stream, info.Name) //nolint:errcheck // it ends by itself too
	if info.NumPending == 0 {
		return nil
	}
	it, err := cons.Messages(jetstream.PullMaxBytes(readAhead), jetstream.PullExpiry(10*time.Second))
	if err != nil {
		return fmt.Errorf("queue: read %s: %w", stream, err)
	}
	defer it.Stop()
	var seen uint64
	for left := info.NumPending; left > 0; left-- {
		m, err := next(ctx, it, cons, seen)
		if m == nil && err == nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("queue: read %s: %w", stream, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("queue: read %s: %w", stream, err)
		}
		seen = meta.Sequence.Stream
		if err := f(stored{stream, m.Subject(), meta.Sequence.Stream, meta.Timestamp, m.Headers(), m.Data()}); err != nil {
			return err
		}
		if meta.NumPending == 0 {
			return nil
		}
	}
	return nil
}

// next is a reader's next message behind the one it has seen, nil where none is left: what was counted when it began may
// have been deleted since.
func next(ctx context.Context, it jetstream.MessagesContext, cons jetstream.Consumer, seen uint64) (jetstream.Msg, error) {
	for waited := time.Duration(0); waited < stallAfter; waited += nextLook {
		within, cancel := context.WithTimeout(ctx, nextLook)
		m, err := it.Next(jetstream.NextContext(within))
		cancel()
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, nats.ErrTimeout) {
			return m, err
		}
		info, err := cons.Info(ctx)
		if err == nil && info.NumPending == 0 && (info.Delivered.Consumer == 0 || info.Delivered.Stream <= seen) {
			return nil, nil
		}
	}
	return nil, errStalled
}
