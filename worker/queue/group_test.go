package queue

import (
	"errors"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap/zaptest"

	"github.com/rossum-relay/rossum-relay/configs"
)

func strictQueue(t *testing.T) *Queue {
	t.Helper()
	cfg := configs.Queue{Data: t.TempDir(), Durability: configs.Strict, MaxStore: 1 << 30, Listen: "127.0.0.1:0"}
	q, err := Open(t.Context(), cfg, Serve, "test", zaptest.NewLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return q
}

// batchOf makes writes of n messages with the given ids.
func batchOf(ids ...string) []*groupWrite {
	batch := make([]*groupWrite, len(ids))
	for i, id := range ids {
		m := nats.NewMsg("ev.lane.pipeline." + id)
		m.Header.Set(jetstream.MsgIDHeader, id)
		m.Data = []byte(id)
		batch[i] = &groupWrite{msg: m, done: make(chan groupResult, 1)}
	}
	return batch
}

func numbered(prefix string, n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprint(prefix, i)
	}
	return ids
}

func TestBatchGivesEachWriteItsSequence(t *testing.T) {
	q := strictQueue(t)
	g := q.groups[streamEvents]
	batch := batchOf(numbered("a", 40)...)
	g.commit(batch)
	events, err := q.js.Stream(t.Context(), streamEvents)
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range batch {
		r := <-w.done
		if r.err != nil || r.ack.Sequence != uint64(i+1) || r.ack.Duplicate {
			t.Fatalf("write %d: %+v, %v", i, r.ack, r.err)
		}
		m, err := events.GetMsg(t.Context(), r.ack.Sequence)
		if err != nil || string(m.Data) != string(w.msg.Data) {
			t.Fatalf("message %d is %q, %v", r.ack.Sequence, m.Data, err)
		}
	}
}

func TestBatchWithDuplicateStoresTheRest(t *testing.T) {
	q := strictQueue(t)
	g := q.groups[streamEvents]
	g.commit(batchOf("b0", "b7"))
	batch := batchOf(numbered("b", 50)...)
	g.commit(batch)
	for i, w := range batch {
		r := <-w.done
		if r.err != nil || r.ack.Duplicate != (i == 0 || i == 7) {
			t.Errorf("write %d: %+v, %v", i, r.ack, r.err)
		}
	}
	events, err := q.js.Stream(t.Context(), streamEvents)
	if err != nil {
		t.Fatal(err)
	}
	if n := events.CachedInfo().State.Msgs; n != 50 {
		t.Errorf("%d messages", n)
	}
}

func TestFullStreamRefusesABatch(t *testing.T) {
	q := strictQueue(t)
	cfg := q.streams()[0]
	cfg.MaxBytes = 2000
	if _, err := q.js.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	batch := batchOf(numbered("c", 40)...)
	q.groups[streamEvents].commit(batch)
	stored := 0
	for _, w := range batch {
		if r := <-w.done; r.err == nil {
			stored++
		} else if err := q.storeError("publish", r.err); !errors.Is(err, ErrFull) {
			t.Errorf("refused with %v", err)
		}
	}
	events, err := q.js.Stream(t.Context(), streamEvents)
	if err != nil {
		t.Fatal(err)
	}
	if n := events.CachedInfo().State.Msgs; stored == 0 || stored == 40 || int(n) != stored { //nolint:gosec // a count
		t.Errorf("%d acknowledged, %d stored", stored, n)
	}
}

func TestConcurrentCreates(t *testing.T) {
	type value struct{ N int }
	q := strictQueue(t)
	b, err := OpenBucket[value](t.Context(), q, BucketEvents)
	if err != nil {
		t.Fatal(err)
	}
	const keys, writers = 100, 3
	won := make(chan int, keys*writers)
	for n := range keys * writers {
		go func() {
			key := n / writers
			rev, err := b.Create(t.Context(), fmt.Sprint("k", key), value{n})
			if err != nil {
				if !errors.Is(err, ErrConflict) {
					t.Error(err)
				}
				won <- -1
				return
			}
			v, got, err := b.Get(t.Context(), fmt.Sprint("k", key))
			if err != nil || got != rev || v.N != n {
				t.Errorf("key %d: %+v at %d, created %d at %d, %v", key, v, got, n, rev, err)
			}
			won <- key
		}()
	}
	winners := map[int]int{}
	for range keys * writers {
		winners[<-won]++
	}
	for key := range keys {
		if winners[key] != 1 {
			t.Errorf("key %d was created %d times", key, winners[key])
		}
	}
}

func TestCreateAfterDeleteInAGroup(t *testing.T) {
	q := strictQueue(t)
	b, err := OpenBucket[int](t.Context(), q, BucketEvents)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Create(t.Context(), "k", 1); err != nil {
		t.Fatal(err)
	}
	if err := b.Delete(t.Context(), "k", 0); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Create(t.Context(), "k", 2); err != nil {
		t.Error(err)
	}
}
