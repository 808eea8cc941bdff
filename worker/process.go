package worker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/jinja"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
	"github.com/rossum-relay/rossum-relay/worker/trace"
)

// turnState is what the steps of one turn share.
type turnState struct {
	r        *journal.Run
	p        *pipeline.Pipeline
	scope    *pipeline.Scope
	payload  rossumapi.Payload
	client   *rossumapi.Client
	tokens   *eventTokens // of the client
	version  time.Time
	stopping context.Context
}

// process runs a run's steps from the first that is not done. An error means that nothing can be said about the run now,
// such as trouble with the queue; everything else is a verdict.
func (w *Worker) process(ctx, stopping context.Context, r *journal.Run, d *queue.Delivery) (verdict, error) {
	p, ok := w.Pipelines.Pipeline(r.Pipeline)
	if !ok {
		return dead("", "", outcome.Outcome{
			Kind: outcome.Misconfigured, Reason: "no_pipeline",
			Message: fmt.Sprintf("the configuration has no pipeline %q any more", r.Pipeline),
		}), nil
	}
	t := &turnState{r: r, p: p, stopping: stopping}
	v, err := w.steps(ctx, t, d)
	if err != nil {
		return verdict{}, err
	}
	if v == nil {
		return done(), nil
	}
	if v.state == run.Dead && t.scope != nil {
		if v = unlessGone(ctx, t, v); v.state == run.Dead {
			w.onDead(ctx, t, v)
		}
	}
	return *v, nil
}

// steps runs what is to be run; no verdict means that all is done.
func (w *Worker) steps(ctx context.Context, t *turnState, d *queue.Delivery) (*verdict, error) {
	if v, err := w.load(ctx, t, d); v != nil || err != nil {
		return v, err
	}
	if v, err := w.plan(ctx, t); v != nil || err != nil {
		return v, err
	}
	t.r.ClearAnswer() // pure steps are computed anew, and what they say with them
	for _, step := range t.p.Steps {
		t.r.At = step.Name
		stepCtx, span := trace.Start(ctx, "step "+step.Name)
		v, err := w.step(stepCtx, t, step)
		span.End()
		if v != nil || err != nil {
			return v, err
		}
	}
	t.r.At = ""
	return nil, nil
}

// load opens the payload and builds the scope of the run's templates.
func (w *Worker) load(ctx context.Context, t *turnState, d *queue.Delivery) (*verdict, error) {
	plain, err := w.Queue.OpenPayload(ctx, d.Run, d.Payload)
	if err != nil {
		return nil, err
	}
	if plain, err = t.r.Patched(plain); err != nil {
		return w.failed(t, "", "", outcome.Outcome{Kind: outcome.Misconfigured, Reason: "bad_patch", Message: err.Error()}), nil
	}
	payload, err := rossumapi.DecodePayload(plain)
	if err != nil {
		return w.failed(t, "", "", outcome.Outcome{Kind: outcome.Misconfigured, Reason: "bad_payload", Message: err.Error()}), nil
	}
	hook, _ := w.Config.Hooks.Get(t.r.Hook)
	if t.client, t.tokens, err = w.rossum.client(hook.Rossum, t.r.Key); err != nil {
		return w.failed(t, "", "rossum", outcomeOf(err)), nil
	}
	t.version = versionOf(payload)
	t.r.Config = w.Config.Hash
	if id, err := rossumapi.IDFromURL(payload.Annotation.Queue); err == nil {
		t.r.Queue = id
	}
	if t.p.Config.Content == configs.ContentCurrent && payload.Annotation.ID != 0 {
		tree, err := t.client.Content(ctx, payload.Annotation.ID)
		if err != nil {
			return w.failed(t, "content", "rossum", outcomeOf(err)), nil
		}
		payload.Content = tree
	}
	t.payload = payload
	t.scope = pipeline.NewScope(pipeline.ScopeInput{
		Payload: payload, Settings: hook.Settings, Secrets: hook.Secrets, Tables: w.Config.Tables,
		Resources: resources{client: t.client},
		Run: pipeline.RunFacts{
			ID: t.r.Run, Pipeline: t.r.Pipeline, Generation: t.r.Generation, Event: t.r.Event,
			Received: t.r.Received, Now: w.Now(),
		},
	})
	for _, s := range t.r.Steps {
		if s.State == journal.Done {
			t.scope.SetKept(s.Name, s.Kept)
		}
	}
	return nil, nil
}

// versionOf orders events of one annotation: its modified_at, else the time of the call.
func versionOf(p rossumapi.Payload) time.Time {
	if v, err := time.Parse(time.RFC3339Nano, p.Annotation.ModifiedAt); err == nil {
		return v
	}
	return p.Timestamp
}

// plan decides whether the run has work: its queue, its condition, its key, and whether a newer event took over.
func (w *Worker) plan(ctx context.Context, t *turnState) (*verdict, error) {
	took, err := w.takesQueue(ctx, t)
	if err != nil {
		return w.failed(t, "", "rossum", outcomeOf(err)), nil
	}
	if !took {
		return ptr(skipped(reasonOtherQueue, "the pipeline does not take this annotation's queue")), nil
	}
	if own, err := w.own(ctx, t); own != nil || err != nil {
		return own, err
	}
	ok, err := t.p.When(ctx, t.scope)
	if err != nil {
		return w.failed(t, "when", "", outcomeOf(err)), nil
	}
	if !ok {
		return ptr(skipped("when", "the pipeline's condition is false")), nil
	}
	t.r.Search = searched(w.Config.Console.Index.Fields, t.payload)
	if t.r.Business, err = t.p.Key(ctx, t.scope); err != nil {
		return w.failed(t, "key", "", outcomeOf(err)), nil
	}
	if t.r.Annotation == 0 {
		return nil, nil
	}
	return w.order(ctx, t)
}

