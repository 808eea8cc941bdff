package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// linePause is how often a run in line looks whether it is first; usually its predecessor wakes it.
const linePause = 5 * time.Minute

// comesWithin is how long after its place in the line a run's message is there at the latest, if its call was not cut off
// before it was acknowledged.
const comesWithin = time.Minute

// order decides what a newer event of the same annotation means for this run.
func (w *Worker) order(ctx context.Context, t *turnState) (*verdict, error) {
	switch t.p.Config.Newer {
	case configs.InOrder:
		return w.inOrder(ctx, t)
	case configs.Independent:
		return nil, nil
	default:
		return w.superseded(ctx, t)
	}
}

// superseded ends a run when a newer event of the same annotation is there. What may have been sent is settled first.
func (w *Worker) superseded(ctx context.Context, t *turnState) (*verdict, error) {
	if t.r.Unsure() {
		return nil, nil
	}
	newest, err := w.Journal.Advance(ctx, &t.r.Record, t.version)
	if err != nil || newest.Run == t.r.Run {
		return nil, err
	}
	return &verdict{
		state: run.Superseded, reason: "newer_event", by: newest.Run, message: "a newer event of the annotation took over",
	}, nil
}

// inOrder lets a run wait for the older ones of its annotation.
func (w *Worker) inOrder(ctx context.Context, t *turnState) (*verdict, error) {
	for {
		first, since, err := w.Answers.Begin(ctx, placeOf(&t.r.Record, t.version))
		if err != nil || first == t.r.Run {
			return nil, err
		}
		gone, until, err := w.left(ctx, t, first, since)
		if err != nil {
			return nil, err
		}
		if gone {
			continue
		}
		v := parked(until, "in_order", fmt.Sprintf("waits for run %s", first))
		v.waitsFor = first
		return &v, nil
	}
}

// left reports whether the first run of the line has left it, and else when to look again. One that has settled leaves
// now, and so does one whose call was cut off before its message was stored: it may never come again.
func (w *Worker) left(ctx context.Context, t *turnState, first run.ID, since time.Time) (gone bool, again time.Time, err error) {
	before, err := w.Journal.Get(ctx, first)
	switch known := err == nil; {
	case known && !before.State.Settled():
		return false, w.Now().Add(linePause), nil
	case !known && !errors.Is(err, queue.ErrNotFound):
		return false, again, err
	case !known && w.Now().Sub(since) < comesWithin:
		return false, since.Add(comesWithin), nil
	case !known:
		place, err := w.Queue.FindMessage(ctx, t.r.Lane, t.r.Pipeline, first)
		if err != nil || place != queue.Nowhere {
			return false, w.Now().Add(comesWithin), err
		}
	}
	p := placeOf(&t.r.Record, time.Time{})
	p.Run = first
	_, err = w.Answers.Leave(ctx, p)
	return err == nil, again, err
}

func placeOf(r *journal.Record, version time.Time) answer.Place {
	return answer.Place{Pipeline: r.Pipeline, Event: r.Event, Annotation: r.Annotation, Run: r.Run, Version: version}
}

// leaveLine wakes the run that waits for a settled one.
func (w *Worker) leaveLine(ctx context.Context, r *journal.Record) error {
	p, ok := w.Pipelines.Pipeline(r.Pipeline)
	if !ok || p.Config.Newer != configs.InOrder || r.Annotation == 0 {
		return nil
	}
	next, err := w.Answers.Leave(ctx, placeOf(r, time.Time{}))
	if err != nil || next == "" {
		return err
	}
	return w.Journal.Wake(ctx, next)
}

// own ends the run of a status event that is the echo of a change the relay made itself.
func (w *Worker) own(ctx context.Context, t *turnState) (*verdict, error) {
	a := t.payload.Annotation
	if t.r.Event != statusChanged || a.ID == 0 {
		return nil, nil
	}
	own, err := w.Journal.Own(ctx, a.ID, a.PreviousStatus, a.Status, t.r.Key)
	if err != nil || !own {
		return nil, err
	}
	v := skipped("own_change", "the relay itself changed the status")
	return &v, nil
}

const statusChanged = "annotation_status.changed"
