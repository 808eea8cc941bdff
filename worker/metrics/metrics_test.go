package metrics_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/worker/metrics"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
	"github.com/rossum-relay/rossum-relay/worker/run"
	"github.com/rossum-relay/rossum-relay/worker/target/limits"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// series are the samples of a registry, "name{label=value,...}" each.
func series(t testing.TB, g prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			value := m.GetGauge().GetValue() + m.GetCounter().GetValue()
			if h := m.GetHistogram(); h != nil {
				value = float64(h.GetSampleCount())
			}
			all[strings.TrimPrefix(f.GetName(), "rossum_relay_")+"{"+strings.Join(labels, ",")+"}"] = value
		}
	}
	return all
}

func want(t *testing.T, got map[string]float64, want map[string]float64) {
	t.Helper()
	for name, value := range want {
		if v, ok := got[name]; !ok || v != value {
			t.Errorf("%s is %v (there: %v), want %v", name, v, ok, value)
		}
	}
}

func TestWork(t *testing.T) {
	registry := prometheus.NewRegistry()
	w := metrics.NewWork(registry)
	end := w.Begin("invoice")
	w.Begin("invoice")
	end()
	w.Turn("invoice", run.Waiting, "http_503", time.Second)
	w.Turn("invoice", run.Done, "", time.Minute)
	w.Turn("invoice", run.Dead, "http_400", time.Minute)
	w.Attempt("coupa", "send", outcome.Outcome{Kind: outcome.Uncertain}, time.Second)
	w.Found("lost_message", 3, false)
	w.Late(-time.Second)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }))
	defer srv.Close()
	client := &http.Client{Transport: w.Rossum("acme", http.DefaultTransport)}
	defer client.CloseIdleConnections()
	resp, err := client.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	srv.Close()
	if resp, err := client.Get(srv.URL); err == nil {
		resp.Body.Close()
		t.Error("a closed server answers")
	}
	if err := w.Limiter("acme", waiter{}).Wait(t.Context()); err != nil {
		t.Error(err)
	}
	got := series(t, registry)
	want(t, got, map[string]float64{
		"runs_in_work{pipeline=invoice}": 1, "runs_total{pipeline=invoice,state=done}": 1, "runs_total{pipeline=invoice,state=dead}": 1,
		"run_pauses_total{pipeline=invoice,reason=http_503,state=waiting}": 1, "dead_total{pipeline=invoice,reason=http_400}": 1,
		"run_seconds{pipeline=invoice}": 1, "attempts_total{kind=send,outcome=uncertain,target=coupa}": 1,
		"attempt_seconds{kind=send,target=coupa}": 1, "sweeper_findings_total{mended=false,what=lost_message}": 3,
		"schedule_lag_seconds{}": 1, "rossum_calls_total{method=GET,rossum=acme,status=429}": 1,
		"rossum_calls_total{method=GET,rossum=acme,status=0}": 1, "rossum_call_seconds{rossum=acme}": 2,
	})
	if _, ok := got["rossum_limited_seconds_total{rossum=acme}"]; !ok {
		t.Error("waiting for the rate limit is not counted")
	}
}

type waiter struct{}

func (waiter) Wait(context.Context) error { return nil }

// TestNoWork: a worker that nobody watches works.
func TestNoWork(t *testing.T) {
	var w *metrics.Work
	w.Begin("invoice")()
	w.Turn("invoice", run.Done, "", time.Minute)
	w.Attempt("coupa", "send", outcome.Outcome{Kind: outcome.OK}, time.Second)
	w.Found("lost_message", 3, false)
	w.Late(time.Second)
	if got := w.Rossum("acme", http.DefaultTransport); got != http.DefaultTransport {
		t.Error("a transport is wrapped for nothing")
	}
	if got := w.Limiter("acme", waiter{}); got != (waiter{}) {
		t.Error("a limiter is wrapped for nothing")
	}
}

func envelope(pipeline string, n int) queue.Envelope {
	key := run.NewEventKey("hook", "annotation_content.export", fmt.Sprint(n))
	return queue.Envelope{
		Run: run.NewID(key, pipeline, 1), Pipeline: pipeline, Hook: "hook", Event: "annotation_content.export", Key: key,
		Annotation: int64(n), Generation: 1, Received: time.Now(),
	}
}

