// Package queuetest opens embedded queues for tests.
package queuetest

import (
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/queue"
)

// Config is an embedded queue in dir, without fsync.
func Config(dir string) configs.Queue {
	return configs.Queue{Data: dir, Durability: configs.Fast, MaxStore: 1 << 30, Listen: "127.0.0.1:0"}
}

// Open serves a fresh queue until the test ends.
func Open(t testing.TB) *queue.Queue {
	t.Helper()
	return OpenConfig(t, Config(t.TempDir()))
}

// OpenConfig serves a queue until the test ends.
func OpenConfig(t testing.TB, cfg configs.Queue, opts ...queue.Option) *queue.Queue {
	t.Helper()
	q, err := queue.Open(t.Context(), cfg, queue.Serve, "test", zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel)), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return q
}

// Clock is a clock that tests move. It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock is a clock that shows the given time.
func NewClock(now time.Time) *Clock { return &Clock{now: now} }

// Now is the time it shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Add moves it.
func (c *Clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
