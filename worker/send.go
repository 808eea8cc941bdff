package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
	"github.com/rossum-relay/rossum-relay/worker/target"
	"github.com/rossum-relay/rossum-relay/worker/trace"
)

// betweenMisses is the least time between two look-ups that must both miss.
const betweenMisses = 2 * time.Second

// delivery is one send step in work: reserve, journal the intent, act, journal the result.
type delivery struct {
	*turnState
	step   *pipeline.Step
	send   *pipeline.Send
	target *instance
	claim  journal.Claim
	entry  journal.Entry     // of the ledger, as claimed
	last   outcome.Outcome   // of the last call, for the breaker
	tried  []journal.Attempt // for the history, which is written last
}

// js is the step's journal; looked up each time, as the slice may move.
func (d *delivery) js() *journal.Step { return d.r.Step(d.step.Name) }

const (
	defaultTimeout = 60 * time.Second
	defaultMisses  = 2
)

// timeout of one attempt.
func (d *delivery) timeout() time.Duration {
	if t := d.send.Request.Timeout; t > 0 {
		return t
	}
	return defaultTimeout
}

// findAfter is how long after an uncertain attempt to look: an ERP may still be applying it.
func (d *delivery) findAfter() time.Duration {
	if after := d.step.Config.Find.After.D(); after > 0 {
		return after
	}
	return 2 * d.timeout()
}

func (d *delivery) findMisses() int {
	if n := d.step.Config.Find.Misses; n > 0 {
		return n
	}
	return defaultMisses
}

// send delivers one document. nil, nil means that the effect is there and its values are kept.
func (w *Worker) send(ctx context.Context, t *turnState, step *pipeline.Step) (*verdict, error) {
	send, err := step.PrepareSend(ctx, t.scope)
	if err != nil {
		return w.failed(t, step.Name, step.Target, outcomeOf(err)), nil
	}
	t.r.Messages = append(t.r.Messages, send.Messages...)
	tg, err := w.targets.get(send.Target, send.BaseURL)
	if err != nil {
		return w.failed(t, step.Name, step.Target, outcomeOf(err)), nil
	}
	addHeaders(&send.Request, send.Headers)
	d := &delivery{turnState: t, step: step, send: send, target: tg}
	d.js().Target = send.Target
	if !send.Repeatable {
		if v, err := w.reserve(ctx, d); v != nil || err != nil || d.js().State == journal.Done {
			return v, err
		}
	}
	pass, pause, err := tg.limits.Enter(ctx, t.p.Name, t.r.Annotation)
	if err != nil {
		return nil, err
	}
	if pause != nil {
		return ptr(parked(pause.Until, pause.Reason, pause.Message)), nil
	}
	defer func() {
		w.record(ctx, t.r, d.tried...)
		if err := pass.Leave(ctx, d.last); err != nil {
			w.Log.Warn("the breaker did not learn of an outcome", append(idsOf(&t.r.Record), zap.String("target", send.Target), zap.Error(err))...)
		}
	}()
	if v, err := w.lookFirst(ctx, d); v != nil || err != nil || d.js().State == journal.Done {
		return v, err
	}
	return w.act(ctx, d)
}

// addHeaders adds the target's own headers below the step's.
func addHeaders(req *target.Request, headers http.Header) {
	if req.Header == nil {
		req.Header = http.Header{}
	}
	for name, values := range headers {
		if req.Header.Values(name) == nil {
			req.Header[name] = values
		}
	}
}

// lookFirst looks whether the effect is there: after an uncertain attempt always, before the first send by option.
func (w *Worker) lookFirst(ctx context.Context, d *delivery) (*verdict, error) {
	js := d.js()
	if !unsure(js) {
		if d.step.Config.Find == nil || !d.step.Config.Find.First || js.Looked || d.changes() {
			return nil, nil
		}
		v, _, err := w.look(ctx, d, 1)
		return v, err
	}
	if js.State == journal.Intended && d.claim.Run != "" { // the outcome of that request was never recorded
		js.State = journal.Uncertain
		if err := w.Journal.Doubt(ctx, d.claim, js.NotAfter); err != nil {
			return nil, err
		}
	}
	if !d.canLook() {
		return w.blind(ctx, d)
	}
	if from := js.NotAfter.Add(d.findAfter()); w.Now().Before(from) {
		return ptr(waiting(from, outcome.Outcome{Reason: "uncertain", Message: "waits before looking whether the last attempt arrived"})), nil
	}
	v, gone, err := w.look(ctx, d, d.findMisses())
	if v != nil || err != nil || !gone {
		return v, err
	}
	js.State = journal.Failed // surely not there
	if d.claim.Run != "" {
		if err := w.Journal.Clear(ctx, d.claim); err != nil {
			return nil, err
		}
	}
	return w.order(ctx, d.turnState) // a newer event had to wait for this
}

