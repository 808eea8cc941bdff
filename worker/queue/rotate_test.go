package queue_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// elsewhere are the messages of fill with nothing sealed in them: their payload is in the object store.
const elsewhere = 1

// large payloads are kept in the object store.
var large = noise(2 << 20)

// fill puts something into every stream and bucket: runs in the lane (one with a large payload), waiting and dead, an
// event without a pipeline, history, and a key in each bucket.
func fill(t *testing.T, q *queue.Queue) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for n := range 2 {
		plain := []byte("lane")
		if n == 1 {
			plain = large
		}
		_, err := q.Publish(ctx, "erp", envelope(n), store(t, q, envelope(n), plain))
		must(err)
	}
	for n := 2; n < 4; n++ {
		must(q.Schedule(ctx, "erp", envelope(n), store(t, q, envelope(n), []byte("waits")), time.Now().Add(time.Hour)))
	}
	e := envelope(4)
	must(q.Bury(ctx, queue.Letter{
		Envelope: e, Lane: "erp", Reason: "http_400", First: e.Received, Last: e.Received, Details: []byte("why"),
		Payload: store(t, q, e, []byte("letter")),
	}))
	must(q.Unroute(ctx, envelope(5), []byte("unrouted")))
	for n := range 3 {
		must(q.Record(ctx, "erp", envelope(0).Run, n))
	}
	for _, name := range buckets() {
		_, err := bucket(t, q, name).Put(ctx, "key", "value of "+name)
		must(err)
		_, err = bucket(t, q, name).Put(ctx, "deleted", "x")
		must(err)
		must(bucket(t, q, name).Delete(ctx, "deleted", 0))
	}
}

func buckets() []string {
	return []string{queue.BucketEvents, queue.BucketJournal, queue.BucketLedger, queue.BucketOrder, queue.BucketAnswers, queue.BucketHolds}
}

