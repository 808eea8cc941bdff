package operate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// Selected is a dead letter chosen for a bulk action.
type Selected struct {
	Run      run.ID    `json:"run"`
	Pipeline string    `json:"pipeline"`
	Received time.Time `json:"received"`
}

// Select lists all letters that match, the oldest event first. It reads only headers: stale and obsolete letters are found
// out by the action itself.
func (o *Operator) Select(ctx context.Context, f Filter) ([]Selected, error) {
	var all []Selected
	err := o.Queue.Letters(ctx, f.Pipeline, func(l queue.Letter) bool {
		if f.match(l) {
			all = append(all, Selected{l.Run, l.Pipeline, l.Received})
		}
		return true
	})
	slices.SortStableFunc(all, func(a, b Selected) int { return a.Received.Compare(b.Received) })
	return all, err
}

// BulkReplay says how many runs are replayed.
type BulkReplay struct {
	ReplayOptions
	// Rate bounds the replays; the zero Rate is no bound.
	Rate configs.Rate
	// StopAfter this many runs died again nothing more is replayed; 0 never stops. With it, outcomes are watched, and only
	// a few runs are in work at once.
	StopAfter int
	// Told, where set, is called after each run.
	Told func(Selected, error)
}

// BulkResult counts what became of a bulk action's letters.
type BulkResult struct {
	Acted    int `json:"acted"`
	Obsolete int `json:"obsolete"` // left alone: a newer event was delivered
	Gone     int `json:"gone"`     // no longer dead
	Failed   int `json:"failed"`   // could not be acted on; Told got the error
	// Of replays with StopAfter: how the runs ended so far.
	Done      int  `json:"done"`
	DiedAgain int  `json:"died_again"`
	Stopped   bool `json:"stopped"`
	// Left is what was not reached.
	Left int `json:"left"`
}

// ErrNobodyWorks means that no worker took the replayed runs.
var ErrNobodyWorks = errors.New("no worker takes the replayed runs")

// ReplayAll replays runs in the given order until all are at work, StopAfter runs died again, or ctx ends. One run's
// trouble does not keep the others; trouble with the queue ends it with an error.
func (o *Operator) ReplayAll(ctx context.Context, runs []Selected, b BulkReplay) (BulkResult, error) {
	res := BulkResult{Left: len(runs)}
	limit := rate.NewLimiter(rate.Inf, 1)
	if b.Rate.N > 0 {
		limit = rate.NewLimiter(rate.Limit(float64(b.Rate.N)/b.Rate.Per.Seconds()), 1)
	}
	w := &watch{o: o, stopAfter: b.StopAfter, res: &res}
	for _, s := range runs {
		if err := limit.Wait(ctx); err != nil {
			return res, err
		}
		if err := w.room(ctx); err != nil || res.Stopped {
			return res, err
		}
		res.Left--
		err := o.Replay(ctx, s.Run, b.ReplayOptions)
		if b.Told != nil {
			b.Told(s, err)
		}
		if err := res.count(ctx, err); err != nil {
			return res, err
		}
		if err == nil {
			w.add(s.Run)
		}
	}
	return res, w.rest(ctx)
}

// DropAll drops runs; told is called after each.
func (o *Operator) DropAll(ctx context.Context, runs []Selected, why string, told func(Selected, error)) (BulkResult, error) {
	res := BulkResult{Left: len(runs)}
	for _, s := range runs {
		err := o.Drop(ctx, s.Run, why)
		res.Left--
		told(s, err)
		if err := res.count(ctx, err); err != nil {
			return res, err
		}
	}
	return res, nil
}

// maxFailed letters that could not be acted on mean that something is wrong with more than letters.
const maxFailed = 20

// count counts the outcome of an action. It returns an error when going on makes no sense.
func (r *BulkResult) count(ctx context.Context, err error) error {
	switch {
	case err == nil:
		r.Acted++
	case errors.Is(err, ErrObsolete):
		r.Obsolete++
	case errors.Is(err, ErrNotDead), errors.Is(err, queue.ErrNoLetter):
		r.Gone++
	default:
		r.Failed++
		if ctx.Err() != nil || r.Failed >= maxFailed || errors.Is(err, queue.ErrFull) {
			return fmt.Errorf("stopped after %d: %w", r.Acted, err)
		}
	}
	return nil
}

const (
	// watched is how many replayed runs may be without an outcome at once.
	watched   = 10
	watchBeat = 200 * time.Millisecond
	// patience is how long nothing at all may happen to the watched runs.
	patience = time.Minute
)

// watch follows replayed runs to their outcome.
type watch struct {
	o         *Operator
	stopAfter int
	res       *BulkResult
	open      []watchedRun
}

type watchedRun struct {
	id    run.ID
	taken bool // by a worker
}

func (w *watch) add(id run.ID) {
	if w.stopAfter > 0 {
		w.open = append(w.open, watchedRun{id: id})
	}
}

// room waits until another run may be replayed.
func (w *watch) room(ctx context.Context) error { return w.until(ctx, watched-1) }

// rest waits for the outcomes of the last runs.
func (w *watch) rest(ctx context.Context) error { return w.until(ctx, 0) }

// until looks at the open runs until at most so many are left, or enough died again.
func (w *watch) until(ctx context.Context, most int) error {
	quiet := w.o.Now()
	for {
		moved, err := w.look(ctx)
		if err != nil {
			return err
		}
		if w.res.DiedAgain >= w.stopAfter && w.stopAfter > 0 {
			w.res.Stopped = true
			return nil
		}
		if len(w.open) <= most {
			return nil
		}
		if now := w.o.Now(); moved {
			quiet = now
		} else if now.Sub(quiet) > patience {
			return fmt.Errorf("%w: %d without an outcome for %s", ErrNobodyWorks, len(w.open), patience)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(watchBeat):
		}
	}
}

// look asks the journal how the open runs are. One that ended, or waits to try again, is open no more.
func (w *watch) look(ctx context.Context) (moved bool, err error) {
	still := w.open[:0]
	for _, one := range w.open {
		r, err := w.o.Journal.Get(ctx, one.id)
		if err != nil {
			return moved, err
		}
		switch {
		case r.State == run.Dead:
			w.res.DiedAgain++
		case r.State.Settled():
			w.res.Done++
		case r.State == run.Running || r.Reason == byOperator:
			taken := r.State == run.Running
			moved = moved || taken && !one.taken
			one.taken = taken
			still = append(still, one)
			continue
		}
		moved = true
	}
	w.open = still
	return moved, nil
}
