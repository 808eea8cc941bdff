package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
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
// knows that all is delivered, and the answer is success. What fails here the sweeper tries again: a Rossum that is down
// must not keep the lanes of ERPs that are up.
func (w *Worker) tellLate(ctx context.Context, key run.EventKey) {
	e, err := w.Answers.Event(ctx, key)
	if err == nil && !e.OverdueAt.IsZero() {
		err = w.reExport(ctx, e)
	}
	if err != nil && !errors.Is(err, answer.ErrNotFound) {
		w.Log.Info("a late success is told later", zap.String("event", string(key)), zap.String("reason", outcomeOf(err).Reason))
	}
}

// reExport starts a failed export again, if everything it is to deliver is delivered.
func (w *Worker) reExport(ctx context.Context, e answer.Event) error {
	for _, ref := range e.Runs {
		if !ref.Wait {
			continue
		}
		res, err := w.Answers.Result(ctx, ref.ID)
		if errors.Is(err, answer.ErrNotFound) || err == nil && (!res.State.Delivered() || !ref.ReExport) {
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
	if err == nil && a.Status == rossumapi.StatusExporting {
		return nil // Rossum is about to mark it as failed: later
	}
	if err == nil && a.Status == rossumapi.StatusFailedExport {
		if err = w.Journal.Expect(ctx, a.ID, a.Status, rossumapi.StatusExporting); err != nil {
			return err
		}
		_, err = client.SetStatus(ctx, a.ID, rossumapi.StatusExporting)
	}
	if err == nil {
		return w.Answers.SetReExported(ctx, e)
	}
	if o := outcomeOf(err); o.Final() && o.Kind != outcome.Reauth { // a token may be mended, or come with the next call
		w.Log.Warn("Rossum could not be told of a late success; export the annotation again by hand",
			zap.Int64("annotation", e.Annotation), zap.String("reason", o.Reason))
		return w.Answers.SetReExported(ctx, e)
	}
	return fmt.Errorf("late success of annotation %d: %w", e.Annotation, err)
}

// untold finds events whose success Rossum does not know: it was told that it is late, or gave up before it asked, as lost
// calls shorten its patience.
func (s *sweep) untold(ctx context.Context) error {
	now := s.w.Now()
	return s.w.Answers.Each(ctx, func(e answer.Event) error {
		silent := now.Sub(e.LastCall)
		late := !e.OverdueAt.IsZero() || e.AnswerToldAt.IsZero() && silent > untoldAfter
		if !e.Waits() || !late || silent > untoldFor || e.Annotation == 0 || !e.ReExportedAt.IsZero() {
			return nil
		}
		if err := s.w.reExport(ctx, e); err != nil {
			s.w.Log.Info("a late success is told later", zap.String("event", string(e.Key)), zap.String("reason", outcomeOf(err).Reason))
		}
		return nil
	})
}
