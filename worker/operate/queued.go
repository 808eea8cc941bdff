package operate

import (
	"context"
	"errors"
	"strings"

	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// ReasonQueued is the reason of a run that no worker has begun: it waits in its lane and has no journal yet.
const ReasonQueued = "queued"

// queuedRuns are the runs of all lanes that no worker has begun, as far as the journal's runs that it is shown leave any.
type queuedRuns struct {
	o        *Operator
	subjects map[run.ID]string
}

func (o *Operator) queued(ctx context.Context) (queuedRuns, error) {
	subjects, err := o.Queue.Queued(ctx)
	return queuedRuns{o, subjects}, err
}

// begun strikes a run that has a journal.
func (q queuedRuns) begun(id run.ID) { delete(q.subjects, id) }

// each calls f with what is left, as the journal would show it.
func (q queuedRuns) each(ctx context.Context, f func(journal.Record) error) error {
	for _, subject := range q.subjects {
		r, err := q.o.queuedRun(ctx, subject)
		if errors.Is(err, queue.ErrNotFound) {
			continue // begun, and settled, since
		}
		if err == nil {
			err = f(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (o *Operator) queuedRun(ctx context.Context, subject string) (journal.Record, error) {
	e, lane, err := o.Queue.Waiting(ctx, subject)
	return journal.Record{
		Run: e.Run, Pipeline: e.Pipeline, Lane: lane, Hook: e.Hook, Event: e.Event, Key: e.Key, Generation: e.Generation,
		Annotation: e.Annotation, Received: e.Received, Created: e.Received, Updated: e.Received, Hop: e.Hop,
		State: run.Waiting, Reason: ReasonQueued, Message: "no worker has begun it yet",
	}, err
}

// findQueued finds the runs that no worker has begun: by the beginning of their id, else by their annotation.
func (o *Operator) findQueued(ctx context.Context, prefix string, annotation int64) (found []journal.Record, err error) {
	if annotation == 0 && len(prefix) < minPrefix {
		return nil, nil
	}
	q, err := o.queued(ctx)
	if err != nil {
		return nil, err
	}
	if annotation == 0 {
		for id := range q.subjects {
			if !strings.HasPrefix(string(id), prefix) {
				q.begun(id)
			}
		}
	}
	err = q.each(ctx, func(r journal.Record) error {
		if annotation != 0 && r.Annotation != annotation {
			return nil
		}
		if _, err := o.Journal.Get(ctx, r.Run); !errors.Is(err, queue.ErrNotFound) {
			return err
		}
		found = append(found, r)
		return nil
	})
	return found, err
}
