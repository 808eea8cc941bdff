package rossumsim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// Options configures a simulator. The zero value is usable.
type Options struct {
	BaseURL   string            // what links begin with. Defaults to what Start listens on
	Seed      uint64            // of ids and tokens
	Speed     float64           // how much faster than real time Rossum's waits pass. Defaults to 1
	Manual    bool              // time stands still but for Advance
	Now       time.Time         // simulated time at the start. Defaults to the real time
	Transport http.RoundTripper // for calls to hooks. Defaults to a transport of its own
	Switches
}

// Switches choose where Rossum's behaviour is not documented, or make the
// simulator stricter. The zero value is what the fact sheet takes as likely.
type Switches struct {
	KeepTokenWhilePolling bool            // hook tokens die at the polled answer instead of at the 202
	NewRequestID          bool            // a repeated call has another request_id
	SameToken             bool            // a repeated call has the token of the first
	PollOKEnds            bool            // 200 on a poll counts as 201
	PollAtOnce            bool            // the first poll comes at once instead of after 30 s
	RetrySpacing          []time.Duration // between attempts. Defaults to 5, 10, 20, 30 s
	RateLimit             int             // requests per second. Defaults to 10; negative = none
	LimitPerToken         bool            // instead of per organization
	CursorPaging          bool            // lists have no totals and no page numbers
	UnknownFields         bool            // objects have a field nobody knows
	LockedOperations      bool            // content/operations needs the review lock
	FrozenExported        bool            // content of exported annotations cannot be changed
	AnyStatus             bool            // PATCH may set any known status
	LogPerCall            bool            // one hook log per call instead of per attempt
}

// Sim is a simulated Rossum: one organization group with its API, and a
// dispatcher that calls hooks. It is safe for concurrent use.
type Sim struct {
	options Options
	clock   *clock
	handler http.Handler
	hooks   *http.Client // calls hooks

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup
	server *http.Server

	closing sync.Mutex // held while work is added, and while Close begins

	mu             sync.Mutex
	base           string
	rng            *rand.Rand
	changed        chan struct{} // closed and replaced at every change of a status
	collections    map[string]*collection
	annotations    map[int64]*annotation
	files          map[int64][]byte // content of documents by id
	tokens         map[string]*token
	imported       map[string]int64 // ids given to objects of payloads
	nextNode       int64
	calls          []*HookCall
	lastCall       int
	logins         int
	requests       int // of the API
	throttled      int // of those, answered with 429
	logs           []*entity
	faults         []*Fault
	deliveryFaults []*DeliveryFault
	window         map[string][]time.Time // requests of the last second by limiter key
}

// New returns a simulator that does nothing before [Sim.Start], or before
// [Sim.SetBaseURL] where the caller serves [Sim.Handler].
func New(o Options) *Sim {
	if o.RateLimit == 0 {
		o.RateLimit = 10
	}
	if len(o.RetrySpacing) == 0 {
		o.RetrySpacing = []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 30 * time.Second}
	}
	if o.Transport == nil {
		o.Transport = &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 30 * time.Second}
	}
	s := &Sim{
		options:     o,
		clock:       newClock(o),
		base:        o.BaseURL,
		rng:         rand.New(rand.NewPCG(o.Seed, 0x726f7373756d)),
		changed:     make(chan struct{}),
		collections: newCollections(),
		annotations: map[int64]*annotation{},
		files:       map[int64][]byte{},
		tokens:      map[string]*token{},
		imported:    map[string]int64{},
		window:      map[string][]time.Time{},
	}
	s.nextNode = 3_700_000_000 + s.rng.Int64N(1e8) // beyond 32 bits, as Rossum's are
	s.hooks = &http.Client{
		Transport:     o.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.handler = s.routes()
	s.spawn(s.endSessions)
	return s
}

// Handler returns the API. It needs a base URL, see [Sim.SetBaseURL].
func (s *Sim) Handler() http.Handler { return s.handler }

