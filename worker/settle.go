package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/operate"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
	"github.com/rossum-relay/rossum-relay/worker/target/limits"
)

// verdict is how a turn ended.
type verdict struct {
	state    run.State
	reason   string
	message  string
	at       time.Time // when a waiting or parked run goes on
	by       run.ID    // who took over
	waitsFor run.ID    // in whose line a parked run stands
	failure  *journal.Failure
}

func done() verdict { return verdict{state: run.Done} }

func skipped(reason, message string) verdict {
	return verdict{state: run.Skipped, reason: reason, message: message}
}

func waiting(at time.Time, o outcome.Outcome) verdict {
	return verdict{state: run.Waiting, reason: o.Reason, message: o.Message, at: at}
}

func parked(at time.Time, reason, message string) verdict {
	return verdict{state: run.Parked, reason: reason, message: message, at: at}
}

func dead(step, target string, o outcome.Outcome) verdict {
	return verdict{
		state: run.Dead, reason: o.Reason, message: o.Message,
		failure: &journal.Failure{Step: step, Target: target, Outcome: o},
	}
}

// settle stores the verdict, then publishes what follows from it, then acknowledges. A crash between any two of these
// repeats the rest when the message comes again.
func (w *Worker) settle(ctx context.Context, r *journal.Run, d *queue.Delivery, v verdict) error {
	r.State, r.Reason, r.Message, r.Next, r.By, r.Failure = v.state, v.reason, v.message, v.at, v.by, v.failure
	r.WaitsFor = v.waitsFor
	r.Hop++
	r.Starts = 0 // the turn came to an end
	r.Release()
	if v.state.Settled() {
		r.Settled = w.Now()
	}
	if err := r.Save(ctx); err != nil {
		return err
	}
	w.logTurn(r)
	w.Metrics.Turn(r.Pipeline, r.State, r.Reason, w.Now().Sub(r.Received))
	if v.state.Settled() {
		return w.finish(ctx, r, d)
	}
	return w.schedule(ctx, r, d)
}

// schedule makes sure that a waiting run is woken, then lets go of the message.
func (w *Worker) schedule(ctx context.Context, r *journal.Run, d *queue.Delivery) error {
	e := d.Envelope
	e.Hop = r.Hop
	if err := w.Queue.Schedule(ctx, d.Lane, e, d.Payload, r.Next); err != nil {
		return err
	}
	if over, err := w.waitIsOver(ctx, r); err != nil {
		return err
	} else if over {
		if err := w.Journal.Wake(ctx, r.Run); err != nil {
			return err
		}
	}
	return d.Ack(ctx)
}

// waitIsOver reports whether what a run was parked for ended while it was being parked: whoever ended it wakes only the
// runs that it finds parked.
func (w *Worker) waitIsOver(ctx context.Context, r *journal.Run) (bool, error) {
	switch {
	case r.State != run.Parked:
		return false, nil
	case r.WaitsFor != "":
		before, err := w.Journal.Get(ctx, r.WaitsFor)
		if errors.Is(err, queue.ErrNotFound) {
			return false, nil // it is about to begin
		}
		return err == nil && before.State.Settled(), err
	case r.Reason == limits.ReasonHeld:
		_, held, err := w.Limits.Held(ctx, r.Step(r.At).Target, r.Pipeline, r.Annotation)
		return err == nil && !held, err
	}
	return false, nil
}

// finish does what a settled run still owes: its answer, its dead letter, the end of its payload. It may be repeated.
func (w *Worker) finish(ctx context.Context, r *journal.Run, d *queue.Delivery) error {
	err := w.Answers.Settle(ctx, r.Run, resultOf(&r.Record))
	if errors.Is(err, answer.ErrStale) { // frozen since the run settled, which was replayed meanwhile
		return fmt.Errorf("%w: %w", journal.ErrLost, err)
	}
	if err != nil {
		return err
	}
	if err := w.Journal.Release(ctx, &r.Record); err != nil {
		return err
	}
	if err := w.leaveLine(ctx, &r.Record); err != nil {
		return err
	}
	if r.State == run.Dead {
		if err := w.bury(ctx, r, d); err != nil {
			return err
		}
		return d.Ack(ctx)
	}
	if r.State == run.Done {
		if err := w.tellLate(ctx, r); err != nil {
			return err
		}
	}
	if err := d.Ack(ctx); err != nil {
		return err
	}
	if err := w.Queue.DropPayload(ctx, d.Payload); err != nil {
		w.Log.Warn("a payload is left for the sweeper", append(idsOf(&r.Record), zap.Error(err))...)
	}
	return nil
}

