package worker

import (
	"context"
	"strconv"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// TestBehind: a lane with more runs than it may work on at once has no room for an export that is only repeated.
func TestBehind(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cfg, err := configs.Parse("relay.yaml", []byte(`
ingest: {public_url: "https://relay.example"}
rossum: {test: {base_url: "https://test.rossum.app", username: u, password: p}}
hooks: {test: {rossum: test, signing_secrets: [0123456789abcdef]}}
targets: {erp: {http: {base_url: "https://erp.example"}}}
pipelines:
  erp:
    hook: test
    events: [annotation_content.export]
    key: [field.document_id]
    concurrency: 2
    steps: [{create: {send: erp, post: /invoices, map: {number: "{{ field.document_id }}"}}}]
`))
	if err != nil {
		t.Fatal(err)
	}
	set, err := pipeline.Compile(cfg)
	if err != nil {
		t.Fatal(err)
	}
	q := queuetest.Open(t)
	w := &Worker{Options: Options{Config: cfg, Pipelines: set, Queue: q, Log: zap.NewNop()}}
	untold := []lateRun{{RunRef: answer.RunRef{Pipeline: "erp"}}}
	is := func(want bool) {
		t.Helper()
		if got, err := w.behind(ctx, untold); got != want || err != nil {
			t.Errorf("behind: %v, %v, want %v", got, err, want)
		}
	}
	for n := range 3 {
		is(false)
		key := run.NewEventKey("test", "annotation_content.export", strconv.Itoa(n))
		e := queue.Envelope{Run: run.NewID(key, "erp", 1), Pipeline: "erp", Hook: "test", Event: "annotation_content.export", Key: key, Received: time.Now()}
		p, err := q.StorePayload(ctx, e.Run, []byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := q.Publish(ctx, "erp", e, p); err != nil {
			t.Fatal(err)
		}
	}
	is(true)
	taking, stop := context.WithCancel(ctx)
	left := 3
	if err := q.Consume(taking, queue.Lane{Name: "erp", Limit: 1, Slots: 1, AckWait: time.Minute}, func(ctx context.Context, d *queue.Delivery) {
		if err := d.Ack(ctx); err != nil {
			t.Error(err)
		}
		if left--; left == 0 {
			stop()
		}
	}); err != nil {
		t.Fatal(err)
	}
	is(false)
}
