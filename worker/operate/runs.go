package operate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// RunFilter selects runs; zero fields match all.
type RunFilter struct {
	State      run.State
	Pipeline   string
	Annotation int64
	Since      time.Time // when they were received
	// Key parts that must all occur in the invoice's key; case does not matter.
	Key []string
}

func (f RunFilter) match(r *journal.Record) bool {
	return (f.State == "" || r.State == f.State) && (f.Pipeline == "" || r.Pipeline == f.Pipeline) &&
		(f.Annotation == 0 || r.Annotation == f.Annotation) && !r.Received.Before(f.Since) && hasParts(r.Business, f.Key)
}

// Runs lists the newest limit runs that match (0 means all), newest first; with them, as waiting, those that no worker has
// begun. It reads the whole journal.
func (o *Operator) Runs(ctx context.Context, f RunFilter, limit int) ([]journal.Record, error) {
	newest := newTop(limit, func(a, b journal.Record) int { return b.Received.Compare(a.Received) })
	add := func(r journal.Record) error {
		if f.match(&r) {
			newest.add(r)
		}
		return nil
	}
	queued, err := o.queued(ctx) // before the journal: a run that begins meanwhile is in both
	if err != nil {
		return nil, err
	}
	if err := o.Journal.Each(ctx, func(r journal.Record) error {
		queued.begun(r.Run)
		return add(r)
	}); err != nil {
		return nil, err
	}
	if f.State == "" || f.State == run.Waiting {
		err = queued.each(ctx, add)
	}
	return newest.sorted(), err
}

// Run reads one run's journal; queue.ErrNotFound where there is none.
func (o *Operator) Run(ctx context.Context, id run.ID) (journal.Record, error) {
	r, err := o.Journal.Get(ctx, id)
	if err != nil {
		return journal.Record{}, err
	}
	return r.Record, nil
}

// minPrefix is the shortest beginning of an id that may stand for it.
const minPrefix = 6

// The errors of Find.
var (
	// ErrShortID: fewer than six characters of an id.
	ErrShortID = fmt.Errorf("give at least %d characters of a run id", minPrefix)
	// ErrAmbiguous: several runs begin so.
	ErrAmbiguous = errors.New("several runs begin so, give more characters")
)

// Find completes a run id from its unique beginning of at least six characters. Beside runs it finds the letters of
// messages that were no runs. queue.ErrNotFound where nothing begins so.
func (o *Operator) Find(ctx context.Context, prefix string) (run.ID, error) {
	if id := run.ID(prefix); id.Valid() {
		return id, nil
	}
	if len(prefix) < minPrefix {
		return "", fmt.Errorf("%q: %w", prefix, ErrShortID)
	}
	found, err := o.Journal.Find(ctx, prefix, 2)
	if err != nil {
		return "", err
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("run %s: %w", prefix, queue.ErrNotFound)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("run %s: %w", prefix, ErrAmbiguous)
}

// Cancel ends a run that has not ended. A request that is on its way is not stopped; what it may have done stays uncertain
// in the ledger. A message that waits for its time goes; one that is in its lane ends with the worker that meets it.
func (o *Operator) Cancel(ctx context.Context, id run.ID, why string) error {
	if why == "" {
		return ErrNoReason
	}
	r, err := o.Journal.Get(ctx, id)
	if err != nil {
		return err
	}
	switch {
	case r.State == run.Cancelled: // perhaps not to the end
	case r.State.Settled():
		return fmt.Errorf("run %s is %s: %w", id, r.State, ErrEnded)
	default:
		r.State, r.Settled = run.Cancelled, o.Now()
		r.Reason, r.Message = byOperator, "cancelled"
		r.Hop++
		r.Release()
		if err := o.note(ctx, r, "cancelled", why); err != nil {
			return err
		}
		if err := o.save(ctx, r); err != nil {
			return err
		}
	}
	if err := o.Answers.Settle(ctx, r.Run, answer.Result{State: r.State, Hop: r.Hop, Settled: r.Settled}); err != nil {
		return err
	}
	if err := o.Journal.Release(ctx, &r.Record); err != nil {
		return err
	}
	return o.unschedule(ctx, &r.Record)
}

// unschedule takes the message of an ended run away, with its payload.
func (o *Operator) unschedule(ctx context.Context, r *journal.Record) error {
	s, err := o.Queue.FindSchedule(ctx, r.Pipeline, r.Run)
	if errors.Is(err, queue.ErrNoSchedule) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := o.Queue.Unschedule(ctx, r.Pipeline, r.Run); err != nil {
		return err
	}
	return o.Queue.DropPayload(ctx, s.Payload)
}

// Resume wakes a waiting or parked run now. ErrNotWaiting for any other; queue.ErrNoSchedule where it is just on its way.
// A dead run is not resumed but replayed.
func (o *Operator) Resume(ctx context.Context, id run.ID, why string) error {
	r, err := o.Journal.Get(ctx, id)
	if err != nil {
		return err
	}
	if r.State != run.Waiting && r.State != run.Parked {
		return fmt.Errorf("run %s is %s: %w", id, r.State, ErrNotWaiting)
	}
	if err := o.audit(ctx, Action{Note: journal.Note{At: o.Now(), Who: o.Who, What: "resumed", Why: why}, Run: id}); err != nil {
		return err
	}
	return o.wake(ctx, r, "resumed", why)
}

// wake makes a run's schedule due. Interrupted after the journal, the run goes on at its old time.
func (o *Operator) wake(ctx context.Context, r *journal.Run, what, why string) error {
	s, err := o.Queue.FindSchedule(ctx, r.Pipeline, r.Run)
	if err != nil {
		return err
	}
	r.Next = o.Now()
	r.Hop++
	r.Notes = append(r.Notes, journal.Note{At: r.Next, Who: o.Who, What: what, Why: why})
	if err := o.save(ctx, r); err != nil {
		return err
	}
	e := s.Envelope
	e.Hop = r.Hop
	return o.Queue.Schedule(ctx, s.Lane, e, s.Payload, r.Next)
}
