package limits

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/queue"
)

// probeFor is how long a probe may take beyond the target's time-out before another one is let through.
const probeFor = 10 * time.Second

// breakerState is the breaker of one target instance, shared by all workers.
type breakerState struct {
	Target   string `json:"target"`
	Failures int    `json:"failures"` // in a row
	// Until is when the open breaker lets a probe through; zero while it is closed.
	Until time.Time     `json:"until,omitzero"`
	Pause time.Duration `json:"pause,omitempty"`
	Why   string        `json:"why,omitempty"` // reason code of the last failure
	// Probe is when the probe under way is given up.
	Probe time.Time `json:"probe,omitzero"`
	// Throttled is until when the target asked to be left alone.
	Throttled time.Time `json:"throttled,omitzero"`
}

func (b *breakerState) open() bool { return !b.Until.IsZero() }

// admit asks the breaker. Half open, it lets one probe of all workers through.
func (t *Target) admit(ctx context.Context, now time.Time) (probe bool, p *Pause, err error) {
	b, rev, err := t.l.states.Get(ctx, t.key)
	if errors.Is(err, queue.ErrNotFound) {
		return false, nil, nil
	}
	if err != nil {
		return false, nil, err
	}
	switch {
	case now.Before(b.Throttled):
		return false, t.shut(b.Throttled, "throttled", "asked to be called later"), nil
	case !b.open():
		return false, nil, nil
	case now.Before(b.Until):
		return false, t.shut(b.Until, "breaker_open", fmt.Sprintf("failed %d times in a row (%s)", b.Failures, b.Why)), nil
	case now.Before(b.Probe):
		return false, t.shut(b.Probe, "breaker_open", "is being probed"), nil
	}
	b.Probe = now.Add(t.cfg.Timeout.D() + probeFor)
	if _, err := t.l.states.Update(ctx, t.key, b, rev); errors.Is(err, queue.ErrConflict) {
		return false, t.shut(b.Probe, "breaker_open", "is being probed"), nil
	} else if err != nil {
		return false, nil, err
	}
	return true, nil, nil
}

// Shut is for how much longer the breaker keeps every delivery off, a probe under way included; zero if it does not, or if
// nobody knows.
func (t *Target) Shut(ctx context.Context) time.Duration {
	b, _, err := t.l.states.Get(ctx, t.key)
	if err != nil {
		return 0 // closed, or Enter says what is wrong
	}
	until := b.Throttled
	if b.open() {
		until = later(until, later(b.Until, b.Probe))
	}
	return max(until.Sub(t.l.now()), 0)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (t *Target) shut(until time.Time, reason, what string) *Pause {
	return &Pause{
		Until: until.Add(jitter(time.Second)), Reason: reason, Message: fmt.Sprintf("target %s %s", t.name, what),
	}
}

// down reports whether an outcome says that the target itself is in trouble; a refusal of one document does not.
func down(o outcome.Outcome) bool { return o.Kind == outcome.Retry || o.Kind == outcome.Uncertain }

// errKeep ends a change that has nothing to write.
var errKeep = errors.New("nothing to change")

// record tells the breaker. A success with nothing to reset reads only.
func (t *Target) record(ctx context.Context, probe bool, o outcome.Outcome) error {
	now := t.l.now()
	_, err := t.l.states.Change(ctx, t.key, func(b *breakerState) error {
		b.Target = t.name
		switch {
		case o.Kind == "" && probe: // nothing was called: another one may probe
			b.Probe = time.Time{}
		case o.Kind == "":
			return errKeep
		case o.Kind == outcome.Throttled && o.After > 0:
			b.Throttled, b.Probe = now.Add(o.After), time.Time{}
		case down(o):
			t.fail(b, probe, now, o.Reason)
		case b.Failures == 0 && !b.open() && b.Probe.IsZero():
			return errKeep
		default:
			*b = breakerState{Target: t.name, Throttled: b.Throttled}
		}
		return nil
	})
	if errors.Is(err, errKeep) {
		return nil
	}
	return err
}

func (t *Target) fail(b *breakerState, probe bool, now time.Time, why string) {
	b.Failures++
	b.Why = why
	switch {
	case b.open() && probe:
		b.Pause = min(2*b.Pause, t.cfg.Breaker.Max.D())
	case !b.open() && b.Failures >= max(t.cfg.Breaker.After, 1):
		b.Pause = t.cfg.Breaker.Pause.D()
	default:
		return
	}
	b.Until, b.Probe = now.Add(b.Pause), time.Time{}
}

// State is what an operator sees of a breaker.
type State struct {
	Target   string
	Open     bool
	Until    time.Time
	Failures int
	Why      string
}

// States lists the breakers that have seen a failure and no success since.
func (l *Limits) States(ctx context.Context) ([]State, error) {
	var all []State
	err := l.states.Each(ctx, func(_ string, b breakerState, _ uint64) error {
		if b.Failures > 0 || b.open() {
			all = append(all, State{Target: b.Target, Open: b.open(), Until: b.Until, Failures: b.Failures, Why: b.Why})
		}
		return nil
	})
	return all, err
}
