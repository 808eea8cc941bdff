package alert_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/alert"
	"github.com/rossum-relay/rossum-relay/worker/metrics"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
	"github.com/rossum-relay/rossum-relay/worker/run"
	"github.com/rossum-relay/rossum-relay/worker/target/limits"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secretPath = "/services/T0/B0/secret-of-the-url"

// inbox is a webhook.
type inbox struct {
	*httptest.Server
	mu      sync.Mutex
	down    bool
	notices []alert.Notice
	header  http.Header
}

func newInbox(t *testing.T) *inbox {
	t.Helper()
	b := &inbox{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.down {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		var n alert.Notice
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil || r.URL.Path != secretPath {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		b.notices, b.header = append(b.notices, n), r.Header
	}))
	t.Cleanup(b.Server.Close)
	return b
}

func (b *inbox) setDown(down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = down
}

// take returns what has come since, "state id" each.
func (b *inbox) take() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for _, n := range b.notices {
		for _, a := range n.Alerts {
			word := string(a.State)
			if a.Again {
				word = "again"
			}
			all = append(all, word+" "+a.ID)
		}
	}
	b.notices = nil
	return all
}

func (b *inbox) receiver(private bool) configs.Receiver {
	return configs.Receiver{Webhook: &configs.WebhookReceiver{
		URL: configs.NewSecret(b.URL + secretPath), Private: private,
		Headers: configs.Named[configs.Secret]{{Name: "authorization", Value: configs.NewSecret("Bearer token")}},
	}}
}

// world is a queue, a clock, and what the watcher would see.
type world struct {
	t     *testing.T
	queue *queue.Queue
	clock *queuetest.Clock
	cfg   configs.Alerts
	log   *observer.ObservedLogs
	core  zapcore.Core

	mu   sync.Mutex
	seen metrics.Snapshot
	sick error // of every put, where set
}

func newWorld(t *testing.T, receivers ...configs.Receiver) *world {
	t.Helper()
	w := &world{t: t, clock: queuetest.NewClock(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC))}
	w.core, w.log = observer.New(zap.InfoLevel)
	tap := func(write queue.Write) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if write.Op == "put" && !write.Done {
			return w.sick
		}
		return nil
	}
	w.queue = queuetest.OpenConfig(t, queuetest.Config(t.TempDir()), queue.WithTap(tap))
	w.cfg = configs.Alerts{
		DeadLetters: true, Sweeper: true, QueueFull: 80, BacklogAge: configs.Duration(30 * time.Minute),
		BreakerOpen: configs.Duration(15 * time.Minute), Repeat: configs.Duration(24 * time.Hour),
	}
	for i, r := range receivers {
		w.cfg.Receivers = append(w.cfg.Receivers, configs.Entry[configs.Receiver]{Name: fmt.Sprintf("r%d", i), Value: r})
	}
	w.seen.At = w.clock.Now()
	return w
}

