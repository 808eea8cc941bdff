package reconcile

import (
	"fmt"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// The events of annotations that leave a trace in Rossum.
const (
	eventExport     = "annotation_content.export"
	eventInitialize = "annotation_content.initialize"
	eventStatus     = "annotation_status.changed"
)

// compare holds one annotation against one pipeline that takes its queue.
func (c *comparison) compare(p *configs.Entry[configs.Pipeline], a annotation) {
	if p.Value.Takes(eventExport) {
		c.compareExport(p, a)
	}
	if p.Value.Takes(eventStatus) {
		c.compareStatus(p, a)
	}
	if p.Value.Takes(eventInitialize) {
		c.compareInitialize(p, a)
	}
}

// due reports whether something that happened then belongs to the time that is looked at and is not on its way any more.
func (c *comparison) due(at time.Time) bool {
	return !at.Before(c.after) && c.Now().Sub(at) >= c.Grace
}

func (c *comparison) find(kind Kind, p *configs.Entry[configs.Pipeline], a annotation, event string, at time.Time) *Finding {
	c.report.Findings = append(c.report.Findings, Finding{
		Kind: kind, Pipeline: p.Name, Hook: p.Value.Hook, Rossum: c.environment, Annotation: a.id, Queue: a.queue,
		Event: event, Status: a.status, At: at,
	})
	return &c.report.Findings[len(c.report.Findings)-1]
}

func (c *comparison) compareExport(p *configs.Entry[configs.Pipeline], a annotation) {
	at := a.since[a.status]
	if a.status == rossumapi.StatusExporting {
		at = a.modified
	}
	exports := a.status == rossumapi.StatusExported || a.status == rossumapi.StatusFailedExport || a.status == rossumapi.StatusExporting
	if !exports || !c.due(at) {
		return
	}
	e, rec, found := c.known.evidence(subject{p.Value.Hook, a.id, eventExport}, p.Name, at.Add(-patience))
	switch a.status {
	case rossumapi.StatusExporting:
		if c.Now().Sub(at) >= stuckAfter {
			f := c.find(Stuck, p, a, eventExport, at)
			f.Run, f.Message = rec.Run, "Rossum has been exporting for too long; "+stateOf(rec, found)+". Look at the hook's log in Rossum"
		}
	case rossumapi.StatusExported:
		c.compareExported(p, a, rec, found)
	case rossumapi.StatusFailedExport:
		c.compareFailed(p, a, e, rec, found)
	}
}

func (c *comparison) compareExported(p *configs.Entry[configs.Pipeline], a annotation, rec journal.Record, found bool) {
	at := a.since[a.status]
	switch {
	case !found:
		f := c.find(Missing, p, a, eventExport, at)
		f.Message, f.Remedy = "Rossum exported it, and no run knows of it", Enqueue
	case rec.State == run.Dead:
		f := c.find(Different, p, a, eventExport, at)
		f.Run, f.Message = rec.Run, "Rossum exported it, and the run is dead: the ERP does not have it, or not surely"
	}
}

func (c *comparison) compareFailed(p *configs.Entry[configs.Pipeline], a annotation, e answer.Event, rec journal.Record, found bool) {
	at := a.since[a.status]
	switch {
	case !found:
		f := c.find(Missing, p, a, eventExport, at)
		f.Message, f.Remedy = "the export failed, and no run knows of it: Rossum could not reach the relay", ReExport
	case rec.State == run.Done && c.allDone(e) && !told(e, rec):
		f := c.find(Different, p, a, eventExport, at)
		f.Run, f.Message = rec.Run, "it was delivered, and Rossum does not know"
		if p.Value.LateSuccess != configs.LateNote {
			f.Remedy = ReExport
		}
	}
}

// told reports whether Rossum got this result of the run with its answer; a failure is then another extension's. A replay
// gives the run another result than Rossum knows.
func told(e answer.Event, rec journal.Record) bool {
	ref, ok := e.Run(rec.Run)
	return ok && ref.Knows(answer.Result{Settled: rec.Settled})
}

// allDone reports whether no run of the event justifies a failure.
func (c *comparison) allDone(e answer.Event) bool {
	for _, ref := range e.Runs {
		switch c.known.runs[ref.ID].State {
		case run.Done, run.Skipped, run.Superseded:
		default:
			return false
		}
	}
	return true
}

func (c *comparison) compareStatus(p *configs.Entry[configs.Pipeline], a annotation) {
	at, ok := a.since[a.status]
	if !ok || !c.due(at) {
		return
	}
	if _, _, found := c.known.evidence(subject{p.Value.Hook, a.id, eventStatus}, p.Name, at.Add(-skew)); !found {
		f := c.find(Missing, p, a, eventStatus, at)
		f.Message, f.Remedy = "it became "+a.status+", and no run knows of it", Enqueue
	}
}

// compareInitialize misses what came in. Once somebody has worked on a document, its initialize is not made up for: it
// would change their fields.
func (c *comparison) compareInitialize(p *configs.Entry[configs.Pipeline], a annotation) {
	switch a.status {
	case rossumapi.StatusCreated, rossumapi.StatusImporting, rossumapi.StatusFailedImport, rossumapi.StatusSplit,
		rossumapi.StatusDeleted, rossumapi.StatusPurged:
		return
	}
	if !c.due(a.created) {
		return
	}
	if _, _, found := c.known.evidence(subject{p.Value.Hook, a.id, eventInitialize}, p.Name, a.created.Add(-skew)); found {
		return
	}
	f := c.find(Missing, p, a, eventInitialize, a.created)
	f.Message = "it was imported, and no run knows of it"
	if a.status == rossumapi.StatusToReview {
		f.Remedy = Enqueue
	}
}

func stateOf(rec journal.Record, found bool) string {
	switch {
	case !found:
		return "the relay was not called"
	case rec.Run == "":
		return "no worker has taken the run"
	}
	return fmt.Sprintf("the run is %s", rec.State)
}
