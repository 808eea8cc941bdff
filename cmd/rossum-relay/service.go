package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/ingest"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker"
	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/metrics"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/target/limits"
	"github.com/rossum-relay/rossum-relay/worker/tokens"
)

// service is one process of the relay with its roles.
type service struct {
	cfg      *configs.Config // as the process began; see current
	roles    []configs.Role
	log      *zap.Logger
	queue    *queue.Queue
	journal  *journal.Journal
	answers  *answer.Store
	tokens   *tokens.Store
	ingest   *ingest.Server
	monitor  *monitor
	work     *metrics.Work
	listener net.Listener
	console  *desk // nil where there is none

	current atomic.Pointer[generation]
	reloads <-chan os.Signal                // each takes up what load returns; nil for never
	load    func() (*configs.Config, error) // reads the configuration anew
}

// openService opens everything the roles need; it takes no events yet.
func openService(ctx context.Context, cfg *configs.Config, log *zap.Logger, opts []queue.Option, roles ...configs.Role) (_ *service, err error) {
	s := &service{cfg: cfg, roles: roles, log: log}
	s.current.Store(&generation{cfg: cfg})
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if err := cfg.Resolve(roles...); err != nil {
		return nil, err
	}
	set, err := pipeline.Compile(cfg)
	if err != nil {
		return nil, err
	}
	if s.monitor, err = openMonitor(ctx, cfg, log); err != nil {
		return nil, err
	}
	if err := s.openQueue(ctx, append(opts, queue.WithMetrics(s.monitor.registry)), roles); err != nil {
		return nil, err
	}
	if err := s.monitor.watchQueue(ctx, s); err != nil {
		return nil, err
	}
	for _, role := range roles {
		switch role {
		case configs.RoleIngest:
			err = s.openIngest(slices.Contains(roles, configs.RoleWorker))
		case configs.RoleWorker:
			err = s.openWorker(ctx, set)
		case configs.RoleConsole:
			err = s.openConsole(ctx, set, len(roles) == 1)
		}
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

// compiles reports every problem of a configuration's templates and expressions.
func compiles(cfg *configs.Config) error {
	_, err := pipeline.Compile(cfg)
	return err
}

func (s *service) openQueue(ctx context.Context, opts []queue.Option, roles []configs.Role) error {
	cfg := s.cfg.Queue
	mode := queue.Serve
	if cfg.URL == "" && len(roles) == 1 && roles[0] != configs.RoleIngest {
		mode = queue.Attach // a worker or console of its own beside the process that serves the embedded queue
	}
	var err error
	if s.queue, err = queue.Open(ctx, cfg, mode, "service", s.log, opts...); err != nil {
		return err
	}
	if s.journal, err = journal.Open(ctx, s.queue, time.Now); err != nil {
		return err
	}
	s.answers, err = answer.Open(ctx, s.queue, time.Now)
	return err
}

// openIngest makes the ingest. Only beside a worker it may log in to Rossum, to find the names of queues.
func (s *service) openIngest(beside bool) (err error) {
	o := ingest.Options{Config: s.cfg, Queue: s.queue, Store: s.answers, Log: s.log.Named("ingest"), Metrics: s.monitor.registry}
	if beside {
		o.Resolve = newQueueNames(func(environment string) (*rossumapi.Client, error) {
			return relayClient(s.current.Load().cfg, environment, s.tokens)
		}).resolve
	}
	if s.monitor.tracer != nil {
		o.Trace = s.monitor.tracer.Event
	}
	if s.ingest, err = ingest.New(o); err != nil {
		return err
	}
	if s.listener, err = net.Listen("tcp", s.cfg.Ingest.Listen); err != nil {
		return fmt.Errorf("ingest.listen: %w", err)
	}
	return nil
}

func (s *service) openWorker(ctx context.Context, set *pipeline.Set) (err error) {
	if s.tokens, err = tokens.Open(ctx, s.queue, time.Now); err != nil {
		return err
	}
	s.work = metrics.NewWork(s.monitor.registry)
	w, err := s.newWorker(ctx, s.cfg, set)
	if err != nil {
		return err
	}
	s.current.Store(&generation{cfg: s.cfg, worker: w})
	return s.monitor.openAlerts(ctx, s, w.Name, s.first)
}

// newWorker makes a worker with a name that no other had.
func (s *service) newWorker(ctx context.Context, cfg *configs.Config, set *pipeline.Set) (*worker.Worker, error) {
	host, _ := os.Hostname()
	name := fmt.Sprintf("%s-%d-%d", host, os.Getpid(), time.Now().UnixNano())
	shared, err := limits.Open(ctx, s.queue, name, time.Now, s.log.Named("limits"))
	if err != nil {
		return nil, err
	}
	return worker.New(worker.Options{
		Config: cfg, Pipelines: set, Queue: s.queue, Journal: s.journal, Answers: s.answers, Limits: shared, Tokens: s.tokens,
		Log: s.log.Named("worker"), Name: name, Slots: cfg.Worker.Slots, Metrics: s.work, Trace: s.monitor.tracer, Found: s.monitor.found,
	})
}

// first reports whether this process's worker is the first of the living.
func (s *service) first() bool { return s.current.Load().worker.Limits.First() }

// run serves until ctx ends, then drains: no new events, runs in work finish their step.
func (s *service) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.monitor.run(ctx, s) })
	if s.ingest != nil {
		g.Go(func() error { return s.ingest.Serve(ctx, s.listener) })
		s.log.Info("ingest listens", zap.String("address", s.listener.Addr().String()))
	}
	g.Go(func() error { return s.runGenerations(ctx) })
	s.console.run(ctx, g, s.log)
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func (s *service) close() {
	if s.monitor != nil {
		s.monitor.close(s.log)
	}
	if s.listener != nil {
		_ = s.listener.Close()
	}
	s.console.close()
	if s.queue != nil {
		s.queue.Close()
	}
}
