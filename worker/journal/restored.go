package journal

import (
	"context"
	"errors"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/queue"
)

// clockSkew is how far Rossum's clock and ours may differ.
const clockSkew = 10 * time.Minute

// unknown reports whether a claim the ledger has no entry for may have been delivered after the backup that the ledger was
// restored from: its document is older than the restore.
func (j *Journal) unknown(c Claim) bool {
	restored := j.q.Restored()
	return !restored.IsZero() && (c.Came.IsZero() || c.Came.Before(restored.Add(clockSkew)))
}

// AfterRestore turns every reservation of a restored ledger into doubt, and counts them: its owner may have sent after
// the backup was made. It may be repeated.
func (j *Journal) AfterRestore(ctx context.Context) (n int, err error) {
	var reserved []string
	err = j.ledger.Each(ctx, func(name string, e Entry, _ uint64) error {
		if e.State == Reserved {
			reserved = append(reserved, name)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for _, name := range reserved {
		_, err := j.ledger.Change(ctx, name, func(e *Entry) error {
			if e.State != Reserved {
				return errKeep
			}
			e.State, e.NotAfter, e.Since = MaybeDelivered, j.now(), j.now()
			return nil
		})
		if err != nil && !errors.Is(err, errKeep) && !errors.Is(err, queue.ErrNotFound) {
			return n, err
		}
		n++
	}
	return n, nil
}