func unsure(js *journal.Step) bool {
	return js.State == journal.Intended || js.State == journal.Uncertain
}

// changes: the send replaces a document that was delivered before under its key.
func (d *delivery) changes() bool {
	return d.entry.Fingerprint != "" && d.entry.State != journal.Delivered
}

// canLook: a look-up can tell. Of a change it can only with same:, as the former document is there in any case.
func (d *delivery) canLook() bool {
	return d.send.CanFind() && (!d.changes() || !d.step.Config.Find.Same.IsZero())
}

// blind decides about an uncertain step that cannot be looked up.
func (w *Worker) blind(ctx context.Context, d *delivery) (*verdict, error) {
	js := d.js()
	switch {
	case d.send.Request.Safe, d.send.Repeatable, d.step.Config.OnUncertain == configs.UncertainRetry:
		if now := w.Now(); now.Before(js.NotAfter) {
			return ptr(waiting(js.NotAfter, outcome.Outcome{Reason: "uncertain", Message: "waits until the last attempt has surely ended"})), nil
		}
		js.State = journal.Failed
		if d.send.Repeatable {
			return nil, nil
		}
		return nil, w.Journal.Repeat(ctx, d.claim)
	case d.step.Config.OnUncertain == configs.UncertainAssumeDone:
		return nil, w.deliver(ctx, d, nil)
	}
	return ptr(dead(d.step.Name, d.send.Target, outcome.Outcome{
		Kind: outcome.Uncertain, Reason: "uncertain",
		Message: "may already be at the ERP: the last attempt got no answer and the pipeline has no look-up; " +
			"look there, then resolve it as delivered or not delivered",
	})), nil
}

// look asks the target. gone says that as many look-ups in a row as wanted found nothing.
func (w *Worker) look(ctx context.Context, d *delivery, misses int) (v *verdict, gone bool, err error) {
	req, err := d.send.FindRequest(ctx)
	if err != nil {
		return w.failed(d.turnState, d.step.Name, d.send.Target, outcomeOf(err)), false, nil
	}
	start := w.Now()
	addHeaders(req, d.send.Headers)
	callCtx, span := trace.Start(ctx, "find")
	resp, o := d.target.Do(callCtx, req)
	found := d.send.JudgeFind(ctx, resp, o)
	trace.EndAttempt(span, d.send.Target, found.Outcome)
	w.attempted(d, "find", start, found.Outcome, nil)
	js := d.js()
	js.Looked = true
	switch found.Kind {
	case pipeline.Hit:
		return w.found(ctx, d, found.Kept)
	case pipeline.Different:
		js.State = journal.Failed // what is there is not ours
		return w.failed(d.turnState, d.step.Name, d.send.Target, found.Outcome), false, nil
	case pipeline.Failed:
		js.Looked = false
		return w.failed(d.turnState, d.step.Name, d.send.Target, found.Outcome), false, nil
	case pipeline.Miss:
	}
	if js.Misses++; js.Misses < misses {
		at := w.Now().Add(max(d.findAfter(), betweenMisses))
		return ptr(waiting(at, outcome.Outcome{Reason: "looked_once", Message: "not found yet; looks once more before sending again"})), false, nil
	}
	js.Misses = 0
	return nil, true, nil
}

