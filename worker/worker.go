// Package worker is the run loop: it takes a run's message, plans, runs the
// next step, journals the result and settles. Any number of workers may share
// one queue.
package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/metrics"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/target/limits"
	"github.com/rossum-relay/rossum-relay/worker/tokens"
	"github.com/rossum-relay/rossum-relay/worker/trace"
)

const defaultAckWait = 60 * time.Second

// Options is what a Worker works with.
type Options struct {
	Config    *configs.Config
	Pipelines *pipeline.Set
	Queue     *queue.Queue
	Journal   *journal.Journal
	Answers   *answer.Store
	Limits    *limits.Limits
	Log       *zap.Logger
	// Tokens is the cache of tokens that all workers share. Defaults to one of this worker alone.
	Tokens *tokens.Store
	// Metrics may be nil.
	Metrics *metrics.Work
	// Trace may be nil: then nothing is traced.
	Trace *trace.Tracer
	// Found hears what each sweep found; it may be nil.
	Found func(context.Context, []Finding)
	// Name tells workers apart, the same as the name of Limits; it must be another one in each process and after each start.
	Name string
	// Slots bounds the runs in work per pipeline in this process. Defaults to the pipeline's concurrency.
	Slots int
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Worker takes runs from the lanes of all configured pipelines.
type Worker struct {
	Options
	targets   *targets
	rossum    *accounts
	inWork    sync.Map     // run.ID: runs this process is working on
	suspect   sync.Mutex   // held by the one suspect in work
	unclaimed atomic.Int32 // sweeps in a row that saw messages without a consumer
}

// New makes a worker; it does nothing before Run.
func New(o Options) (*Worker, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Tokens == nil {
		o.Tokens = tokens.Local()
	}
	rossum, err := newAccounts(o.Config, o.Answers, o.Limits, o.Tokens, o.Metrics)
	if err != nil {
		return nil, err
	}
	return &Worker{Options: o, targets: newTargets(o.Config, o.Limits, o.Tokens), rossum: rossum}, nil
}

// Run works until ctx ends, then lets runs in work finish their step, at most for worker.drain. It blocks.
func (w *Worker) Run(ctx context.Context) error {
	defer w.targets.close()
	defer w.rossum.close()
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() {
		time.AfterFunc(w.Config.Worker.Drain.D(), stop)
	})()
	if err := w.Limits.Join(ctx); err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	var wg sync.WaitGroup
	errs := make(chan error, len(w.Pipelines.All())+3)
	for _, p := range w.Pipelines.All() {
		lane := queue.Lane{
			Name: p.Name, Limit: p.Config.Concurrency, Slots: w.slots(p.Config.Concurrency), AckWait: w.ackWait(), Shut: w.shut(p),
		}
		wg.Go(func() {
			errs <- w.Queue.Consume(ctx, lane, func(_ context.Context, d *queue.Delivery) { w.handle(work, ctx, d) })
		})
	}
	wg.Go(func() { errs <- w.Queue.Move(ctx) })
	wg.Go(func() { errs <- w.Limits.Run(ctx) })
	wg.Go(func() { errs <- w.sweepLoop(ctx) })
	wg.Wait()
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	if err := errors.Join(all...); err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	return nil
}

// shut keeps a lane shut while the breaker of the only target its runs send to is open: what waits there stays where it
// is, rather than being taken, parked and woken run by run, which would slow the lanes of other targets. Holds and opening
// hours park each run, so that each says why it waits.
func (w *Worker) shut(p *pipeline.Pipeline) func(context.Context) time.Duration {
	name, baseURL, ok := p.OnlyTarget()
	if !ok {
		return nil
	}
	return func(ctx context.Context) time.Duration {
		tg, err := w.targets.get(name, baseURL)
		if err != nil {
			return 0 // each run says so
		}
		return tg.limits.Shut(ctx)
	}
}

func (w *Worker) slots(limit int) int {
	if w.Slots > 0 {
		return min(w.Slots, limit)
	}
	return limit
}

func (w *Worker) ackWait() time.Duration {
	if d := w.Config.Worker.AckWait.D(); d > 0 {
		return d
	}
	return defaultAckWait
}
