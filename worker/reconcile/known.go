package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// stuckAfter is how overdue a run is that nothing brings to an end.
const stuckAfter = time.Hour

// known is what the relay knows of the time that is looked at.
type known struct {
	runs   map[run.ID]journal.Record // without what they did
	events map[subject][]answer.Event
}

// subject is what events are about.
type subject struct {
	hook       string
	annotation int64
	event      string
}

// known reads the journal and the events, as far back as something of the time may have begun, and whatever has not ended.
func (r *Reconciler) known(ctx context.Context, since time.Time) (*known, error) {
	k := &known{runs: map[run.ID]journal.Record{}, events: map[subject][]answer.Event{}}
	from := since.Add(-patience)
	if err := r.Journal.Each(ctx, func(rec journal.Record) error {
		if rec.State.Settled() && rec.Updated.Before(from) {
			return nil
		}
		rec.Steps, rec.Messages, rec.Operations, rec.Notes, rec.Patches, rec.Stack = nil, nil, nil, nil, nil, ""
		k.runs[rec.Run] = rec
		return nil
	}); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if err := r.Answers.Each(ctx, func(e answer.Event) error {
		if e.Annotation == 0 || e.LastCall.Before(from) {
			return nil
		}
		e.Token, e.Files = "", nil
		s := subject{e.Hook, e.Annotation, e.Name}
		k.events[s] = append(k.events[s], e)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	return k, k.dropHollow(ctx, r)
}

// dropHollow forgets the runs of events that have neither a record nor a message: whoever stored the event died before
// it published them, and nobody called again.
func (k *known) dropHollow(ctx context.Context, r *Reconciler) error {
	for _, events := range k.events {
		for i := range events {
			var kept []answer.RunRef
			for _, ref := range events[i].Runs {
				there, err := k.exists(ctx, r, ref)
				if err != nil {
					return err
				}
				if there {
					kept = append(kept, ref)
				}
			}
			events[i].Runs = kept
		}
	}
	return nil
}

func (k *known) exists(ctx context.Context, r *Reconciler, ref answer.RunRef) (bool, error) {
	if _, ok := k.runs[ref.ID]; ok {
		return true, nil
	}
	place, err := r.Queue.FindMessage(ctx, ref.Lane, ref.Pipeline, ref.ID)
	if place != queue.Nowhere || err != nil {
		return err == nil, err
	}
	_, err = r.Journal.Get(ctx, ref.ID) // an old one, or taken just now
	if errors.Is(err, queue.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// evidence is the newest event, called not before a time, that has a run of the pipeline, and that run's record: without
// an id where no worker took it yet.
func (k *known) evidence(s subject, pipeline string, notBefore time.Time) (e answer.Event, rec journal.Record, found bool) {
	for _, candidate := range k.events[s] {
		if candidate.LastCall.Before(notBefore) || found && candidate.LastCall.Before(e.LastCall) {
			continue
		}
		for _, ref := range candidate.Runs {
			if ref.Pipeline == pipeline {
				e, rec, found = candidate, k.runs[ref.ID], true
			}
		}
	}
	return e, rec, found
}

// stuck finds runs that should have gone on long ago: their message is lost, or nobody works.
func (k *known) stuck(cfg *configs.Config, now time.Time) []Finding {
	var found []Finding
	for _, r := range k.runs {
		due := r.Updated
		if r.State == run.Waiting || r.State == run.Parked {
			due = r.Next
		}
		if r.State.Settled() || now.Sub(due) < stuckAfter || now.Before(r.Lease) {
			continue
		}
		hook, _ := cfg.Hooks.Get(r.Hook)
		found = append(found, Finding{
			Kind: Stuck, Pipeline: r.Pipeline, Hook: r.Hook, Rossum: hook.Rossum, Annotation: r.Annotation, Queue: r.Queue, Event: r.Event,
			At: due, Run: r.Run, Message: fmt.Sprintf("the run is %s and should have gone on at %s", r.State, due.UTC().Format(time.RFC3339)),
		})
	}
	return found
}
