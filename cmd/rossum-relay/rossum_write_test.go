package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
	"github.com/rossum-relay/rossum-relay/worker/erpsim"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// fieldStep writes a field of the first sample back.
const fieldStep = `
      - back: {rossum: {set: {notes: "ERP {{ steps.create.erp_id }}"}}}
`

// only is the one run of a test, settled.
func (r *relay) only(ctx context.Context) journal.Record {
	r.t.Helper()
	all := r.settled(ctx, 1)
	if len(all) != 1 {
		r.t.Fatalf("%d runs", len(all))
	}
	return all[0]
}

// notes are the texts of all notes in Rossum.
func (r *relay) notes() []string {
	var all []string
	for _, id := range r.rossum.Objects("notes") {
		all = append(all, fmt.Sprint(r.rossum.Object("notes", id)["content"]))
	}
	return all
}

// value is the value of a field of an annotation now.
func (r *relay) value(id int64, field string) string {
	r.t.Helper()
	tree, err := r.rossum.Content(id)
	if err != nil {
		r.t.Fatal(err)
	}
	return tree.First(field).Value()
}

// TestLateNote: a pipeline that wants no second export says with a note that the delivery came after all, and writes the
// fields that did not travel with the answer.
func TestLateNote(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	config := strings.Replace(testConfig(createStep+fieldStep), "    retry:", "    late_success: note\n    wait: {at_most: 400ms}\n    retry:", 1)
	r := newRelay(t, config, down(), byHand)
	r.hook("annotation_content.export")
	r.start()
	id := r.begin(ctx, "INV-1")
	r.passUntil(ctx, id, rossumapi.StatusFailedExport)
	r.erp.ClearFaults()
	r.only(ctx)
	if err := r.until(ctx, func() bool { return len(r.notes()) > 0 }); err != nil {
		t.Fatalf("no note: %v", err)
	}
	if notes := r.notes(); len(notes) != 1 || !strings.Contains(notes[0], "delivered after all") {
		t.Errorf("notes %q", notes)
	}
	if v := r.value(id, "notes"); !strings.HasPrefix(v, "ERP ") {
		t.Errorf("the field is %q", v)
	}
	if a, _ := r.rossum.Annotation(id); a.Status != rossumapi.StatusFailedExport {
		t.Errorf("the annotation is %s", a.Status)
	}
	r.effects(1)
}