// SetBaseURL says where the API is reachable. Call it before adding objects:
// they hold links.
func (s *Sim) SetBaseURL(base string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.base = base
}

// BaseURL returns scheme and host of the API, "" before Start.
func (s *Sim) BaseURL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.base
}

// Now returns the simulated time.
func (s *Sim) Now() time.Time { return s.clock.Now() }

// Start serves the API on addr, such as "127.0.0.1:0", until Close.
func (s *Sim) Start(addr string) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("rossum simulator: %w", err)
	}
	if s.BaseURL() == "" {
		s.SetBaseURL("http://" + listener.Addr().String())
	}
	s.server = &http.Server{Handler: s.handler, ReadHeaderTimeout: 10 * time.Second}
	s.work.Go(func() {
		if err := s.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.cancel()
		}
	})
	return nil
}

// Close stops everything and waits for it. Hook calls under way are cut.
func (s *Sim) Close() {
	s.closing.Lock()
	s.cancel()
	s.closing.Unlock()
	if s.server != nil {
		s.server.Close()
	}
	s.work.Wait()
	s.hooks.CloseIdleConnections()
}

// Serve runs a simulator on addr until ctx ends. Prepare, which may be nil,
// adds the objects once the base URL is known.
func Serve(ctx context.Context, o Options, addr string, prepare func(*Sim) error) error {
	s := New(o)
	defer s.Close()
	if err := s.Start(addr); err != nil {
		return err
	}
	if prepare != nil {
		if err := prepare(s); err != nil {
			return fmt.Errorf("rossum simulator: %w", err)
		}
	}
	select {
	case <-ctx.Done():
		return nil
	case <-s.ctx.Done():
		return errors.New("rossum simulator: the server stopped")
	}
}

// Advance moves a manual clock by d. It returns when everything that fell due
// has happened, hook calls included.
func (s *Sim) Advance(ctx context.Context, d time.Duration) error {
	return s.clock.advance(ctx, d)
}

// Quiet blocks until no hook is being called, polled or waiting for its next
// attempt.
func (s *Sim) Quiet(ctx context.Context) error {
	return s.clock.await(ctx, func() bool { return s.clock.running == 1 }) // the session job stays
}

// spawn runs work in the background until it ends or the simulator is closed.
// It reports false, and runs nothing, if the simulator is closed already.
func (s *Sim) spawn(work func(context.Context)) bool {
	s.closing.Lock()
	defer s.closing.Unlock()
	if s.ctx.Err() != nil {
		return false
	}
	s.clock.add(&s.clock.running, 1)
	s.work.Go(func() {
		defer s.clock.add(&s.clock.running, -1)
		work(s.ctx)
	})
	return true
}

// endSessions gives up review locks whose session timed out. Rossum looks
// every 10 minutes (API reference, Queue.session_timeout).
func (s *Sim) endSessions(ctx context.Context) {
	for s.clock.sleep(ctx, 10*time.Minute) == nil {
		s.mu.Lock()
		for _, a := range s.annotations {
			if a.status() != rossumapi.StatusReviewing {
				continue
			}
			assigned, err := time.Parse(time.RFC3339Nano, a.text("assigned_at"))
			if err == nil && s.clock.Now().After(assigned.Add(s.sessionTimeout(a))) {
				s.setStatus(a, rossumapi.StatusToReview, "")
			}
		}
		s.mu.Unlock()
	}
}

func (s *Sim) sessionTimeout(a *annotation) time.Duration {
	queue := s.byURL(a.text("queue"))
	if at, err := time.Parse(time.TimeOnly, queue.text("session_timeout")); err == nil {
		return at.Sub(at.Truncate(24 * time.Hour))
	}
	return time.Hour
}

// now is the simulated time as Rossum writes it.
func (s *Sim) now() string { return s.clock.Now().UTC().Format("2006-01-02T15:04:05.000000Z") }
