package journal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// Journal opens the journals of runs, the ledger and the order. It is safe for concurrent use.
type Journal struct {
	q      *queue.Queue
	runs   *queue.Bucket[Record]
	ledger *queue.Bucket[Entry]
	order  *queue.Bucket[Newest]
	own    *queue.Bucket[ownChange]
	now    func() time.Time
}

// Open opens the journal of a queue. now is the clock, time.Now outside tests.
func Open(ctx context.Context, q *queue.Queue, now func() time.Time) (*Journal, error) {
	j := &Journal{q: q, now: now}
	var err error
	if j.runs, err = queue.OpenBucket[Record](ctx, q, queue.BucketJournal); err != nil {
		return nil, err
	}
	if j.ledger, err = queue.OpenBucket[Entry](ctx, q, queue.BucketLedger); err != nil {
		return nil, err
	}
	if j.order, err = queue.OpenBucket[Newest](ctx, q, queue.BucketOrder); err != nil {
		return nil, err
	}
	if j.own, err = queue.OpenBucket[ownChange](ctx, q, queue.BucketOrder); err != nil {
		return nil, err
	}
	return j, nil
}

// ErrLost means that another worker or an operator changed the run: stop at once, do nothing more for it.
var ErrLost = errors.New("another worker has taken the run")

// LeasedError means that another worker holds the run.
type LeasedError struct{ Until time.Time }

// Error says until when.
func (e *LeasedError) Error() string {
	return "another worker holds the run until " + e.Until.Format(time.RFC3339)
}

// Run is a run's journal in the hands of one worker.
type Run struct {
	Record
	j     *Journal
	rev   uint64
	lease time.Duration
}

// suspectFrom is how many starts without an outcome make a run a suspect.
const suspectFrom = 2

// ErrSuspect means that the run was started several times without getting to an outcome: perhaps it crashes its worker,
// perhaps it was only beside one that does. TakeAlone takes it.
var ErrSuspect = errors.New("the run was started before without getting to an outcome")

// Take loads or begins a run's journal, takes its lease and counts the start, all in one write. It returns the journal
// without taking it when the run is settled, or when it waits and the message is an older one (Idle); a *LeasedError
// when another worker has it; ErrSuspect when only TakeAlone may take it.
func (j *Journal) Take(ctx context.Context, e queue.Envelope, lane, owner string, lease time.Duration) (*Run, error) {
	return j.takeFor(ctx, e, lane, owner, lease, false)
}

// TakeAlone is Take for a process that has no other suspect in work: then a crash tells against this run.
func (j *Journal) TakeAlone(ctx context.Context, e queue.Envelope, lane, owner string, lease time.Duration) (*Run, error) {
	return j.takeFor(ctx, e, lane, owner, lease, true)
}

func (j *Journal) takeFor(ctx context.Context, e queue.Envelope, lane, owner string, lease time.Duration, alone bool) (*Run, error) {
	for {
		r, err := j.take(ctx, e, lane, owner, lease, alone)
		if !errors.Is(err, ErrLost) {
			return r, err
		}
	}
}

func (j *Journal) take(ctx context.Context, e queue.Envelope, lane, owner string, lease time.Duration, alone bool) (*Run, error) {
	now := j.now()
	rec, rev, err := j.runs.Get(ctx, string(e.Run))
	r := &Run{Record: rec, j: j, rev: rev, lease: lease}
	switch {
	case errors.Is(err, queue.ErrNotFound):
		r.Record = Record{
			Run: e.Run, Pipeline: e.Pipeline, Lane: lane, Hook: e.Hook, Event: e.Event, Key: e.Key, Generation: e.Generation,
			Annotation: e.Annotation, Received: e.Received, Created: now, Trace: e.Trace, Hop: e.Hop,
		}
	case err != nil:
		return nil, err
	case r.Idle(e.Hop, now):
		return r, nil
	case r.Owner != "" && r.Owner != owner && now.Before(r.Lease):
		return nil, &LeasedError{Until: r.Lease}
	case r.Starts >= suspectFrom && !alone:
		return nil, fmt.Errorf("run %s: %w", e.Run, ErrSuspect)
	}
	r.State, r.Owner = run.Running, owner
	r.Starts++
	return r, r.Save(ctx)
}

