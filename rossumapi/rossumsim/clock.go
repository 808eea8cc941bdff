package rossumsim

import (
	"context"
	"slices"
	"sync"
	"time"
)

// clock is the simulator's time. Scaled, it runs Speed times as fast as real
// time; manual, it stands still until advance moves it.
//
// It also counts what is going on: running goroutines, and among them those
// that only wait for the clock, so that advance can let every consequence of
// one moment happen before it goes to the next.
type clock struct {
	epoch   time.Time // of simulated time
	started time.Time // the same moment in real time
	speed   float64
	manual  bool

	mu      sync.Mutex
	change  *sync.Cond // running or waiters changed
	now     time.Time  // manual only
	waiters []*waiter
	running int // goroutines begun and not ended
	asleep  int // of those, the ones in sleep
}

type waiter struct {
	due  time.Time
	wake chan struct{}
}

func newClock(o Options) *clock {
	c := &clock{epoch: o.Now, started: time.Now(), speed: o.Speed, manual: o.Manual, now: o.Now}
	if c.epoch.IsZero() {
		c.epoch, c.now = c.started.UTC(), c.started.UTC()
	}
	if c.speed <= 0 {
		c.speed = 1
	}
	c.change = sync.NewCond(&c.mu)
	return c
}

// Now returns the simulated time in UTC.
func (c *clock) Now() time.Time {
	if c.manual {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.now
	}
	elapsed := time.Since(c.started)
	return c.epoch.Add(time.Duration(float64(elapsed) * c.speed))
}

// timeout returns how long a call that may take d of simulated time is waited
// for in real time. The other side is a real program that does not run faster
// than it can: it gets up to 10 seconds whatever the speed.
func (c *clock) timeout(d time.Duration) time.Duration {
	floor := min(d, 10*time.Second)
	if c.manual {
		return floor
	}
	return max(time.Duration(float64(d)/c.speed), floor)
}

// sleep blocks for d of simulated time.
func (c *clock) sleep(ctx context.Context, d time.Duration) error {
	if c.manual {
		return c.sleepManual(ctx, d)
	}
	c.add(&c.asleep, 1)
	defer c.add(&c.asleep, -1)
	timer := time.NewTimer(time.Duration(float64(d) / c.speed))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// sleepManual is woken by advance, which also counts it as awake: the next
// step must not be taken before it had its say.
func (c *clock) sleepManual(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	w := &waiter{due: c.now.Add(d), wake: make(chan struct{})}
	c.waiters = append(c.waiters, w)
	c.asleep++
	c.change.Broadcast()
	c.mu.Unlock()
	select {
	case <-w.wake:
		return nil
	case <-ctx.Done():
		c.mu.Lock()
		defer c.mu.Unlock()
		if at := slices.Index(c.waiters, w); at >= 0 {
			c.waiters = slices.Delete(c.waiters, at, at+1)
			c.asleep--
			c.change.Broadcast()
		}
		return ctx.Err()
	}
}

func (c *clock) add(counter *int, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*counter += n
	c.change.Broadcast()
}

// advance moves a manual clock by d, from one wake-up to the next, each time
// waiting until everything that was woken has ended or sleeps again.
func (c *clock) advance(ctx context.Context, d time.Duration) error {
	target := c.Now().Add(d)
	for {
		if err := c.await(ctx, func() bool { return c.running == c.asleep }); err != nil {
			return err
		}
		if !c.step(target) {
			return nil
		}
	}
}

// step wakes the waiter that is due first, if that is before target.
func (c *clock) step(target time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiters) == 0 {
		c.now = target
		return false
	}
	first := slices.MinFunc(c.waiters, func(a, b *waiter) int { return a.due.Compare(b.due) })
	if first.due.After(target) {
		c.now = target
		return false
	}
	c.waiters = slices.DeleteFunc(c.waiters, func(w *waiter) bool { return w == first })
	c.now = first.due
	c.asleep--
	close(first.wake)
	return true
}

// await blocks until done, which is called with mu held, returns true.
func (c *clock) await(ctx context.Context, done func() bool) error {
	stop := context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.change.Broadcast()
	})
	defer stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for !done() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.change.Wait()
	}
	return nil
}
