package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

const (
	// untoldAfter is how long after Rossum's last call an answer nobody fetched means that Rossum has given up: its
	// polling ends 300 s after a call (Rossum API reference, asynchronous answers).
	untoldAfter = 10 * time.Minute
	// untoldFor is how long after the last run settled telling it late is tried again.
	untoldFor = 24 * time.Hour
	// stepLate is what telling a late success is called in a run's history.
	stepLate = "tell_late"
	// exportEvent is the event whose failure Rossum can be made to repeat.
	exportEvent = "annotation_content.export"
)

// tellLate tells Rossum of a success it was told not to expect any more, or whose failure it was told before a replay.
// What fails here the sweeper tries again: a Rossum that is down must not keep the lanes of ERPs that are up.
func (w *Worker) tellLate(ctx context.Context, r *journal.Run) error {
	e, err := w.Answers.Event(ctx, r.Key)
	if errors.Is(err, answer.ErrNotFound) {
		return nil
	}
	ref, ours := e.Run(r.Run)
	if err != nil || !ours || !ref.Wait || e.Annotation == 0 || !e.ToldLateAt.IsZero() || e.AnswerToldAt.IsZero() {
		return err // where nothing was told yet, the answer will tell
	}
	if !e.Late {
		if err := w.Answers.SetLate(ctx, e); err != nil {
			return err
		}
	}
	if err := w.late(ctx, e); err != nil {
		w.logLate(e, err)
	}
	return nil
}

func (w *Worker) logLate(e answer.Event, err error) {
	w.Log.Info("a late success is told later", zap.String("event", string(e.Key)), zap.String("reason", outcomeOf(err).Reason))
}

// lateRun is a run whose result Rossum does not know.
type lateRun struct {
	answer.RunRef
	result answer.Result
	edited bool
}

// lateRuns are those of an event whose waiting runs have all delivered; known is false while one of them has not. reExport
// says that all of them want Rossum to export again; none whose payload was edited does, as Rossum would send the values
// that it has.
func (w *Worker) lateRuns(ctx context.Context, e answer.Event) (untold []lateRun, reExport, known bool, err error) {
	reExport = e.Name == exportEvent
	for _, ref := range e.Runs {
		if !ref.Wait {
			continue
		}
		res, err := w.Answers.Result(ctx, ref.ID)
		if errors.Is(err, answer.ErrNotFound) || err == nil && !res.State.Delivered() {
			return nil, false, false, nil // another export would fail again
		}
		if err != nil {
			return nil, false, false, err
		}
		edited, err := w.edited(ctx, ref.ID)
		if err != nil {
			return nil, false, false, err
		}
		reExport = reExport && ref.ReExport && !edited
		if res.State == run.Done && !ref.Knows(res) {
			untold = append(untold, lateRun{ref, res, edited})
		}
	}
	return untold, reExport, true, nil
}

func (w *Worker) edited(ctx context.Context, id run.ID) (bool, error) {
	r, err := w.Journal.Get(ctx, id)
	if errors.Is(err, queue.ErrNotFound) {
		return false, nil
	}
	return err == nil && len(r.Patches) > 0, err
}

// late tells what is untold, by the means that the annotation's status leaves: a failed export is started again, the
// ledger knows that all is delivered, and the answer is success. Else the values for fields go through the API, and a
// note says that the delivery came after all.
func (w *Worker) late(ctx context.Context, e answer.Event) error {
	untold, reExport, known, err := w.lateRuns(ctx, e)
	if err != nil || !known {
		return err
	}
	if len(untold) == 0 {
		return w.Answers.SetToldLate(ctx, e) // the answer had it all
	}
	ctx, cancel := context.WithTimeout(ctx, writeWithin)
	defer cancel()
	start := w.Now()
	err = w.makeKnown(ctx, e, untold, reExport)
	if errors.Is(err, errNotYet) {
		return nil
	}
	o := outcome.Outcome{Kind: outcome.OK}
	if err != nil {
		o = outcomeOf(err)
	}
	if again := err != nil && (!o.Final() || o.Kind == outcome.Reauth); again && !w.tooLate(untold) {
		return fmt.Errorf("late success of annotation %d: %w", e.Annotation, err) // a token may be mended, or come with the next call
	}
	if err != nil {
		w.Log.Warn("Rossum could not be told of a late success; look at the annotation there",
			zap.Int64("annotation", e.Annotation), zap.String("reason", o.Reason))
	}
	for _, l := range untold {
		w.record(ctx, &journal.Run{Record: journal.Record{Pipeline: l.Pipeline, Run: l.ID}},
			journal.Attempt{Step: stepLate, Kind: kindRossum, At: start, Took: w.Now().Sub(start), Outcome: o})
	}
	return w.Answers.SetToldLate(ctx, e)
}