// watched is a queue with a run in each place, a pipeline that was removed, and a breaker that is open.
func watched(t *testing.T) (*metrics.Watcher, *prometheus.Registry) {
	t.Helper()
	q := queuetest.Open(t)
	for n, pipeline := range []string{"invoice", "invoice", "removed"} {
		ctx, cancel := context.WithCancel(t.Context())
		e := envelope(pipeline, n)
		p, err := q.StorePayload(ctx, e.Run, []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := q.Publish(ctx, pipeline, e, p); err != nil {
			t.Fatal(err)
		}
		took := make(chan error, 1)
		got := make(chan *queue.Delivery)
		go func() {
			took <- q.Consume(ctx, queue.Lane{Name: pipeline, Limit: 4, Slots: 1, AckWait: time.Minute}, func(_ context.Context, d *queue.Delivery) { got <- d })
		}()
		<-got
		cancel()
		if err := <-took; err != nil {
			t.Fatal(err)
		}
	}
	for n := range 3 {
		if err := q.Bury(t.Context(), queue.Letter{Envelope: envelope("invoice", 10+n), Lane: "invoice"}); err != nil {
			t.Fatal(err)
		}
	}
	open, err := limits.Open(t.Context(), q, "w", time.Now, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	if err := open.Hold(t.Context(), limits.Hold{Kind: limits.HoldTarget, Name: "coupa"}); err != nil {
		t.Fatal(err)
	}
	w, err := metrics.NewWatcher(t.Context(), metrics.WatcherOptions{Queue: q, Pipelines: []string{"invoice"}, Log: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	registry := metrics.NewRegistry("v1", "abc")
	if err := w.Register(registry, []string{"coupa"}); err != nil {
		t.Fatal(err)
	}
	return w, registry
}

func TestWatcher(t *testing.T) {
	w, registry := watched(t)
	if got := series(t, registry); got["queue_up{}"] != 0 {
		t.Error("up before the first look")
	}
	if s := w.Look(t.Context()); s.Err != nil {
		t.Fatal(s.Err)
	}
	got := series(t, registry)
	want(t, got, map[string]float64{
		"queue_up{}": 1, "lane_waiting{pipeline=invoice}": 0, "lane_in_work{pipeline=invoice}": 2, "dead_letters{pipeline=invoice}": 3,
		"scheduled{pipeline=invoice}": 0, "due{}": 0, "queue_messages{stream=EV}": 3, "breaker_open{target=coupa}": 0,
		"held{kind=target}": 1, "held{kind=pipeline}": 0, "queue_store_limit_bytes{}": 1 << 30,
	})
	for name := range got {
		if strings.Contains(name, "removed") {
			t.Errorf("a pipeline that is not configured has a series: %s", name)
		}
	}
	if got["lane_oldest_seconds{pipeline=invoice}"] <= 0 {
		t.Error("the oldest message has no age")
	}
}

func TestWatcherKeepsWhatItSaw(t *testing.T) {
	w, registry := watched(t)
	w.Look(t.Context())
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if s := w.Look(gone); s.Err == nil {
		t.Fatal("a look without a queue went well")
	}
	want(t, series(t, registry), map[string]float64{"queue_up{}": 0, "dead_letters{pipeline=invoice}": 3})
}

func TestHandler(t *testing.T) {
	ready := true
	h := metrics.Handler(metrics.NewRegistry("v1.2.3", "abc"), func(context.Context) (bool, []byte) { return ready, []byte(`{"why":"because"}`) })
	get := func(path string) *httptest.ResponseRecorder {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
		return rec
	}
	if r := get("/metrics"); r.Code != 200 || !strings.Contains(r.Body.String(), `rossum_relay_build_info{go="go`) {
		t.Errorf("metrics: %d", r.Code)
	}
	if r := get("/healthz"); r.Code != 200 {
		t.Errorf("healthz: %d", r.Code)
	}
	if r := get("/readyz"); r.Code != 200 {
		t.Errorf("readyz: %d", r.Code)
	}
	ready = false
	if r := get("/readyz"); r.Code != 503 || r.Body.String() != `{"why":"because"}` {
		t.Errorf("readyz: %d %s", r.Code, r.Body)
	}
	if r := get("/debug/pprof/"); r.Code != 404 {
		t.Errorf("something else: %d", r.Code)
	}
}

// TestREADME: the table lists what there is, and nothing else. Metrics of ingest are registered by its own room.
func TestREADME(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `rossum_relay_([a-z_]+)`").FindAllStringSubmatch(string(text), -1) {
		documented[m[1]] = true
	}
	registry := &names{Registerer: prometheus.NewRegistry(), all: map[string]bool{}}
	metrics.NewWork(registry)
	queue.WithMetrics(registry)
	w, _ := watched(t)
	if err := w.Register(registry, nil); err != nil {
		t.Fatal(err)
	}
	registry.all["build_info"] = true
	for name := range registry.all {
		if !documented[name] {
			t.Errorf("README.md has no %s", name)
		}
		delete(documented, name)
	}
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range documented {
			if !yield(name) {
				return
			}
		}
	}) {
		if !strings.HasPrefix(name, "ingest_") {
			t.Errorf("README.md has %s, which is not there", name)
		}
	}
}

// names collects the names of what is registered.
type names struct {
	prometheus.Registerer
	all map[string]bool
}

var fqName = regexp.MustCompile(`fqName: "rossum_relay_([a-z_]+)"`)

func (n *names) add(c prometheus.Collector) {
	descs := make(chan *prometheus.Desc, 100)
	c.Describe(descs)
	close(descs)
	for d := range descs {
		n.all[fqName.FindStringSubmatch(d.String())[1]] = true
	}
}

func (n *names) Register(c prometheus.Collector) error { n.add(c); return nil }

func (n *names) MustRegister(all ...prometheus.Collector) {
	for _, c := range all {
		n.add(c)
	}
}

// BenchmarkScrape is a scrape of 200 pipelines and 50 targets.
func BenchmarkScrape(b *testing.B) {
	var pipelines, targets []string
	for n := range 200 {
		pipelines = append(pipelines, fmt.Sprintf("pipeline-%d", n))
		targets = append(targets, fmt.Sprintf("target-%d", n/4))
	}
	q := queuetest.Open(b)
	w, err := metrics.NewWatcher(b.Context(), metrics.WatcherOptions{Queue: q, Pipelines: pipelines, Log: zap.NewNop()})
	if err != nil {
		b.Fatal(err)
	}
	registry := metrics.NewRegistry("v1", "abc")
	work := metrics.NewWork(registry)
	for n, p := range pipelines {
		work.Turn(p, run.Done, "", time.Second)
		work.Attempt(targets[n], "send", outcome.Outcome{Kind: outcome.OK}, time.Second)
	}
	if err := w.Register(registry, slices.Compact(targets)); err != nil {
		b.Fatal(err)
	}
	w.Look(b.Context())
	h := metrics.Handler(registry, nil)
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/metrics", nil))
	}
}

