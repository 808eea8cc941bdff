package ingest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

func TestWaitAndPoll(t *testing.T) {
	r := start(t, config())
	res := r.post("us", payload(t, exportUS))
	location := res.header.Get("Location")
	if pending := r.poll(location); pending.status != 202 || pending.body != "{}" {
		t.Fatalf("pending: %d %s", pending.status, pending.body)
	}
	m := r.take("erp-us", 1)[0]
	if err := r.store.Settle(t.Context(), m.Run, answer.Result{
		State: run.Done, Settled: r.clock.Now(), Messages: []rossumapi.Message{rossumapi.Info("sent as <E-1>")},
		Operations: []rossumapi.Operation{rossumapi.Replace(21, "E-1")},
	}); err != nil {
		t.Fatal(err)
	}
	const want = `{"messages":[{"type":"info","content":"sent as &lt;E-1&gt;"}],` +
		`"operations":[{"op":"replace","id":21,"value":{"content":{"value":"E-1"},"validation_sources":["connector"]}}]}`
	told := r.clock.Now()
	for range 2 { // the first answer may be lost on its way
		if ready := r.poll(location); ready.status != 201 || ready.body != want || ready.header.Get("Cache-Control") != "no-store" {
			t.Errorf("ready: %d %s", ready.status, ready.body)
		}
		r.clock.Add(30 * time.Second)
	}
	event, err := r.store.Event(t.Context(), m.Key)
	if err != nil || !event.AnswerToldAt.Equal(told) || event.Runs[0].Told.IsZero() {
		t.Errorf("record %+v, %v", event, err)
	}
}

func TestLinkOutlivesARestart(t *testing.T) {
	cfg := queuetest.Config(t.TempDir())
	q, err := queue.Open(t.Context(), cfg, queue.Serve, "first", testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	location := startOn(t, config(), q, nil).post("us", payload(t, exportUS)).header.Get("Location")
	q.Close()
	r := startOn(t, config(), queuetest.OpenConfig(t, cfg), nil)
	if res := r.poll(location); res.status != 202 {
		t.Errorf("after the restart: %d %s", res.status, res.body)
	}
	m := r.take("erp-us", 1)[0]
	if err := r.store.Settle(t.Context(), m.Run, answer.Result{State: run.Done, Settled: r.clock.Now()}); err != nil {
		t.Fatal(err)
	}
	if res := r.poll(location); res.status != 201 || res.body != "{}" {
		t.Errorf("%d %s", res.status, res.body)
	}
}

func TestClosedStoreIs503(t *testing.T) {
	cfg := queuetest.Config(t.TempDir())
	q, err := queue.Open(t.Context(), cfg, queue.Serve, "first", testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	r := startOn(t, config(), q, nil)
	location := r.post("us", payload(t, exportUS)).header.Get("Location")
	q.Close()
	for what, res := range map[string]response{
		"poll": r.poll(location), "call": r.post("us", payload(t, statusUS)), "readyz": r.do("GET", "/readyz", nil, nil),
	} {
		if res.status != 503 || res.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", what, res.status, res.body)
		}
	}
	if res := r.do("GET", "/healthz", nil, nil); res.status != 200 {
		t.Errorf("healthz: %d", res.status)
	}
}

func TestOverdueAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		atMost, overdue time.Duration
	}{
		"by default":               {0, 20 * time.Minute},
		"at_most":                  {3 * time.Minute, 3 * time.Minute},
		"before Rossum's last ask": {time.Hour, 24 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config()
			cfg.Pipelines[0].Value.Wait.AtMost = configs.Duration(test.atMost)
			r := start(t, cfg)
			location := r.post("us", payload(t, exportUS)).header.Get("Location")
			r.clock.Add(test.overdue - time.Second)
			if res := r.poll(location); res.status != 202 {
				t.Fatalf("before: %d %s", res.status, res.body)
			}
			r.clock.Add(time.Second)
			if res := r.poll(location); res.status != 201 || !strings.Contains(res.body, "still being delivered") || !strings.Contains(res.body, `"type":"error"`) {
				t.Errorf("overdue: %d %s", res.status, res.body)
			}
			m := r.take("erp-us", 1)[0]
			if event, err := r.store.Event(t.Context(), m.Key); err != nil || !event.OverdueAt.Equal(r.clock.Now()) || !event.Runs[0].ReExport {
				t.Errorf("record %+v, %v", event, err)
			}
		})
	}
}