func (w *Worker) tooLate(untold []lateRun) bool {
	for _, l := range untold {
		if w.Now().Sub(l.result.Settled) < untoldFor {
			return false
		}
	}
	return true
}

// errNotYet: Rossum is about to mark the annotation as failed, or another export would be late as well.
var errNotYet = errors.New("too early to tell")

func (w *Worker) makeKnown(ctx context.Context, e answer.Event, untold []lateRun, reExport bool) error {
	hook, _ := w.Config.Hooks.Get(e.Hook)
	client, _, err := w.rossum.client(hook.Rossum, e.Key)
	if err != nil {
		return err
	}
	a, err := client.Annotation(ctx, e.Annotation)
	switch {
	case err != nil:
		return err
	case a.Status == rossumapi.StatusExporting:
		return errNotYet
	case reExport && a.Status == rossumapi.StatusFailedExport:
		if behind, err := w.behind(ctx, untold); err != nil || behind {
			return cmp.Or(err, errNotYet)
		}
		if err := w.Journal.Expect(ctx, a.ID, a.Status, rossumapi.StatusExporting); err != nil {
			return err
		}
		_, err = client.SetStatus(ctx, a.ID, rossumapi.StatusExporting)
		return err
	}
	for _, l := range untold {
		if err := writeLate(ctx, client, a, e, l); err != nil {
			return err
		}
	}
	return nil
}

// behind reports whether a run that came now would have to stand in line. A repeated export whose answer were late for
// that would be repeated as well when it is done: overloaded lanes would never get out of it, each export bringing the
// next.
func (w *Worker) behind(ctx context.Context, untold []lateRun) (bool, error) {
	for _, l := range untold {
		p, ok := w.Pipelines.Pipeline(l.Pipeline)
		if !ok {
			continue
		}
		n, err := w.Queue.InLine(ctx, p.Name)
		if err != nil || n > p.Config.Concurrency {
			return true, err
		}
	}
	return false, nil
}

// writeLate writes what would have travelled with the answer.
func writeLate(ctx context.Context, client *rossumapi.Client, a rossumapi.Annotation, e answer.Event, l lateRun) error {
	note := ""
	switch {
	case e.Name != exportEvent:
	case l.edited:
		note = l.Pipeline + ": delivered after all, with fields that were corrected in the relay. Please do not enter the document by hand, and correct them here before it is exported again."
	case !l.ReExport:
		note = l.Pipeline + ": delivered after all. Please do not enter the document by hand."
	}
	if note == "" && len(l.result.Operations) == 0 {
		return nil
	}
	if err := guard(a, "", len(l.result.Operations) > 0); err != nil {
		return err
	}
	if err := writeFields(ctx, client, a.ID, l.result.Operations); err != nil {
		return err
	}
	return writeNote(ctx, client, a, note)
}

// untold finds events whose success Rossum does not know: it was told otherwise before, or gave up before it asked, as
// lost calls shorten its patience.
func (s *sweep) untold(ctx context.Context) error {
	now := s.w.Now()
	return s.w.Answers.Each(ctx, func(e answer.Event) error {
		gaveUp := e.AnswerToldAt.IsZero() && now.Sub(e.LastCall) > untoldAfter
		late := e.Late || !e.OverdueAt.IsZero() || gaveUp
		if !e.Waits() || !late || e.Annotation == 0 || !e.ToldLateAt.IsZero() {
			return nil
		}
		if err := s.w.late(ctx, e); err != nil {
			s.w.logLate(e, err)
		}
		return nil
	})
}