func bucket(t *testing.T, q *queue.Queue, name string) *queue.Bucket[string] {
	t.Helper()
	b, err := queue.OpenBucket[string](t.Context(), q, name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// check makes sure that all of fill is there and can be read. It takes the runs out of their lane.
func check(t *testing.T, q *queue.Queue) {
	t.Helper()
	ctx := t.Context()
	for _, name := range buckets() {
		if v, _, err := bucket(t, q, name).Get(ctx, "key"); err != nil || v != "value of "+name {
			t.Errorf("bucket %s: %q, %v", name, v, err)
		}
		if _, _, err := bucket(t, q, name).Get(ctx, "deleted"); !errors.Is(err, queue.ErrNotFound) {
			t.Errorf("bucket %s: a deleted key: %v", name, err)
		}
	}
	open := func(id run.ID, p queue.Payload, want []byte) {
		t.Helper()
		if got, err := q.OpenPayload(ctx, id, p); err != nil || !bytes.Equal(got, want) {
			t.Errorf("payload of %s: %d bytes, %v", id, len(got), err)
		}
	}
	for n := 2; n < 4; n++ {
		s, err := q.FindSchedule(ctx, "erp", envelope(n).Run)
		if err != nil {
			t.Fatal(err)
		}
		open(s.Run, s.Payload, []byte("waits"))
	}
	l, err := q.FindLetter(ctx, "erp", envelope(4).Run)
	if err != nil || string(l.Details) != "why" {
		t.Fatalf("letter: %q, %v", l.Details, err)
	}
	open(l.Run, l.Payload, []byte("letter"))
	var history []string
	if err := q.History(ctx, "erp", envelope(0).Run, func(_ time.Time, entry []byte) error {
		history = append(history, string(entry))
		return nil
	}); err != nil || !slices.Equal(history, []string{"0", "1", "2"}) {
		t.Errorf("history %v, %v", history, err)
	}
	for _, d := range take(t, q, "erp", 2) {
		want := []byte("lane")
		if d.Run == envelope(1).Run {
			want = large
		}
		open(d.Run, d.Payload, want)
	}
}

// reseal sums up all streams.
func reseal(t *testing.T, q *queue.Queue, dry bool) (sum queue.Resealed) {
	t.Helper()
	if err := q.Reseal(t.Context(), dry, func(r queue.Resealed) {
		sum.Fresh, sum.Done, sum.Left, sum.Unknown = sum.Fresh+r.Fresh, sum.Done+r.Done, sum.Left+r.Left, sum.Unknown+r.Unknown
	}); err != nil {
		t.Fatal(err)
	}
	return sum
}

// TestReseal: after a rotation everything opens without the old key. What was read before and written after is no
// conflict; what somebody else wrote is one.
func TestReseal(t *testing.T) {
	cfg := queuetest.Config(t.TempDir())
	q := queuetest.OpenConfig(t, cfg)
	fill(t, q)
	if _, err := queue.AddKey(cfg); !errors.Is(err, queue.ErrLocked) {
		t.Errorf("a key for a queue that is served: %v", err)
	}
	before := reseal(t, q, true)
	if before.Left+before.Done+before.Unknown > 0 || before.Fresh <= elsewhere {
		t.Fatalf("before: %+v", before)
	}
	q.Close()
	id, err := queue.AddKey(cfg)
	if err != nil {
		t.Fatal(err)
	}
	q = queuetest.OpenConfig(t, cfg)
	if ids := q.KeyIDs(); len(ids) != 2 || ids[0] != id {
		t.Fatalf("keys %v, want %s first", ids, id)
	}
	journal := bucket(t, q, queue.BucketJournal)
	if _, err := journal.Put(t.Context(), "written", "fresh"); err != nil {
		t.Fatal(err)
	}
	_, rev, err := journal.Get(t.Context(), "key")
	if err != nil {
		t.Fatal(err)
	}
	old := before.Fresh - elsewhere
	if dry := reseal(t, q, true); dry.Left != old || dry.Done > 0 || dry.Fresh != elsewhere+1 {
		t.Errorf("dry: %+v, want %d left", dry, old)
	}
	if done := reseal(t, q, false); done.Done != old || done.Left+done.Unknown > 0 {
		t.Errorf("done: %+v, want %d done", done, old)
	}
	if again := reseal(t, q, false); again.Done+again.Left+again.Unknown > 0 || again.Fresh != before.Fresh+1 {
		t.Errorf("again: %+v, had %d before", again, before.Fresh)
	}
	now, err := journal.Update(t.Context(), "key", "value of journal", rev)
	if err != nil {
		t.Errorf("what was read before the rotation cannot be written: %v", err)
	}
	for _, stale := range []uint64{rev, now - 1} {
		if _, err := journal.Update(t.Context(), "key", "x", stale); !errors.Is(err, queue.ErrConflict) {
			t.Errorf("over revision %d of %d: %v", stale, now, err)
		}
	}
	if err := q.DropKeys(); err != nil {
		t.Fatal(err)
	}
	q.Close()
	q = queuetest.OpenConfig(t, cfg)
	if ids := q.KeyIDs(); !slices.Equal(ids, []string{id}) {
		t.Fatalf("keys %v, want %s alone", ids, id)
	}
	check(t, q)
}

// TestKeyThatIsGone: nothing is served that could not be read.
func TestKeyThatIsGone(t *testing.T) {
	cfg := queuetest.Config(t.TempDir())
	queuetest.OpenConfig(t, cfg).Close()
	if _, err := queue.AddKey(cfg); err != nil {
		t.Fatal(err)
	}
	q := queuetest.OpenConfig(t, cfg)
	if err := q.DropKeys(); err != nil { // before Reseal
		t.Fatal(err)
	}
	q.Close()
	if _, err := queue.Open(t.Context(), cfg, queue.Serve, "test", zap.NewNop()); !errors.Is(err, queue.ErrNoKey) {
		t.Errorf("a queue whose key is gone: %v", err)
	}
}