// found takes over what a look-up found. It may be the document of an earlier request, made before the invoice was
// corrected: then the claim is asked anew.
func (w *Worker) found(ctx context.Context, d *delivery, kept map[string]json.RawMessage) (v *verdict, gone bool, err error) {
	if d.claim.Run == "" {
		return nil, false, w.keep(ctx, d, kept)
	}
	e, err := w.Journal.Found(ctx, d.claim, kept)
	if err != nil {
		return nil, false, err
	}
	if e.Fingerprint == d.claim.Fingerprint {
		return nil, false, w.keep(ctx, d, e.Kept)
	}
	d.js().State = journal.Failed // this document is surely not there
	v, err = w.reserve(ctx, d)
	return v, v == nil && d.js().State != journal.Done, err
}

// act writes the intent, sends, and records the result.
func (w *Worker) act(ctx context.Context, d *delivery) (*verdict, error) {
	js := d.js()
	timeout := d.timeout()
	// without the monotonic clock, which stands still while the machine sleeps: others see the wall clock
	js.State, js.NotAfter = journal.Intended, w.Now().Round(0).Add(timeout)
	if err := d.r.Save(ctx); err != nil {
		return nil, err
	}
	start := w.Now().Round(0)
	left := d.js().NotAfter.Sub(start)
	if left < timeout/2 { // this process was stopped in between: too late to begin
		return nil, fmt.Errorf("step %s: frozen between intent and request", d.step.Name)
	}
	sendCtx, cancel := context.WithTimeout(ctx, left)
	sendCtx, span := trace.Start(sendCtx, "send")
	req := witness(d.send.Request)
	resp, o := d.target.Do(sendCtx, &req.Request)
	cancel()
	o, kept := d.send.Judge(ctx, resp, o)
	trace.EndAttempt(span, d.send.Target, o)
	w.attempted(d, "send", start, o, req.sent())
	switch {
	case o.Kind == outcome.Duplicate && kept == nil && d.canLook():
		return w.taken(ctx, d, o)
	case o.Done():
		return nil, w.deliver(ctx, d, kept)
	}
	js = d.js()
	if o.Kind != outcome.Uncertain {
		js.State = journal.Failed
		if o.Doubtful && d.claim.Run != "" {
			if err := w.Journal.Repeat(ctx, d.claim); err != nil {
				return nil, err
			}
		}
		return w.failed(d.turnState, d.step.Name, d.send.Target, o), nil
	}
	js.State = journal.Uncertain
	if d.claim.Run != "" {
		if err := w.Journal.Doubt(ctx, d.claim, js.NotAfter); err != nil {
			return nil, err
		}
	}
	return w.doubt(ctx, d, o)
}

// taken looks once whose document the target refused ours for. One that the look-up does not find is not ours.
func (w *Worker) taken(ctx context.Context, d *delivery, refusal outcome.Outcome) (*verdict, error) {
	d.js().State = journal.Failed // what is there, this request did not put there
	v, gone, err := w.look(ctx, d, 1)
	if v != nil || err != nil || !gone {
		return v, err
	}
	refusal.Kind = outcome.Rejected
	return w.failed(d.turnState, d.step.Name, d.send.Target, refusal), nil
}

// doubt decides what follows an uncertain attempt.
func (w *Worker) doubt(ctx context.Context, d *delivery, o outcome.Outcome) (*verdict, error) {
	js := d.js()
	if !d.canLook() {
		if v, err := w.blind(ctx, d); v != nil || err != nil || js.State == journal.Done {
			return v, err
		}
		return w.failed(d.turnState, d.step.Name, d.send.Target, o), nil
	}
	v := w.failed(d.turnState, d.step.Name, d.send.Target, o)
	if from := js.NotAfter.Add(d.findAfter()); !v.state.Settled() && v.at.Before(from) {
		v.at = from
	}
	return v, nil
}

// deliver records the effect: the ledger first, then the journal. A crash between is mended by the ledger's entry.
func (w *Worker) deliver(ctx context.Context, d *delivery, kept map[string]json.RawMessage) error {
	if d.claim.Run != "" {
		if err := w.Journal.Deliver(ctx, d.claim, kept); err != nil {
			return err
		}
	}
	return w.keep(ctx, d, kept)
}

func (w *Worker) keep(ctx context.Context, d *delivery, kept map[string]json.RawMessage) error {
	js := d.js()
	js.State, js.Kept, js.Since = journal.Done, kept, time.Time{}
	d.r.Starts = 0
	d.scope.SetKept(d.step.Name, kept)
	return d.r.Save(ctx)
}