// BenchmarkLook is a look at a queue with 20,000 runs in a lane, as many scheduled and as many dead letters.
func BenchmarkLook(b *testing.B) {
	const n = 20_000
	q := queuetest.Open(b)
	fill(b, q, n)
	w, err := metrics.NewWatcher(b.Context(), metrics.WatcherOptions{Queue: q, Pipelines: []string{"invoice"}, Log: zap.NewNop()})
	if err != nil {
		b.Fatal(err)
	}
	more := n
	for b.Loop() {
		b.StopTimer()
		if err := q.Bury(b.Context(), queue.Letter{Envelope: envelope("invoice", more), Lane: "invoice"}); err != nil { // so that letters are counted anew
			b.Fatal(err)
		}
		more++
		b.StartTimer()
		if s := w.Look(b.Context()); s.Err != nil {
			b.Fatal(s.Err)
		}
	}
}

func fill(b *testing.B, q *queue.Queue, n int) {
	b.Helper()
	limit := make(chan struct{}, 64)
	failed := make(chan error, 3*n)
	for i := range n {
		limit <- struct{}{}
		go func() {
			defer func() { <-limit }()
			e := envelope("invoice", i)
			p, err := q.StorePayload(b.Context(), e.Run, make([]byte, 2000))
			if err == nil {
				_, err = q.Publish(b.Context(), "invoice", e, p)
			}
			failed <- err
			failed <- q.Schedule(b.Context(), "invoice", e, p, time.Now().Add(time.Hour))
			failed <- q.Bury(b.Context(), queue.Letter{Envelope: e, Lane: "invoice", Payload: p})
		}()
	}
	for range 3 * n {
		if err := <-failed; err != nil {
			b.Fatal(err)
		}
	}
}