func holding(d time.Duration) *configs.Config {
	cfg := config()
	cfg.Pipelines[0].Value.Wait.Hold = configs.Duration(d)
	return cfg
}

// work calls f for the next message of the US lane.
func (r *relay) work(f func(ctx context.Context, d *queue.Delivery)) {
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() {
		done <- r.queue.Consume(ctx, queue.Lane{Name: "erp-us", Limit: 1, Slots: 1, AckWait: 10 * time.Second}, func(ctx context.Context, d *queue.Delivery) {
			f(ctx, d)
			if err := d.Ack(ctx); err != nil {
				r.t.Error(err)
			}
		})
	}()
	r.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	})
}

func TestHoldAnswersDirectly(t *testing.T) {
	r := start(t, holding(50*time.Second))
	r.work(func(ctx context.Context, d *queue.Delivery) {
		result := answer.Result{State: run.Done, Settled: r.clock.Now(), Messages: []rossumapi.Message{rossumapi.Info("quick")}}
		if err := r.store.Settle(ctx, d.Run, result); err != nil {
			t.Error(err)
		}
	})
	for range 2 { // a repeated call is answered at once
		if res := r.post("us", payload(t, exportUS)); res.status != 200 || !strings.Contains(res.body, "quick") {
			t.Fatalf("%d %s", res.status, res.body)
		}
	}
	e, err := rossumapi.DecodeEnvelope(payload(t, exportUS))
	if err != nil {
		t.Fatal(err)
	}
	if event, err := r.store.Event(t.Context(), answer.EventKey("us", e)); err != nil || event.AnswerToldAt.IsZero() {
		t.Errorf("record %+v, %v", event, err)
	}
}

func TestHoldEnds(t *testing.T) {
	t.Run("in time", func(t *testing.T) {
		r := start(t, holding(time.Millisecond))
		if res := r.post("us", payload(t, exportUS)); res.status != 202 || res.header.Get("Location") == "" {
			t.Errorf("%d %s", res.status, res.body)
		}
	})
	t.Run("by draining", func(t *testing.T) {
		r := start(t, holding(50*time.Second))
		r.work(func(context.Context, *queue.Delivery) { r.server.Drain() })
		if res := r.post("us", payload(t, exportUS)); res.status != 202 {
			t.Errorf("%d %s", res.status, res.body)
		}
	})
}

func TestManualInvocationGetsItsBody(t *testing.T) {
	cfg := holding(50 * time.Second)
	cfg.Pipelines[0].Value.Answer = configs.AnswerWait
	body := []byte(`{"request_id":"r","event":"invocation","action":"manual","base_url":"` + base + `"}`)
	t.Run("done within the hold", func(t *testing.T) {
		r := start(t, cfg)
		r.work(func(ctx context.Context, d *queue.Delivery) {
			if err := r.store.Settle(ctx, d.Run, answer.Result{State: run.Done, Settled: r.clock.Now(), Reply: []byte(`{"po":[1]}`)}); err != nil {
				t.Error(err)
			}
		})
		if res := r.post("us", body); res.status != 200 || res.body != `{"po":[1]}` {
			t.Errorf("%d %s", res.status, res.body)
		}
	})
	t.Run("not done", func(t *testing.T) {
		cfg.Pipelines[0].Value.Wait.Hold = configs.Duration(time.Millisecond)
		if res := start(t, cfg).post("us", body); res.status != 200 || res.body != "{}" {
			t.Errorf("%d %s", res.status, res.body)
		}
	})
}

func TestDraining(t *testing.T) {
	r := start(t, config())
	location := r.post("us", payload(t, exportUS)).header.Get("Location")
	if res := r.do("GET", "/readyz", nil, nil); res.status != 200 {
		t.Errorf("readyz: %d %s", res.status, res.body)
	}
	r.server.Drain()
	r.server.Drain()
	for what, res := range map[string]response{"call": r.post("us", payload(t, statusUS)), "readyz": r.do("GET", "/readyz", nil, nil)} {
		if res.status != 503 || res.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", what, res.status, res.body)
		}
	}
	if res := r.poll(location); res.status != 202 {
		t.Errorf("poll: %d %s", res.status, res.body)
	}
}
