package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rossum-relay/rossum-relay/worker/run"
)

// Place is where a run's message is.
type Place string

// The places of a message.
const (
	Nowhere    Place = ""
	InLane     Place = "lane"
	Due        Place = "due" // its time has come; the mover brings it into its lane
	InSchedule Place = "schedule"
)

// FindMessage says whether a message of the run waits in its lane or for its time. A message on its way from one to the
// other may be missed: ask again before acting on it.
func (q *Queue) FindMessage(ctx context.Context, lane, pipeline string, id run.ID) (Place, error) {
	at := func(stream, subject string) (bool, error) {
		s, err := q.js.Stream(ctx, stream)
		if err != nil {
			return false, fmt.Errorf("queue: stream %s: %w", stream, err)
		}
		if _, err = s.GetLastMsgForSubject(ctx, subject); errors.Is(err, jetstream.ErrMsgNotFound) {
			return false, nil
		} else if err != nil {
			return false, fmt.Errorf("queue: stream %s: %w", stream, err)
		}
		return true, nil
	}
	if there, err := at(streamRetry, retrySubject(pipeline, id)); there || err != nil {
		return InSchedule, err
	}
	if there, err := at(streamRetry, dueSubject(pipeline, id)); there || err != nil {
		return Due, err
	}
	if there, err := at(streamEvents, eventSubject(lane, Envelope{Pipeline: pipeline, Run: id})); there || err != nil {
		return InLane, err
	}
	return Nowhere, nil
}

// Published reports whether a message of the run is in any lane, or kept as unrouted. It looks through all subjects: for
// rare questions only.
func (q *Queue) Published(ctx context.Context, id run.ID) (bool, error) {
	for stream, subject := range map[string]string{streamEvents: "ev.*.*." + string(id), streamUnrouted: "unrouted.*." + string(id)} {
		s, err := q.js.Stream(ctx, stream)
		if err != nil {
			return false, fmt.Errorf("queue: stream %s: %w", stream, err)
		}
		info, err := s.Info(ctx, jetstream.WithSubjectFilter(subject))
		if err != nil {
			return false, fmt.Errorf("queue: stream %s: %w", stream, err)
		}
		if len(info.State.Subjects) > 0 {
			return true, nil
		}
	}
	return false, nil
}

// LaneState is what is stored in one lane.
type LaneState struct {
	Lane    string
	Waiting int // not given to any worker
	InWork  int
}

// Lanes lists the lanes that have a consumer, configured or not.
func (q *Queue) Lanes(ctx context.Context) ([]LaneState, error) {
	all, err := q.laneHealth(ctx)
	if err != nil {
		return nil, err
	}
	lanes := make([]LaneState, len(all))
	for i, l := range all {
		lanes[i] = l.LaneState
	}
	return lanes, nil
}

// Stored counts the messages of the work queue.
func (q *Queue) Stored(ctx context.Context) (int, error) {
	s, err := q.js.Stream(ctx, streamEvents)
	if err != nil {
		return 0, fmt.Errorf("queue: stream %s: %w", streamEvents, err)
	}
	return int(s.CachedInfo().State.Msgs), nil //nolint:gosec // a count
}

// Objects calls f for every payload in the object store: the run it belongs to and when it was put there.
func (q *Queue) Objects(ctx context.Context, f func(id run.ID, p Payload, stored time.Time) error) error {
	list, err := q.object.List(ctx)
	if errors.Is(err, jetstream.ErrNoObjectsFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("queue: payloads: %w", err)
	}
	for _, o := range list {
		id, _, _ := strings.Cut(o.Name, ".")
		if err := f(run.ID(id), Payload{object: o.Name, size: int(o.Size)}, o.ModTime); err != nil { //nolint:gosec // below the store's limit
			return err
		}
	}
	return nil
}
