package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
	"github.com/rossum-relay/rossum-relay/worker/trace"
)

const (
	// metadataKey is the relay's own key in an annotation's metadata; others stay untouched.
	metadataKey = "rossum_relay"
	writeWithin = 60 * time.Second
)

// write tells Rossum. What travels with the answer (messages, and field values in wait mode) is made anew each turn;
// what needs the API is a side effect with a journal of its own. Every call of it may be repeated.
func (w *Worker) write(ctx context.Context, t *turnState, step *pipeline.Step) (*verdict, error) {
	wr, err := step.PrepareWrite(ctx, t.scope)
	if err != nil {
		return w.failed(t, step.Name, "rossum", outcomeOf(err)), nil
	}
	t.answerWith(wr)
	js := t.r.Step(step.Name)
	if js.State == journal.Done {
		t.warn(js)
		return nil, nil
	}
	if wr.Empty() {
		return nil, nil
	}
	js.Target, js.State = "rossum", journal.Intended // without NotAfter: whoever comes next may repeat it at once
	if err := t.r.Save(ctx); err != nil {
		return nil, err
	}
	start := w.Now()
	err = w.tell(ctx, t, wr)
	return w.written(ctx, t, step, start, err)
}

// written records how the write-back ended. After a delivery a failed one is a warning: an error would make Rossum
// export again.
func (w *Worker) written(ctx context.Context, t *turnState, step *pipeline.Step, start time.Time, err error) (*verdict, error) {
	js := t.r.Step(step.Name)
	o := outcome.Outcome{Kind: outcome.OK}
	if err != nil {
		o = outcomeOf(err)
	}
	a := journal.Attempt{Step: step.Name, Kind: kindRossum, At: start, Took: w.Now().Sub(start), Outcome: o}
	t.r.Attempted(js, a)
	w.record(ctx, t.r, a)
	if o.Kind != outcome.OK {
		js.State = journal.Failed
		if gone(o) && !t.delivered() {
			return ptr(skippedGone()), nil
		}
		if o.Reason == reasonReviewing || o.Reason == reasonReadOnly { // as long as somebody works there, no attempts are spent
			return ptr(parked(w.Now().Add(o.After), o.Reason, o.Message)), nil
		}
		v := w.failed(t, step.Name, "rossum", o)
		if !v.state.Settled() || !t.delivered() {
			return v, nil
		}
		js = t.r.Step(step.Name)
		js.Warning = fmt.Sprintf("delivered, but Rossum could not be updated (step %s): %s", step.Name, o.Message)
		t.warn(js)
	}
	js.State = journal.Done
	return nil, t.r.Save(ctx)
}

// gone: there is nothing left to write to. A 404 does not say so by itself: see unlessGone.
func gone(o outcome.Outcome) bool { return o.Reason == reasonGone }

// Why an annotation is not written to.
const (
	reasonGone      = "annotation_gone" // deleted, purged or split
	reasonReviewing = "reviewing"
	reasonReadOnly  = "read_only"
)

// answerWith takes over what travels with the answer to Rossum; in wait mode the values for fields do too.
func (t *turnState) answerWith(wr *pipeline.Write) {
	t.r.Messages = append(t.r.Messages, wr.Messages...)
	if t.p.Config.AnswerFor(t.r.Event) != configs.AnswerWait {
		return
	}
	t.r.Operations = append(t.r.Operations, wr.Operations()...)
	wr.Fields = nil
	t.r.AutomationBlockers = append(t.r.AutomationBlockers, wr.AutomationBlockers...)
	for _, one := range []struct {
		to    *json.RawMessage
		value json.RawMessage
	}{{&t.r.Files, wr.Files}, {&t.r.AdditionalFiles, wr.AdditionalFiles}, {&t.r.Reply, wr.Reply}} {
		if one.value != nil {
			*one.to = one.value
		}
	}
}

func (t *turnState) warn(js *journal.Step) {
	if js.Warning != "" {
		t.r.Messages = append(t.r.Messages, rossumapi.Warning(js.Warning))
	}
}

// delivered reports whether a send of this run is done.
func (t *turnState) delivered() bool {
	return slices.ContainsFunc(t.p.Steps, func(s *pipeline.Step) bool {
		return s.Kind == configs.KindSend && t.r.Step(s.Name).State == journal.Done
	})
}

