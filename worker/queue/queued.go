package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rossum-relay/rossum-relay/worker/run"
)

// Queued lists the runs that have a message in a lane, in work or waiting for a worker, by their message's subject.
func (q *Queue) Queued(ctx context.Context) (map[run.ID]string, error) {
	s, err := q.js.Stream(ctx, streamEvents)
	if err != nil {
		return nil, fmt.Errorf("queue: stream %s: %w", streamEvents, err)
	}
	info, err := s.Info(ctx, jetstream.WithSubjectFilter("ev.>"))
	if err != nil {
		return nil, fmt.Errorf("queue: stream %s: %w", streamEvents, err)
	}
	all := make(map[run.ID]string, len(info.State.Subjects))
	for subject := range info.State.Subjects {
		all[run.ID(subject[strings.LastIndexByte(subject, '.')+1:])] = subject
	}
	return all, nil
}

// Waiting reads the envelope and lane of a message that Queued listed; ErrNotFound once it is gone.
func (q *Queue) Waiting(ctx context.Context, subject string) (e Envelope, lane string, err error) {
	s, err := q.js.Stream(ctx, streamEvents)
	if err != nil {
		return e, "", fmt.Errorf("queue: stream %s: %w", streamEvents, err)
	}
	m, err := s.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return e, "", fmt.Errorf("queue: %s: %w", subject, ErrNotFound)
	}
	if err != nil {
		return e, "", fmt.Errorf("queue: stream %s: %w", streamEvents, err)
	}
	e, err = parseEnvelope(m.Header)
	lane, _, _ = strings.Cut(strings.TrimPrefix(subject, "ev."), ".")
	return e, lane, err
}
