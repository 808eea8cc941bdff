package queue_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func envelope(n int) queue.Envelope {
	key := run.NewEventKey("hook", "annotation_content.export", string(rune('a'+n)))
	return queue.Envelope{
		Run: run.NewID(key, "erp", 1), Pipeline: "erp", Hook: "hook", Event: "annotation_content.export", Key: key,
		Annotation: int64(1000 + n), Generation: 1, Received: time.Now().Truncate(time.Millisecond).UTC(),
	}
}

func store(t *testing.T, q *queue.Queue, e queue.Envelope, plain []byte) queue.Payload {
	t.Helper()
	p, err := q.StorePayload(t.Context(), e.Run, plain)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// take consumes a lane until n messages were acked.
func take(t *testing.T, q *queue.Queue, lane string, n int) []*queue.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	got := make(chan *queue.Delivery, n)
	done := make(chan error, 1)
	go func() {
		done <- q.Consume(ctx, queue.Lane{Name: lane, Limit: 8, Slots: 8, AckWait: 5 * time.Second}, func(ctx context.Context, d *queue.Delivery) {
			if err := d.Ack(ctx); err != nil {
				t.Error(err)
			}
			got <- d
		})
	}()
	var all []*queue.Delivery
	for len(all) < n {
		select {
		case d := <-got:
			all = append(all, d)
		case <-ctx.Done():
			t.Fatalf("got %d of %d messages", len(all), n)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return all
}

func TestPublishConsume(t *testing.T) {
	q := queuetest.Open(t)
	for name, plain := range map[string][]byte{
		"inline": []byte(`{"a":1}`), "object": bytes.Repeat([]byte("incompressible?"), 1),
	} {
		t.Run(name, func(t *testing.T) {
			e := envelope(0)
			if name == "object" {
				e = envelope(1)
				plain = noise(3 << 20)
			}
			p := store(t, q, e, plain)
			stored, err := q.Publish(t.Context(), "erp", e, p)
			if err != nil || !stored {
				t.Fatalf("stored %v, %v", stored, err)
			}
			if stored, err = q.Publish(t.Context(), "erp", e, p); err != nil || stored {
				t.Fatalf("the same hop was stored twice: %v, %v", stored, err)
			}
			d := take(t, q, "erp", 1)[0]
			if d.Envelope != e {
				t.Errorf("envelope\n got %+v\nwant %+v", d.Envelope, e)
			}
			got, err := q.OpenPayload(t.Context(), d.Run, d.Payload)
			if err != nil || !bytes.Equal(got, plain) {
				t.Errorf("payload differs (%d bytes of %d), %v", len(got), len(plain), err)
			}
			if err := q.DropPayload(t.Context(), d.Payload); err != nil {
				t.Error(err)
			}
		})
	}
}

func noise(n int) []byte {
	b := make([]byte, n)
	x := uint64(88172645463325252)
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x)
	}
	return b
}

