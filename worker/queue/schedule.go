package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rossum-relay/rossum-relay/worker/run"
)

// ErrNoSchedule means that a run has no schedule: it does not wait, or is just on its way into its lane.
var ErrNoSchedule = errors.New("the run has no schedule")

// Scheduled is a run's message that waits for its time.
type Scheduled struct {
	Envelope
	Lane    string
	Payload Payload
}

// FindSchedule reads the message of a run that waits; ErrNoSchedule where there is none.
func (q *Queue) FindSchedule(ctx context.Context, pipeline string, id run.ID) (Scheduled, error) {
	s, err := q.js.Stream(ctx, streamRetry)
	if err != nil {
		return Scheduled{}, fmt.Errorf("queue: stream %s: %w", streamRetry, err)
	}
	m, err := s.GetLastMsgForSubject(ctx, retrySubject(pipeline, id))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Scheduled{}, fmt.Errorf("run %s: %w", id, ErrNoSchedule)
	}
	if err != nil {
		return Scheduled{}, fmt.Errorf("queue: schedule of run %s: %w", id, err)
	}
	e, err := parseEnvelope(m.Header)
	if err != nil {
		return Scheduled{}, err
	}
	return Scheduled{Envelope: e, Lane: m.Header.Get(headerLane), Payload: payloadOf(m.Header, m.Data)}, nil
}

// ScheduledRuns lists the runs that wait for their time, without order. pipeline may be empty for all.
func (q *Queue) ScheduledRuns(ctx context.Context, pipeline string) ([]run.ID, error) {
	s, err := q.js.Stream(ctx, streamRetry)
	if err != nil {
		return nil, fmt.Errorf("queue: stream %s: %w", streamRetry, err)
	}
	if pipeline == "" {
		pipeline = "*"
	}
	info, err := s.Info(ctx, jetstream.WithSubjectFilter("retry."+pipeline+".*"))
	if err != nil {
		return nil, fmt.Errorf("queue: stream %s: %w", streamRetry, err)
	}
	ids := make([]run.ID, 0, len(info.State.Subjects))
	for subject := range info.State.Subjects {
		ids = append(ids, run.ID(subject[strings.LastIndexByte(subject, '.')+1:]))
	}
	return ids, nil
}
