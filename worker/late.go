package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

const (
	// untoldAfter is how long after Rossum's last call an answer nobody fetched means that Rossum has given up: its
	// polling ends 300 s after a call (Rossum API reference, asynchronous answers).
	untoldAfter = 10 * time.Minute
	// untoldFor is how long the sweeper cares about such an event.
	untoldFor = 24 * time.Hour
)

// tellLate tells Rossum of a success it was told not to expect any more: a failed export is started again, the ledger
// knows that all is delivered, and the answer is success. An error means to try again.
func (w *Worker) tellLate(ctx context.Context, key run.EventKey) error {
	e, err := w.Answers.Event(ctx, key)
	if errors.Is(err, answer.ErrNotFound) || err == nil && e.OverdueAt.IsZero() {
		return nil
	}
	if err != nil {
		return err
	}
	return w.reExport(ctx, e)
}

// reExport starts a failed export again, if everything it is to deliver is delivered.
func (w *Worker) reExport(ctx context.Context, e answer.Event) error {
	for _, ref := range e.Runs {
		if !ref.Wait {
			continue
		}
		res, err := w.Answers.Result(ctx, ref.ID)
		if errors.Is(err, answer.ErrNotFound) || err == nil && (res.State == run.Dead || !ref.ReExport) {
			return nil // another export would fail again, or is not wanted
		}
		if err != nil {
			return err
		}
	}
	hook, _ := w.Config.Hooks.Get(e.Hook)
	client, err := w.rossum.client(hook.Rossum, e.Key)
	if err != nil {
		return err
	}
	a, err := client.Annotation(ctx, e.Annotation)
	if err == nil && a.Status == rossumapi.StatusFailedExport {
		if err = w.Journal.Expect(ctx, a.ID, a.Status, rossumapi.StatusExporting); err != nil {
			return err
		}
		_, err = client.SetStatus(ctx, a.ID, rossumapi.StatusExporting)
	}
	if err == nil {
		return nil
	}
	if o := outcomeOf(err); o.Final() {
		w.Log.Warn("Rossum could not be told of a late success; export the annotation again by hand",
			zap.Int64("annotation", e.Annotation), zap.String("reason", o.Reason))
		return nil
	}
	return fmt.Errorf("late success of annotation %d: %w", e.Annotation, err)
}

// untold finds events whose success Rossum never asked for, as it had given up before: lost calls shorten its patience.
func (s *sweep) untold(ctx context.Context) error {
	now := s.w.Now()
	return s.w.Answers.Each(ctx, func(e answer.Event) error {
		silent := now.Sub(e.LastCall)
		if !e.Waits() || !e.AnswerToldAt.IsZero() || silent < untoldAfter || silent > untoldFor || e.Annotation == 0 {
			return nil
		}
		if err := s.w.reExport(ctx, e); err != nil {
			s.w.Log.Warn("sweep", zap.Error(err))
		}
		return nil
	})
}