func TestScheduleComesBack(t *testing.T) {
	q := queuetest.Open(t)
	e := envelope(2)
	p := store(t, q, e, []byte("payload"))
	if _, err := q.Publish(t.Context(), "erp", e, p); err != nil {
		t.Fatal(err)
	}
	take(t, q, "erp", 1)
	ctx, cancel := context.WithCancel(t.Context())
	moved := make(chan error, 1)
	go func() { moved <- q.Move(ctx) }()
	for hop := 1; hop <= 3; hop++ { // three parkings within the duplicate window: each must come back
		e.Hop = hop
		if err := q.Schedule(t.Context(), "erp", e, p, time.Now().Add(300*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if d := take(t, q, "erp", 1)[0]; d.Hop != hop || d.Run != e.Run {
			t.Errorf("hop %d came back as %d", hop, d.Hop)
		}
	}
	cancel()
	if err := <-moved; err != nil {
		t.Fatal(err)
	}
}

func TestBucketCompareAndSet(t *testing.T) {
	type value struct{ N int }
	q := queuetest.Open(t)
	b, err := queue.OpenBucket[value](t.Context(), q, queue.BucketJournal)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if _, _, err := b.Get(ctx, "k"); !errors.Is(err, queue.ErrNotFound) {
		t.Fatalf("get of nothing: %v", err)
	}
	rev, err := b.Create(ctx, "k", value{1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Create(ctx, "k", value{2}); !errors.Is(err, queue.ErrConflict) {
		t.Errorf("second create: %v", err)
	}
	if _, err := b.Update(ctx, "k", value{3}, rev); err != nil {
		t.Error(err)
	}
	if _, err := b.Update(ctx, "k", value{4}, rev); !errors.Is(err, queue.ErrConflict) {
		t.Errorf("update over an old revision: %v", err)
	}
	v, rev, err := b.Get(ctx, "k")
	if err != nil || v.N != 3 {
		t.Errorf("got %+v, %v", v, err)
	}
	n := 0
	if err := b.Each(ctx, func(key string, v value, r uint64) error {
		if n++; key != "k" || v.N != 3 || r != rev {
			t.Errorf("each gave %s %+v at %d", key, v, r)
		}
		return nil
	}); err != nil || n != 1 {
		t.Errorf("each: %d keys, %v", n, err)
	}
	if err := b.Delete(ctx, "k", rev); err != nil {
		t.Error(err)
	}
	if _, err := b.Create(ctx, "k", value{5}); err != nil {
		t.Errorf("create after delete: %v", err)
	}
}

func TestLetterIsReplacedAndDeleted(t *testing.T) {
	q := queuetest.Open(t)
	ctx := t.Context()
	e := envelope(3)
	l := queue.Letter{
		Envelope: e, Lane: "erp", Step: "draft", Target: "coupa", Outcome: "rejected", Reason: "http_400", Attempts: 1,
		First: time.Now(), Last: time.Now(), Details: []byte("supplier unknown"), Payload: store(t, q, e, []byte("invoice")),
	}
	if err := q.Bury(ctx, l); err != nil {
		t.Fatal(err)
	}
	first, err := q.FindLetter(ctx, "erp", e.Run)
	if err != nil {
		t.Fatal(err)
	}
	l.Hop, l.Reason = 1, "http_422"
	if err := q.Bury(ctx, l); err != nil {
		t.Fatal(err)
	}
	if err := q.DeleteLetter(ctx, first.Sequence); err != nil { // the late delete of a replay
		t.Fatal(err)
	}
	second, err := q.FindLetter(ctx, "erp", e.Run)
	if err != nil {
		t.Fatalf("a late delete removed the newer letter: %v", err)
	}
	if second.Reason != "http_422" || string(second.Details) != "supplier unknown" {
		t.Errorf("letter is %+v", second)
	}
	if plain, err := q.OpenPayload(ctx, e.Run, second.Payload); err != nil || string(plain) != "invoice" {
		t.Errorf("payload %q, %v", plain, err)
	}
	var seen []queue.Letter
	if err := q.Letters(ctx, "", func(l queue.Letter) bool { seen = append(seen, l); return true }); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 1 || seen[0].Step != "draft" || seen[0].Sequence != second.Sequence {
		t.Errorf("letters: %+v", seen)
	}
	if err := q.DeleteLetter(ctx, second.Sequence); err != nil {
		t.Error(err)
	}
	if _, err := q.FindLetter(ctx, "erp", e.Run); !errors.Is(err, queue.ErrNoLetter) {
		t.Errorf("after the delete: %v", err)
	}
}

func TestSecondProcessIsRefusedAndOthersAttach(t *testing.T) {
	dir := t.TempDir()
	q := queuetest.OpenConfig(t, queuetest.Config(dir))
	_, err := queue.Open(t.Context(), queuetest.Config(dir), queue.Serve, "second", zap.NewNop())
	if !errors.Is(err, queue.ErrLocked) {
		t.Fatalf("second server on one directory: %v", err)
	}
	other, err := queue.Open(t.Context(), queuetest.Config(dir), queue.Attach, "cli", zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if other.Index("a", "b") != q.Index("a", "b") || q.Index("a", "b") == q.Index("ab") {
		t.Error("processes disagree on the index of keys")
	}
	e := envelope(4)
	if _, err := other.Publish(t.Context(), "erp", e, store(t, other, e, []byte("x"))); err != nil {
		t.Fatal(err)
	}
	take(t, q, "erp", 1)
	for _, name := range []string{"client.conf", "keys"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
	}
}

func TestFullQueueRefuses(t *testing.T) {
	cfg := queuetest.Config(t.TempDir())
	cfg.MaxEvents = 64 << 10
	q := queuetest.OpenConfig(t, cfg)
	for n := range 40 {
		e := envelope(n)
		_, err := q.Publish(t.Context(), "erp", e, store(t, q, e, noise(8<<10)))
		if errors.Is(err, queue.ErrFull) {
			if err := q.Ready(t.Context()); err == nil && n < 5 {
				t.Error("full and ready")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("64 KiB took 320 KiB")
}

func TestExternalQueueNeedsKeys(t *testing.T) {
	_, err := queue.Open(t.Context(), configs.Queue{URL: "nats://127.0.0.1:1"}, queue.Serve, "x", zap.NewNop())
	if err == nil || !bytes.Contains([]byte(err.Error()), []byte("queue.keys")) {
		t.Fatalf("got %v", err)
	}
}

func TestAttachedFindTheNextServer(t *testing.T) {
	cfg := queuetest.Config(t.TempDir())
	first, err := queue.Open(t.Context(), cfg, queue.Serve, "first", zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	worker, err := queue.Open(t.Context(), cfg, queue.Attach, "worker", zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(worker.Close)
	first.Close()
	queuetest.OpenConfig(t, cfg) // at another port, with another password
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := worker.Publish(ctx, "erp", envelope(0), store(t, worker, envelope(0), []byte("payload"))); err != nil {
		t.Error(err)
	}
}

func TestEmptyDirectoryCannotBeAttached(t *testing.T) {
	if _, err := queue.Open(t.Context(), queuetest.Config(t.TempDir()), queue.Attach, "x", zap.NewNop()); err == nil {
		t.Fatal("attached to nothing")
	}
}
