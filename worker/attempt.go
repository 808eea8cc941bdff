package worker

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

// kindRossum is an attempt at Rossum itself; others are send and find.
const kindRossum = "rossum"

// attempted notes an attempt in the journal. The history gets it last: nothing waits between an answer and the ledger.
func (w *Worker) attempted(d *delivery, kind string, start time.Time, o outcome.Outcome, sent []journal.Sent) {
	a := journal.Attempt{Step: d.step.Name, Kind: kind, At: start, Took: w.Now().Sub(start), Outcome: o}
	if kind == "send" {
		a.Notes, a.Sent = d.send.Notes, sent
	}
	d.last = o
	d.r.Attempted(d.js(), a)
	d.tried = append(d.tried, a)
}

// recordWithin bounds how long a line of history may keep a run waiting.
const recordWithin = 3 * time.Second

// record writes attempts into the run's history, which is for people: losing a line of it stops nothing.
func (w *Worker) record(ctx context.Context, r *journal.Run, attempts ...journal.Attempt) {
	ctx, cancel := context.WithTimeout(ctx, recordWithin)
	defer cancel()
	for _, a := range attempts {
		target := a.Kind // rossum is its own
		if a.Kind != kindRossum {
			target = r.Step(a.Step).Target
		}
		w.Metrics.Attempt(target, a.Kind, a.Outcome, a.Took)
		if err := w.Queue.Record(ctx, r.Pipeline, r.Run, a); err != nil {
			w.Log.Warn("a line of a run's history is lost", append(idsOf(&r.Record), zap.Error(err))...)
		}
	}
}
