package operate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// ReplayOptions say how a dead run goes back to work.
type ReplayOptions struct {
	// FromStart runs all steps again instead of going on at the one that failed. What the ledger knows as delivered is
	// not delivered again, and what may have been delivered is looked for first.
	FromStart bool
	// Force replays a run although a newer event of its annotation was delivered since.
	Force bool
	Why   string
}

// Replay sends a dead run back to work. ErrNotDead, or ErrObsolete without Force. Repeating an interrupted replay ends it.
func (o *Operator) Replay(ctx context.Context, id run.ID, opts ReplayOptions) error {
	what := "replayed"
	if opts.FromStart {
		what = "replayed from the start"
	}
	return o.revive(ctx, id, what, opts.Why, func(r *journal.Run) error {
		by, err := o.obsolete(ctx, &r.Record)
		if err != nil {
			return err
		}
		if by != "" && !opts.Force {
			return fmt.Errorf("run %s: %w (run %s)", id, ErrObsolete, by)
		}
		if opts.Force && r.Annotation != 0 {
			if err := o.Journal.Prefer(ctx, &r.Record); err != nil {
				return err
			}
		}
		if opts.FromStart {
			r.Steps = slices.DeleteFunc(r.Steps, func(s journal.Step) bool { return !unsure(s) })
		}
		return nil
	})
}

// unsure steps must not be forgotten: their effect may be there.
func unsure(s journal.Step) bool { return s.State == journal.Intended || s.State == journal.Uncertain }

// revive brings a dead run back: its state, then its message, then the end of its letter. Interrupted between, the letter
// is stale, and whoever meets it goes on from there.
func (o *Operator) revive(ctx context.Context, id run.ID, what, why string, change func(*journal.Run) error) error {
	r, l, err := o.dead(ctx, id)
	if errors.Is(err, errMended) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := change(r); err != nil {
		return err
	}
	for i := range r.Steps {
		s := &r.Steps[i]
		s.Tries, s.Misses, s.Looked, s.Since = 0, 0, false, time.Time{}
	}
	r.State, r.Next, r.Settled, r.Starts, r.Failure = run.Waiting, o.Now(), time.Time{}, 0, nil
	r.Reason, r.Message = byOperator, what
	r.Hop++
	if err := o.note(ctx, r, what, why); err != nil {
		return err
	}
	if err := o.save(ctx, r); err != nil {
		return err
	}
	if err := o.publish(ctx, r, l); err != nil {
		return err
	}
	return o.Queue.DeleteLetter(ctx, l.Sequence)
}

// errMended means that an interrupted action was found and ended.
var errMended = errors.New("an interrupted action was ended")

// dead reads a dead run and its letter. Of a run that was revived already, but not to the end, it is errMended.
func (o *Operator) dead(ctx context.Context, id run.ID) (*journal.Run, queue.Letter, error) {
	r, err := o.Journal.Get(ctx, id)
	if err != nil {
		return nil, queue.Letter{}, err
	}
	l, err := o.Queue.FindLetter(ctx, r.Pipeline, id)
	if err != nil && (r.State == run.Dead || !errors.Is(err, queue.ErrNoLetter)) {
		return r, l, err
	}
	if r.State == run.Dead {
		return r, l, nil
	}
	if err == nil {
		if err := o.mend(ctx, r, l); err != nil {
			return r, l, err
		}
		if r.State == run.Waiting && r.Reason == byOperator {
			return r, l, errMended
		}
	}
	return r, l, fmt.Errorf("run %s is %s: %w", id, r.State, ErrNotDead)
}

// Drop ends a dead run for good: nothing more will be delivered for it.
func (o *Operator) Drop(ctx context.Context, id run.ID, why string) error {
	if why == "" {
		return ErrNoReason
	}
	r, err := o.Journal.Get(ctx, id)
	if errors.Is(err, queue.ErrNotFound) {
		return o.dropBroken(ctx, id, why)
	}
	if err != nil {
		return err
	}
	switch r.State {
	case run.Dead:
		r.State, r.Settled = run.Dropped, o.Now()
		r.Reason, r.Message = byOperator, "dropped"
		r.Hop++
		if err := o.note(ctx, r, "dropped", why); err != nil {
			return err
		}
		if err := o.save(ctx, r); err != nil {
			return err
		}
	case run.Dropped: // perhaps not to the end
	default:
		return fmt.Errorf("run %s is %s: %w", id, r.State, ErrNotDead)
	}
	if err := o.Answers.Settle(ctx, id, answer.Result{State: r.State, Hop: r.Hop, Settled: r.Settled}); err != nil {
		return err
	}
	return o.mend(ctx, r, queue.Letter{Envelope: queue.Envelope{Run: id, Pipeline: r.Pipeline}})
}

// dropBroken ends a letter without a run: a message that could not be read.
func (o *Operator) dropBroken(ctx context.Context, id run.ID, why string) error {
	l, err := o.Queue.FindLetter(ctx, queue.BrokenPipeline, id)
	if err != nil {
		return err
	}
	if err := o.noteOf(ctx, "broken message "+string(id), "dropped", why); err != nil {
		return err
	}
	if err := o.Queue.DropPayload(ctx, l.Payload); err != nil {
		return err
	}
	return o.Queue.DeleteLetter(ctx, l.Sequence)
}