// reasonOtherQueue: the pipeline does not take the annotation's queue.
const reasonOtherQueue = "other_queue"

// takesQueue resolves queue names, which ingest could not always do.
func (w *Worker) takesQueue(ctx context.Context, t *turnState) (bool, error) {
	refs := t.p.Config.Queues
	if len(refs) == 0 || t.r.Queue == 0 {
		return true, nil
	}
	if slices.ContainsFunc(refs, func(q configs.QueueRef) bool { return q.ID == t.r.Queue }) {
		return true, nil
	}
	if !slices.ContainsFunc(refs, func(q configs.QueueRef) bool { return q.ID == 0 }) {
		return false, nil
	}
	name, err := queueName(ctx, t)
	return slices.ContainsFunc(refs, func(q configs.QueueRef) bool { return q.ID == 0 && q.Name == name }), err
}

// queueName is the name of the annotation's queue, sideloaded or fetched.
func queueName(ctx context.Context, t *turnState) (string, error) {
	url := t.payload.Annotation.Queue
	queue := t.payload.Sideloaded("queues", url)
	if queue == nil {
		var err error
		if queue, err = (resources{client: t.client}).Object(ctx, url); err != nil {
			return "", err
		}
	}
	return queue.Text("name"), nil
}

// step runs one step; a verdict ends the turn.
func (w *Worker) step(ctx context.Context, t *turnState, step *pipeline.Step) (*verdict, error) {
	state := t.r.StateOf(step.Name)
	if state == journal.Done && step.Kind == configs.KindSend {
		return nil, nil
	}
	if state == "" || state == journal.Failed {
		ok, err := step.When(ctx, t.scope)
		if err != nil {
			return w.failed(t, step.Name, step.Target, outcomeOf(err)), nil
		}
		if !ok {
			return nil, nil
		}
	}
	if t.stopping.Err() != nil && !t.r.Unsure() {
		return nil, errStopping
	}
	switch step.Kind {
	case configs.KindSend:
		return w.send(ctx, t, step)
	case configs.KindRossum:
		return w.write(ctx, t, step)
	default:
		messages, err := step.Compute(ctx, t.scope)
		if err != nil {
			return w.failed(t, step.Name, "", outcomeOf(err)), nil
		}
		t.r.Messages = append(t.r.Messages, messages...)
		return nil, nil
	}
}

// errStopping gives the message back because the worker stops.
var errStopping = errors.New("the worker stops")

// failed turns an attempt's outcome into what the run does next: wait and try again, or die.
func (w *Worker) failed(t *turnState, step, target string, o outcome.Outcome) *verdict {
	t.locate(&o)
	t.explain(&o)
	now := w.Now()
	js := t.r.Step(step)
	if js.Since.IsZero() {
		js.Since = now
	}
	if o.Kind == outcome.Throttled {
		return ptr(waiting(now.Add(max(o.After, backoff(t.p.Config.Retry, 0), time.Second)), o))
	}
	js.Tries++
	if o.Final() {
		return ptr(dead(step, target, o))
	}
	retry := t.p.Config.Retry
	if exhausted := w.exhausted(retry, js); exhausted != "" {
		o.Message = exhausted + ": " + o.Message
		return ptr(dead(step, target, o))
	}
	return ptr(waiting(now.Add(max(backoff(retry, js.Tries-1), o.After)), o))
}

func (w *Worker) exhausted(retry configs.Retry, js *journal.Step) string {
	if retry.Attempts > 0 && js.Tries >= retry.Attempts {
		return fmt.Sprintf("gave up after %d attempts", js.Tries)
	}
	if since := w.Now().Sub(js.Since); retry.For > 0 && since > retry.For.D() {
		return fmt.Sprintf("gave up after %s", since.Round(time.Second))
	}
	return ""
}

// locate finds the datapoints of complaints that name a schema id.
func (t *turnState) locate(o *outcome.Outcome) {
	for i, f := range o.Fields {
		if f.Datapoint != 0 || f.SchemaID == "" {
			continue
		}
		if n := t.payload.Content.First(f.SchemaID); n != nil {
			o.Fields[i].Datapoint = n.ID
		}
	}
}

// outcomeOf says what an error of computing or of Rossum's API means for the run.
func outcomeOf(err error) outcome.Outcome {
	var typed *outcome.Error
	if errors.As(err, &typed) {
		return typed.Outcome
	}
	var api *rossumapi.APIError
	if errors.As(err, &api) {
		return rossumOutcome(api)
	}
	var template *jinja.Error
	if errors.As(err, &template) {
		return outcome.Outcome{Kind: outcome.Misconfigured, Reason: "template", Message: err.Error()}
	}
	if errors.Is(err, rossumapi.ErrTokenRejected) {
		return outcome.Outcome{Kind: outcome.Reauth, Reason: "no_token", Message: err.Error()}
	}
	var transport *rossumapi.TransportError
	var dial *net.OpError
	if errors.As(err, &transport) || errors.As(err, &dial) || errors.Is(err, context.DeadlineExceeded) {
		return outcome.Outcome{Kind: outcome.Retry, Reason: "rossum_unreachable", Message: "Rossum cannot be reached"}
	}
	// whatever it is, such as trouble with the queue: trying again for a while harms nobody
	return outcome.Outcome{Kind: outcome.Retry, Reason: "internal", Message: err.Error()}
}

func ptr[T any](v T) *T { return &v }
