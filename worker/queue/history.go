package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rossum-relay/rossum-relay/worker/run"
)

// Record adds an entry to a run's history, which is for people only: no decision is read from it. Values are JSON,
// sealed.
func (q *Queue) Record(ctx context.Context, pipeline string, id run.ID, v any) error {
	plain, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("queue: history: %w", err)
	}
	m := nats.NewMsg("hist." + pipeline + "." + string(id))
	m.Data = q.ring.Seal(historyPlace(id), plain)
	_, err = q.publish(ctx, streamHistory, "", m)
	return err
}

// History calls f with a run's entries, oldest first.
func (q *Queue) History(ctx context.Context, pipeline string, id run.ID, f func(at time.Time, entry []byte) error) error {
	type line struct {
		at    time.Time
		plain []byte
	}
	var lines []line
	err := q.scan(ctx, streamHistory, "hist."+pipeline+"."+string(id), false, func(m jetstream.Msg, _ uint64) (bool, error) {
		meta, err := m.Metadata()
		if err != nil {
			return false, fmt.Errorf("queue: history: %w", err)
		}
		plain, err := q.ring.Open(historyPlace(id), m.Data())
		if err != nil {
			return false, fmt.Errorf("queue: history: %w", err)
		}
		lines = append(lines, line{firstStored(m.Headers(), meta.Timestamp), plain})
		return true, nil
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(lines, func(a, b line) int { return a.at.Compare(b.at) }) // copies of Reseal come last
	for _, l := range lines {
		if err := f(l.at, l.plain); err != nil {
			return err
		}
	}
	return nil
}

// firstStored is when a message was stored, or what it is a copy of.
func firstStored(h nats.Header, at time.Time) time.Time {
	if first, err := time.Parse(time.RFC3339Nano, h.Get(headerAt)); err == nil {
		return first
	}
	return at
}

func historyPlace(id run.ID) string { return "history/" + string(id) }
