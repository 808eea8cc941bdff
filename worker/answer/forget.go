package answer

import (
	"context"
	"errors"

	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// Each calls f for every event there is, without order, until it returns an error.
func (s *Store) Each(ctx context.Context, f func(Event) error) error {
	return s.events.Each(ctx, func(_ string, e Event, _ uint64) error { return f(e) })
}

// SetLate notes that a success of the event's runs is not told yet.
func (s *Store) SetLate(ctx context.Context, e Event) error {
	return s.change(ctx, e, func(now *Event) bool {
		news := !now.Late
		now.Late = true
		return news
	})
}

// SetToldLate notes that a late success was told, or that telling it was given up.
func (s *Store) SetToldLate(ctx context.Context, e Event) error {
	return s.change(ctx, e, func(now *Event) bool {
		now.ToldLateAt = s.now()
		return true
	})
}

// change changes the record of the event's generation; f reports whether there is anything to write.
func (s *Store) change(ctx context.Context, e Event, f func(*Event) bool) error {
	_, err := s.events.Change(ctx, string(e.Key), func(now *Event) error {
		if now.Generation != e.Generation || !f(now) {
			return errUnchanged
		}
		return nil
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}

// Forget deletes the result of a run past its retention, and its event's record before: a record whose results are gone
// would take a new call for an unfinished one. It forgets nothing while another run of the event has not ended, or is
// dead: forgotten tells.
func (s *Store) Forget(ctx context.Context, id run.ID, key run.EventKey) (forgotten bool, err error) {
	e, revision, err := s.events.Get(ctx, string(key))
	if err == nil {
		if _, mine := e.Run(id); mine {
			if ended, err := s.ended(ctx, e); err != nil || !ended {
				return false, err
			}
			err = s.events.Delete(ctx, string(key), revision)
		}
	}
	if errors.Is(err, queue.ErrConflict) {
		return false, nil // called right now: another time
	}
	if err != nil && !errors.Is(err, queue.ErrNotFound) {
		return false, err
	}
	if err := s.results.Delete(ctx, string(id), 0); err != nil && !errors.Is(err, queue.ErrNotFound) {
		return false, err
	}
	return true, nil
}

// ended reports whether every run of an event has ended for good.
func (s *Store) ended(ctx context.Context, e Event) (bool, error) {
	for _, r := range e.Runs {
		res, err := s.Result(ctx, r.ID)
		if errors.Is(err, ErrNotFound) || err == nil && res.State == run.Dead {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}
