package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

// claimPause is how long a run parks for another run's reservation.
const claimPause = 15 * time.Second

// reserve claims the step's key in the ledger.
func (w *Worker) reserve(ctx context.Context, d *delivery) (*verdict, error) {
	d.claim = journal.Claim{
		Target: d.target.Instance(), Key: d.send.Key, Run: d.r.Run, Hop: d.r.Hop, Pipeline: d.r.Pipeline, Step: d.step.Name,
		Annotation: d.r.Annotation, Fingerprint: d.send.Fingerprint, Change: d.step.Config.OnChange == configs.ChangeSend,
		Unsure: unsure(d.js()), Came: cameAt(d.payload, d.r.Received),
	}
	d.js().Ledger = w.Journal.LedgerKey(d.claim.Target, d.claim.Key)
	reply, e, err := w.Journal.Claim(ctx, d.claim)
	if err != nil {
		return nil, err
	}
	d.entry = e
	js := d.js()
	if others := reply == journal.Changed || reply == journal.Foreign || reply == journal.Held; others && d.r.Unsure() {
		js.State = journal.Failed // what this run was unsure of another one has settled, perhaps one that took over
		if v, err := w.order(ctx, d.turnState); v != nil || err != nil {
			return v, err
		}
		if d.claim.Unsure {
			return w.reserve(ctx, d) // as a run that is sure
		}
	}
	switch reply {
	case journal.Known:
		return nil, w.keep(ctx, d, e.Kept)
	case journal.Changed:
		return w.failed(d.turnState, d.step.Name, d.send.Target, outcome.Outcome{
			Kind: outcome.Rejected, Reason: "changed_after_delivery",
			Message: changedText(d, e),
		}), nil
	case journal.Foreign:
		return w.failed(d.turnState, d.step.Name, d.send.Target, outcome.Outcome{
			Kind: outcome.Rejected, Reason: "other_annotation",
			Message: fmt.Sprintf("already delivered from annotation %d%s%s", e.Annotation, byOther(d, e), asKept(e.Kept)),
		}), nil
	case journal.Held:
		if err := w.wakeOlder(ctx, d, e); err != nil {
			return nil, err
		}
		return ptr(parked(w.Now().Add(claimPause), "reserved", fmt.Sprintf("run %s is delivering the same invoice", e.Run))), nil
	case journal.Unclear:
		if js.State != journal.Intended {
			js.State = journal.Uncertain
		}
		if e.NotAfter.After(js.NotAfter) { // another run has sent since this one looked
			js.NotAfter, js.Misses = e.NotAfter, 0
		}
	case journal.Free:
	}
	return nil, nil
}

// wakeOlder lets an older run of the annotation, which waits with the key reserved, find out that it is superseded.
func (w *Worker) wakeOlder(ctx context.Context, d *delivery, e journal.Entry) error {
	if d.p.Config.Newer != configs.Supersede || e.Annotation != d.r.Annotation || e.Pipeline != d.r.Pipeline {
		return nil
	}
	return w.Journal.Wake(ctx, e.Run)
}

// changedText tells that something else was delivered under the key: an earlier state of the document, or what another
// pipeline delivers.
func changedText(d *delivery, e journal.Entry) string {
	if by := byOther(d, e); by != "" {
		return "something else was delivered under this key" + by + "; where both are to be delivered, give one of the steps another name or a key of its own"
	}
	return "this invoice was delivered before with other content; deliver the change by hand, or set on_change: send"
}

// byOther names the pipeline that delivered, where it is another one.
func byOther(d *delivery, e journal.Entry) string {
	if e.Pipeline == "" || e.Pipeline == d.r.Pipeline {
		return ""
	}
	return " by pipeline " + e.Pipeline
}

// asKept tells under which id something was delivered.
func asKept(kept map[string]json.RawMessage) string {
	for _, v := range kept {
		return " as " + string(v)
	}
	return ""
}
