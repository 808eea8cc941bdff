package limits

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

// ReasonHeld is the reason of a Pause by an operator's hold. Whoever parks a run for it asks Held once more afterwards:
// a hold that was lifted in between has woken only the runs that were parked by then.
const ReasonHeld = "held"

const (
	// holdLook is how often a held run looks again; lifting a hold wakes runs sooner.
	holdLook = 5 * time.Minute
	// placeWait is how long a delivery waits in place for a busy target before its run parks for busyPause.
	placeWait = 10 * time.Second
	busyPause = 5 * time.Second
)

// Target is the limits of one target instance (host and account) over all workers.
type Target struct {
	l     *Limits
	name  string
	key   string // of the breaker's state
	cfg   configs.Target
	hours *hours
	rate  *Rate

	mu    sync.Mutex
	taken int
	share int
	free  chan struct{} // closed and replaced when a place becomes free
}

// Pause says that a delivery must not begin now.
type Pause struct {
	Until   time.Time
	Reason  string // a code: held, closed, breaker_open, target_busy
	Message string
}

// Target shares a target instance; asking again for the same instance returns the same.
func (l *Limits) Target(name, instance string, cfg configs.Target) (*Target, error) {
	l.mu.Lock()
	t := l.targets[name+" "+instance]
	l.mu.Unlock()
	if t != nil {
		return t, nil
	}
	h, err := newHours(cfg.Hours)
	if err != nil {
		return nil, fmt.Errorf("target %s: %w", name, err)
	}
	t = &Target{
		l: l, name: name, key: l.index("breaker", instance), cfg: cfg, hours: h, rate: l.Rate(cfg.Rate), free: make(chan struct{}),
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.targets[name+" "+instance]; known != nil {
		return known, nil
	}
	l.targets[name+" "+instance] = t
	t.resize()
	return t, nil
}

// resize takes this worker's part of the places; Limits.mu must be held.
func (t *Target) resize() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.share = t.l.share(max(t.cfg.Concurrency, 1))
	t.wake()
}

func (t *Target) wake() {
	close(t.free)
	t.free = make(chan struct{})
}

// Pass is the permission to make one delivery; Leave gives it back.
type Pass struct {
	t     *Target
	probe bool
}

// Enter asks to deliver. It blocks for a place, at most 10 s; a Pause says until when the run must park instead. An error
// means that nobody knows, as the queue does not answer.
func (t *Target) Enter(ctx context.Context, pipeline string, annotation int64) (*Pass, *Pause, error) {
	probe, pause, err := t.pause(ctx, pipeline, annotation)
	if pause != nil || err != nil {
		return nil, pause, err
	}
	wait, cancel := context.WithTimeout(ctx, placeWait)
	defer cancel()
	if !t.place(wait) {
		return nil, t.busy(), nil
	}
	if err := t.rate.Wait(wait); err != nil {
		t.leavePlace()
		return nil, t.busy(), nil
	}
	return &Pass{t: t, probe: probe}, nil, nil
}

// pause is the one function of hold, opening hours and breaker: the latest of their ends counts.
func (t *Target) pause(ctx context.Context, pipeline string, annotation int64) (probe bool, p *Pause, err error) {
	now := t.l.now()
	h, held, err := t.l.Held(ctx, t.name, pipeline, annotation)
	if err != nil {
		return false, nil, err
	}
	if held {
		return false, &Pause{Until: now.Add(holdLook + jitter(holdLook/5)), Reason: ReasonHeld, Message: h.message()}, nil
	}
	if at := t.hours.openAgain(now); !at.IsZero() {
		return false, &Pause{Until: at, Reason: "closed", Message: fmt.Sprintf("target %s is closed until %s", t.name, at.Format(time.RFC3339))}, nil
	}
	return t.admit(ctx, now)
}

func (t *Target) busy() *Pause {
	return &Pause{
		Until: t.l.now().Add(busyPause + jitter(busyPause/2)), Reason: "target_busy",
		Message: fmt.Sprintf("all places of target %s are taken", t.name),
	}
}

func (t *Target) place(ctx context.Context) bool {
	for {
		t.mu.Lock()
		if t.taken < t.share {
			t.taken++
			t.mu.Unlock()
			return true
		}
		if t.share == 0 { // a newcomer: waiting here would count as starts of runs if it is killed again
			t.mu.Unlock()
			return false
		}
		free := t.free
		t.mu.Unlock()
		select {
		case <-free:
		case <-ctx.Done():
			return false
		}
	}
}

func (t *Target) leavePlace() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.taken--
	t.wake()
}

// Leave gives the place back and tells the breaker how the delivery ended. It blocks for the breaker's state only when
// that changes.
func (p *Pass) Leave(ctx context.Context, o outcome.Outcome) error {
	p.t.leavePlace()
	return p.t.record(ctx, p.probe, o)
}

func jitter(d time.Duration) time.Duration {
	return time.Duration(rand.Int64N(int64(d) + 1)) //nolint:gosec // jitter needs no secrecy
}
