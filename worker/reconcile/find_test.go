package reconcile_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim/samples"
	"github.com/rossum-relay/rossum-relay/worker/operate/setup"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/reconcile"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// TestFindsEveryPlantedLoss plants 20 losses among 8 deliveries: 12 calls that Rossum takes for answered and that never
// came, and 8 exports while the relay could not be reached.
func TestFindsEveryPlantedLoss(t *testing.T) {
	w := newWorld(t, exportPipeline, "annotation_content.export")
	planted := map[int64]string{}
	for n := range 28 {
		switch {
		case n%7 < 3:
			w.rossum.InjectDelivery(rossumsim.DeliveryFault{Event: "annotation_content.export", Lose: true})
			planted[w.export(rossumapi.StatusExported)] = "missing annotation_content.export exported enqueue"
		case n%7 < 5:
			w.down.Store(true)
			planted[w.export(rossumapi.StatusFailedExport)] = "missing annotation_content.export failed_export re_export"
			w.down.Store(false)
		default:
			w.export(rossumapi.StatusExported)
		}
	}
	if len(planted) != 20 {
		t.Fatalf("%d planted", len(planted))
	}
	w.end(run.Done)
	report := w.look()
	if report.Annotations != 28 {
		t.Errorf("%d annotations looked at", report.Annotations)
	}
	got := map[int64]string{}
	for _, f := range report.Findings {
		got[f.Annotation] = strings.Join([]string{string(f.Kind), f.Event, f.Status, string(f.Remedy)}, " ")
	}
	if diff := cmp.Diff(planted, got); diff != "" {
		t.Fatal(diff)
	}
	if err := w.Fix(t.Context(), report); err != nil || report.Open() != 0 {
		t.Fatalf("%d not fixed, %v: %+v", report.Open(), err, report.Findings)
	}
	if err := w.rossum.Quiet(t.Context()); err != nil { // the exports that were started again
		t.Fatal(err)
	}
	w.end(run.Done)
	if again := w.look(); len(again.Findings) != 0 {
		t.Errorf("after the fix: %v", found(again))
	}
	if runs := w.look().Runs; runs != 28 {
		t.Errorf("%d runs of 28 documents", runs)
	}
}

// TestFixIsNotRepeated: what is enqueued and not yet taken is no loss, and an interrupted fix ends with the next.
func TestFixIsNotRepeated(t *testing.T) {
	w := newWorld(t, exportPipeline, "annotation_content.export")
	w.rossum.InjectDelivery(rossumsim.DeliveryFault{Lose: true})
	w.export(rossumapi.StatusExported)
	report := w.look()
	for range 2 {
		again := *report
		again.Findings = append([]reconcile.Finding(nil), report.Findings...)
		if err := w.Fix(t.Context(), &again); err != nil || again.Open() != 0 {
			t.Fatalf("%+v %v", again.Findings, err)
		}
	}
	if stored, err := w.queue.Stored(t.Context()); err != nil || stored != 1 {
		t.Errorf("%d messages, %v", stored, err)
	}
	if again := w.look(); len(again.Findings) != 0 {
		t.Errorf("a run that waits for a worker: %v", found(again))
	}
}

// TestEnqueuedPayload is in the shape of the hook's, without what is secret, and says where it comes from.
func TestEnqueuedPayload(t *testing.T) {
	w := newWorld(t, exportPipeline, "annotation_content.export")
	w.rossum.InjectDelivery(rossumsim.DeliveryFault{Lose: true})
	id := w.export(rossumapi.StatusExported)
	if err := w.Fix(t.Context(), w.look()); err != nil {
		t.Fatal(err)
	}
	body := w.message()
	p, err := rossumapi.DecodePayload(body)
	if err != nil {
		t.Fatal(err)
	}
	if p.Annotation.ID != id || p.Name() != "annotation_content.export" || p.Annotation.Status != rossumapi.StatusExporting || len(p.Content) == 0 {
		t.Errorf("%s %+v", p.Name(), p.Annotation)
	}
	if p.Token != "" || string(p.Secrets) != "{}" || strings.Contains(string(body), "of-the-hook") || strings.Contains(string(body), "redacted") {
		t.Errorf("secrets %s, token of %d characters", p.Secrets, len(p.Token))
	}
	if mark := string(p.All.Get("reconciled")); !strings.Contains(mark, "of the configuration") || !strings.HasPrefix(p.RequestID, "reconcile-") {
		t.Errorf("mark %s, request id %s", mark, p.RequestID)
	}
}

func TestStatusEvents(t *testing.T) {
	w := newWorld(t, `  status: {hook: acme, events: [annotation_status.changed], steps: [{c: {check: [{that: "true", error: x}]}}]}
`, "annotation_status.changed")
	w.export(rossumapi.StatusExported)
	w.rossum.InjectDelivery(rossumsim.DeliveryFault{Event: "annotation_status.changed", Lose: true, Times: 100})
	w.export(rossumapi.StatusExported)
	w.end(run.Skipped)
	report := w.look()
	if diff := cmp.Diff(map[string]int{"missing annotation_status.changed exported enqueue": 1}, found(report)); diff != "" {
		t.Fatal(diff)
	}
	if err := w.Fix(t.Context(), report); err != nil || report.Open() != 0 {
		t.Fatalf("%v %+v", err, report.Findings)
	}
	if again := w.look(); len(again.Findings) != 0 {
		t.Errorf("after the fix: %v", found(again))
	}
}

