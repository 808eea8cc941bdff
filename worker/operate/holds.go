package operate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
	"github.com/rossum-relay/rossum-relay/worker/target/limits"
)

// ErrUnknown means that the configuration has no such target or pipeline.
var ErrUnknown = errors.New("not in the configuration")

// Hold stops deliveries to a target, of a pipeline or for an annotation until Lift; kind is one of limits.HoldTarget,
// HoldPipeline and HoldAnnotation. Workers obey within seconds; what is being sent is not stopped.
func (o *Operator) Hold(ctx context.Context, kind, name, why string) error {
	if why == "" {
		return ErrNoReason
	}
	if err := o.checkHeld(kind, name); err != nil {
		return err
	}
	if err := o.noteOf(ctx, kind+" "+name, "held", why); err != nil {
		return err
	}
	return o.Holds.Hold(ctx, limits.Hold{Kind: kind, Name: name, Reason: why, Who: o.Who, Since: o.Now()})
}

// checkHeld refuses to hold what a typing error made.
func (o *Operator) checkHeld(kind, name string) error {
	ok := true
	switch kind {
	case limits.HoldTarget:
		_, ok = o.Config.Targets.Get(name)
	case limits.HoldPipeline:
		_, ok = o.Config.Pipelines.Get(name)
	case limits.HoldAnnotation:
		if id, err := strconv.ParseInt(name, 10, 64); err != nil || id <= 0 {
			return fmt.Errorf("annotation %q is no id", name)
		}
	default:
		return fmt.Errorf("%q cannot be held: target, pipeline or annotation can", kind)
	}
	if !ok {
		return fmt.Errorf("%s %s: %w", kind, name, ErrUnknown)
	}
	return nil
}

// Lift ends a hold and wakes the runs it parked; woken tells how many. queue.ErrNotFound where nothing is held; the runs
// are woken also then, so that an interrupted Lift can be repeated.
func (o *Operator) Lift(ctx context.Context, kind, name, why string) (woken int, err error) {
	held, err := o.held(ctx, kind, name)
	if err != nil {
		return 0, err
	}
	if held {
		if err := o.noteOf(ctx, kind+" "+name, "resumed", why); err != nil {
			return 0, err
		}
		if err := o.Holds.Lift(ctx, kind, name); err != nil {
			return 0, err
		}
	}
	if woken, err = o.wakeHeld(ctx, kind, name, why); err == nil && !held {
		err = fmt.Errorf("hold of %s %s: %w", kind, name, queue.ErrNotFound)
	}
	return woken, err
}

func (o *Operator) held(ctx context.Context, kind, name string) (bool, error) {
	all, err := o.Holds.Holds(ctx)
	return slices.ContainsFunc(all, func(h limits.Hold) bool { return h.Kind == kind && h.Name == name }), err
}

// wakeHeld wakes the runs that a hold parked. A run that moved meanwhile needs no waking.
func (o *Operator) wakeHeld(ctx context.Context, kind, name, why string) (woken int, err error) {
	pipeline := ""
	if kind == limits.HoldPipeline {
		pipeline = name
	}
	ids, err := o.Queue.ScheduledRuns(ctx, pipeline)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		r, err := o.Journal.Get(ctx, id)
		if errors.Is(err, queue.ErrNotFound) {
			continue
		}
		if err != nil {
			return woken, err
		}
		if r.State != run.Parked || r.Reason != "held" || !isHeld(&r.Record, kind, name) {
			continue
		}
		err = o.wake(ctx, r, "resumed "+kind+" "+name, why)
		switch {
		case err == nil:
			woken++
		case !errors.Is(err, queue.ErrNoSchedule) && !errors.Is(err, journal.ErrLost):
			return woken, err
		}
	}
	return woken, nil
}

// isHeld reports whether a hold concerns the step a run is at.
func isHeld(r *journal.Record, kind, name string) bool {
	switch kind {
	case limits.HoldPipeline:
		return r.Pipeline == name
	case limits.HoldAnnotation:
		return strconv.FormatInt(r.Annotation, 10) == name
	}
	return slices.ContainsFunc(r.Steps, func(s journal.Step) bool { return s.Name == r.At && s.Target == name })
}

// Held lists what is held, oldest first.
func (o *Operator) Held(ctx context.Context) ([]limits.Hold, error) {
	all, err := o.Holds.Holds(ctx)
	slices.SortFunc(all, func(a, b limits.Hold) int { return a.Since.Compare(b.Since) })
	return all, err
}
