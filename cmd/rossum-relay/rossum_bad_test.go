package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
	"github.com/rossum-relay/rossum-relay/worker/erpsim"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// runOf waits until the run of an annotation's event has ended.
func (r *relay) runOf(ctx context.Context, annotation int64, event string) journal.Record {
	r.t.Helper()
	var found journal.Record
	if err := r.until(ctx, func() bool {
		_ = r.service.journal.Each(ctx, func(rec journal.Record) error {
			if rec.Annotation == annotation && rec.Event == event && rec.Reason != "when" {
				found = rec
			}
			return nil
		})
		return found.State.Settled()
	}); err != nil {
		r.t.Fatalf("annotation %d: run %s %s %s: %v", annotation, found.State, found.Reason, found.Message, err)
	}
	return found
}

const statusEvent = "annotation_status.changed"

// statusConfig is testConfig for documents that somebody postpones.
func statusConfig(steps string) string {
	return strings.Replace(testConfig(steps), "events: [annotation_content.export]",
		"events: [annotation_status.changed]\n    when: annotation.status == 'postponed'", 1)
}

// locked is Rossum's refusal while somebody has the annotation open.
const locked = `{"detail":"Document is being annotated by other user.","code":"conflict_user"}`

// TestRossumRefuses: what Rossum may answer to a run's calls, and what a person reads about it.
func TestRossumRefuses(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r := newRelay(t, statusConfig(createStep+tellStep+`
      - tag: {rossum: {labels: [In ERP]}}
`), erpsim.Options{})
	r.hook(statusEvent)
	r.rossum.AddLabel("In ERP")
	r.start()
	for name, c := range map[string]struct {
		fault  rossumsim.Fault
		state  run.State
		reason string
		says   string // to a person, of the run or of the attempt that was refused
	}{
		"gone from Rossum":    {rossumsim.Fault{Path: "/annotations/", Status: 404, Times: -1}, run.Skipped, "annotation_gone", "deleted or purged"},
		"no right to labels":  {rossumsim.Fault{Path: "/labels", Status: 403, Times: 2}, run.Done, "", "give the user the right"},
		"open in a review":    {rossumsim.Fault{Method: "PATCH", Path: "/annotations/", Status: 409, Body: locked}, run.Parked, "reviewing", "somebody's review"},
		"status does not fit": {rossumsim.Fault{Method: "PATCH", Path: "/annotations/", Status: 409}, run.Done, "", "status does not allow"},
		"changed meanwhile":   {rossumsim.Fault{Method: "PATCH", Path: "/annotations/", Status: 412}, run.Done, "", "at this moment"},
		"value refused":       {rossumsim.Fault{Method: "PATCH", Path: "/annotations/", Status: 400, Body: `{"metadata":["is odd"]}`}, run.Done, "", "refuses what the pipeline writes"},
	} {
		t.Run(name, func(t *testing.T) {
			r.rossum.ClearFaults()
			r.rossum.Inject(c.fault)
			id := r.document("INV-"+name, rossumapi.StatusPostponed)
			var rec journal.Record
			if c.state == run.Parked {
				rec = r.runIn(ctx, id, run.Parked)
				r.cli("runs", "resume", "-c", r.config, string(rec.Run))
				if end := r.runOf(ctx, id, statusEvent); end.State != run.Done {
					t.Errorf("in the end it is %s: %s", end.State, end.Message)
				}
			} else {
				rec = r.runOf(ctx, id, statusEvent)
			}
			if said := rec.Message + attempts(rec); rec.State != c.state || rec.Reason != c.reason || !strings.Contains(said, c.says) {
				t.Errorf("%s, %s: %s", rec.State, rec.Reason, said)
			}
		})
	}
}

// runIn waits until the run of an annotation is in a state.
func (r *relay) runIn(ctx context.Context, annotation int64, state run.State) (found journal.Record) {
	r.t.Helper()
	if err := r.until(ctx, func() bool {
		_ = r.service.journal.Each(ctx, func(rec journal.Record) error {
			if rec.Annotation == annotation && rec.State == state {
				found = rec
			}
			return nil
		})
		return found.Run != ""
	}); err != nil {
		r.t.Fatalf("no run of annotation %d is %s: %v", annotation, state, err)
	}
	return found
}

// attempts are the words about all attempts of a run.
func attempts(rec journal.Record) (all string) {
	for _, s := range rec.Steps {
		for _, a := range s.Attempts {
			all += "\n" + a.Step + ": " + a.Outcome.Message
		}
	}
	return all
}

// TestOddEvents: events that are not quite what a pipeline expects.
func TestOddEvents(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	config := strings.Replace(statusConfig(createStep+tellStep), "when: annotation.status == 'postponed'", "when: annotation.status != 'to_review'", 1)
	config = strings.Replace(config, "\nqueue:", `
  timer:
    hook: test
    events: [invocation.scheduled]
    key: [run.id]
    steps: [{tell: {rossum: {note: "It is time."}}}]
queue:`, 1)
	r := newRelay(t, config, erpsim.Options{})
	r.hook(statusEvent, "invocation.scheduled")
	r.start()
	t.Run("unknown status", func(t *testing.T) {
		id := r.document("INV-1", "levitating")
		if rec := r.runOf(ctx, id, statusEvent); rec.State != run.Done {
			t.Errorf("%s: %s", rec.State, rec.Message)
		}
	})
	t.Run("purged meanwhile", func(t *testing.T) {
		if err := r.erp.AddFault(erpsim.Rule{Method: "POST", Action: erpsim.Refuse, Status: 503}); err != nil {
			t.Fatal(err)
		}
		id := r.document("INV-2", rossumapi.StatusPostponed)
		rec := r.runIn(ctx, id, run.Waiting)
		r.erp.ClearFaults()
		r.rossum.SetStatus(id, rossumapi.StatusPurged, r.user)
		r.cli("runs", "resume", "-c", r.config, string(rec.Run))
		if rec := r.runOf(ctx, id, statusEvent); rec.State != run.Skipped {
			t.Errorf("%s: %s", rec.State, rec.Message)
		}
	})
	t.Run("no annotation", func(t *testing.T) {
		if err := r.rossum.FireScheduled(r.rossum.Objects("hooks")[0]); err != nil {
			t.Fatal(err)
		}
		if rec := r.runOf(ctx, 0, "invocation.scheduled"); rec.State != run.Dead || !strings.Contains(rec.Message, "has no annotation to write to") {
			t.Errorf("%s: %s", rec.State, rec.Message)
		}
	})
}

// document puts a document into Rossum and gives it a status, of any name.
func (r *relay) document(number, status string) int64 {
	r.t.Helper()
	id, err := r.rossum.Upload(rossumsim.Upload{Payload: sample(r.t), Status: rossumapi.StatusToReview, Set: map[string]string{"document_id": number}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.rossum.SetStatus(id, status, r.user)
	return id
}
