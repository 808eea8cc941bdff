package reconcile

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/operate/setup"
	"github.com/rossum-relay/rossum-relay/worker/queue"
)

// markMember is added to payloads that were built here. Their secrets are those of the configuration, as Rossum redacts
// the hook's own.
const markMember = "reconciled"

// Fix does what the findings' remedies say and notes it in them. What was lost gets a run of its own, by the rules of
// every other event: one that came meanwhile is joined, and what the ledger knows is not delivered again. The error is
// for a queue or a Rossum that does not answer; what concerns one annotation stands in its finding. Repeating a Fix that
// was interrupted ends it.
func (r *Reconciler) Fix(ctx context.Context, report *Report) error {
	var problems []string
	for _, e := range r.Config.Rossum {
		if !slices.ContainsFunc(report.Findings, func(f Finding) bool { return f.Rossum == e.Name && f.Remedy != "" && !f.Fixed }) {
			continue
		}
		if err := r.fixEnvironment(ctx, e.Name, report.Findings); err != nil {
			problems = append(problems, fmt.Sprintf("rossum.%s: %v", e.Name, err))
		}
	}
	return errors.Join(errorsOf(problems), ctx.Err())
}

func (r *Reconciler) fixEnvironment(ctx context.Context, environment string, findings []Finding) error {
	client, err := r.Rossum(environment)
	if err != nil {
		return err
	}
	defer client.Close()
	x := &fixer{Reconciler: r, client: client, setup: setup.New(r.Config, environment, client), exported: map[int64]error{}}
	for i := range findings {
		f := &findings[i]
		if f.Rossum != environment || f.Remedy == "" || f.Fixed {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		err := x.fix(ctx, f, alike(findings, f))
		if errors.Is(err, queue.ErrFull) {
			return err
		}
		if err != nil {
			f.Problem = err.Error()
		}
	}
	return nil
}

// alike are the findings about the same event of other pipelines: they get one event together.
func alike(findings []Finding, f *Finding) []*Finding {
	var all []*Finding
	for i := range findings {
		g := &findings[i]
		if g.Remedy == f.Remedy && g.Hook == f.Hook && g.Annotation == f.Annotation && g.Event == f.Event && !g.Fixed {
			all = append(all, g)
		}
	}
	return all
}

// fixer fixes one environment.
type fixer struct {
	*Reconciler
	client   *rossumapi.Client
	setup    *setup.Setup
	exported map[int64]error // annotations that were exported again, once each
}

func (x *fixer) fix(ctx context.Context, f *Finding, together []*Finding) error {
	if f.Remedy == ReExport {
		err, done := x.exported[f.Annotation]
		if !done {
			err = x.reExport(ctx, f.Annotation)
			x.exported[f.Annotation] = err
		}
		f.Fixed = err == nil
		return err
	}
	return x.enqueue(ctx, f, together)
}

// errMoved means that the annotation is not as it was found.
var errMoved = errors.New("the annotation has another status by now")

// reExport starts a failed export again. The change is recorded first, so that its status event is known as our own.
func (x *fixer) reExport(ctx context.Context, id int64) error {
	a, err := x.client.Annotation(ctx, id)
	if err != nil {
		return fmt.Errorf("annotation %d: %w", id, err)
	}
	if a.Status != rossumapi.StatusFailedExport {
		return errMoved
	}
	if err := x.Journal.Expect(ctx, id, a.Status, rossumapi.StatusExporting); err != nil {
		return err
	}
	if _, err := x.client.PatchAnnotation(ctx, id, map[string]any{"status": rossumapi.StatusExporting}); err != nil {
		return fmt.Errorf("annotation %d: %w", id, err)
	}
	return nil
}

// enqueue makes runs of an event that is built from the API in the shape of the hook's payload.
func (x *fixer) enqueue(ctx context.Context, f *Finding, together []*Finding) error {
	h, err := x.setup.Hook(ctx, f.Hook)
	if err != nil {
		return err
	}
	of := setup.PayloadOf{Event: f.Event, Annotation: f.Annotation}
	if f.Event == eventStatus {
		of.Status, of.PreviousStatus = f.Status, before(f.Status)
	}
	payload, err := x.setup.Payload(ctx, h, of)
	if err != nil {
		return err
	}
	body, requestID, err := x.marked(payload)
	if err != nil {
		return err
	}
	e, err := rossumapi.DecodeEnvelope(body)
	if err != nil {
		return err
	}
	if e.Annotation.ID != f.Annotation || e.Name() != f.Event {
		return fmt.Errorf("Rossum made a payload of %s for annotation %d", e.Name(), e.Annotation.ID) //nolint:staticcheck // a name
	}
	hook, _ := x.Config.Hooks.Get(f.Hook)
	env, _ := x.Config.Rossum.Get(hook.Rossum)
	if !rossumapi.UnderBase(env.BaseURL, e.BaseURL) || e.CheckURLs() != nil {
		return errors.New("the payload leads to another Rossum than the configured one")
	}
	call := answer.Call{
		Key: answer.EventKey(f.Hook, e), Hook: f.Hook, Name: f.Event, Annotation: f.Annotation, Queue: f.Queue, BaseURL: e.BaseURL,
		RequestID: requestID, Sent: e.Timestamp,
	}
	for _, g := range together {
		call.Runs = append(call.Runs, answer.RunRef{Pipeline: g.Pipeline, Lane: g.Pipeline})
	}
	return x.publish(ctx, call, body, together)
}

// publish stores the event, then the first message of each run. An event that came meanwhile is joined, and what is
// stored of it already is not stored again.
func (x *fixer) publish(ctx context.Context, call answer.Call, body []byte, together []*Finding) error {
	event, _, err := x.Answers.Join(ctx, call)
	if err != nil {
		return err
	}
	for _, g := range together {
		i := slices.IndexFunc(event.Runs, func(ref answer.RunRef) bool { return ref.Pipeline == g.Pipeline })
		if i < 0 {
			g.Problem = "another pipeline's run of the event has not ended; try again later"
			continue
		}
		if err := x.publishRun(ctx, call, event, event.Runs[i], body); err != nil {
			return err
		}
		g.Run, g.Fixed, g.Problem = event.Runs[i].ID, true, ""
	}
	return nil
}

func (x *fixer) publishRun(ctx context.Context, call answer.Call, event answer.Event, ref answer.RunRef, body []byte) error {
	if _, err := x.Journal.Get(ctx, ref.ID); !errors.Is(err, queue.ErrNotFound) {
		return err // a worker has it, or had
	}
	p, err := x.Queue.StorePayload(ctx, ref.ID, body)
	if err != nil {
		return err
	}
	stored, err := x.Queue.Publish(ctx, ref.Lane, queue.Envelope{
		Run: ref.ID, Pipeline: ref.Pipeline, Hook: call.Hook, Event: call.Name, Key: call.Key, Annotation: call.Annotation,
		Generation: event.Generation, Received: x.Now(),
	}, p)
	if err == nil && !stored || errors.Is(err, queue.ErrFull) {
		err = errors.Join(err, x.Queue.DropPayload(ctx, p))
	}
	return err
}

// marked gives a payload a request id of its own and says in it where it comes from.
func (x *fixer) marked(payload json.RawMessage) (body []byte, requestID string, err error) {
	var o rossumapi.Object
	if err := json.Unmarshal(payload, &o); err != nil {
		return nil, "", fmt.Errorf("generated payload: %w", err)
	}
	requestID = "reconcile-" + rand.Text()
	id, err := json.Marshal(requestID)
	if err != nil {
		return nil, "", err
	}
	mark, err := json.Marshal(map[string]any{"at": x.Now().UTC(), "secrets": "of the configuration"})
	if err != nil {
		return nil, "", err
	}
	o = slices.DeleteFunc(o, func(m rossumapi.Member) bool { return m.Key == "request_id" || m.Key == markMember })
	o = append(o, rossumapi.Member{Key: "request_id", Value: id}, rossumapi.Member{Key: markMember, Value: mark})
	body, err = o.MarshalJSON()
	return body, requestID, err
}

// before is the status an annotation usually has before another.
func before(status string) string {
	switch status {
	case rossumapi.StatusExported, rossumapi.StatusFailedExport:
		return rossumapi.StatusExporting
	case rossumapi.StatusConfirmed, rossumapi.StatusRejected:
		return rossumapi.StatusReviewing
	}
	return rossumapi.StatusToReview
}
