package ingest_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/rossum-relay/rossum-relay/ingest"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// TestNotReadyTellsWhy: a probe's answer is for people, too.
func TestNotReadyTellsWhy(t *testing.T) {
	r := start(t, config())
	type answer struct {
		Status string
		Checks []queue.Check
	}
	ask := func() (int, answer) {
		res := r.do(http.MethodGet, "/readyz", nil, nil)
		var a answer
		if err := json.Unmarshal([]byte(res.body), &a); err != nil {
			t.Fatal(err)
		}
		return res.status, a
	}
	if status, a := ask(); status != 200 || a.Status != "ready" || len(a.Checks) < 4 {
		t.Errorf("%d %+v", status, a)
	}
	r.queue.Close()
	if status, a := ask(); status != 503 || a.Status != "not ready" || a.Checks[0] != (queue.Check{Name: "connection", Problem: "not connected"}) {
		t.Errorf("%d %+v", status, a)
	}
}

// TestCallsArePartOfATrace: only those that are verified, and the poll that told; the messages know their call.
func TestCallsArePartOfATrace(t *testing.T) {
	r := start(t, config())
	var began []string
	traceID := trace.TraceID{1}
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
	var err error
	r.server, err = ingest.New(ingest.Options{
		Config: r.cfg, Queue: r.queue, Store: r.store, Log: testLog(t), Now: r.clock.Now,
		Trace: func(ctx context.Context, name string, key run.EventKey, generation int, _ time.Time) (context.Context, trace.Span) {
			if !key.Valid() || generation != 1 {
				t.Errorf("span of event %q, generation %d", key, generation)
			}
			began = append(began, name)
			ctx = trace.ContextWithSpanContext(ctx, span)
			return ctx, trace.SpanFromContext(ctx)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.http.Config.Handler = r.server
	good := payload(t, exportUS)
	location := r.post("us", good).header.Get("Location")
	r.poll(location) // pending
	r.do(http.MethodPost, "/hooks/us", good, nil)
	r.do(http.MethodGet, "/answers/nobody", nil, nil)
	if len(began) != 1 || began[0] != "POST /hooks/{name}" {
		t.Errorf("spans %q", began)
	}
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	got := make(chan string, 1)
	done := make(chan error, 1)
	consume, end := context.WithCancel(ctx)
	go func() {
		done <- r.queue.Consume(consume, queue.Lane{Name: "erp-us", Limit: 1, Slots: 1, AckWait: time.Minute}, func(_ context.Context, d *queue.Delivery) { got <- d.Trace })
	}()
	if parent := <-got; parent != "00-"+traceID.String()+"-0200000000000000-01" {
		t.Errorf("the message's parent is %q", parent)
	}
	end()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestRefusedAndUnknownAreBounded: whoever calls cannot make series.
func TestRefusedAndUnknownAreBounded(t *testing.T) {
	r := start(t, config())
	for _, hook := range []string{"a", "b", "c", "us/../x"} {
		r.do(http.MethodPost, "/hooks/"+hook, nil, nil)
	}
	invented := edit(t, payload(t, exportUS), map[string]any{"event": "future", "action": "invented-by-a-caller"})
	r.post("us", invented)
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	hooks, events := map[string]bool{}, map[string]bool{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				switch l.GetName() {
				case "hook":
					hooks[l.GetValue()] = true
				case "event":
					events[l.GetValue()] = true
				}
			}
		}
	}
	for hook := range hooks {
		if _, ok := r.cfg.Hooks.Get(hook); !ok && hook != "" {
			t.Errorf("a label holds the hook %q", hook)
		}
	}
	if !events["other"] || events["future.invented-by-a-caller"] {
		t.Errorf("events %v", events)
	}
}
