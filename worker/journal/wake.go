package journal

import (
	"context"
	"errors"

	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// Wake makes a waiting run due now. Interrupted between the journal and the schedule, the run goes on at its old time. A
// run that went on meanwhile needs no waking.
func (j *Journal) Wake(ctx context.Context, id run.ID) error {
	r, err := j.Get(ctx, id)
	if errors.Is(err, queue.ErrNotFound) {
		return nil // its message is about to begin it
	}
	if err != nil {
		return err
	}
	if r.State != run.Waiting && r.State != run.Parked {
		return nil
	}
	s, err := j.q.FindSchedule(ctx, r.Pipeline, r.Run)
	if errors.Is(err, queue.ErrNoSchedule) {
		return nil
	}
	if err != nil {
		return err
	}
	r.Next = j.now()
	r.Hop++
	if err := r.Save(ctx); err != nil {
		if errors.Is(err, ErrLost) {
			return nil
		}
		return err
	}
	e := s.Envelope
	e.Hop = r.Hop
	return j.q.Schedule(ctx, s.Lane, e, s.Payload, r.Next)
}
