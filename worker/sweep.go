package worker

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

const (
	sweepEvery = time.Minute
	// sweepMost bounds the pause between two sweeps.
	sweepMost = 10 * time.Minute
	// overdueAfter is how late a run may be before the sweeper looks for its message.
	overdueAfter = 2 * time.Minute
	// orphanAfter is how old a payload without a run may be: an ingest may still be about to publish it.
	orphanAfter = time.Hour
)

// Finding is something the sweeper mended or can only report.
type Finding struct {
	// What is a code: lost_message, stale_letter, orphan_payload, removed_pipeline, no_consumer or overdue_schedule.
	What   string
	Count  int
	Mended bool
	Detail string // of the first: a run or lane
}

// Sweep looks once for what no message would bring to an end: it mends what it can and reports the rest. It is safe to
// run beside workers and other sweeps, as every change is a compare-and-set.
func (w *Worker) Sweep(ctx context.Context) ([]Finding, error) {
	s := &sweep{w: w}
	err := errors.Join(s.runs(ctx), s.letters(ctx), s.payloads(ctx), s.lanes(ctx), s.untold(ctx), s.old(ctx))
	return s.found, err
}

// sweep is one round.
type sweep struct {
	w     *Worker
	found []Finding
}

func (s *sweep) add(what, detail string, mended bool) {
	for i := range s.found {
		if s.found[i].What == what && s.found[i].Mended == mended {
			s.found[i].Count++
			return
		}
	}
	s.found = append(s.found, Finding{What: what, Count: 1, Mended: mended, Detail: detail})
}

// runs looks for unsettled runs without a message, and deletes what is past its retention.
func (s *sweep) runs(ctx context.Context) error {
	now := s.w.Now()
	return s.w.Journal.Each(ctx, func(r journal.Record) error {
		if r.State.Settled() {
			return s.expire(ctx, r, now)
		}
		due := r.Updated
		if r.State == run.Waiting || r.State == run.Parked {
			due = r.Next
		}
		if now.Sub(due) < overdueAfter+s.w.ackWait() || now.Before(r.Lease) {
			return nil
		}
		place, err := s.w.Queue.FindMessage(ctx, r.Lane, r.Pipeline, r.Run)
		if err != nil {
			return err
		}
		switch place {
		case queue.InSchedule: // the server forgets that it fires one whose firing was not stored, as on a full disk
			s.add("overdue_schedule", string(r.Run), true)
			return s.w.Journal.Wake(ctx, r.Run)
		case queue.Nowhere:
			return s.revive(ctx, r)
		case queue.Due, queue.InLane: // the mover or the lane is behind
		}
		return nil
	})
}

// revive finishes what was interrupted: a replay whose message was not published yet is in its letter still. A run
// without either has lost its payload: nothing but a human can help, who must know.
func (s *sweep) revive(ctx context.Context, seen journal.Record) error {
	l, err := s.w.Queue.FindLetter(ctx, seen.Pipeline, seen.Run)
	if err == nil && l.Hop >= seen.Hop {
		return nil // it died again since it was seen here
	}
	if err == nil {
		e := l.Envelope
		e.Hop = seen.Hop
		if _, err := s.w.Queue.Publish(ctx, l.Lane, e, l.Payload); err != nil {
			return err
		}
		s.add("lost_message", string(seen.Run), true)
		return s.w.Queue.DeleteLetter(ctx, l.Sequence)
	}
	if !errors.Is(err, queue.ErrNoLetter) {
		return err
	}
	r, err := s.w.Journal.Get(ctx, seen.Run)
	if err != nil || !r.Updated.Equal(seen.Updated) {
		return err // it moved meanwhile
	}
	if place, err := s.w.Queue.FindMessage(ctx, seen.Lane, seen.Pipeline, seen.Run); err != nil || place != queue.Nowhere {
		return err // it was on its way from one place to another
	}
	o := outcome.Outcome{
		Kind: outcome.Misconfigured, Reason: "lost_message",
		Message: "the run's message is gone from the queue; nothing was sent for it since. Export the annotation again",
	}
	r.State, r.Reason, r.Message, r.Failure, r.Settled = run.Dead, o.Reason, o.Message, &journal.Failure{Outcome: o}, s.w.Now()
	r.Hop++
	r.Release()
	if err := r.Save(ctx); err != nil {
		if errors.Is(err, journal.ErrLost) {
			return nil
		}
		return err
	}
	s.add("lost_message", string(seen.Run), false)
	return s.w.Answers.Settle(ctx, r.Run, resultOf(&r.Record))
}