func TestInitialize(t *testing.T) {
	w := newWorld(t, `  init: {hook: acme, events: [annotation_content.initialize], answer: accept, steps: [{c: {check: [{that: "true", error: x}]}}]}
`, "annotation_content.initialize")
	for _, status := range []string{rossumapi.StatusToReview, rossumapi.StatusPostponed} {
		if _, err := w.rossum.Upload(rossumsim.Upload{Payload: samples.All()[0], Status: status}); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]int{
		"missing annotation_content.initialize to_review enqueue": 1,
		"missing annotation_content.initialize postponed ":        1, // somebody has worked on it
	}
	if diff := cmp.Diff(want, found(w.look())); diff != "" {
		t.Error(diff)
	}
}

// TestDifferent: Rossum and the journal disagree on how an export ended.
func TestDifferent(t *testing.T) {
	w := newWorld(t, exportPipeline, "annotation_content.export")
	w.export(rossumapi.StatusExported)
	w.end(run.Dead)
	if diff := cmp.Diff(map[string]int{"different annotation_content.export exported ": 1}, found(w.look())); diff != "" {
		t.Error("a dead run of an exported annotation:", diff)
	}
	id := w.export(rossumapi.StatusExported)
	w.end(run.Done)
	w.rossum.SetStatus(id, rossumapi.StatusFailedExport, 0)
	report := w.look()
	want := map[string]int{
		"different annotation_content.export exported ":               1,
		"different annotation_content.export failed_export re_export": 1,
	}
	if diff := cmp.Diff(want, found(report)); diff != "" {
		t.Fatal(diff)
	}
	if err := w.Fix(t.Context(), report); err != nil || report.Open() != 1 {
		t.Errorf("%d open, %v", report.Open(), err)
	}
	if status, err := w.rossum.WaitStatus(t.Context(), id, rossumapi.StatusExported); err != nil {
		t.Error(status, err)
	}
}

// TestStuckExport: Rossum waits for an answer that nobody gives.
func TestStuckExport(t *testing.T) {
	w := newWorldAt(t, 1, strings.Replace(exportPipeline, "answer: accept", "answer: wait", 1), "annotation_content.export")
	id, err := w.rossum.Upload(rossumsim.Upload{Payload: samples.All()[0], Status: rossumapi.StatusToReview})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.rossum.Confirm(t.Context(), id, w.user); err != nil {
		t.Fatal(err)
	}
	if _, err := w.rossum.WaitStatus(t.Context(), id, rossumapi.StatusExporting); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"stuck annotation_content.export exporting ": 1}, found(w.look())); diff != "" {
		t.Error(diff)
	}
}

// message is the payload of the only message in the queue.
func (w *world) message() (body []byte) {
	w.t.Helper()
	ctx, stop := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer stop()
	lane := queue.Lane{Name: "invoice", Limit: 1, Slots: 1, AckWait: time.Minute}
	if err := w.queue.Consume(ctx, lane, func(ctx context.Context, d *queue.Delivery) {
		defer stop()
		var err error
		if body, err = w.queue.OpenPayload(ctx, d.Run, d.Payload); err != nil {
			w.t.Error(err)
		}
		if err := d.Ack(ctx); err != nil {
			w.t.Error(err)
		}
	}); err != nil {
		w.t.Fatal(err)
	}
	return body
}

// TestUnknownHook: without a hook object, and without queues in the configuration, nobody knows what the relay missed:
// all documents of the organization must not be taken for lost.
func TestUnknownHook(t *testing.T) {
	w := newWorld(t, exportPipeline, "annotation_content.export")
	w.Config.Ingest.PublicURL = "https://another.acme.example"
	if _, err := w.Look(t.Context(), time.Now().Add(-24*time.Hour)); !errors.Is(err, setup.ErrNoHook) {
		t.Errorf("got %v", err)
	}
}

// TestBeforeTheHook: what was exported before the hook object was made is another's business.
func TestBeforeTheHook(t *testing.T) {
	w := newWorld(t, exportPipeline, "annotation_content.export")
	w.rossum.InjectDelivery(rossumsim.DeliveryFault{Lose: true})
	w.export(rossumapi.StatusExported)
	hook := w.rossum.Objects("hooks")[0]
	client, err := w.client("")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for at, want := range map[time.Time]int{w.rossum.Now().Add(time.Hour): 0, w.rossum.Now().Add(-24 * time.Hour): 1} {
		if _, err := client.PatchHook(t.Context(), hook, map[string]any{"created_at": at.UTC().Format(time.RFC3339Nano)}); err != nil {
			t.Fatal(err)
		}
		if report := w.look(); len(report.Findings) != want {
			t.Errorf("a hook of %s: %v", at, found(report))
		}
	}
}
