// Package console is the operators' desk in a browser and its JSON API: pages
// rendered here, a search index, and the same actions as the command line,
// which worker/operate does.
//
// # Safety
//
// What an ERP answered and what stands on an invoice is foreign text: it is
// escaped, cut, and freed of control characters before it reaches a page. The
// Content-Security-Policy allows no inline script or style. Requests that change
// something must come from the console's own pages or carry a token. Values are
// masked as worker/operate says; to see them in clear needs the role reveal and
// is noted.
package console

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/console/access"
	"github.com/rossum-relay/rossum-relay/worker/console/index"
	"github.com/rossum-relay/rossum-relay/worker/operate"
	"github.com/rossum-relay/rossum-relay/worker/target/limits"
)

// Options is what a Server shows.
type Options struct {
	Config *configs.Config
	// Operator looks and acts; the server acts with it for whoever is logged in.
	Operator *operate.Operator
	// Limits know the breakers. The server joins no limits.
	Limits *limits.Limits
	Index  *index.Index
	Guard  *access.Guard
	Log    *zap.Logger
	// Version is shown on every page.
	Version string
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Server serves the console. It is safe for concurrent use.
type Server struct {
	Options
	pages *pages
	jobs  *jobs
	texts *complaints
	http  http.Handler
}

// New makes a server.
func New(o Options) (*Server, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{Options: o, jobs: newJobs(o.Now), texts: newComplaints()}
	var err error
	if s.pages, err = parsePages(o.Now); err != nil {
		return nil, err
	}
	s.http = s.handler()
	return s, nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.http.ServeHTTP(w, r) }

const (
	readTimeout  = 30 * time.Second
	writeTimeout = 2 * time.Minute
	idleTimeout  = 2 * time.Minute
	maxHeader    = 64 << 10
	drainTime    = 10 * time.Second
)

// Serve answers requests and keeps the index up to date until ctx ends. It blocks until both are over, and closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	secured, err := s.secure(l)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	srv := &http.Server{
		Handler: s, ReadHeaderTimeout: readTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader, ErrorLog: zap.NewStdLog(s.Log),
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.Index.Run(ctx) })
	g.Go(func() error { return s.jobs.run(ctx) })
	g.Go(func() error {
		if err := srv.Serve(secured); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("console: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		return srv.Shutdown(stop)
	})
	return g.Wait()
}
