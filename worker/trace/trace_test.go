package trace_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/run"
	"github.com/rossum-relay/rossum-relay/worker/trace"
	"github.com/rossum-relay/rossum-relay/worker/trace/tracetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, cfg configs.Traces) *trace.Tracer {
	t.Helper()
	tr, err := trace.Open(t.Context(), cfg, "v1", zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func closeTracer(t *testing.T, tr *trace.Tracer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := tr.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

var (
	key  = run.NewEventKey("hook", "annotation_content.export", "1")
	turn = trace.Turn{Run: run.NewID(key, "invoice", 1), Pipeline: "invoice", Hook: "hook", Event: "annotation_content.export", Key: key, Generation: 1, Annotation: 7}
)

// TestOneTraceForAnEvent: calls, turns, attempts and HTTP requests of different processes are one trace; turns are linked.
func TestOneTraceForAnEvent(t *testing.T) {
	c := tracetest.New(t)
	cfg := configs.Traces{Endpoint: c.URL, Sample: 100, Headers: configs.Named[configs.Secret]{{Name: "x-api-key", Value: configs.NewSecret("otlp-secret")}}}
	ingest, worker := open(t, cfg), open(t, cfg)

	for range 2 { // the call, and the one that repeats it
		_, span := ingest.Event(t.Context(), "POST /hooks/{name}", key, 1, time.Now())
		span.End()
	}
	first := turn
	_, span, parent := ingest.Turn(t.Context(), first)
	trace.EndTurn(span, run.Waiting, "http_503", nil)
	second := turn
	second.Parent, second.Last, second.Hop = "", parent, 1
	ctx, span, _ := worker.Turn(t.Context(), second)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("traceparent") != "" {
			t.Error("the trace is told to strangers")
		}
		w.WriteHeader(http.StatusBadRequest)
	}))
	defer srv.Close()
	stepCtx, step := trace.Start(ctx, "step send")
	attemptCtx, attempt := trace.Start(stepCtx, "send")
	client := &http.Client{Transport: trace.Transport(&http.Transport{})}
	get(attemptCtx, t, client, srv.URL+"/invoices/INV-SECRET-1?q=query-secret")
	trace.EndAttempt(attempt, "coupa", outcome.Outcome{Kind: outcome.Rejected, Reason: "http_400", Message: "message-secret"})
	step.End()
	api := &http.Client{Transport: trace.RossumTransport(&http.Transport{})}
	get(ctx, t, api, srv.URL+"/api/v1/annotations/4711/content?page=query-secret")
	trace.EndTurn(span, run.Dead, "http_400", nil)
	client.CloseIdleConnections()
	api.CloseIdleConnections()
	closeTracer(t, ingest)
	closeTracer(t, worker)

	byName := map[string]tracetest.Span{}
	for _, s := range c.Spans() {
		if s.Trace != c.Spans()[0].Trace {
			t.Errorf("%s is in another trace", s.Name)
		}
		byName[s.Name] = s
	}
	if n := len(c.Spans()); n != 8 {
		t.Errorf("%d spans: %v", n, byName)
	}
	last := byName["run invoice"]
	if len(last.Links) != 1 || last.Attributes["relay.run"] != string(turn.Run) || last.Attributes["relay.annotation"] != "7" || !last.Failed {
		t.Errorf("second turn %+v", last)
	}
	if s := byName["send"]; s.Attributes["relay.outcome"] != "rejected" || s.Attributes["relay.target"] != "coupa" || s.Parent != byName["step send"].ID {
		t.Errorf("attempt %+v", s)
	}
	if s := byName["HTTP GET"]; s.Attributes["url.template"] != "/api/v1/annotations/{id}/content" || s.Attributes["http.response.status_code"] != "400" || !s.Failed {
		t.Errorf("request %+v", s)
	}
	raw, header := c.Raw()
	if header.Get("X-Api-Key") != "otlp-secret" {
		t.Error("the collector's header is missing")
	}
	for _, word := range []string{"SECRET", "query-secret", "message-secret", "4711", "invoices"} {
		if strings.Contains(raw, word) {
			t.Errorf("a span holds %q", word)
		}
	}
}

func get(ctx context.Context, t *testing.T, client *http.Client, url string) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

// TestGenerationsAreTraces: an event that comes again in months is another trace.
func TestGenerationsAreTraces(t *testing.T) {
	c := tracetest.New(t)
	tr := open(t, configs.Traces{Endpoint: c.URL + "/v1/traces", Sample: 100})
	for generation := range 2 {
		_, span := tr.Event(t.Context(), "POST", key, generation+1, time.Now())
		span.End()
	}
	closeTracer(t, tr)
	if s := c.Spans(); len(s) != 2 || s[0].Trace == s[1].Trace || s[0].Parent != "" {
		t.Errorf("%+v", s)
	}
}

// TestOffCostsNothing: without a collector there is no tracer, no span, and no work for one.
func TestOffCostsNothing(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")
	tr := open(t, configs.Traces{Sample: 100})
	if tr != nil {
		t.Fatal("a tracer without a collector")
	}
	ctx, span, parent := tr.Turn(t.Context(), turn)
	if parent != "" || span.IsRecording() {
		t.Error("a turn is traced")
	}
	if n := testing.AllocsPerRun(100, func() {
		_, s := trace.Start(ctx, "step")
		trace.EndAttempt(s, "coupa", outcome.Outcome{Kind: outcome.OK})
		trace.EndTurn(span, run.Done, "", nil)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
	closeTracer(t, tr)
}

func TestSampleAndEnvironment(t *testing.T) {
	c := tracetest.New(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.URL)
	none, all := open(t, configs.Traces{Sample: 0}), open(t, configs.Traces{Sample: 100})
	_, span, parent := none.Turn(t.Context(), turn)
	span.End()
	if trace.ID(parent) == "" {
		t.Errorf("an event that is not sampled must say so to those who come after: %q", parent)
	}
	closeTracer(t, none)
	if n := len(c.Spans()); n != 0 {
		t.Errorf("%d spans of an event that is not sampled", n)
	}
	_, span, _ = all.Turn(t.Context(), turn)
	span.End()
	closeTracer(t, all)
	if n := len(c.Spans()); n != 1 {
		t.Errorf("%d spans", n)
	}
}

// TestCollectorDown: nothing waits for a collector that is not there, and the log says that spans are lost.
func TestCollectorDown(t *testing.T) {
	c := tracetest.New(t)
	c.Close()
	core, logged := observer.New(zap.WarnLevel)
	tr, err := trace.Open(t.Context(), configs.Traces{Endpoint: c.URL, Sample: 100}, "v1", zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		_, span, _ := tr.Turn(t.Context(), turn)
		span.End()
	}
	closeTracer(t, tr)
	if n := logged.FilterMessage("traces are lost").Len(); n != 1 {
		t.Errorf("%d lines about lost spans", n)
	}
}

func TestID(t *testing.T) {
	const id = "0af7651916cd43dd8448eb211c80319c"
	for text, want := range map[string]string{
		"00-" + id + "-b7ad6b7169203331-01": id, "": "", "00-" + id: "", "00-00000000000000000000000000000000-b7ad6b7169203331-01": "",
	} {
		if got := trace.ID(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}