// earlyBy is how much too early a schedule may fire.
const earlyBy = 2 * time.Second

// Idle reports whether a message of this hop has nothing to start: the run is settled, or waits for a later hop.
func (r *Run) Idle(hop int, now time.Time) bool {
	if r.State.Settled() {
		return true
	}
	return (r.State == run.Waiting || r.State == run.Parked) && hop < r.Hop && r.Next.After(now.Add(earlyBy))
}

// Save writes the record over the revision it was read at and renews the lease, at least until an intended step has
// surely ended. ErrLost where somebody else wrote in between.
func (r *Run) Save(ctx context.Context) error {
	now := r.j.now()
	r.Updated = now
	if r.Owner != "" {
		r.Lease = now.Add(r.lease)
		for _, s := range r.Steps {
			if s.State == Intended && s.NotAfter.After(r.Lease) {
				r.Lease = s.NotAfter
			}
		}
	}
	var rev uint64
	var err error
	if r.rev == 0 {
		rev, err = r.j.runs.Create(ctx, string(r.Run), r.Record)
	} else {
		rev, err = r.j.runs.Update(ctx, string(r.Run), r.Record, r.rev)
	}
	if errors.Is(err, queue.ErrConflict) {
		return fmt.Errorf("run %s: %w", r.Run, ErrLost)
	}
	if err != nil {
		return err
	}
	r.rev = rev
	return nil
}

// Release gives the lease back with the next Save.
func (r *Run) Release() { r.Owner, r.Lease = "", time.Time{} }

// Get reads a run's journal without taking it, for looking and for operators' changes; queue.ErrNotFound where there is
// none. An operator's Save fails with ErrLost if a worker wrote meanwhile.
func (j *Journal) Get(ctx context.Context, id run.ID) (*Run, error) {
	rec, rev, err := j.runs.Get(ctx, string(id))
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", id, err)
	}
	return &Run{Record: rec, j: j, rev: rev}, nil
}

// Each calls f for every run there is, without order, until it returns an error.
func (j *Journal) Each(ctx context.Context, f func(Record) error) error {
	return j.runs.Each(ctx, func(_ string, r Record, _ uint64) error { return f(r) })
}

// Forget deletes a run's journal, unless it changed since it was read.
func (j *Journal) Forget(ctx context.Context, r Record) error {
	now, rev, err := j.runs.Get(ctx, string(r.Run))
	if errors.Is(err, queue.ErrNotFound) || err == nil && !now.Updated.Equal(r.Updated) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := j.runs.Delete(ctx, string(r.Run), rev); err != nil && !errors.Is(err, queue.ErrConflict) {
		return err
	}
	return nil
}

// ExpireLedger deletes ledger entries delivered longer than keep ago; reserved and uncertain ones stay.
func (j *Journal) ExpireLedger(ctx context.Context, keep time.Duration) (n int, err error) {
	err = j.ledger.Each(ctx, func(name string, e Entry, rev uint64) error {
		if e.State != Delivered || j.now().Sub(e.Since) < keep {
			return nil
		}
		n++
		if err := j.ledger.Delete(ctx, name, rev); err != nil && !errors.Is(err, queue.ErrConflict) {
			return err
		}
		return nil
	})
	return n, err
}

// Find lists the runs whose id begins with prefix, at most limit of them.
func (j *Journal) Find(ctx context.Context, prefix string, limit int) ([]run.ID, error) {
	var found []run.ID
	err := j.runs.Keys(ctx, func(key string) error {
		if strings.HasPrefix(key, prefix) {
			found = append(found, run.ID(key))
		}
		if len(found) >= limit {
			return errKeep
		}
		return nil
	})
	if errors.Is(err, errKeep) {
		err = nil
	}
	return found, err
}

// ExpireOrder forgets the order of annotations nothing was heard of for keep.
func (j *Journal) ExpireOrder(ctx context.Context, keep time.Duration) (n int, err error) {
	return j.order.Expire(ctx, j.now().Add(-keep))
}