// onDead tells Rossum about a dead run when nobody waits for its answer any more: each thing in turn, a refusal recorded.
// Where Rossum was told to wait for a later export, a note ends that at least. It comes before the run is dead in the
// journal, so that a crash repeats it.
func (w *Worker) onDead(ctx context.Context, t *turnState, v *verdict) {
	wait := t.p.Config.AnswerFor(t.r.Event) == configs.AnswerWait
	if t.r.Annotation == 0 || wait && !w.overdue(ctx, t.r) {
		return
	}
	all, err := t.p.Dead(ctx, t.scope)
	if err != nil {
		w.toldDead(ctx, t, w.Now(), err)
	}
	if all == nil {
		all = &pipeline.Write{}
	}
	if wait && all.Note == "" {
		all.Note = clipNote(t.p.Name + ": will not be delivered by itself; an operator has to look at run " + string(t.r.Run) + ": " + v.message)
	}
	for _, one := range []pipeline.Write{
		{Metadata: all.Metadata}, {Note: all.Note}, {Labels: all.Labels}, {Status: all.Status},
	} {
		if one.Metadata == nil && one.Note == "" && one.Labels == nil && one.Status == "" {
			continue
		}
		start := w.Now()
		err := w.tell(ctx, t, &one)
		w.toldDead(ctx, t, start, err)
	}
}

// overdue reports whether Rossum was told that the run goes on without its waiting.
func (w *Worker) overdue(ctx context.Context, r *journal.Run) bool {
	e, err := w.Answers.Event(ctx, r.Key)
	_, ours := e.Run(r.Run)
	return err == nil && ours && !e.OverdueAt.IsZero()
}

// clipNote cuts a text to what a note holds.
func clipNote(text string) string {
	if runes := []rune(text); len(runes) > rossumapi.MaxMessage {
		return string(runes[:rossumapi.MaxMessage-1]) + "…"
	}
	return text
}

func (w *Worker) toldDead(ctx context.Context, t *turnState, start time.Time, err error) {
	o := outcome.Outcome{Kind: outcome.OK}
	if err != nil {
		o = outcomeOf(err)
	}
	a := journal.Attempt{Step: "on_dead", Kind: kindRossum, At: start, Took: w.Now().Sub(start), Outcome: o}
	t.r.Attempted(t.r.Step("on_dead"), a)
	w.record(ctx, t.r, a)
}

// tell makes a write within its time, in a span of its own.
func (w *Worker) tell(ctx context.Context, t *turnState, wr *pipeline.Write) error {
	ctx, cancel := context.WithTimeout(ctx, writeWithin)
	defer cancel()
	ctx, span := trace.Start(ctx, kindRossum)
	err := w.apply(ctx, t, wr)
	o := outcome.Outcome{Kind: outcome.OK}
	if err != nil {
		o = outcomeOf(err)
	}
	trace.EndAttempt(span, kindRossum, o)
	return err
}

// apply makes the API calls of a write, the status last, as it may call hooks.
func (w *Worker) apply(ctx context.Context, t *turnState, wr *pipeline.Write) error {
	id := t.r.Annotation
	if id == 0 {
		return outcome.Errorf(outcome.Misconfigured, "no_annotation", "event %s has no annotation to write to", t.r.Event)
	}
	now, err := t.client.Annotation(ctx, id)
	if err != nil {
		return fmt.Errorf("annotation %d: %w", id, err)
	}
	if err := guard(now, wr.Status, len(wr.Fields) > 0); err != nil {
		return err
	}
	if err := writeFields(ctx, t.client, id, wr.Operations()); err != nil {
		return err
	}
	if len(wr.Metadata) > 0 {
		if _, err := t.client.SetMetadata(ctx, id, map[string]any{metadataKey: wr.Metadata}); err != nil {
			return fmt.Errorf("metadata: %w", err)
		}
	}
	if err := writeLabels(ctx, t.client, now.URL, wr); err != nil {
		return err
	}
	if err := writeNote(ctx, t.client, now, wr.Note); err != nil {
		return err
	}
	if err := writeExport(ctx, t.client, now, wr.Export); err != nil {
		return err
	}
	if wr.Status == "" || wr.Status == now.Status {
		return nil
	}
	if err := w.Journal.Expect(ctx, id, now.Status, wr.Status); err != nil { // before: the echo may come at once
		return err
	}
	if _, err := t.client.SetStatus(ctx, id, wr.Status); err != nil {
		return fmt.Errorf("status %s: %w", wr.Status, err)
	}
	return nil
}

