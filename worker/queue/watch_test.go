package queue_test

import (
	"context"
	"fmt"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// TestWriteErrors: where the disk takes no more, the queue refuses and says so; when it does again, the queue works as
// before, with all that it had acknowledged.
func TestWriteErrors(t *testing.T) {
	for _, durability := range []configs.Durability{configs.Fast, configs.Strict} {
		t.Run(string(durability), func(t *testing.T) {
			cfg := queuetest.Config(t.TempDir())
			cfg.Durability = durability
			q, err := queue.Open(t.Context(), cfg, queue.Serve, "test", zap.NewNop()) // its errors are what is tested
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(q.Close)
			var stored []run.ID
			publish := func(wait time.Duration) {
				ctx, cancel := context.WithTimeout(t.Context(), wait)
				defer cancel()
				e := envelope(0)
				e.Run = run.NewID(e.Key, "erp", len(stored)+1)
				p, err := q.StorePayload(ctx, e.Run, noise(100<<10))
				if err == nil {
					_, err = q.Publish(ctx, "erp", e, p)
				}
				if err == nil {
					stored = append(stored, e.Run)
				}
			}
			publish(time.Minute)
			free := limitFiles(t, 4<<20) // below the size of a block, far above what the test binary logs itself
			for q.Ready(t.Context()) == nil {
				publish(200 * time.Millisecond)
			}
			before := len(stored)
			free()
			publish(time.Minute) // goes through as soon as the queue is back
			if len(stored) != before+1 || q.Ready(t.Context()) != nil {
				t.Fatalf("the queue has not come back: %v", q.Ready(t.Context()))
			}
			got := map[run.ID]bool{}
			for _, d := range take(t, q, "erp", len(stored)) {
				got[d.Run] = true
			}
			for _, id := range stored {
				if !got[id] {
					t.Errorf("run %s was stored and is lost", id)
				}
			}
		})
	}
}

// limitFiles makes every write beyond a size fail in this process, as it would on a full disk.
func limitFiles(t *testing.T, size uint64) (free func()) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	set := func(l syscall.Rlimit) error { return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &l) }
	if err := set(syscall.Rlimit{Cur: size, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	free = func() {
		if err := set(was); err != nil {
			t.Error(fmt.Errorf("file sizes stay limited: %w", err))
		}
	}
	t.Cleanup(free)
	return free
}