// until looks until something is so.
func (r *relay) until(ctx context.Context, so func() bool) error {
	for !so() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// TestReplayIsTold: Rossum was told that a delivery failed; when an operator's replay delivers it, Rossum exports again and
// learns so.
func TestReplayIsTold(t *testing.T) {
	r, end := carry(t, createStep+tellStep, "failed_export", erpsim.Rule{
		Method: "POST", Action: erpsim.Refuse, Status: 400, Times: 1,
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r.cli("dead", "replay", "-c", r.config, string(end.id))
	id := r.rossum.Annotations()[0]
	if _, err := r.rossum.WaitStatus(ctx, id, rossumapi.StatusExported); err != nil {
		t.Fatal(err)
	}
	r.effects(1)
}

// TestDeathAfterPatience: Rossum was told that a delivery goes on; when it fails for good, a note says so.
func TestDeathAfterPatience(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	config := strings.Replace(testConfig(createStep), "    retry:", "    wait: {at_most: 400ms}\n    retry:", 1)
	config = strings.Replace(config, "for: 5m", "for: 2s", 1)
	r := newRelay(t, config, down(), byHand)
	r.hook("annotation_content.export")
	r.start()
	id := r.begin(ctx, "INV-1")
	r.passUntil(ctx, id, rossumapi.StatusFailedExport)
	rec := r.only(ctx)
	if notes := r.notes(); rec.State != run.Dead || len(notes) != 1 || !strings.Contains(notes[0], string(rec.Run)) {
		t.Errorf("run %s is %s, notes %q", rec.Run, rec.State, notes)
	}
}

// TestExportRelation: what was sent and what the ERP said become files of the annotation; another export replaces them.
func TestExportRelation(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r := newRelay(t, testConfig(`
      - invoice: {map: {number: "{{ field.document_id }}", total: "{{ value.amount_total }}"}}
      - create:
          send: erp
          post: /api/invoices
          body: steps.invoice
          keep: {answer: hit}
      - attach: {rossum: {export: {key: erp, files: {sent.json: steps.invoice, answer.json: steps.create.answer, said.txt: "'as ' ~ steps.create.answer.id"}}}}
`), erpsim.Options{})
	r.hook("annotation_content.export")
	r.start()
	id := r.export(ctx, "INV-1")
	r.status(ctx, id, "exported")
	relations := r.rossum.Objects("document_relations")
	if len(relations) != 1 {
		t.Fatalf("document relations %v", relations)
	}
	relation := r.rossum.Object("document_relations", relations[0])
	a, err := r.rossum.Annotation(id)
	if err != nil {
		t.Fatal(err)
	}
	if relation["type"] != "export" || relation["key"] != "erp" || relation["annotation"] != a.URL {
		t.Errorf("relation %v", relation)
	}
	before := r.artefacts()
	var names []string
	for name := range before {
		names = append(names, name)
	}
	slices.Sort(names)
	want := []string{fmt.Sprintf("%d-erp-answer.json", id), fmt.Sprintf("%d-erp-said.txt", id), fmt.Sprintf("%d-erp-sent.json", id)}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if sent := before[want[2]]; !strings.Contains(sent, "INV-1") {
		t.Errorf("sent.json holds %s", sent)
	}
	r.rossum.SetStatus(id, rossumapi.StatusExporting, r.user) // a person exports once more
	r.settled(ctx, 2)
	r.status(ctx, id, "exported")
	if n := len(r.rossum.Objects("document_relations")); n != 1 || !cmp.Equal(before, r.artefacts()) {
		t.Errorf("after another export: %d relations, files %v", n, r.artefacts())
	}
	r.effects(1)
}

// artefacts are the contents of the files the relay made, by name.
func (r *relay) artefacts() map[string]string {
	r.t.Helper()
	found := map[string]string{}
	for _, id := range r.rossum.Objects("documents") {
		d := r.rossum.Object("documents", id)
		if name := fmt.Sprint(d["original_file_name"]); strings.Contains(name, "-erp-") {
			found[name] += string(r.rossum.File(id))
		}
	}
	return found
}

// TestReviewParks: while somebody has the annotation open nothing is written and no attempt spent; once the review has
// ended the run goes on.
func TestReviewParks(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	config := strings.Replace(testConfig(`
      - back: {rossum: {set: {notes: written}}}
`), "events: [annotation_content.export]", "events: [annotation_content.started]", 1)
	r := newRelay(t, config, erpsim.Options{})
	r.hook("annotation_content.started")
	r.start()
	id, err := r.rossum.Upload(rossumsim.Upload{Payload: sample(t), Status: rossumapi.StatusToReview})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.rossum.Open(ctx, id, r.user); err != nil {
		t.Fatal(err)
	}
	var rec journal.Record
	if err := r.until(ctx, func() bool {
		_ = r.service.journal.Each(ctx, func(one journal.Record) error { rec = one; return nil })
		return rec.State == run.Parked
	}); err != nil {
		t.Fatalf("run %+v: %v", rec, err)
	}
	if rec.Reason != "reviewing" || !strings.Contains(rec.Message, "review") || rec.Tries() != 0 {
		t.Errorf("%s: %s, %d attempts spent", rec.Reason, rec.Message, rec.Tries())
	}
	if v := r.value(id, "notes"); v == "written" {
		t.Error("a field was written under the reviewer's hands")
	}
	r.rossum.SetStatus(id, rossumapi.StatusToReview, r.user)
	r.cli("runs", "resume", "-c", r.config, string(rec.Run))
	if rec = r.only(ctx); rec.State != run.Done {
		t.Errorf("run is %s: %s", rec.State, rec.Message)
	}
	if v := r.value(id, "notes"); v != "written" {
		t.Errorf("the field is %q", v)
	}
}
