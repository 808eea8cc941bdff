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
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/target/limits"
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
	unclaimed atomic.Int32 // sweeps in a row that saw messages without a consumer
}

// New makes a worker; it does nothing before Run.
func New(o Options) (*Worker, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	rossum, err := newAccounts(o.Config, o.Answers, o.Limits)
	if err != nil {
		return nil, err
	}
	return &Worker{Options: o, targets: newTargets(o.Config, o.Limits), rossum: rossum}, nil
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
			Name: p.Name, Limit: p.Config.Concurrency, Slots: w.slots(p.Config.Concurrency), AckWait: w.ackWait(),
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
