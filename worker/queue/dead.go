package queue

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rossum-relay/rossum-relay/worker/run"
)

// Letter is a dead letter: a run that needs a human, kept whole. Its headers hold no free text and no invoice data, so
// that the stream can be read with the nats CLI; Details and Payload are sealed.
type Letter struct {
	Envelope
	Lane     string
	Step     string
	Target   string
	Outcome  string
	Reason   string
	Attempts int
	First    time.Time
	Last     time.Time
	// Cause groups letters that died alike; a hash.
	Cause string
	// Sequence of the letter in its stream; set by List and Find.
	Sequence uint64
	// Details for people, opened by Find only.
	Details []byte
	Payload Payload
}

const (
	headerStep     = "Relay-Step"
	headerTarget   = "Relay-Target"
	headerOutcome  = "Relay-Outcome"
	headerReason   = "Relay-Reason"
	headerAttempts = "Relay-Attempts"
	headerFirst    = "Relay-First"
	headerLast     = "Relay-Last"
	headerCause    = "Relay-Cause"
)

// Bury stores a dead letter and returns when it is stored. A run has one letter: a later one replaces it.
func (q *Queue) Bury(ctx context.Context, l Letter) error {
	m := nats.NewMsg(deadSubject(l.Pipeline, l.Run))
	m.Header = l.Envelope.header()
	for k, v := range map[string]string{
		headerLane: l.Lane, headerStep: l.Step, headerTarget: l.Target, headerOutcome: l.Outcome, headerReason: l.Reason,
		headerAttempts: strconv.Itoa(l.Attempts), headerCause: l.Cause,
		headerFirst: l.First.UTC().Format(time.RFC3339), headerLast: l.Last.UTC().Format(time.RFC3339),
	} {
		if v != "" {
			m.Header.Set(k, v)
		}
	}
	l.Payload.addTo(m)
	details := q.ring.Seal(detailsPlace(l.Run), l.Details)
	m.Data = append(binary.AppendUvarint(nil, uint64(len(details))), details...)
	m.Data = append(m.Data, l.Payload.sealed...)
	_, err := q.publish(ctx, streamDead, l.MessageID(), m)
	return err
}

// ErrNoLetter means that a run has no dead letter.
var ErrNoLetter = errors.New("no such dead letter")

// FindLetter reads one letter whole.
func (q *Queue) FindLetter(ctx context.Context, pipeline string, id run.ID) (Letter, error) {
	m, err := q.dead.GetLastMsgForSubject(ctx, deadSubject(pipeline, id))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Letter{}, fmt.Errorf("%w: %s", ErrNoLetter, id)
	}
	if err != nil {
		return Letter{}, fmt.Errorf("queue: dead letter %s: %w", id, err)
	}
	l, err := parseLetter(m.Header)
	if err != nil {
		return l, err
	}
	l.Sequence = m.Sequence
	size, n := binary.Uvarint(m.Data)
	if n <= 0 || size > uint64(len(m.Data)-n) { //nolint:gosec // n is positive and within Data
		return l, fmt.Errorf("queue: dead letter %s is damaged", id)
	}
	end := n + int(size) //nolint:gosec // bounded above
	if l.Details, err = q.ring.Open(detailsPlace(id), m.Data[n:end]); err != nil {
		return l, fmt.Errorf("queue: dead letter %s: %w", id, err)
	}
	l.Payload = payloadOf(m.Header, m.Data[end:])
	return l, nil
}

// DeleteLetter removes the letter with this sequence; one that was replaced meanwhile stays.
func (q *Queue) DeleteLetter(ctx context.Context, sequence uint64) error {
	err := q.tapped("delete", streamDead, func() error { return q.dead.DeleteMsg(ctx, sequence) })
	if err == nil {
		return nil
	}
	if _, getErr := q.dead.GetMsg(ctx, sequence); errors.Is(getErr, jetstream.ErrMsgNotFound) {
		return nil // it is gone, whoever took it
	}
	return fmt.Errorf("queue: delete dead letter: %w", err)
}

