package metrics

import (
	"context"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/target/limits"
)

const (
	// lookEvery is how often the watcher looks; where a look takes long, it takes a twentieth of the time at most.
	lookEvery = 15 * time.Second
	lookShare = 20
)

// Snapshot is what the watcher saw last.
type Snapshot struct {
	// At is when it looked; zero before the first look.
	At time.Time
	// Err is why the look failed; what is below is then what it saw before that.
	Err error
	// Took is how long the look took.
	Took     time.Duration
	Health   queue.Health
	Breakers []limits.State
	Holds    []limits.Hold
}

// Watcher looks at the queue, the breakers and the holds again and again. Last never blocks.
type Watcher struct {
	monitor   *queue.Monitor
	limits    *limits.Limits // of an onlooker, who takes no share
	pipelines []string
	now       func() time.Time
	log       *zap.Logger
	last      atomic.Pointer[Snapshot]
}

// WatcherOptions is what a Watcher works with.
type WatcherOptions struct {
	Queue *queue.Queue
	// Pipelines that are configured: no other gets a series.
	Pipelines []string
	Log       *zap.Logger
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// NewWatcher makes a watcher; it looks for the first time when it runs.
func NewWatcher(ctx context.Context, o WatcherOptions) (*Watcher, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	w := &Watcher{monitor: o.Queue.Monitor(o.Pipelines), pipelines: o.Pipelines, now: o.Now, log: o.Log}
	w.last.Store(&Snapshot{})
	var err error
	w.limits, err = limits.Open(ctx, o.Queue, "watcher", o.Now, o.Log)
	return w, err
}

// Run looks until ctx ends. It blocks.
func (w *Watcher) Run(ctx context.Context) {
	for {
		s := w.Look(ctx)
		if ctx.Err() != nil {
			return
		}
		if s.Err != nil {
			w.log.Warn("the queue cannot be watched now", zap.Error(s.Err))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(lookEvery, lookShare*s.Took)):
		}
	}
}

// Look looks once. It is not safe for concurrent use. It blocks, at most for a minute.
func (w *Watcher) Look(ctx context.Context) Snapshot {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	start := time.Now()
	s := *w.last.Load()
	if s.Err = w.look(ctx, &s); s.Err == nil {
		s.At = w.now()
	}
	s.Took = time.Since(start)
	w.last.Store(&s)
	return s
}

func (w *Watcher) look(ctx context.Context, s *Snapshot) error {
	health, err := w.monitor.Look(ctx)
	if err != nil {
		return err
	}
	breakers, err := w.limits.States(ctx)
	if err != nil {
		return err
	}
	holds, err := w.limits.Holds(ctx)
	if err != nil {
		return err
	}
	s.Health, s.Breakers, s.Holds = health, breakers, holds
	return nil
}

// Last is what the watcher saw last.
func (w *Watcher) Last() Snapshot { return *w.last.Load() }
