package tokens_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
	"github.com/rossum-relay/rossum-relay/worker/tokens"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is an embedded queue and what its workers share: the clock and the token endpoint.
type house struct {
	t     *testing.T
	dir   string
	clock *queuetest.Clock
	queue *queue.Queue
}

func newHouse(t *testing.T, opts ...queue.Option) *house {
	t.Helper()
	dir := t.TempDir()
	return &house{t: t, dir: dir, clock: queuetest.NewClock(time.Now()), queue: queuetest.OpenConfig(t, queuetest.Config(dir), opts...)}
}

// worker is the cache of one more process: with a connection of its own and nothing in hand.
func (h *house) worker() *tokens.Store {
	h.t.Helper()
	q, err := queue.Open(h.t.Context(), queuetest.Config(h.dir), queue.Attach, "worker", zap.NewNop())
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(q.Close)
	return h.open(q)
}

func (h *house) open(q *queue.Queue) *tokens.Store {
	h.t.Helper()
	s, err := tokens.Open(h.t.Context(), q, h.clock.Now)
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// endpoint gives tokens access-1, access-2, ... that live an hour. With rotation a refresh token is good for one fetch.
type endpoint struct {
	rotates bool
	during  func(n int64) // called while a fetch is under way
	fetches atomic.Int64

	mu      sync.Mutex
	refresh string // that is good
	fail    error
}

var errSpent = outcome.Errorf(outcome.Reauth, "spent", "the refresh token is spent")

func (e *endpoint) fetch(_ context.Context, refresh string) (tokens.Grant, error) {
	n := e.fetches.Add(1)
	g, err := e.grant(n, refresh)
	if e.during != nil {
		e.during(n)
	}
	return g, err
}

func (e *endpoint) grant(n int64, refresh string) (tokens.Grant, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	g := tokens.Grant{Access: fmt.Sprintf("access-token-%d", n), Life: time.Hour}
	if e.fail != nil || !e.rotates {
		return g, e.fail
	}
	if refresh != e.refresh {
		return tokens.Grant{}, errSpent
	}
	e.refresh = fmt.Sprintf("refresh-token-%d", n)
	g.Refresh = e.refresh
	return g, nil
}

func (e *endpoint) failWith(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fail = err
}

func rotating() *endpoint {
	return &endpoint{rotates: true, refresh: "refresh-token-0"}
}

func (e *endpoint) credential(proof string) tokens.Credential {
	c := tokens.Credential{Name: "erp", ID: []string{"https://erp.example", "relay"}, Proof: configs.NewSecret(proof), Fetch: e.fetch}
	if e.rotates {
		c.Refresh = configs.NewSecret("refresh-token-0")
	}
	return c
}

func get(t *testing.T, s *tokens.Source, refused, want string) {
	t.Helper()
	got, _, err := s.Get(t.Context(), refused)
	if err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func wantFetches(t *testing.T, e *endpoint, want int64) {
	t.Helper()
	if n := e.fetches.Load(); n != want {
		t.Errorf("%d fetches, want %d", n, want)
	}
}

func wantKind(t *testing.T, err error, kind outcome.Kind, reason string) outcome.Outcome {
	t.Helper()
	var o *outcome.Error
	if !errors.As(err, &o) || o.Outcome.Kind != kind || o.Outcome.Reason != reason {
		t.Fatalf("error %v, want %s %s", err, kind, reason)
	}
	return o.Outcome
}

// race lets twenty callers of each source ask for a token other than the refused one and returns what they all got.
func race(t *testing.T, refused string, sources ...*tokens.Source) string {
	t.Helper()
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := map[string]int{}
	for range 20 {
		for _, s := range sources {
			wg.Go(func() {
				access, _, err := s.Get(t.Context(), refused)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				got[access]++
			})
		}
	}
	wg.Wait()
	if len(got) != 1 {
		t.Errorf("got %v, want the same for all", got)
	}
	for access := range got {
		return access
	}
	return ""
}

func TestOneFetchForAllWorkers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	e := &endpoint{}
	a, b := h.worker().Source(e.credential("proof")), h.worker().Source(e.credential("proof"))
	first := race(t, "", a, b)
	wantFetches(t, e, 1)

	// Everybody was refused: all name the token they used, and one fetch serves them.
	h.clock.Add(10 * time.Minute)
	second := race(t, first, a, b)
	wantFetches(t, e, 2)
	get(t, h.worker().Source(e.credential("proof")), first, second)

	h.clock.Add(time.Hour - 30*time.Second) // nobody uses a token to its very end
	if third := race(t, "", a, b); third == second {
		t.Error("an expired token was used")
	}
	wantFetches(t, e, 3)
}

// TestRotation: every refresh token is good for one fetch, whoever makes it.
func TestRotation(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	e := rotating()
	a, b := h.worker().Source(e.credential("proof")), h.worker().Source(e.credential("proof"))
	for range 10 {
		race(t, "", a, b)
		h.clock.Add(2 * time.Hour)
	}
	wantFetches(t, e, 10)
	get(t, h.worker().Source(e.credential("another client secret")), "", "access-token-11")

	// A refresh token that was made by hand anew begins anew.
	e.refresh = "refresh-token-by-hand"
	c := e.credential("proof")
	c.Refresh = configs.NewSecret(e.refresh)
	get(t, h.worker().Source(c), "", "access-token-12")
}

// TestStoredBeforeUse: while the rotated refresh token cannot be stored, nobody gets the access token; it is stored later.
func TestStoredBeforeUse(t *testing.T) {
	t.Parallel()
	var writes atomic.Int64
	broken := errors.New("disk full")
	h := newHouse(t, queue.WithTap(func(w queue.Write) error {
		if strings.HasPrefix(w.On, queue.BucketTokens) && !w.Done && writes.Add(1) == 3 { // after the index key and the lease
			return broken
		}
		return nil
	}))
	e := rotating()
	s := h.open(h.queue).Source(e.credential("proof"))
	access, _, err := s.Get(t.Context(), "")
	if !errors.Is(err, broken) || access != "" {
		t.Errorf("got %q, %v", access, err)
	}
	get(t, s, "", "access-token-1")
	wantFetches(t, e, 1)
	h.clock.Add(2 * time.Hour)
	get(t, h.worker().Source(e.credential("proof")), "", "access-token-2")
}

// TestHolderDies: the next one waits until the lease ends and takes over.
func TestHolderDies(t *testing.T) {
	t.Parallel()
	var died atomic.Bool
	h := newHouse(t, queue.WithTap(func(w queue.Write) error {
		if died.Load() && strings.HasPrefix(w.On, queue.BucketTokens) {
			return errors.New("killed")
		}
		return nil
	}))
	e := &endpoint{}
	e.during = func(int64) { died.Store(true) }
	if _, _, err := h.open(h.queue).Source(e.credential("proof")).Get(t.Context(), ""); err == nil {
		t.Fatal("the holder lives")
	}
	e.during = nil
	next := h.worker().Source(e.credential("proof"))
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, _, err := next.Get(ctx, "")
	wantKind(t, err, outcome.Retry, "token_timeout")
	wantFetches(t, e, 1)
	h.clock.Add(time.Minute)
	get(t, next, "", "access-token-2")
}

// TestFrozenHolder: a holder wakes up after its lease, with the only refresh token that lives.
func TestFrozenHolder(t *testing.T) {
	t.Parallel()
	for name, grace := range map[string]bool{"the other was refused": false, "the other was granted too": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			e := rotating()
			frozen, wake := make(chan struct{}), make(chan struct{})
			e.during = func(n int64) {
				if n != 1 {
					return
				}
				if grace { // the endpoint lets a refresh token be used again for a while
					e.mu.Lock()
					e.refresh = "refresh-token-0"
					e.mu.Unlock()
				}
				close(frozen)
				<-wake
			}
			a, b := h.worker().Source(e.credential("proof")), h.worker().Source(e.credential("proof"))
			got := make(chan string, 1)
			go func() {
				access, _, err := a.Get(context.Background(), "")
				if err != nil {
					t.Error(err)
				}
				got <- access
			}()
			<-frozen
			h.clock.Add(time.Minute)
			_, _, err := b.Get(t.Context(), "")
			want := "access-token-1"
			if grace {
				want = "access-token-2"
			} else {
				wantKind(t, err, outcome.Reauth, "spent")
			}
			close(wake)
			if access := <-got; access != want {
				t.Errorf("got %q, want %q", access, want)
			}
			get(t, b, "", want)
			wantFetches(t, e, 2)
			h.clock.Add(2 * time.Hour) // the refresh token that lives is the one that was kept
			get(t, b, "", "access-token-3")
		})
	}
}

