package worker

import (
	"context"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// TestLineOfACallCutOff: a call that was cut off before it was acknowledged may never come again. Its run must not keep
// those behind it for ever, but while its message may be on its way it is waited for.
func TestLineOfACallCutOff(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	q := queuetest.Open(t)
	clock := queuetest.NewClock(time.Now())
	j, err := journal.Open(ctx, q, clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	answers, err := answer.Open(ctx, q, clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	w := &Worker{Options: Options{Queue: q, Journal: j, Answers: answers, Now: clock.Now}}
	record := func(name string) journal.Record {
		key := run.NewEventKey("hook", statusChanged, name)
		return journal.Record{
			Run: run.NewID(key, "erp", 1), Pipeline: "erp", Lane: "erp", Hook: "hook", Event: statusChanged, Key: key, Generation: 1, Annotation: 7,
		}
	}
	cut, behind := record("cut off"), record("behind")
	if err := answers.LineUp(ctx, placeOf(&cut, clock.Now())); err != nil {
		t.Fatal(err)
	}
	turn := &turnState{r: &journal.Run{Record: behind}}
	look := func(want run.ID) (gone bool) {
		t.Helper()
		first, since, err := answers.Begin(ctx, placeOf(&behind, clock.Now()))
		if err != nil || first != want {
			t.Fatalf("first is %s, %v, want %s", first, err, want)
		}
		if first == behind.Run {
			return false
		}
		gone, again, err := w.left(ctx, turn, first, since)
		if err != nil || !gone && !again.After(clock.Now()) {
			t.Fatalf("left: look again %s, %v", again, err)
		}
		return gone
	}
	if look(cut.Run) {
		t.Error("its message may be on its way")
	}
	clock.Add(comesWithin)
	e := queue.Envelope{Run: cut.Run, Pipeline: "erp", Hook: "hook", Event: statusChanged, Key: cut.Key, Generation: 1, Received: clock.Now()}
	p, err := q.StorePayload(ctx, e.Run, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.Publish(ctx, "erp", e, p); err != nil {
		t.Fatal(err)
	}
	if look(cut.Run) {
		t.Error("its message is in the lane")
	}
	taking, stop := context.WithCancel(ctx)
	if err := q.Consume(taking, queue.Lane{Name: "erp", Limit: 1, Slots: 1, AckWait: time.Minute}, func(ctx context.Context, d *queue.Delivery) {
		if err := d.Ack(ctx); err != nil { // as if it had never been there
			t.Error(err)
		}
		stop()
	}); err != nil {
		t.Fatal(err)
	}
	if !look(cut.Run) {
		t.Error("nothing will ever come of it")
	}
	look(behind.Run)
}