// bury writes the dead letter. The run stays in the letter until a human replays, resolves or drops it.
func (w *Worker) bury(ctx context.Context, r *journal.Run, d *queue.Delivery) error {
	details, err := json.Marshal(r.Record)
	if err != nil {
		return fmt.Errorf("worker: dead letter of run %s: %w", r.Run, err)
	}
	e := d.Envelope
	e.Hop = r.Hop
	l := queue.Letter{
		Envelope: e, Lane: d.Lane, First: r.Created, Last: r.Settled, Details: details, Payload: d.Payload,
	}
	if f := r.Failure; f != nil {
		l.Step, l.Target, l.Outcome, l.Reason = f.Step, f.Target, string(f.Outcome.Kind), f.Outcome.Reason
		l.Attempts, l.Cause = r.Tries(), operate.Cause(w.Queue, r.Pipeline, f)
	}
	return w.Queue.Bury(ctx, l)
}

// resultOf is what a settled run tells Rossum.
func resultOf(r *journal.Record) answer.Result {
	res := answer.Result{State: r.State, Hop: r.Hop, Settled: r.Settled, By: r.By, NotTaken: r.Reason == reasonOtherQueue,
		Messages: r.Messages, Operations: r.Operations, AutomationBlockers: r.AutomationBlockers,
		Files: r.Files, AdditionalFiles: r.AdditionalFiles, Reply: r.Reply}
	if r.State != run.Dead || r.Failure == nil {
		return res
	}
	o := r.Failure.Outcome
	res.Operations = nil
	for _, f := range o.Fields {
		m := rossumapi.Message{Type: f.Type, Content: f.Text}
		if f.Datapoint != 0 {
			m.ID = f.Datapoint
		}
		res.Messages = append(res.Messages, m)
	}
	if !hasError(o.Fields) || r.Failure.Target != "" && !tells(o.Fields, o.Message) {
		res.Messages = append(res.Messages, rossumapi.Error(deadText(r)))
	}
	return res
}

func deadText(r *journal.Record) string {
	f := r.Failure
	if f.Target == "" {
		return fmt.Sprintf("%s: %s", r.Pipeline, f.Outcome.Message)
	}
	return fmt.Sprintf("%s: not delivered to %s: %s", r.Pipeline, f.Target, f.Outcome.Message)
}

// tells: what a target refuses stands at a field in full. Its words on single fields alone are half of them: "tax code V9
// is invalid", but not that the period is closed.
func tells(fields []outcome.Field, message string) bool {
	return slices.ContainsFunc(fields, func(f outcome.Field) bool { return strings.Contains(f.Text, message) })
}

func hasError(fields []outcome.Field) bool {
	for _, f := range fields {
		if f.Type == "" || f.Type == rossumapi.TypeError {
			return true
		}
	}
	return false
}

// backoff is exponential with full jitter: the n-th wait, from 0, is anything up to first*2^n, at most max.
func backoff(r configs.Retry, n int) time.Duration {
	bound := r.First.D()
	for range n {
		if bound *= 2; bound >= r.Max.D() {
			break
		}
	}
	bound = max(min(bound, r.Max.D()), time.Millisecond)
	return time.Duration(rand.Int64N(int64(bound))) //nolint:gosec // jitter needs no secrecy
}

func (w *Worker) logTurn(r *journal.Run) {
	fields := append(idsOf(&r.Record), zap.String("state", string(r.State)), zap.String("reason", r.Reason), zap.String("step", r.At))
	switch r.State {
	case run.Dead:
		w.Log.Warn("run is dead", fields...)
	case run.Waiting, run.Parked:
		w.Log.Info("run waits", append(fields, zap.Time("until", r.Next))...)
	default:
		w.Log.Info("run ended", fields...)
	}
}