// letters deletes letters whose run went on: a replay was interrupted before it could.
func (s *sweep) letters(ctx context.Context) error {
	var stale []queue.Letter
	err := s.w.Queue.Letters(ctx, "", func(l queue.Letter) bool {
		if s.w.Now().Sub(l.Last) > overdueAfter {
			stale = append(stale, l)
		}
		return ctx.Err() == nil
	})
	if err != nil {
		return err
	}
	for _, l := range stale {
		r, err := s.w.Journal.Get(ctx, l.Run)
		if errors.Is(err, queue.ErrNotFound) || err == nil && (r.State == run.Dead || r.Hop <= l.Hop) {
			continue
		}
		if err != nil {
			return err
		}
		if !r.State.Settled() {
			if place, err := s.w.Queue.FindMessage(ctx, r.Lane, r.Pipeline, r.Run); err != nil || place == queue.Nowhere {
				continue // the letter may be all there is
			}
		}
		if err := s.w.Queue.DeleteLetter(ctx, l.Sequence); err != nil {
			return err
		}
		s.add("stale_letter", string(l.Run), true)
	}
	return nil
}

// payloads deletes payloads in the object store that no run needs any more.
func (s *sweep) payloads(ctx context.Context) error {
	return s.w.Queue.Objects(ctx, func(id run.ID, p queue.Payload, stored time.Time) error {
		if s.w.Now().Sub(stored) < orphanAfter {
			return nil
		}
		r, err := s.w.Journal.Get(ctx, id)
		switch {
		case err == nil && (!r.State.Settled() || r.State == run.Dead):
			return nil
		case err != nil && !errors.Is(err, queue.ErrNotFound):
			return err
		case err != nil: // nobody has taken the run yet, or ingest died before it published
			if has, err := s.w.Queue.Published(ctx, id); err != nil || has {
				return err
			}
		}
		s.add("orphan_payload", string(id), true)
		return s.w.Queue.DropPayload(ctx, p)
	})
}

// lanes reports backlogs nobody works on: of pipelines that are configured no more, and messages without a consumer.
func (s *sweep) lanes(ctx context.Context) error {
	lanes, err := s.w.Queue.Lanes(ctx)
	if err != nil {
		return err
	}
	stored, err := s.w.Queue.Stored(ctx)
	if err != nil {
		return err
	}
	for _, l := range lanes {
		stored -= l.Waiting + l.InWork
		if _, ok := s.w.Pipelines.Pipeline(l.Lane); !ok && l.Waiting+l.InWork > 0 {
			s.found = append(s.found, Finding{What: "removed_pipeline", Count: l.Waiting + l.InWork, Detail: l.Lane})
		}
	}
	if stored > 0 && s.w.unclaimed.Add(1) > 1 { // twice in a row: not just a message on its way
		s.found = append(s.found, Finding{What: "no_consumer", Count: stored})
	} else if stored <= 0 {
		s.w.unclaimed.Store(0)
	}
	return nil
}

// expire deletes a settled run past its retention, with its result. Dead runs stay as long as their letter, others while
// a message of theirs is anywhere, as in the lane of a removed pipeline: without a journal it would begin anew.
func (s *sweep) expire(ctx context.Context, r journal.Record, now time.Time) error {
	keep := s.w.Config.Queue.Retention.Journal.D()
	if r.State == run.Dead || keep <= 0 || now.Sub(r.Settled) < keep {
		return nil
	}
	if place, err := s.w.Queue.FindMessage(ctx, r.Lane, r.Pipeline, r.Run); err != nil || place != queue.Nowhere {
		return err
	}
	forgotten, err := s.w.Answers.Forget(ctx, r.Run, r.Key)
	if err != nil || !forgotten {
		return err
	}
	return s.w.Journal.Forget(ctx, r)
}

// old deletes ledger entries and orders past their retention.
func (s *sweep) old(ctx context.Context) error {
	keep := s.w.Config.Queue.Retention
	var errs []error
	if d := keep.Ledger.D(); d > 0 {
		_, err := s.w.Journal.ExpireLedger(ctx, d)
		errs = append(errs, err)
	}
	if d := keep.Journal.D(); d > 0 {
		_, err := s.w.Journal.ExpireOrder(ctx, d)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// sweepLoop sweeps every minute in one of all workers, until ctx ends; where a sweep takes long, it takes a twentieth of
// the time at most, as long as that makes no pause beyond sweepMost.
func (w *Worker) sweepLoop(ctx context.Context) error {
	wait := sweepEvery
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		wait = sweepEvery
		if !w.Limits.First() {
			continue
		}
		start := time.Now()
		found, err := w.Sweep(ctx)
		if err != nil && ctx.Err() == nil {
			w.Log.Warn("sweep", zap.Error(err))
		}
		wait = min(max(wait, 20*time.Since(start)), sweepMost)
		if w.Found != nil {
			w.Found(ctx, found)
		}
		for _, f := range found {
			w.Metrics.Found(f.What, f.Count, f.Mended)
			w.Log.Warn("sweeper", zap.String("found", f.What), zap.Int("count", f.Count), zap.Bool("mended", f.Mended), zap.String("detail", f.Detail))
		}
	}
}