// guardPause is how soon an annotation that somebody works on is looked at again. A review lock lives an hour by default.
const guardPause = time.Minute

// guard keeps away from annotations that must not get this status, or values for fields, now (Rossum API reference, traps
// 29 to 35).
func guard(a rossumapi.Annotation, status string, fields bool) error {
	if hasGone(a.Status) {
		return outcome.Errorf(outcome.Rejected, reasonGone, "annotation %d is %s", a.ID, a.Status)
	}
	switch a.Status {
	case rossumapi.StatusReviewing:
		return &outcome.Error{Outcome: outcome.Outcome{
			Kind: outcome.Throttled, Reason: reasonReviewing, After: guardPause,
			Message: fmt.Sprintf("annotation %d is open in somebody's review; it is written to once that has ended", a.ID),
		}}
	case rossumapi.StatusImporting, rossumapi.StatusInWorkflow:
		if fields {
			return &outcome.Error{Outcome: outcome.Outcome{
				Kind: outcome.Throttled, Reason: reasonReadOnly, After: guardPause,
				Message: fmt.Sprintf("annotation %d is %s; its fields are written once that has ended", a.ID, a.Status),
			}}
		}
	case rossumapi.StatusExporting:
		if status == rossumapi.StatusExporting {
			return outcome.Errorf(outcome.Rejected, "exporting", "annotation %d is exporting already; starting it again may deliver twice", a.ID)
		}
	}
	again := []string{rossumapi.StatusExported, rossumapi.StatusFailedExport, rossumapi.StatusConfirmed}
	if status == rossumapi.StatusExporting && !slices.Contains(again, a.Status) {
		return outcome.Errorf(outcome.Rejected, "transition", "annotation %d is %s: only one that was confirmed or exported before can be exported by a pipeline", a.ID, a.Status)
	}
	return nil
}

// writeFields applies operations and repeats per node what Rossum silently ignored (enum and manual fields).
func writeFields(ctx context.Context, client *rossumapi.Client, id int64, ops []rossumapi.Operation) error {
	if len(ops) == 0 {
		return nil
	}
	tree, err := client.ApplyOperations(ctx, id, ops)
	if err != nil {
		return fmt.Errorf("fields: %w", err)
	}
	for _, op := range rossumapi.Ignored(tree, ops) {
		if op.Cell == nil {
			continue
		}
		if _, err := client.PatchNode(ctx, id, op.ID, *op.Cell); err != nil {
			return fmt.Errorf("field %d: %w", op.ID, err)
		}
	}
	return nil
}

func writeLabels(ctx context.Context, client *rossumapi.Client, annotation string, wr *pipeline.Write) error {
	if len(wr.Labels)+len(wr.RemoveLabels) == 0 {
		return nil
	}
	urls := map[string]string{}
	for l, err := range client.Labels(ctx, nil) {
		if err != nil {
			return fmt.Errorf("labels: %w", err)
		}
		urls[l.Name], urls[strconv.FormatInt(l.ID, 10)] = l.URL, l.URL
	}
	resolve := func(names []string) (out []string, err error) {
		for _, n := range names {
			if urls[n] == "" {
				return nil, outcome.Errorf(outcome.Misconfigured, "no_label", "the organization has no label %q", n)
			}
			out = append(out, urls[n])
		}
		return out, nil
	}
	add, err := resolve(wr.Labels)
	if err != nil {
		return err
	}
	remove, err := resolve(wr.RemoveLabels)
	if err != nil {
		return err
	}
	return client.ApplyLabels(ctx, []string{annotation}, add, remove)
}

// writeNote adds a note once: creating one is not idempotent, so an equal one is looked for first.
func writeNote(ctx context.Context, client *rossumapi.Client, a rossumapi.Annotation, text string) error {
	if text == "" {
		return nil
	}
	for n, err := range client.Notes(ctx, map[string][]string{"annotation": {strconv.FormatInt(a.ID, 10)}}) {
		if err != nil {
			return fmt.Errorf("notes: %w", err)
		}
		if n.Content == text {
			return nil
		}
	}
	if _, err := client.CreateNote(ctx, a.URL, text); err != nil {
		return fmt.Errorf("note: %w", err)
	}
	return nil
}
