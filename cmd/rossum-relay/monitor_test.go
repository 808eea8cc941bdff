package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/alert"
	"github.com/rossum-relay/rossum-relay/worker/erpsim"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
	"github.com/rossum-relay/rossum-relay/worker/trace/tracetest"
)

// TestOneTraceAndItsMetrics follows an invoice past an ERP that refuses once: Rossum's call, two turns and the answer are
// one trace, the metrics know what happened, and neither knows the invoice.
func TestOneTraceAndItsMetrics(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	collector := tracetest.New(t)
	r := newRelay(t, testConfig(createStep+tellStep)+"traces: {endpoint: \""+collector.URL+"\"}\nmetrics: {listen: \"127.0.0.1:0\"}\n", erpsim.Options{
		Faults: []erpsim.Rule{{Method: "POST", Action: erpsim.Refuse, Status: 503, Times: 1}},
	})
	r.hook("annotation_content.export")
	stop := r.start()
	id := r.export(ctx, "INV-SECRET-77")
	r.status(ctx, id, "exported")
	rec := r.settled(ctx, 1)[0]
	metrics := scrape(t, "http://"+r.service.monitor.listener.Addr().String()+"/metrics")
	stop()

	spans := map[string][]tracetest.Span{}
	for _, s := range collector.Spans() {
		spans[s.Name] = append(spans[s.Name], s)
		if s.Trace != collector.Spans()[0].Trace {
			t.Errorf("%s is in another trace", s.Name)
		}
	}
	if len(collector.Spans()) == 0 || !strings.Contains(rec.Trace, collector.Spans()[0].Trace) {
		t.Fatalf("%d spans, the run's journal says %q", len(collector.Spans()), rec.Trace)
	}
	for _, name := range []string{"POST /hooks/{name}", "GET /answers/{token}", "run invoice", "step create", "send", "HTTP POST", "step tell", "rossum", "HTTP GET"} {
		if len(spans[name]) == 0 {
			t.Errorf("no span %s", name)
		}
	}
	turns, call := spans["run invoice"], spans["POST /hooks/{name}"]
	if len(turns) < 2 || turns[0].Parent != call[0].ID || len(turns[0].Links) > 0 || len(turns[1].Links) != 1 || turns[1].Links[0] != turns[0].ID {
		t.Errorf("turns %+v of call %+v", turns, call)
	}
	if turns[0].Attributes["relay.state"] != "waiting" || turns[len(turns)-1].Attributes["relay.state"] != "done" {
		t.Errorf("turns %+v", turns)
	}
	for _, line := range []string{
		`rossum_relay_runs_total{pipeline="invoice",state="done"} 1`, `rossum_relay_attempts_total{kind="send",outcome="ok",target="erp"} 1`,
		`rossum_relay_attempts_total{kind="send",outcome="retry",target="erp"} 1`, `rossum_relay_attempts_total{kind="rossum",outcome="ok",target="rossum"} 1`,
		`rossum_relay_ingest_calls_total{event="annotation_content.export",hook="test",result="opened"} 1`, `rossum_relay_queue_publishes_total{result="stored",stream="EV"}`,
		`rossum_relay_rossum_calls_total{method="PATCH",rossum="test",status="200"}`, `rossum_relay_ingest_bytes_total{hook="test"}`,
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("the metrics have no %s", line)
		}
	}
	raw, _ := collector.Raw()
	for what, text := range map[string]string{"a span": raw, "a metric": metrics} {
		for _, word := range []string{"INV-SECRET-77", demoSecret, testPassword, "Bearer", "number="} {
			if strings.Contains(text, word) {
				t.Errorf("%s holds %q", what, word)
			}
		}
	}
}

func scrape(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%d, %v", resp.StatusCode, err)
	}
	return string(body)
}

// TestAlertOfADeadLetter: from the letter to who is told.
func TestAlertOfADeadLetter(t *testing.T) {
	told := make(chan alert.Notice, 1)
	inbox := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var n alert.Notice
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
			t.Error(err)
		}
		told <- n
	}))
	defer inbox.Close()
	r := newRelay(t, testConfig(createStep)+"metrics: {listen: off}\nalerts: {queue_full: 0, receivers: {me: {webhook: {url: \"${INBOX}\", private: true}}}}\n", erpsim.Options{})
	r.more = map[string]string{"INBOX": inbox.URL}
	stop := r.start()
	key := run.NewEventKey("test", "annotation_content.export", "1")
	l := queue.Letter{
		Envelope: queue.Envelope{Run: run.NewID(key, "invoice", 1), Pipeline: "invoice", Key: key, Received: time.Now()},
		Lane:     "invoice", Step: "create", Target: "erp", Outcome: "reauth", Reason: "http_401", Cause: "c1",
	}
	if err := r.service.queue.Bury(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	stop()
	if out := r.cli("alerts", "test", "-c", r.config); out != "me: took it\n" {
		t.Errorf("alerts test: %s", out)
	}
	if n := <-told; n.Alerts[0].ID != "test" {
		t.Errorf("%+v", n)
	}
	r.start() // who starts looks at once
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	select {
	case n := <-told:
		if len(n.Alerts) != 1 || n.Alerts[0].Severity != alert.Critical || n.Alerts[0].Labels["reason"] != "http_401" {
			t.Errorf("%+v", n)
		}
	case <-ctx.Done():
		t.Fatal("nobody was told")
	}
}

// TestMetricsListenIsTaken: two processes on one machine; the second one delivers all the same.
func TestMetricsListenIsTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	core, logged := observer.New(zap.WarnLevel)
	m, err := openMonitor(t.Context(), &configs.Config{Metrics: configs.Metrics{Listen: l.Addr().String()}}, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	m.close(zap.NewNop())
	if m.listener != nil || logged.Len() != 1 {
		t.Errorf("logged %v", logged.All())
	}
}

func TestQueueNames(t *testing.T) {
	asked := make(chan string, 10)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
		if strings.HasSuffix(r.URL.Path, "/8") {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = io.WriteString(w, `{"id": 7, "name": "AP Europe"}`)
	}))
	defer srv.Close()
	q := newQueueNames(func(string) (*rossumapi.Client, error) { return rossumapi.New(rossumapi.Options{BaseURL: srv.URL}) })
	for range 3 {
		if name, err := q.resolve(t.Context(), "acme", 7); name != "AP Europe" || err != nil {
			t.Errorf("%q, %v", name, err)
		}
		if name, err := q.resolve(t.Context(), "acme", 8); name != "" || err == nil {
			t.Errorf("%q, %v", name, err)
		}
	}
	close(asked)
	if got := slices.Collect(func(yield func(string) bool) {
		for path := range asked {
			if !yield(path) {
				return
			}
		}
	}); len(got) != 2 {
		t.Errorf("asked %q", got)
	}
}
