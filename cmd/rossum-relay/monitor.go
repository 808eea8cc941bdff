package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker"
	"github.com/rossum-relay/rossum-relay/worker/alert"
	"github.com/rossum-relay/rossum-relay/worker/metrics"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/trace"
)

const (
	scrapeWithin = 10 * time.Second
	flushWithin  = 5 * time.Second
)

// monitor is how one process is watched: its metrics and probes, its traces, and the alerts where it is a worker.
type monitor struct {
	registry *prometheus.Registry
	watcher  *metrics.Watcher
	tracer   *trace.Tracer
	alerts   *alert.Manager // nil where nobody is told
	listener net.Listener   // nil for none
}

// openMonitor comes before the queue, which is watched by watchQueue.
func openMonitor(ctx context.Context, cfg *configs.Config, log *zap.Logger) (*monitor, error) {
	version, revision := build()
	m := &monitor{registry: metrics.NewRegistry(version, revision)}
	var err error
	if m.tracer, err = trace.Open(ctx, cfg.Traces, version, log.Named("trace")); err != nil {
		return nil, err
	}
	if cfg.Metrics.Listen == configs.Off {
		return m, nil
	}
	if m.listener, err = net.Listen("tcp", cfg.Metrics.Listen); err != nil { // no reason to deliver nothing
		log.Warn("no metrics and probes are served: metrics.listen is taken; give each process its own, or off", zap.Error(err))
	}
	return m, nil
}

func (m *monitor) watchQueue(ctx context.Context, s *service) (err error) {
	m.watcher, err = metrics.NewWatcher(ctx, metrics.WatcherOptions{
		Queue: s.queue, Pipelines: append(namesOf(s.cfg.Pipelines), queue.BrokenPipeline), Log: s.log.Named("metrics"),
	})
	if err != nil {
		return err
	}
	return m.watcher.Register(m.registry, namesOf(s.cfg.Targets))
}

func namesOf[T any](entries configs.Named[T]) []string {
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name
	}
	return names
}

// openAlerts makes what tells people; first says which one of all workers does.
func (m *monitor) openAlerts(ctx context.Context, s *service, name string, first func() bool) (err error) {
	if len(s.cfg.Alerts.Receivers) == 0 {
		return nil
	}
	m.alerts, err = alert.New(ctx, alert.Options{
		Config: s.cfg.Alerts, Queue: s.queue, Last: m.watcher.Last, First: first, Relay: relayName(s.cfg), Log: s.log.Named("alert"), Name: name,
	})
	return err
}

// relayName tells this relay from others.
func relayName(cfg *configs.Config) string {
	if cfg.Ingest.PublicURL != "" {
		return cfg.Ingest.PublicURL
	}
	host, _ := os.Hostname()
	return host
}

// found hands a sweep's findings to the alerts: what was mended needs nobody.
func (m *monitor) found(_ context.Context, all []worker.Finding) {
	if m.alerts == nil {
		return
	}
	var open []alert.Finding
	for _, f := range all {
		if !f.Mended {
			open = append(open, alert.Finding{What: f.What, Count: f.Count, Detail: f.Detail})
		}
	}
	m.alerts.Found(open)
}

// run watches and serves until ctx ends.
func (m *monitor) run(ctx context.Context, s *service) error {
	var g errgroup.Group
	g.Go(func() error { m.watcher.Run(ctx); return nil })
	if m.alerts != nil {
		g.Go(func() error { m.alerts.Run(ctx); return nil })
	}
	if m.listener != nil {
		s.log.Info("metrics and probes listen", zap.String("address", m.listener.Addr().String()))
		g.Go(func() error { return m.serve(ctx, s) })
	}
	return g.Wait()
}

func (m *monitor) serve(ctx context.Context, s *service) error {
	ready := func(probe context.Context) (bool, []byte) {
		if ctx.Err() != nil {
			return false, []byte(`{"status":"stopping"}`)
		}
		return s.queue.Readiness(probe)
	}
	srv := &http.Server{
		Handler: metrics.Handler(m.registry, ready), ReadTimeout: scrapeWithin, WriteTimeout: scrapeWithin, MaxHeaderBytes: 16 << 10,
		ErrorLog: zap.NewStdLog(s.log.Named("metrics")),
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(m.listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("metrics: %w", err)
	case <-ctx.Done():
	}
	err := srv.Close()
	if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// close sends the spans that are left.
func (m *monitor) close(log *zap.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), flushWithin)
	defer cancel()
	if err := m.tracer.Close(ctx); err != nil {
		log.Warn("the last spans are lost", zap.Error(err))
	}
	if m.listener != nil {
		_ = m.listener.Close()
	}
}
