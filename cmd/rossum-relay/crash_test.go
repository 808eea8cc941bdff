package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/erpsim"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// errCrashed is what every write gets after the point where the process is thought to have died.
var errCrashed = errors.New("the process is dead")

// crash lets a number of durable writes pass and none after. Writes of the limits, which depend on time, do not count.
type crash struct {
	mu    sync.Mutex
	after int  // writes that pass; negative: all
	lost  bool // the next one still happens, but its reply is lost
	seen  []string
	dead  chan struct{} // closed at the crash
}

func newCrash(after int, lost bool) *crash {
	return &crash{after: after, lost: lost, dead: make(chan struct{})}
}

func (c *crash) tap(w queue.Write) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.dead:
		return errCrashed
	default:
	}
	if strings.HasPrefix(w.On, queue.BucketMembers) || strings.HasPrefix(w.On, queue.BucketTokens) {
		return nil
	}
	if !w.Done {
		c.seen = append(c.seen, w.Op+" "+w.On)
	}
	if c.after < 0 || len(c.seen) <= c.after || c.lost && !w.Done {
		return nil
	}
	close(c.dead)
	return errCrashed
}

func (c *crash) crashed() bool {
	select {
	case <-c.dead:
		return true
	default:
		return false
	}
}

// TestCrashBetweenWrites stops the relay at every durable write of an event's way, once before it and once after it
// with its reply lost, and starts it again: the run must end, and the invoice be at the ERP once.
func TestCrashBetweenWrites(t *testing.T) {
	for name, erp := range map[string]erpsim.Options{
		"quiet ERP":      {},
		"503, then fine": {Faults: []erpsim.Rule{{Method: "POST", Path: "/api/invoices", Action: erpsim.Refuse, Status: 503, Times: 1}}},
		"reset after":    {Faults: []erpsim.Rule{{Method: "POST", Path: "/api/invoices", Action: erpsim.ResetAfter, Times: 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && len(erp.Faults) > 0 {
				t.Skip("only the quiet ERP in short mode")
			}
			writes := crashOnce(t, erp, newCrash(-1, false))
			if len(writes) < 10 {
				t.Fatalf("only %d writes: %s", len(writes), writes)
			}
			atOnce := make(chan struct{}, crashesAtOnce)
			var wg sync.WaitGroup
			for n := range 2 * len(writes) {
				atOnce <- struct{}{}
				wg.Go(func() {
					defer func() { <-atOnce }()
					c := newCrash(n/2, n%2 == 1)
					t.Run(fmt.Sprintf("write %d, reply lost %v", c.after, c.lost), func(t *testing.T) { crashOnce(t, erp, c) })
				})
			}
			wg.Wait()
		})
	}
}

// crashesAtOnce is how many relays run beside each other: they wait most of the time.
const crashesAtOnce = 24

// crashOnce carries one invoice with a crash on the way and returns the writes that were seen.
func crashOnce(t *testing.T, erp erpsim.Options, c *crash) []string {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r := newRelay(t, testConfig(createStep+tellStep), erp, byHand) // Rossum's patience does not end while the relay starts
	r.hook("annotation_content.export")
	stop := r.start(queue.WithTap(c.tap))
	exported := make(chan int64, 1)
	go func() { exported <- r.export(ctx, "INV-1") }()
	if c.after >= 0 {
		id := <-exported
		exported <- id
		for !c.crashed() && ctx.Err() == nil {
			r.pass(ctx, time.Second) // Rossum asks for the answer
			_ = sleep(ctx, 20*time.Millisecond)
		}
		if !c.crashed() {
			t.Errorf("no crash: only %d writes", len(c.seen))
		}
		stop()
		r.start()
	}
	r.passBy(ctx, time.Second, <-exported, "exported")
	for _, rec := range r.settled(ctx, 1) {
		if rec.State != run.Done {
			t.Errorf("run %s is %s: %s %s", rec.Run, rec.State, rec.Reason, rec.Message)
		}
	}
	r.effects(1)
	if t.Failed() {
		t.Logf("writes until the crash:\n%s", strings.Join(c.seen, "\n"))
	}
	return c.seen
}
