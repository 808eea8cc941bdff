package operate

import (
	"context"
	"errors"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// Filter selects dead letters; zero fields match all.
type Filter struct {
	Pipeline, Target, Reason string
	// Cause of a Group.
	Cause      string
	Annotation int64
	Since      time.Time // when they died
}

// IsZero reports whether the filter matches every letter.
func (f Filter) IsZero() bool { return f == Filter{} }

func (f Filter) match(l queue.Letter) bool {
	return (f.Target == "" || l.Target == f.Target) && (f.Reason == "" || l.Reason == f.Reason) &&
		(f.Cause == "" || causeOf(l) == f.Cause) && (f.Annotation == 0 || l.Annotation == f.Annotation) &&
		!l.Last.Before(f.Since)
}

// Listed is one dead letter in a list, without its contents.
type Listed struct {
	queue.Letter
	// Obsolete is the later run of the annotation that was delivered, if any.
	Obsolete run.ID
}

// Page is one page of dead letters, oldest first.
type Page struct {
	Letters []Listed
	// Next is where the next page begins; 0 after the last.
	Next uint64
	// Mended counts stale letters that were met and cleaned.
	Mended int
}

// Letters lists at most limit dead letters from a page's Next on; 0 is the first page.
func (o *Operator) Letters(ctx context.Context, f Filter, after uint64, limit int) (Page, error) {
	var page Page
	var found []queue.Letter
	err := o.Queue.LettersAfter(ctx, f.Pipeline, after, func(l queue.Letter) bool {
		if !f.match(l) {
			return true
		}
		if len(found) == limit {
			page.Next = found[limit-1].Sequence
			return false
		}
		found = append(found, l)
		return true
	})
	if err != nil {
		return page, err
	}
	for _, l := range found {
		state, err := o.look(ctx, l)
		switch {
		case err != nil:
			return page, err
		case state.stale:
			page.Mended++
		default:
			page.Letters = append(page.Letters, Listed{l, state.obsolete})
		}
	}
	return page, nil
}

// letterState is what the journal says about a letter.
type letterState struct {
	stale    bool // and mended now
	obsolete run.ID
}

// look asks the journal about a letter and mends a stale one.
func (o *Operator) look(ctx context.Context, l queue.Letter) (letterState, error) {
	r, err := o.Journal.Get(ctx, l.Run)
	if errors.Is(err, queue.ErrNotFound) {
		return letterState{}, nil // a message that was no run
	}
	if err != nil {
		return letterState{}, err
	}
	if r.State != run.Dead {
		return letterState{stale: true}, o.mend(ctx, r, l)
	}
	by, err := o.obsolete(ctx, &r.Record)
	return letterState{obsolete: by}, err
}

// obsolete finds the run of a later event of the same annotation, pipeline and event.action that was delivered. The order
// bucket knows the newest version; that it also came later guards against an older one which overtook.
func (o *Operator) obsolete(ctx context.Context, r *journal.Record) (run.ID, error) {
	if r.Annotation == 0 {
		return "", nil
	}
	newest, err := o.Journal.Newest(ctx, r.Pipeline, r.Event, r.Annotation)
	if err != nil || newest.Run == "" || newest.Run == r.Run {
		return "", err
	}
	later, err := o.Journal.Get(ctx, newest.Run)
	if errors.Is(err, queue.ErrNotFound) {
		return "", nil
	}
	if err != nil || later.State != run.Done || !later.Received.After(r.Received) {
		return "", err
	}
	return later.Run, nil
}

// mend ends what an interrupted action left behind: a letter whose run is no longer dead. A revived run that no worker has
// taken since may have no message; its publish is repeated, a no-op where it was not the last thing missing. A dropped
// run's payload goes. Then nothing needs the letter.
func (o *Operator) mend(ctx context.Context, r *journal.Run, seen queue.Letter) error {
	l, err := o.Queue.FindLetter(ctx, seen.Pipeline, seen.Run)
	if errors.Is(err, queue.ErrNoLetter) {
		return nil
	}
	if err != nil || l.Hop >= r.Hop && r.State != run.Dropped {
		return err // or it died again since it was seen
	}
	switch {
	case r.State == run.Waiting && r.Reason == byOperator:
		if err := o.publish(ctx, r, l); err != nil {
			return err
		}
	case r.State == run.Dropped:
		if err := o.Queue.DropPayload(ctx, l.Payload); err != nil {
			return err
		}
	}
	return o.Queue.DeleteLetter(ctx, l.Sequence)
}
