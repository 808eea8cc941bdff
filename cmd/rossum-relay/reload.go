package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
)

// How a reload ended, in the log.
const (
	takenUp    = "the configuration was taken up"
	notTakenUp = "the changed configuration is not taken up; the old one stays"
)

// generation is what lives as long as one configuration.
type generation struct {
	cfg    *configs.Config
	worker *worker.Worker // nil in a process without one
}

// runGenerations works with the current configuration, and after each reload with the next one, until ctx ends. The worker
// of the old one has drained before the next one begins, so that no target gets more calls at once than it may.
func (s *service) runGenerations(ctx context.Context) error {
	for {
		next, err := s.runGeneration(ctx, s.current.Load())
		if next == nil || err != nil {
			return err
		}
		s.current.Store(next)
		s.log.Info(takenUp, zap.String("hash", next.cfg.Hash))
	}
}

// runGeneration works until ctx ends, or until a reload gives what comes next.
func (s *service) runGeneration(ctx context.Context, g *generation) (next *generation, err error) {
	working, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.live(working, g) }()
	for {
		select {
		case err := <-ended:
			return nil, err
		case <-s.reloads:
			if next = s.reload(ctx); next == nil {
				continue
			}
			stop()
			err := <-ended
			if ctx.Err() != nil {
				return nil, err
			}
			if err != nil { // what it did not give back comes again
				s.log.Warn("the worker of the old configuration did not end well", zap.Error(err))
			}
			return next, nil
		}
	}
}

// live runs what a generation has until ctx ends.
func (s *service) live(ctx context.Context, g *generation) error {
	if g.worker == nil {
		<-ctx.Done()
		return nil
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	wg.Go(func() { s.reconcile(ctx, g.cfg) })
	return g.worker.Run(ctx)
}

// reload reads the configuration anew and gives it to ingest. Where anything is wrong it says all of it in the log, changes
// nothing and returns nil; so it does when ctx has ended.
func (s *service) reload(ctx context.Context) *generation {
	next, err := s.prepare(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if err == nil && s.ingest != nil {
		err = s.ingest.Reload(next.cfg)
	}
	if err != nil {
		s.refuse(err)
		return nil
	}
	logWarnings(s.log, next.cfg)
	if late := s.needRestart(next.cfg); len(late) > 0 {
		s.log.Warn("needs a restart: " + strings.Join(late, ", "))
	}
	return next
}

// prepare opens what the next generation needs, and touches nothing of the current one.
func (s *service) prepare(ctx context.Context) (*generation, error) {
	cfg, err := s.load()
	if err != nil {
		return nil, err
	}
	if err := cfg.Resolve(s.roles...); err != nil {
		return nil, err
	}
	set, err := pipeline.Compile(cfg)
	if err != nil {
		return nil, err
	}
	next := &generation{cfg: cfg}
	if s.current.Load().worker != nil {
		next.worker, err = s.newWorker(ctx, cfg, set)
	}
	return next, err
}

// refuse says in the log why a configuration was not taken up, one line for each problem.
func (s *service) refuse(err error) {
	problems, ok := errors.AsType[configs.Errors](err)
	if !ok {
		s.log.Error(notTakenUp, zap.Error(err))
		return
	}
	shown, rest := problems.Shown()
	for _, p := range shown {
		s.log.Error("configuration", zap.String("problem", p.Error()))
	}
	s.log.Error(notTakenUp, zap.Int("problems", len(problems)), zap.Int("not_shown", rest))
}

// needRestart names what differs from the configuration the process began with and is taken up at its start only.
func (s *service) needRestart(cfg *configs.Config) []string {
	late := configs.Changed(s.cfg, cfg, "queue", "ingest", "metrics", "traces", "alerts", "console", "log")
	late = slices.DeleteFunc(late, func(path string) bool {
		switch path {
		case "ingest.public_url", "ingest.max_body", "queue.retention.journal", "queue.retention.ledger":
			return true
		}
		return false
	})
	if s.console != nil && cfg.Hash != s.cfg.Hash {
		late = append(late, "the console, which shows the old pipelines and targets")
	}
	if added(namesOf(s.cfg.Pipelines), namesOf(cfg.Pipelines)) || added(namesOf(s.cfg.Targets), namesOf(cfg.Targets)) {
		late = append(late, "gauges of new pipelines and targets")
	}
	return late
}

func added(was, is []string) bool {
	return slices.ContainsFunc(is, func(name string) bool { return !slices.Contains(was, name) })
}
