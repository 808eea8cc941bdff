package reconcile_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/ingest"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim/samples"
	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
	"github.com/rossum-relay/rossum-relay/worker/reconcile"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	username = "relay@acme.example"
	password = "Password-1"
)

// world is a Rossum, a relay's ingest and queue, and no worker: what workers do the tests do by hand.
type world struct {
	*reconcile.Reconciler
	t       *testing.T
	rossum  *rossumsim.Sim
	queue   *queue.Queue
	journal *journal.Journal
	answers *answer.Store
	user    int64
	in      int64 // queue
	down    atomic.Bool
}

// newWorld has these pipelines. Rossum lives three hours ago, so that nothing is on its way any more, and its waits are
// short.
func newWorld(t *testing.T, pipelines string, events ...string) *world {
	t.Helper()
	const speed = 400
	return newWorldAt(t, speed, pipelines, events...)
}

func newWorldAt(t *testing.T, speed float64, pipelines string, events ...string) *world {
	t.Helper()
	w := &world{t: t}
	w.rossum = rossumsim.New(rossumsim.Options{
		Seed: 3, Speed: speed, Now: time.Now().Add(-3 * time.Hour), Switches: rossumsim.Switches{RateLimit: -1},
	})
	if err := w.rossum.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	relay := "http://" + listener.Addr().String()
	cfg, err := configs.Parse(filepath.Join(t.TempDir(), "relay.yaml"), []byte(strings.NewReplacer("ROSSUM", w.rossum.BaseURL(), "RELAY", relay).Replace(`
rossum: {acme: {base_url: "ROSSUM", username: relay@acme.example, password: Password-1}}
hooks: {acme: {rossum: acme, signing_secrets: [a-signing-secret]}}
ingest: {public_url: "RELAY"}
pipelines:
`+pipelines)))
	if err != nil {
		t.Fatal(err)
	}
	if err := cfg.Resolve(); err != nil {
		t.Fatal(err)
	}
	w.queue = queuetest.Open(t)
	if w.journal, err = journal.Open(t.Context(), w.queue, time.Now); err != nil {
		t.Fatal(err)
	}
	if w.answers, err = answer.Open(t.Context(), w.queue, time.Now); err != nil {
		t.Fatal(err)
	}
	server, err := ingest.New(ingest.Options{Config: cfg, Queue: w.queue, Store: w.answers, Log: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	service := httptest.NewUnstartedServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if w.down.Load() {
			out.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		server.ServeHTTP(out, r)
	}))
	_ = service.Listener.Close()
	service.Listener = listener
	service.Start()
	t.Cleanup(service.Close)
	t.Cleanup(w.rossum.Close)
	w.hook(relay, events)
	w.Reconciler = reconcile.New(reconcile.Options{
		Config: cfg, Queue: w.queue, Journal: w.journal, Answers: w.answers, Rossum: w.client,
	})
	return w
}

func (w *world) hook(relay string, events []string) {
	w.t.Helper()
	imported, err := w.rossum.Import(samples.All()[0])
	if err != nil {
		w.t.Fatal(err)
	}
	w.in = imported.Queue
	w.user = w.rossum.AddUser(rossumsim.UserSpec{Username: username, Password: password, Admin: true, Organization: imported.Organization})
	w.rossum.AddHook(rossumsim.HookSpec{
		Name: "relay", URL: relay + "/hooks/acme", Secret: "a-signing-secret", Events: events, Queues: []int64{w.in},
		TokenOwner: w.user, TokenLifetime: 7200, Secrets: map[string]any{"api_key": "of-the-hook"},
	})
}

func (w *world) client(string) (*rossumapi.Client, error) {
	return rossumapi.New(rossumapi.Options{BaseURL: w.rossum.BaseURL(), Token: rossumapi.StaticToken(w.rossum.Token(w.user, time.Hour))})
}

// export uploads a document and confirms it, and waits until all calls about it have ended.
func (w *world) export(want string) int64 {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	id, err := w.rossum.Upload(rossumsim.Upload{Payload: samples.All()[0], Status: rossumapi.StatusToReview})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.rossum.Confirm(ctx, id, w.user); err != nil {
		w.t.Fatal(err)
	}
	got, err := w.rossum.WaitStatus(ctx, id, rossumapi.StatusExported, rossumapi.StatusFailedExport)
	if err != nil || got != want {
		w.t.Fatalf("annotation %d is %s, %v; want %s", id, got, err, want)
	}
	if err := w.rossum.Quiet(ctx); err != nil {
		w.t.Fatal(err)
	}
	return id
}

// end brings every run to an end, as workers would.
func (w *world) end(state run.State) {
	w.t.Helper()
	ctx := w.t.Context()
	var all []answer.Event
	if err := w.answers.Each(ctx, func(e answer.Event) error { all = append(all, e); return nil }); err != nil {
		w.t.Fatal(err)
	}
	for _, e := range all {
		for _, ref := range e.Runs {
			r, err := w.journal.Take(ctx, queue.Envelope{
				Run: ref.ID, Pipeline: ref.Pipeline, Hook: e.Hook, Event: e.Name, Key: e.Key, Annotation: e.Annotation,
				Generation: e.Generation, Received: e.Opened,
			}, ref.Lane, "worker", time.Minute)
			if err != nil {
				w.t.Fatal(err)
			}
			if r.State.Settled() {
				continue
			}
			r.State, r.Settled = state, time.Now()
			r.Release()
			if err := r.Save(ctx); err != nil {
				w.t.Fatal(err)
			}
			if err := w.answers.Settle(ctx, ref.ID, answer.Result{State: state, Settled: r.Settled}); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

func (w *world) look() *reconcile.Report {
	w.t.Helper()
	report, err := w.Look(w.t.Context(), time.Now().Add(-24*time.Hour))
	if err != nil {
		w.t.Fatal(err)
	}
	return report
}

// found counts the findings as "kind event status remedy".
func found(r *reconcile.Report) map[string]int {
	counts := map[string]int{}
	for _, f := range r.Findings {
		counts[fmt.Sprintf("%s %s %s %s", f.Kind, f.Event, f.Status, f.Remedy)]++
	}
	return counts
}

const exportPipeline = `  invoice: {hook: acme, events: [annotation_content.export], answer: accept, steps: [{c: {check: [{that: "true", error: x}]}}]}
`
