// Package operate is what humans do to runs: look, replay, edit, resolve,
// drop, hold. The CLI, the console and the API are all thin layers over it.
package operate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// Operator acts on runs for one person. It is safe for concurrent use.
type Operator struct {
	queue   *queue.Queue
	journal *journal.Journal
	who     string
	now     func() time.Time
}

// New makes an operator; who stands in the notes of what was done.
func New(q *queue.Queue, j *journal.Journal, who string, now func() time.Time) *Operator {
	return &Operator{queue: q, journal: j, who: who, now: now}
}

// ErrNotDead means that only a dead run can be replayed, resolved or dropped.
var ErrNotDead = errors.New("the run is not dead")

// Filter selects dead letters; zero fields match all.
type Filter struct {
	Pipeline, Target, Reason, Cause string
	Annotation                      int64
	Since                           time.Time
	Limit                           int // 0 means all
}

func (f Filter) match(l queue.Letter) bool {
	return (f.Target == "" || l.Target == f.Target) && (f.Reason == "" || l.Reason == f.Reason) &&
		(f.Cause == "" || l.Cause == f.Cause) && (f.Annotation == 0 || l.Annotation == f.Annotation) &&
		!l.Last.Before(f.Since)
}

// Letters lists dead letters, oldest first, without their contents.
func (o *Operator) Letters(ctx context.Context, f Filter) ([]queue.Letter, error) {
	var out []queue.Letter
	err := o.queue.Letters(ctx, f.Pipeline, func(l queue.Letter) bool {
		if f.match(l) {
			out = append(out, l)
		}
		return f.Limit == 0 || len(out) < f.Limit
	})
	return out, err
}

// Letter is one dead letter with its journal.
type Letter struct {
	queue.Letter
	Record journal.Record
}

// Letter reads one dead letter.
func (o *Operator) Letter(ctx context.Context, id run.ID) (Letter, error) {
	r, err := o.journal.Get(ctx, id)
	if err != nil {
		return Letter{}, err
	}
	l, err := o.queue.FindLetter(ctx, r.Pipeline, id)
	if err != nil {
		return Letter{}, err
	}
	out := Letter{Letter: l, Record: r.Record}
	return out, nil
}

// Payload opens the payload of a dead letter: invoice data in clear.
func (o *Operator) Payload(ctx context.Context, l Letter) ([]byte, error) {
	return o.queue.OpenPayload(ctx, l.Run, l.Payload)
}

// Replay sends a dead run back to work, at the failed step or from the start. Delivered steps are not repeated either
// way: the ledger knows them.
func (o *Operator) Replay(ctx context.Context, id run.ID, fromStart bool, why string) error {
	what := "replayed"
	if fromStart {
		what = "replayed from the start"
	}
	return o.revive(ctx, id, what, why, func(r *journal.Run) error {
		if fromStart {
			r.Steps = nil
		}
		return nil
	})
}

// Resolution is an operator's word about an uncertain delivery.
type Resolution struct {
	// Delivered: the effect is at the target, with these values. Otherwise it surely is not.
	Delivered bool
	Kept      map[string]json.RawMessage
	Why       string
}

// Resolve settles the uncertain step of a dead run by an operator's word and sends the run on.
func (o *Operator) Resolve(ctx context.Context, id run.ID, res Resolution) error {
	what := "resolved as not delivered"
	if res.Delivered {
		what = "resolved as delivered"
	}
	return o.revive(ctx, id, what, res.Why, func(r *journal.Run) error {
		if r.Failure == nil {
			return fmt.Errorf("run %s: no failed step to resolve", id)
		}
		s := r.Step(r.Failure.Step)
		if s.Ledger != "" {
			if err := o.journal.SetEntry(ctx, s.Ledger, res.Delivered, res.Kept); err != nil {
				return err
			}
		}
		s.State = journal.Failed
		if res.Delivered {
			s.State, s.Kept = journal.Done, res.Kept
		}
		return nil
	})
}

// revive brings a dead run back: state, then message, then the end of its letter. A crash between leaves a letter that
// is stale but harmless.
func (o *Operator) revive(ctx context.Context, id run.ID, what, why string, change func(*journal.Run) error) error {
	r, err := o.dead(ctx, id)
	if err != nil {
		return err
	}
	l, err := o.queue.FindLetter(ctx, r.Pipeline, id)
	if err != nil {
		return err
	}
	if err := change(r); err != nil {
		return err
	}
	for i := range r.Steps {
		r.Steps[i].Tries, r.Steps[i].Misses, r.Steps[i].Since = 0, 0, time.Time{}
	}
	r.State, r.Next, r.Settled, r.Starts, r.Failure = run.Waiting, o.now(), time.Time{}, 0, nil
	r.Reason, r.Message = "operator", what
	r.Hop++
	o.note(r, what, why)
	if err := r.Save(ctx); err != nil {
		return err
	}
	e := l.Envelope
	e.Hop = r.Hop
	if _, err := o.queue.Publish(ctx, l.Lane, e, l.Payload); err != nil {
		return err
	}
	return o.queue.DeleteLetter(ctx, l.Sequence)
}

// Drop ends a dead run for good: nothing more will be delivered for it.
func (o *Operator) Drop(ctx context.Context, id run.ID, why string) error {
	r, err := o.dead(ctx, id)
	if err != nil {
		return err
	}
	l, err := o.queue.FindLetter(ctx, r.Pipeline, id)
	if err != nil {
		return err
	}
	r.State, r.Settled = run.Dropped, o.now()
	r.Reason, r.Message = "operator", "dropped"
	o.note(r, "dropped", why)
	if err := r.Save(ctx); err != nil {
		return err
	}
	if err := o.queue.DeleteLetter(ctx, l.Sequence); err != nil {
		return err
	}
	return o.queue.DropPayload(ctx, l.Payload)
}

func (o *Operator) dead(ctx context.Context, id run.ID) (*journal.Run, error) {
	r, err := o.journal.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if r.State != run.Dead {
		return nil, fmt.Errorf("run %s is %s: %w", id, r.State, ErrNotDead)
	}
	return r, nil
}

func (o *Operator) note(r *journal.Run, what, why string) {
	r.Notes = append(r.Notes, journal.Note{At: o.now(), Who: o.who, What: what, Why: why})
}
