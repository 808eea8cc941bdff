package worker

import (
	"context"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// TestOlderMessageSchedulesAnew: the server purged the schedule of a run that waits when it fired the one before. The
// fired message finds the run waiting: it is scheduled again, though the queue remembers its hop.
func TestOlderMessageSchedulesAnew(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	q := queuetest.Open(t)
	j, err := journal.Open(ctx, q, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	set, err := pipeline.Compile(&configs.Config{})
	if err != nil {
		t.Fatal(err)
	}
	w, err := New(Options{Config: &configs.Config{}, Pipelines: set, Queue: q, Journal: j, Log: zap.NewNop(), Name: "w"})
	if err != nil {
		t.Fatal(err)
	}
	key := run.NewEventKey("hook", "annotation_content.export", "1")
	e := queue.Envelope{
		Run: run.NewID(key, "erp", 1), Pipeline: "erp", Hook: "hook", Event: "annotation_content.export", Key: key, Generation: 1,
		Received: time.Now(), Hop: 6,
	}
	p, err := q.StorePayload(ctx, e.Run, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := j.Take(ctx, e, "erp", "w", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	r.State, r.Next, r.Hop = run.Waiting, time.Now().Add(time.Hour), 7
	r.Release()
	if err := r.Save(ctx); err != nil {
		t.Fatal(err)
	}
	later := e
	later.Hop = r.Hop
	if err := q.Schedule(ctx, "erp", later, p, r.Next); err != nil {
		t.Fatal(err)
	}
	if err := q.Unschedule(ctx, "erp", e.Run); err != nil { // the server's purge
		t.Fatal(err)
	}
	if _, err := q.Publish(ctx, "erp", e, p); err != nil {
		t.Fatal(err)
	}
	taking, stop := context.WithCancel(ctx)
	if err := q.Consume(taking, queue.Lane{Name: "erp", Limit: 1, Slots: 1, AckWait: time.Minute}, func(work context.Context, d *queue.Delivery) {
		w.handle(work, work, d)
		stop()
	}); err != nil {
		t.Fatal(err)
	}
	s, err := q.FindSchedule(ctx, "erp", e.Run)
	if err != nil {
		t.Fatal(err)
	}
	got, err := j.Get(ctx, e.Run)
	if err != nil {
		t.Fatal(err)
	}
	if s.Hop != got.Hop || !got.Next.Equal(r.Next) {
		t.Errorf("hop %d is scheduled, the journal has hop %d, next %s", s.Hop, got.Hop, got.Next)
	}
}
