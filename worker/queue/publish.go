package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rossum-relay/rossum-relay/worker/run"
)

// ErrFull means that the queue has no room: the caller must be told to come again.
var ErrFull = errors.New("queue is full")

// Publish puts a run's message into its lane and returns when it is stored. A repeated publish of the same hop within
// ten minutes is a no-op that returns false. Blocks, retrying over a lost leader, until ctx ends.
func (q *Queue) Publish(ctx context.Context, lane string, e Envelope, p Payload) (stored bool, err error) {
	return q.publishAs(ctx, e.MessageID(), lane, e, p)
}

func (q *Queue) publishAs(ctx context.Context, id, lane string, e Envelope, p Payload) (stored bool, err error) {
	m := nats.NewMsg(eventSubject(lane, e))
	m.Header = e.header()
	p.addTo(m)
	ack, err := q.publish(ctx, streamEvents, id, m)
	if err != nil {
		return false, err
	}
	q.lanes.add(lane, p.Size())
	return !ack.Duplicate, nil
}

// Schedule stores a run's message until at, when it goes back into its lane. One schedule stands per run: a later one
// replaces it. Blocks until it is stored or ctx ends.
func (q *Queue) Schedule(ctx context.Context, lane string, e Envelope, p Payload, at time.Time) error {
	m := nats.NewMsg(retrySubject(e.Pipeline, e.Run))
	m.Header = e.header()
	m.Header.Set(headerLane, lane)
	m.Header.Set(headerSchedule, "@at "+at.UTC().Format(time.RFC3339Nano))
	m.Header.Set(headerScheduleTarget, dueSubject(e.Pipeline, e.Run))
	p.addTo(m)
	_, err := q.publish(ctx, streamRetry, e.MessageID(), m)
	return err
}

// Unschedule forgets a run's schedule, where there is one.
func (q *Queue) Unschedule(ctx context.Context, pipeline string, id run.ID) error {
	s, err := q.js.Stream(ctx, streamRetry)
	if err != nil {
		return fmt.Errorf("queue: stream %s: %w", streamRetry, err)
	}
	subject := retrySubject(pipeline, id)
	err = q.tapped("delete", streamRetry+" "+subject, func() error { return s.Purge(ctx, jetstream.WithPurgeSubject(subject)) })
	if err != nil {
		return fmt.Errorf("queue: unschedule: %w", err)
	}
	return nil
}

// Unroute keeps an event no pipeline takes, for a while.
func (q *Queue) Unroute(ctx context.Context, e Envelope, plain []byte) error {
	p, err := q.StorePayload(ctx, e.Run, plain)
	if err != nil {
		return err
	}
	m := nats.NewMsg("unrouted." + e.Hook + "." + string(e.Run))
	m.Header = e.header()
	p.addTo(m)
	ack, err := q.publish(ctx, streamUnrouted, e.MessageID(), m)
	if err == nil && ack.Duplicate {
		return q.DropPayload(ctx, p)
	}
	return err
}

func (q *Queue) publish(ctx context.Context, stream, id string, m *nats.Msg) (*jetstream.PubAck, error) {
	m.Header.Set(jetstream.ExpectedStreamHeader, stream)
	if id != "" {
		m.Header.Set(jetstream.MsgIDHeader, id)
	}
	var ack *jetstream.PubAck
	tries := 0
	try := func(ctx context.Context) (err error) {
		tries++
		ack, err = q.storeMsg(ctx, stream, m)
		return err
	}
	start := time.Now()
	err := q.tapped("publish", stream+" "+m.Subject, func() error { return again(ctx, try) })
	if err != nil {
		err = q.storeError("publish to "+stream, err)
		q.writes.observe(stream, start, false, err)
		return nil, err
	}
	if tries > 1 {
		ack.Duplicate = false // of our own first try, perhaps: the message may be this one
	}
	q.writes.observe(stream, start, ack.Duplicate, nil)
	return ack, nil
}

// storeError tells a full store from other trouble: 10077 is a stream's limit, 10023 and 10047 the whole store's.
func (q *Queue) storeError(what string, err error) error {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode {
		case 10077, 10023, 10047:
			return fmt.Errorf("queue: %s: %w (%s)", what, ErrFull, api.Description)
		}
	}
	return fmt.Errorf("queue: %s: %w", what, err)
}

const (
	headerLane           = "Relay-Lane"
	headerSchedule       = "Nats-Schedule"
	headerScheduleTarget = "Nats-Schedule-Target"
)

func dueSubject(pipeline string, id run.ID) string { return "due." + pipeline + "." + string(id) }

func retrySubject(pipeline string, id run.ID) string { return "retry." + pipeline + "." + string(id) }

func eventSubject(lane string, e Envelope) string {
	return "ev." + lane + "." + e.Pipeline + "." + string(e.Run)
}
