package ingest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// Path templates.
const (
	pathHook   = "/hooks/{name}"
	pathAnswer = answer.LinkPath + "{token}"
	pathHealth = "/healthz"
	pathReady  = "/readyz"
	pathOther  = "other"
)

const (
	readHeaderWithin = 10 * time.Second
	readWithin       = 60 * time.Second // Rossum's longest time-out of a call (API reference, Hook.config.timeout_s)
	storeWithin      = 10 * time.Second
	readyWithin      = 2 * time.Second
	maxHold          = 55 * time.Second
	writeWithin      = readWithin + storeWithin + maxHold + 5*time.Second
	idleWithin       = 2 * time.Minute
	drainWithin      = 20 * time.Second
	maxHeader        = 32 << 10
	maxHolds         = 512
)

// Resolver finds the name of a Rossum queue by its id, in the environment of that name. It is asked while Rossum waits
// for its answer, so it must answer from a cache where it can.
type Resolver func(ctx context.Context, rossum string, queueID int64) (name string, err error)

// Tracer begins the span of one call or poll of an event, which began at start.
type Tracer func(ctx context.Context, name string, key run.EventKey, generation int, start time.Time) (context.Context, trace.Span)

// Options is what a Server works with.
type Options struct {
	// Config, with the secrets of configs.RoleIngest resolved.
	Config *configs.Config
	Queue  *queue.Queue
	Store  *answer.Store
	Log    *zap.Logger
	// Metrics may be nil.
	Metrics prometheus.Registerer
	// Resolve may be nil: pipelines that name queues then take every event whose queue was not sideloaded, and the
	// worker decides.
	Resolve Resolver
	// Trace may be nil: then nothing is traced.
	Trace Tracer
	// Now is the clock of events. Defaults to time.Now.
	Now func() time.Time
}

// Server takes webhook calls and serves their answers. It is an http.Handler, safe for concurrent use.
type Server struct {
	queue   *queue.Queue
	store   *answer.Store
	log     *zap.Logger
	resolve Resolver
	now     func() time.Time
	metrics *metrics
	trace   Tracer

	tls       configs.ServerTLS
	table     atomic.Pointer[table]
	bodies    *bodies
	holds     chan struct{} // places for held calls
	drained   chan struct{} // closed by Drain
	drainOnce sync.Once
}

// New makes a server. It fails where a hook names an environment that is not there, or a metric is registered twice.
func New(o Options) (*Server, error) {
	limit := int64(o.Config.Ingest.MaxInFlight)
	if limit <= 0 {
		limit = 256 << 20
	}
	s := &Server{
		queue: o.Queue, store: o.Store, log: o.Log, resolve: o.Resolve, trace: o.Trace, now: o.Now,
		tls: o.Config.Ingest.TLS, bodies: newBodies(limit), holds: make(chan struct{}, maxHolds), drained: make(chan struct{}),
	}
	if s.now == nil {
		s.now = time.Now
	}
	var err error
	if s.metrics, err = newMetrics(o.Metrics, s.bodies, limit); err != nil {
		return nil, fmt.Errorf("ingest: metrics: %w", err)
	}
	return s, s.Reload(o.Config)
}

// Reload takes a new configuration for the calls to come; on an error the old one stays. Listener, TLS files and
// max_in_flight stay as they were.
func (s *Server) Reload(cfg *configs.Config) error {
	t, err := newTable(cfg)
	if err != nil {
		return err
	}
	s.table.Store(t)
	return nil
}

// Drain makes the server refuse new calls with 503, so that Rossum comes again, and ends held ones; polls go on.
func (s *Server) Drain() { s.drainOnce.Do(func() { close(s.drained) }) }

func (s *Server) draining() bool {
	select {
	case <-s.drained:
		return true
	default:
		return false
	}
}

// Serve serves l, with TLS if ingest.tls has files, until ctx ends; then it drains and lets requests in work end, at
// most for 20 s. It blocks and closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	l, err := s.listenTLS(ctx, l)
	if err != nil {
		return err
	}
	srv := &http.Server{
		Handler: s, ReadHeaderTimeout: readHeaderWithin, ReadTimeout: readWithin, WriteTimeout: writeWithin,
		IdleTimeout: idleWithin, MaxHeaderBytes: maxHeader, ErrorLog: zap.NewStdLog(s.log.Named("http")),
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("ingest: %w", err)
	case <-ctx.Done():
	}
	s.Drain()
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainWithin)
	defer cancel()
	if err = srv.Shutdown(stop); err != nil {
		_ = srv.Close()
		err = fmt.Errorf("ingest: requests were cut after %s: %w", drainWithin, err)
	}
	if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("ingest: %w", served))
	}
	return err
}

// ServeHTTP answers one request and logs one line about it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l := &line{start: time.Now(), route: pathOther}
	out := s.serve(r, l)
	out.write(w)
	s.record(r, l, out)
}

func (s *Server) serve(r *http.Request, l *line) reply {
	path := r.URL.Path
	if name, ok := strings.CutPrefix(path, "/hooks/"); ok {
		l.route = pathHook
		return s.postHook(r, name, l)
	}
	if link, ok := strings.CutPrefix(path, answer.LinkPath); ok {
		l.route = pathAnswer
		return s.poll(r, link, l)
	}
	switch path {
	case pathHealth:
		l.route = pathHealth
		return reply{status: http.StatusOK, body: []byte(`{"status":"ok"}`)}
	case pathReady:
		l.route = pathReady
		return s.ready(r.Context())
	}
	return refuse(http.StatusNotFound, unknownPath, "there is nothing here", nil)
}

// ready says whether calls can be taken now.
func (s *Server) ready(ctx context.Context) reply {
	if s.draining() {
		return refuse(http.StatusServiceUnavailable, draining, "stopping", nil)
	}
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	ready, body := s.queue.Readiness(ctx)
	if !ready {
		return reply{status: http.StatusServiceUnavailable, body: body, reason: notStored}
	}
	return reply{status: http.StatusOK, body: body}
}
