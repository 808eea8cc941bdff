package answer

import (
	"context"
	"errors"

	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// Forget deletes the result of a run past its retention, and its event's record before: a record whose results are gone
// would take a new call for an unfinished one. An event that was called again since keeps its record.
func (s *Store) Forget(ctx context.Context, id run.ID, key run.EventKey) error {
	e, revision, err := s.events.Get(ctx, string(key))
	if err == nil {
		if _, mine := e.Run(id); mine {
			err = s.events.Delete(ctx, string(key), revision)
		}
	}
	if errors.Is(err, queue.ErrConflict) {
		return nil // called right now: another time
	}
	if err != nil && !errors.Is(err, queue.ErrNotFound) {
		return err
	}
	if err := s.results.Delete(ctx, string(id), 0); err != nil && !errors.Is(err, queue.ErrNotFound) {
		return err
	}
	return nil
}
