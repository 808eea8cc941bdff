package journal

import (
	"context"
	"errors"

	"github.com/rossum-relay/rossum-relay/worker/queue"
)

// Release gives up what a settled run has reserved, so that another run may deliver it: what it surely did not send is
// free, and an older delivery under the key stands again; what may have been sent is in doubt, which outlives the run. It
// may be repeated, also by a worker that was frozen: what the run's own replay has reserved since stays.
func (j *Journal) Release(ctx context.Context, r *Record) error {
	for _, s := range r.Steps {
		if s.Ledger == "" || s.State == Done {
			continue
		}
		if err := j.release(ctx, r, s); err != nil {
			return err
		}
	}
	return nil
}

func (j *Journal) release(ctx context.Context, r *Record, s Step) error {
	e, rev, err := j.ledger.Get(ctx, s.Ledger)
	if errors.Is(err, queue.ErrNotFound) || err == nil && (e.Run != r.Run || e.State != Reserved || e.Hop >= r.Hop) {
		return nil
	}
	if err != nil {
		return err
	}
	switch {
	case e.Doubted || s.State == Intended || s.State == Uncertain:
		e.State, e.Since, e.NotAfter = MaybeDelivered, j.now(), later(e.NotAfter, s.NotAfter)
		_, err = j.ledger.Update(ctx, s.Ledger, e, rev)
	case e.Fingerprint != "":
		e.State, e.Sent = Delivered, ""
		_, err = j.ledger.Update(ctx, s.Ledger, e, rev)
	default:
		err = j.ledger.Delete(ctx, s.Ledger, rev)
	}
	if errors.Is(err, queue.ErrConflict) {
		return nil // taken since
	}
	return err
}
