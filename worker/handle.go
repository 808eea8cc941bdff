package worker

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
	"github.com/rossum-relay/rossum-relay/worker/trace"
)

const (
	// maxStarts without a recorded outcome make a run poison: it crashes or hangs whoever takes it.
	maxStarts = 5
	// nakPause is how soon a message comes again after trouble with the queue itself.
	nakPause = 5 * time.Second
	// suspectPause is how soon a suspect comes again while another one is in work.
	suspectPause = time.Second
	maxStack     = 8 << 10
	// giveBackWithin bounds the last write of a turn that was cut short.
	giveBackWithin = 5 * time.Second
)

// handle takes one message to the end of its turn. The message is acknowledged only after the run's next state is
// stored; whatever goes wrong before, it comes again. stopping ends when the worker shall stop.
func (w *Worker) handle(ctx, stopping context.Context, d *queue.Delivery) {
	log := w.Log.With(idsOfEnvelope(d.Envelope)...)
	if d.Broken != nil {
		w.buryBroken(ctx, d, log)
		return
	}
	if _, busy := w.inWork.LoadOrStore(d.Run, true); busy { // a second message of a run this process is working on
		_ = d.Nak(nakPause)
		return
	}
	defer w.inWork.Delete(d.Run)
	defer w.Metrics.Begin(d.Pipeline)()
	defer w.renew(d, log)()
	err := w.turn(ctx, stopping, d)
	var leased *journal.LeasedError
	switch {
	case err == nil:
		return
	case errors.As(err, &leased):
		_ = d.Nak(min(max(leased.Until.Sub(w.Now()), time.Second), nakPause))
		return
	case errors.Is(err, journal.ErrSuspect):
		_ = d.Nak(suspectPause)
		return
	case errors.Is(err, journal.ErrLost):
		log.Info("run was taken over; leaving it", zap.Error(err))
	default:
		log.Warn("run cannot go on now; it comes again", zap.Error(err))
	}
	_ = d.Nak(nakPause)
}

// turn is one turn of a run: take, plan, run steps, settle, acknowledge, in a span of its event's trace.
func (w *Worker) turn(ctx, stopping context.Context, d *queue.Delivery) error {
	r, leave, err := w.take(ctx, d)
	if err != nil {
		return err
	}
	defer leave()
	if r.State.Settled() {
		return w.finish(ctx, r, d)
	}
	if r.Idle(d.Hop, w.Now()) {
		return w.reschedule(ctx, r, d)
	}
	if !r.Next.IsZero() && r.Starts == 1 {
		w.Metrics.Late(w.Now().Sub(r.Next))
	}
	ctx, span, parent := w.Trace.Turn(ctx, turnOf(d.Envelope, r.Trace))
	if parent != "" {
		r.Trace = parent // to which the next turn is linked
	}
	err = w.work(ctx, stopping, r, d)
	trace.EndTurn(span, r.State, r.Reason, err)
	return err
}

func turnOf(e queue.Envelope, last string) trace.Turn {
	return trace.Turn{
		Run: e.Run, Pipeline: e.Pipeline, Hook: e.Hook, Event: e.Event, Key: e.Key, Generation: e.Generation, Hop: e.Hop,
		Annotation: e.Annotation, Parent: e.Trace, Last: last,
	}
}

// work runs the steps of a run this worker has taken, and settles it.
func (w *Worker) work(ctx, stopping context.Context, r *journal.Run, d *queue.Delivery) error {
	v, err := w.guarded(ctx, stopping, r, d)
	if errors.Is(err, errStopping) {
		if err := w.giveBack(ctx, r); err != nil {
			return err
		}
		return d.Nak(0)
	}
	if errors.Is(err, errHangs) { // its start stays counted
		r.Release()
		return errors.Join(err, r.Save(ctx))
	}
	if err != nil {
		return errors.Join(err, w.giveBack(ctx, r))
	}
	return w.settle(ctx, r, d, v)
}

// take takes the run of a message; leave ends the turn. Runs that were started before without getting to an outcome go
// one at a time in a process: where one of them crashes it, the others are not started again and again beside it until
// they are taken for poison too.
func (w *Worker) take(ctx context.Context, d *queue.Delivery) (r *journal.Run, leave func(), err error) {
	r, err = w.Journal.Take(ctx, d.Envelope, d.Lane, w.Name, w.ackWait())
	if !errors.Is(err, journal.ErrSuspect) {
		return r, func() {}, err
	}
	if !w.suspect.TryLock() {
		return nil, nil, err
	}
	if r, err = w.Journal.TakeAlone(ctx, d.Envelope, d.Lane, w.Name, w.ackWait()); err != nil {
		w.suspect.Unlock()
		return nil, nil, err
	}
	return r, w.suspect.Unlock, nil
}

