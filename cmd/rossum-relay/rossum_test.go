package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
	"github.com/rossum-relay/rossum-relay/worker/erpsim"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// TestQueueByName: only the worker can tell a queue's name; an export that nobody takes in the end must not look exported.
func TestQueueByName(t *testing.T) {
	for name, status := range map[string]string{"AP Europe": "exported", "Elsewhere": "failed_export"} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			config := strings.Replace(testConfig(createStep), "    key:", "    queues: [AP Europe]\n    key:", 1)
			r := newRelay(t, config, erpsim.Options{})
			r.hook("annotation_content.export")
			for _, id := range r.rossum.Objects("queues") {
				r.rossum.SetQueue(id, map[string]any{"name": name})
			}
			r.start()
			id := r.export(ctx, "INV-1")
			r.status(ctx, id, status)
			if status == "exported" {
				r.effects(1)
			} else {
				r.effects(0)
			}
		})
	}
}

// TestInOrder: an annotation's events reach the ERP one after the other, though the first is refused for a while.
func TestInOrder(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	config := strings.Replace(testConfig(`
      - note:
          send: erp
          post: /api/notes
          repeatable: true
          map: {annotation: "{{ annotation.id }}", status: "{{ annotation.status }}"}
`), "events: [annotation_content.export]", "events: [annotation_status]\n    newer: in_order", 1)
	r := newRelay(t, config, erpsim.Options{
		Faults: []erpsim.Rule{{Method: "POST", Action: erpsim.Refuse, Status: 503, Times: 3}},
	})
	r.start()
	r.hook("annotation_status.changed")
	id, err := r.rossum.Upload(rossumsim.Upload{Payload: sample(t), Status: "to_review"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"postponed", "rejected", "to_review", "deleted"}
	for _, status := range want {
		r.rossum.SetStatus(id, status, r.user)
		if err := r.rossum.Quiet(ctx); err != nil { // the relay has it
			t.Fatal(err)
		}
	}
	if err := r.erp.WaitEffects(ctx, len(want)); err != nil {
		t.Fatal(err)
	}
	r.settled(ctx, len(want))
	var got []string
	for _, e := range r.erp.Effects() {
		_, status, _ := strings.Cut(string(e.Body), `"status":"`)
		got = append(got, strings.TrimRight(status, `"}`))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the ERP saw (-want +got):\n%s", diff)
	}
}

// TestOwnStatusChange: the echo of the relay's own PATCH starts nothing, the same change made by a person does.
func TestOwnStatusChange(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	config := strings.Replace(testConfig(`
      - back: {rossum: {status: to_review}}
`), "events: [annotation_content.export]", "events: [annotation_status]\n    when: annotation.status == 'postponed' or annotation.status == 'to_review'", 1)
	r := newRelay(t, config, erpsim.Options{})
	r.start()
	r.hook("annotation_status.changed")
	id, err := r.rossum.Upload(rossumsim.Upload{Payload: sample(t), Status: "to_review"})
	if err != nil {
		t.Fatal(err)
	}
	r.rossum.SetStatus(id, "postponed", r.user)
	if _, err := r.rossum.WaitStatus(ctx, id, "to_review"); err != nil {
		t.Fatal(err)
	}
	all := r.settled(ctx, 2)
	if s := count(all); s[run.Done] != 1 || s[run.Skipped] != 1 {
		t.Errorf("runs ended as %v", s)
	}
	r.rossum.SetStatus(id, "postponed", r.user)
	all = r.settled(ctx, 4)
	reasons := map[string]int{}
	for _, rec := range all {
		reasons[string(rec.State)+" "+rec.Reason]++
	}
	if reasons["skipped own_change"] != 2 || reasons["done "] != 2 {
		t.Errorf("runs ended as %v", reasons)
	}
}

// TestOnDead: nobody waits for the answer, so the pipeline tells Rossum what it was told to tell; a refusal of one thing
// does not keep the others back.
func TestOnDead(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	config := strings.Replace(testConfig(createStep), "    retry:",
		"    answer: accept\n    on_dead: {metadata: {failed: \"{{ run.id }}\"}, note: Not delivered., label: no such label}\n    retry:", 1)
	r := newRelay(t, config, erpsim.Options{Faults: []erpsim.Rule{{Method: "POST", Action: erpsim.Refuse, Status: 400}}})
	r.hook("annotation_content.export")
	r.start()
	id := r.export(ctx, "INV-1")
	rec := r.settled(ctx, 1)[0]
	if rec.State != run.Dead {
		t.Fatalf("run is %s", rec.State)
	}
	a, err := r.rossum.Annotation(id)
	if err != nil {
		t.Fatal(err)
	}
	if meta := string(a.Metadata.Get("rossum_relay")); !strings.Contains(meta, string(rec.Run)) {
		t.Errorf("metadata %q does not name run %s", meta, rec.Run)
	}
	notes := r.rossum.Objects("notes")
	if len(notes) != 1 || r.rossum.Object("notes", notes[0])["content"] != "Not delivered." {
		t.Errorf("notes %v", notes)
	}
	var refused []string
	for _, s := range rec.Steps {
		for _, a := range s.Attempts {
			if a.Step == "on_dead" && a.Outcome.Kind != "ok" {
				refused = append(refused, a.Outcome.Reason)
			}
		}
	}
	if diff := cmp.Diff([]string{"no_label"}, refused); diff != "" {
		t.Errorf("refusals recorded (-want +got):\n%s", diff)
	}
}
