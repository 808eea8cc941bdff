package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// ErrDelivered means that the ledger knows a delivery under the key: there is nothing to decide.
var ErrDelivered = errors.New("the ledger says it is delivered")

// ErrReserved means that a run which has not ended is delivering under the key.
var ErrReserved = errors.New("a run is delivering it")

// Resolve is an operator's word about the end of a run's delivery that nobody knows: delivered with these values, or
// surely not there. It may be repeated. ErrDelivered or ErrReserved where the key is another run's business.
func (j *Journal) Resolve(ctx context.Context, name string, r *Record, delivered bool, kept map[string]json.RawMessage) error {
	for {
		e, rev, err := j.ledger.Get(ctx, name)
		if errors.Is(err, queue.ErrNotFound) && !delivered {
			return nil // decided before
		}
		if err != nil {
			return fmt.Errorf("ledger: %w", err)
		}
		if done, err := j.decided(ctx, e, r.Run, delivered); done || err != nil {
			return err
		}
		switch {
		case delivered:
			e.State, e.Fingerprint, e.Sent, e.Kept, e.NotAfter, e.Since = Delivered, e.Sent, "", kept, time.Time{}, j.now()
			e.Doubted, e.Run, e.Pipeline, e.Annotation = false, r.Run, r.Pipeline, r.Annotation
			_, err = j.ledger.Update(ctx, name, e, rev)
		case e.Fingerprint != "": // an earlier delivery is still true
			e.State, e.Run, e.Sent, e.NotAfter, e.Doubted = Delivered, "", "", time.Time{}, false
			_, err = j.ledger.Update(ctx, name, e, rev)
		default:
			err = j.ledger.Delete(ctx, name, rev)
		}
		if !errors.Is(err, queue.ErrConflict) {
			return err
		}
	}
}

// decided reports whether an entry stands already as a resolution of the run's delivery would leave it.
func (j *Journal) decided(ctx context.Context, e Entry, id run.ID, delivered bool) (bool, error) {
	switch e.State {
	case Delivered:
		if delivered && e.Run == id || !delivered && e.Run == "" {
			return true, nil
		}
		return false, fmt.Errorf("%w (run %s, annotation %d)", ErrDelivered, e.Run, e.Annotation)
	case Reserved:
		if e.Run != id {
			return false, j.owned(ctx, e)
		}
	case MaybeDelivered:
	}
	return false, nil
}

// owned is ErrReserved while the entry's owner has not ended.
func (j *Journal) owned(ctx context.Context, e Entry) error {
	owner, err := j.Get(ctx, e.Run)
	if errors.Is(err, queue.ErrNotFound) || err == nil && owner.State.Settled() {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: run %s", ErrReserved, e.Run)
}

// ForgetEntry takes a line out of the ledger: the next run with its key delivers as if nothing had been. ErrReserved
// while a run is at it.
func (j *Journal) ForgetEntry(ctx context.Context, name string) error {
	e, rev, err := j.ledger.Get(ctx, name)
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if e.State == Reserved {
		if err := j.owned(ctx, e); err != nil {
			return err
		}
	}
	return j.ledger.Delete(ctx, name, rev)
}