// reschedule makes sure that a run that waits will be woken, when an older message of it comes. The server may have purged
// its schedule when it fired the one before; the hop is raised, or the queue would take the schedule for one it has.
func (w *Worker) reschedule(ctx context.Context, r *journal.Run, d *queue.Delivery) error {
	r.Hop++
	if err := r.Save(ctx); err != nil {
		return err
	}
	return w.schedule(ctx, r, d)
}

// giveBack lets another worker go on at once: a deploy, or trouble with the queue, counts no start. It does so also when
// the time to drain is over.
func (w *Worker) giveBack(ctx context.Context, r *journal.Run) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBackWithin)
	defer cancel()
	r.Starts--
	r.Release()
	return r.Save(ctx)
}

// errHangs ends a turn that takes longer than all its steps together may.
var errHangs = errors.New("the run hangs")

// turnBase is how long a turn may take beside what its steps may: for computing, for Rossum's API and for places at
// targets.
const turnBase = 15 * time.Minute

// longest is how long one turn of a pipeline's run may take.
func (w *Worker) longest(p *pipeline.Pipeline) time.Duration {
	d := turnBase
	for _, s := range p.Steps {
		timeout := s.Config.Timeout.D()
		if t, ok := w.Config.Targets.Get(s.Target); ok && timeout <= 0 {
			timeout = t.Timeout.D()
		}
		d += 2 * max(timeout, defaultTimeout) // to look and to send
	}
	return d
}

// guarded runs the steps and turns a panic into a dead letter.
func (w *Worker) guarded(ctx, stopping context.Context, r *journal.Run, d *queue.Delivery) (v verdict, err error) {
	if r.Starts > maxStarts {
		return dead(r.At, "", outcome.Outcome{
			Kind: outcome.Misconfigured, Reason: "poison",
			Message: fmt.Sprintf("the run was started %d times without getting to an outcome: it crashes or hangs the worker", maxStarts),
		}), nil
	}
	defer func() {
		if p := recover(); p != nil {
			stack := string(debug.Stack())
			r.Stack = fmt.Sprintf("%v\n%s", p, stack[:min(len(stack), maxStack)])
			v, err = dead(r.At, "", outcome.Outcome{
				Kind: outcome.Misconfigured, Reason: "panic",
				Message: "the relay itself failed on this run; the stack is in its journal",
			}), nil
		}
	}()
	if p, ok := w.Pipelines.Pipeline(r.Pipeline); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, w.longest(p), errHangs)
		defer cancel()
	}
	v, err = w.process(ctx, stopping, r, d)
	if ctx.Err() != nil { // cut short: what it says is about the stop, not about the run
		return verdict{}, errors.Join(context.Cause(ctx), err)
	}
	return v, err
}

// renew keeps the message ours while it is in work; the returned function ends that.
func (w *Worker) renew(d *queue.Delivery, log *zap.Logger) func() {
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTicker(w.ackWait() / 3)
		defer t.Stop()
		for {
			select {
			case <-stop:
				return
			case <-t.C:
				if err := d.Renew(); err != nil {
					log.Debug("renew", zap.Error(err))
				}
			}
		}
	}()
	return func() { close(stop); <-done }
}

// buryBroken keeps a message that is no run, whole, where a human finds it.
func (w *Worker) buryBroken(ctx context.Context, d *queue.Delivery, log *zap.Logger) {
	sum := sha256.Sum256(d.Raw)
	id := run.NewID(run.NewEventKey("broken", "broken", string(sum[:])), "broken", 1)
	if err := w.Queue.BuryBroken(ctx, d, id); err != nil {
		log.Error("a broken message cannot be set aside", zap.Error(err))
		_ = d.Nak(nakPause)
		return
	}
	log.Error("a broken message was set aside as a dead letter", zap.String("id", string(id)), zap.Error(d.Broken))
	if err := d.Ack(ctx); err != nil {
		log.Warn("ack", zap.Error(err))
	}
}