// TestFailuresAreShared: a wrong password is tried rarely, and another one at once.
func TestFailuresAreShared(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	e := &endpoint{}
	e.failWith(outcome.Errorf(outcome.Reauth, "login_401", "the login is refused"))
	a, b := h.worker().Source(e.credential("wrong")), h.worker().Source(e.credential("wrong"))
	for n, wait := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute, 15 * time.Minute} {
		for _, s := range []*tokens.Source{a, b, a} {
			_, _, err := s.Get(t.Context(), "")
			wantKind(t, err, outcome.Reauth, "login_401")
		}
		wantFetches(t, e, int64(n+1))
		h.clock.Add(wait - time.Second)
		_, _, err := b.Get(t.Context(), "")
		if o := wantKind(t, err, outcome.Reauth, "login_401"); !strings.Contains(o.Message, "not tried again before ") {
			t.Error(o.Message)
		}
		wantFetches(t, e, int64(n+1))
		h.clock.Add(time.Second)
	}
	e.failWith(nil)
	get(t, h.worker().Source(e.credential("right")), "", "access-token-7")

	// The old password, still in an old process, disturbs nobody.
	e.failWith(outcome.Errorf(outcome.Reauth, "login_401", "the login is refused"))
	_, _, err := a.Get(t.Context(), "")
	wantKind(t, err, outcome.Reauth, "login_401")
	get(t, h.worker().Source(e.credential("right")), "", "access-token-7")
}

func TestThrottledEndpointIsLeftAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	e := &endpoint{}
	throttled := outcome.Errorf(outcome.Throttled, "login_429", "logins are throttled")
	throttled.Outcome.After = 10 * time.Minute
	e.failWith(throttled)
	a, b := h.worker().Source(e.credential("proof")), h.worker().Source(e.credential("proof"))
	_, _, err := a.Get(t.Context(), "")
	wantKind(t, err, outcome.Throttled, "login_429")
	h.clock.Add(4 * time.Minute)
	_, _, err = b.Get(t.Context(), "")
	if o := wantKind(t, err, outcome.Throttled, "login_429"); o.After != 6*time.Minute {
		t.Errorf("told to wait %s", o.After)
	}
	wantFetches(t, e, 1)
	e.failWith(nil)
	h.clock.Add(6 * time.Minute)
	get(t, b, "", "access-token-2")
	get(t, a, "", "access-token-2")
}

func TestOtherFailures(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err    error
		reason string
	}{
		"unknown":  {errors.New("no idea"), "token_failed"},
		"too late": {fmt.Errorf("token: %w", context.DeadlineExceeded), "token_timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := &endpoint{}
			e.failWith(c.err)
			s := tokens.Local().Source(e.credential("proof"))
			_, _, err := s.Get(t.Context(), "")
			wantKind(t, err, outcome.Retry, c.reason)
			_, _, err = s.Get(t.Context(), "")
			if o := wantKind(t, err, outcome.Retry, c.reason); o.After <= 0 || o.After > 5*time.Second {
				t.Errorf("told to wait %s", o.After)
			}
			wantFetches(t, e, 1)
		})
	}
}

// TestRefusedAtOnce: an endpoint whose tokens nobody takes is not asked for ever more.
func TestRefusedAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	e := &endpoint{}
	s := h.open(h.queue).Source(e.credential("proof"))
	refused := ""
	for range 4 {
		access, fetched, err := s.Get(t.Context(), refused)
		if err != nil || !fetched {
			t.Fatal(fetched, err)
		}
		refused = access
	}
	for range 3 {
		_, _, err := s.Get(t.Context(), refused)
		wantKind(t, err, outcome.Reauth, "token_refused")
	}
	wantFetches(t, e, 4)
	h.clock.Add(time.Minute)
	get(t, s, refused, "access-token-5")
	get(t, s, "access-token-5", "access-token-6")
}

// TestNothingPlainIsStored: neither the files of the queue nor what prints itself shows a secret.
func TestNothingPlainIsStored(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	e := rotating()
	c := e.credential("the client secret")
	s := h.open(h.queue).Source(c)
	get(t, s, "", "access-token-1")
	h.clock.Add(2 * time.Hour)
	get(t, s, "", "access-token-2")
	secrets := []string{"access-token-", "refresh-token-", "the client secret"}
	files := 0
	err := filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		files++
		for _, secret := range secrets {
			if bytes.Contains(data, []byte(secret)) {
				t.Errorf("%s holds %q", path, secret)
			}
		}
		return err
	})
	if err != nil || files == 0 {
		t.Fatal(files, err)
	}
	printed := fmt.Sprintf("%v %+v %#v %v %+v %#v", s, s, s, tokens.Grant{Access: "access-token-1"}, tokens.Grant{Access: "access-token-1"}, c)
	for _, secret := range secrets {
		if strings.Contains(printed, secret) {
			t.Errorf("printed %q", printed)
		}
	}
}