func (w *world) manager(name string) *alert.Manager {
	w.t.Helper()
	m, err := alert.New(w.t.Context(), alert.Options{
		Config: w.cfg, Queue: w.queue, Relay: "https://relay.example", Log: zap.New(w.core), Name: name, Now: w.clock.Now,
		First: func() bool { return true },
		Last: func() metrics.Snapshot {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.seen
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

func (w *world) see(change func(*metrics.Snapshot)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.seen)
}

func (w *world) round(m *alert.Manager) {
	w.t.Helper()
	if err := m.Round(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// die buries a run of a cause and lets the watcher see it.
func (w *world) die(n int, cause string) {
	w.t.Helper()
	key := run.NewEventKey("hook", "annotation_content.export", fmt.Sprint(n))
	l := queue.Letter{
		Envelope: queue.Envelope{Run: run.NewID(key, "invoice", 1), Pipeline: "invoice", Key: key, Received: w.clock.Now()},
		Lane:     "invoice", Step: "draft", Target: "coupa", Outcome: "rejected", Reason: "http_400", Cause: cause,
	}
	if err := w.queue.Bury(w.t.Context(), l); err != nil {
		w.t.Fatal(err)
	}
	w.looked()
}

func (w *world) looked() {
	w.t.Helper()
	h, err := w.queue.Monitor(nil).Look(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	w.see(func(s *metrics.Snapshot) { s.Health.Letters = h.Letters })
}

func (w *world) settle() {
	w.t.Helper()
	var all []uint64
	if err := w.queue.Letters(w.t.Context(), "", func(l queue.Letter) bool { all = append(all, l.Sequence); return true }); err != nil {
		w.t.Fatal(err)
	}
	for _, s := range all {
		if err := w.queue.DeleteLetter(w.t.Context(), s); err != nil {
			w.t.Fatal(err)
		}
	}
	w.looked()
}

func expect(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s: told %q, want %q", what, got, want)
	}
}

func TestCausesOfDeadLetters(t *testing.T) {
	b := newInbox(t)
	w := newWorld(t, b.receiver(true))
	m := w.manager("a")
	w.round(m)
	expect(t, "all is well", b.take())
	w.die(1, "cause1")
	w.round(m)
	expect(t, "a first letter", b.take(), "firing dead_letters/cause1")
	if got := b.header.Get("Authorization"); got != "Bearer token" {
		t.Errorf("authorization %q", got)
	}
	w.die(2, "cause1")
	w.round(m)
	expect(t, "another of the cause", b.take())
	w.die(3, "cause2")
	w.round(m)
	expect(t, "another cause", b.take(), "firing dead_letters/cause2")
	w.clock.Add(25 * time.Hour)
	w.round(m)
	expect(t, "a day later", b.take(), "again dead_letters/cause1", "again dead_letters/cause2")
	w.settle()
	w.round(m)
	expect(t, "all settled", b.take(), "resolved dead_letters/cause1", "resolved dead_letters/cause2")
	w.round(m)
	expect(t, "nothing more", b.take())
	w.die(4, "cause1")
	w.round(m)
	expect(t, "it comes back", b.take(), "firing dead_letters/cause1")
}

// TestTwoWorkersTellOnce: for a moment both may believe that they are the first.
func TestTwoWorkersTellOnce(t *testing.T) {
	b := newInbox(t)
	w := newWorld(t, b.receiver(true))
	managers := []*alert.Manager{w.manager("a"), w.manager("b"), w.manager("c")}
	for n := range 5 {
		w.die(n, fmt.Sprintf("cause%d", n))
		var wg sync.WaitGroup
		for _, m := range managers {
			wg.Go(func() {
				if err := m.Round(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		w.round(managers[n%3]) // one may have come while another had the lease
		expect(t, "three workers", b.take(), fmt.Sprintf("firing dead_letters/cause%d", n))
	}
	w.round(w.manager("d"))
	expect(t, "a new worker takes over", b.take())
}

// TestReceiverDownThenUp: nothing is lost, others are told meanwhile, and what is over by then is told as over.
func TestReceiverDownThenUp(t *testing.T) {
	down, up := newInbox(t), newInbox(t)
	w := newWorld(t, down.receiver(true), up.receiver(true))
	m := w.manager("a")
	down.setDown(true)
	w.die(1, "cause1")
	w.round(m)
	expect(t, "down", down.take())
	expect(t, "up", up.take(), "firing dead_letters/cause1")
	warned := w.log.FilterMessage("a receiver of alerts was not reached; it is told later")
	if warned.Len() != 1 || fmt.Sprint(warned.All()[0].ContextMap()["error"]) != "answered 503" {
		t.Errorf("logged %v", warned.All())
	}
	down.setDown(false)
	w.round(m)
	expect(t, "too early to try again", down.take())
	w.clock.Add(31 * time.Second)
	w.round(m)
	expect(t, "up again", down.take(), "firing dead_letters/cause1")

	down.setDown(true)
	w.die(2, "cause2")
	w.round(m)
	w.settle()
	w.round(m)
	expect(t, "meanwhile", up.take(), "firing dead_letters/cause2", "resolved dead_letters/cause1", "resolved dead_letters/cause2")
	down.setDown(false)
	w.clock.Add(time.Hour)
	w.round(w.manager("b")) // the worker was replaced
	expect(t, "over by now", down.take(), "resolved dead_letters/cause1", "resolved dead_letters/cause2")
}

// TestToldAgainRatherThanNever: the worker dies between telling and noting that it told.
func TestToldAgainRatherThanNever(t *testing.T) {
	b := newInbox(t)
	w := newWorld(t, b.receiver(true))
	w.die(1, "cause1")
	w.round(w.manager("a"))
	b.take()
	w.settle()
	b.mu.Lock() // the inbox answers only when the queue has become sick
	done := make(chan error, 1)
	go func() { done <- w.manager("a").Round(t.Context()) }()
	if err := waitForLease(t, w); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	w.sick = errors.New("killed")
	w.mu.Unlock()
	b.mu.Unlock()
	if err := <-done; err == nil {
		t.Fatal("the round went well")
	}
	expect(t, "told", b.take(), "resolved dead_letters/cause1")
	w.mu.Lock()
	w.sick = nil
	w.mu.Unlock()
	w.clock.Add(2 * time.Minute) // the lease of the dead one ends
	w.round(w.manager("b"))
	expect(t, "told again", b.take(), "resolved dead_letters/cause1")
}

// waitForLease returns when a worker is telling the receiver: another one does nothing then.
func waitForLease(t *testing.T, w *world) error {
	t.Helper()
	bucket, err := queue.OpenBucket[struct {
		Lease *struct{ Until time.Time }
	}](t.Context(), w.queue, queue.BucketAlerts)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		v, _, err := bucket.Get(ctx, w.queue.Index("receiver", "r0"))
		if err == nil && v.Lease != nil && v.Lease.Until.After(w.clock.Now()) {
			return nil
		}
	}
	return ctx.Err()
}

func TestBreakerAndBacklog(t *testing.T) {
	b := newInbox(t)
	w := newWorld(t, b.receiver(true))
	m := w.manager("a")
	began := w.clock.Now()
	w.see(func(s *metrics.Snapshot) {
		s.Breakers = []limits.State{{Target: "coupa", Open: true, Why: "http_503"}, {Target: "coupa", Open: true}, {Target: "sap", Failures: 2}}
		s.Health.Lanes = []queue.LaneHealth{{LaneState: queue.LaneState{Lane: "invoice", Waiting: 7}, Oldest: began}, {LaneState: queue.LaneState{Lane: "empty"}}}
	})
	w.round(m)
	expect(t, "just begun", b.take())
	w.clock.Add(16 * time.Minute)
	w.round(w.manager("b")) // who takes over knows since when
	expect(t, "a quarter of an hour", b.take(), "firing breaker_open/coupa")
	w.clock.Add(15 * time.Minute)
	w.round(m)
	expect(t, "half an hour", b.take(), "firing backlog_age/invoice")
	w.see(func(s *metrics.Snapshot) { s.Breakers, s.Health.Lanes = nil, nil })
	w.round(m)
	expect(t, "just over", b.take())
	w.clock.Add(30 * time.Second)
	w.see(func(s *metrics.Snapshot) { s.Breakers = []limits.State{{Target: "coupa", Open: true}} })
	w.round(m)
	w.see(func(s *metrics.Snapshot) { s.Breakers = nil })
	w.round(m)
	w.clock.Add(40 * time.Second)
	w.round(m)
	expect(t, "the breaker flaps", b.take(), "resolved backlog_age/invoice")
	w.clock.Add(time.Minute)
	w.round(m)
	expect(t, "calm", b.take(), "resolved breaker_open/coupa")
}

// TestSweeper: a worker that has just taken over knows nothing of findings, and must not call them settled.
func TestSweeper(t *testing.T) {
	b := newInbox(t)
	w := newWorld(t, b.receiver(true))
	m := w.manager("a")
	m.Found([]alert.Finding{{What: "lost_message", Count: 1, Detail: "run1"}})
	w.round(m)
	expect(t, "found", b.take(), "firing sweeper/lost_message")
	next := w.manager("b")
	w.round(next)
	w.clock.Add(5 * time.Minute)
	w.round(next)
	expect(t, "before its first sweep", b.take())
	next.Found(nil)
	w.round(next)
	w.clock.Add(5 * time.Minute)
	w.round(next)
	expect(t, "after it", b.take(), "resolved sweeper/lost_message")
}

// TestManyAlertsAreFewNotices: a broken ERP must not fill a channel.
func TestManyAlertsAreFewNotices(t *testing.T) {
	b := newInbox(t)
	w := newWorld(t, b.receiver(true))
	m := w.manager("a")
	for n := range 25 {
		w.die(n, fmt.Sprintf("cause%02d", n))
	}
	w.round(m)
	if n := len(b.notices); n != 1 || len(b.notices[0].Alerts) != 20 {
		t.Errorf("%d notices", n)
	}
	w.round(m)
	w.round(m)
	if got := b.take(); len(got) != 25 {
		t.Errorf("%d alerts", len(got))
	}
}

func TestNoJudgementWithoutASight(t *testing.T) {
	b := newInbox(t)
	w := newWorld(t, b.receiver(true))
	m := w.manager("a")
	w.die(1, "cause1")
	w.round(m)
	b.take()
	w.settle()
	w.see(func(s *metrics.Snapshot) { s.Err = errors.New("the queue does not answer") })
	w.round(m)
	expect(t, "blind", b.take())
}

// TestGuard: receivers in private networks need a word, and no error shows the URL.
func TestGuard(t *testing.T) {
	b := newInbox(t)
	for name, test := range map[string]struct {
		receiver configs.Receiver
		want     string
	}{
		"http":     {b.receiver(false), "url must be https; http is for private networks only, with private: true"},
		"no URL":   {configs.Receiver{Slack: &configs.SlackReceiver{URL: configs.NewSecret("secret-of-the-url")}}, "url is not a URL"},
		"loopback": {configs.Receiver{Slack: &configs.SlackReceiver{URL: configs.NewSecret("https://127.0.0.1:1" + secretPath)}}, "private: true"},
		"metadata": {configs.Receiver{Slack: &configs.SlackReceiver{URL: configs.NewSecret("http://169.254.169.254" + secretPath), Private: true}}, "never allowed"},
		"mailbox": {configs.Receiver{SMTP: &configs.SMTPReceiver{
			Address: "127.0.0.1:1", From: "a@b.c", Recipients: []string{"d@e.f"}}}, "private: true"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, test.receiver)
			said := ""
			m, err := alert.New(t.Context(), alert.Options{
				Config: w.cfg, Queue: w.queue, Log: zap.New(w.core), Now: w.clock.Now, Last: func() metrics.Snapshot { return w.seen },
			})
			if err != nil {
				said = err.Error()
			} else {
				w.die(1, "cause1")
				w.round(m)
				said = fmt.Sprint(w.log.All()[0].ContextMap()["error"])
			}
			if !strings.Contains(said, test.want) || strings.Contains(said, "secret") {
				t.Errorf("said %q, want %q", said, test.want)
			}
		})
	}
}
