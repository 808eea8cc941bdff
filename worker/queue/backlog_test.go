package queue_test

import (
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
)

// TestBacklogCountsParkedRuns: a dead target's runs wait for their time, not in the lane; they fill the store all the
// same. Another process, or the same after a restart, counts alike.
func TestBacklogCountsParkedRuns(t *testing.T) {
	cfg := queuetest.Config(t.TempDir())
	q := queuetest.OpenConfig(t, cfg)
	var size int64
	for n := range 6 {
		e := envelope(n)
		p := store(t, q, e, noise((n%2+1)*700<<10)) // every other one in the object store
		size += int64(p.Size())
		var err error
		switch n {
		case 0, 1:
			_, err = q.Publish(t.Context(), "erp", e, p)
		default:
			err = q.Schedule(t.Context(), "erp", e, p, time.Now().Add(time.Hour))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	other := envelope(6)
	other.Pipeline = "lake"
	if err := q.Schedule(t.Context(), "lake", other, store(t, q, other, noise(10)), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	again, err := queue.Open(t.Context(), cfg, queue.Attach, "again", zaptest.NewLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	for name, one := range map[string]*queue.Queue{"the same process": q, "another process": again} {
		messages, bytes, err := one.Backlog(t.Context(), "erp")
		if err != nil || messages != 6 || bytes < size/4 || bytes > size*4 {
			t.Errorf("%s: %d messages, %d bytes, %v; want 6 and about %d", name, messages, bytes, err, size)
		}
		if messages, bytes, err = one.Backlog(t.Context(), "lake"); err != nil || messages != 1 || bytes > 1000 {
			t.Errorf("%s: the other lane has %d messages, %d bytes, %v", name, messages, bytes, err)
		}
		if messages, _, err = one.Backlog(t.Context(), "none"); err != nil || messages != 0 {
			t.Errorf("%s: an empty lane has %d messages, %v", name, messages, err)
		}
	}
}