// Letters calls f with every dead letter's headers, oldest first, until f returns false. It reads no bodies. pipeline
// may be empty for all.
func (q *Queue) Letters(ctx context.Context, pipeline string, f func(Letter) bool) error {
	return q.LettersAfter(ctx, pipeline, 0, f)
}

// LettersAfter is Letters from the letter behind the one with the given sequence on.
func (q *Queue) LettersAfter(ctx context.Context, pipeline string, sequence uint64, f func(Letter) bool) error {
	subject := "dead.>"
	if pipeline != "" {
		subject = "dead." + pipeline + ".>"
	}
	return q.scanAfter(ctx, streamDead, subject, sequence, true, func(m jetstream.Msg, seq uint64) (bool, error) {
		l, err := parseLetter(m.Headers())
		if err != nil {
			return true, err
		}
		l.Sequence = seq
		return f(l), nil
	})
}

// scan reads a stream's messages of one subject that are there now.
func (q *Queue) scan(ctx context.Context, stream, subject string, headersOnly bool, f func(jetstream.Msg, uint64) (bool, error)) error {
	return q.scanAfter(ctx, stream, subject, 0, headersOnly, f)
}

// scanAfter is scan from the message behind the given sequence on.
func (q *Queue) scanAfter(ctx context.Context, stream, subject string, sequence uint64, headersOnly bool, f func(jetstream.Msg, uint64) (bool, error)) error {
	cfg := jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject}, HeadersOnly: headersOnly}
	if sequence > 0 {
		cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, sequence+1
	}
	cons, err := q.js.OrderedConsumer(ctx, stream, cfg)
	if err != nil {
		return fmt.Errorf("queue: read %s: %w", stream, err)
	}
	info, err := cons.Info(ctx)
	if err != nil {
		return fmt.Errorf("queue: read %s: %w", stream, err)
	}
	defer q.js.DeleteConsumer(context.WithoutCancel(ctx), stream, info.Name) //nolint:errcheck // it ends by itself too
	left := info.NumPending
	if left == 0 {
		return nil
	}
	it, err := cons.Messages(jetstream.PullMaxMessages(1000), jetstream.PullExpiry(10*time.Second))
	if err != nil {
		return fmt.Errorf("queue: read %s: %w", stream, err)
	}
	defer it.Stop()
	for seen := sequence; left > 0; left-- {
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
		more, err := f(m, seen)
		if err != nil || !more {
			return err
		}
		if meta.NumPending == 0 {
			return nil
		}
	}
	return nil
}

func parseLetter(h nats.Header) (Letter, error) {
	e, err := parseEnvelope(h)
	l := Letter{
		Envelope: e, Lane: h.Get(headerLane), Step: h.Get(headerStep), Target: h.Get(headerTarget),
		Outcome: h.Get(headerOutcome), Reason: h.Get(headerReason), Cause: h.Get(headerCause),
	}
	if err != nil {
		return l, err
	}
	l.Attempts, _ = strconv.Atoi(h.Get(headerAttempts))
	l.First, _ = time.Parse(time.RFC3339, h.Get(headerFirst))
	l.Last, _ = time.Parse(time.RFC3339, h.Get(headerLast))
	return l, nil
}

func deadSubject(pipeline string, id run.ID) string { return "dead." + pipeline + "." + string(id) }

func detailsPlace(id run.ID) string { return "dead/" + string(id) }

// BrokenPipeline stands for the pipeline in the letters of messages that were no runs.
const BrokenPipeline = "broken"

// BuryBroken keeps a message whose envelope cannot be read, with its raw bytes, under the reason broken.
func (q *Queue) BuryBroken(ctx context.Context, d *Delivery, id run.ID) error {
	now := time.Now()
	e := Envelope{Run: id, Pipeline: BrokenPipeline, Key: run.NewEventKey(BrokenPipeline, BrokenPipeline, string(id)), Received: now}
	details := []byte(d.Broken.Error())
	return q.Bury(ctx, Letter{
		Envelope: e, Lane: d.Lane, Outcome: "misconfigured", Reason: "broken_message", First: now, Last: now,
		Details: details, Payload: Payload{sealed: q.ring.Seal(payloadPlace(id), d.Raw)},
	})
}
