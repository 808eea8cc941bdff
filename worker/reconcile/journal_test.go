package reconcile_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// TestHollowEvent: an event that was stored, and whose runs were not published before its process died, is a loss.
func TestHollowEvent(t *testing.T) {
	w := newWorld(t, exportPipeline, "annotation_content.export")
	w.rossum.InjectDelivery(rossumsim.DeliveryFault{Lose: true})
	id := w.export(rossumapi.StatusExported)
	if _, _, err := w.answers.Join(t.Context(), answer.Call{
		Key: run.NewEventKey("acme", "x"), Hook: "acme", Name: "annotation_content.export", Annotation: id,
		Runs: []answer.RunRef{{Pipeline: "invoice", Lane: "invoice"}},
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"missing annotation_content.export exported enqueue": 1}, found(w.look())); diff != "" {
		t.Error(diff)
	}
}

func TestDoubled(t *testing.T) {
	w := newWorld(t, exportPipeline, "annotation_content.export")
	for i, claim := range []journal.Claim{
		{Annotation: 1, Key: []string{"A"}}, {Annotation: 1, Key: []string{"B"}}, {Annotation: 2, Key: []string{"C"}},
		{Annotation: 3, Key: []string{"D"}}, {Annotation: 3, Key: []string{"E"}, Step: "other"},
	} {
		claim.Target, claim.Pipeline, claim.Fingerprint = "erp.example", "invoice", "f"
		claim.Run = run.NewID(run.NewEventKey("acme", "x"), "invoice", i+1)
		if claim.Step == "" {
			claim.Step = "draft"
		}
		if _, _, err := w.journal.Claim(t.Context(), claim); err != nil {
			t.Fatal(err)
		}
		if err := w.journal.Deliver(t.Context(), claim, nil); err != nil {
			t.Fatal(err)
		}
	}
	report := w.look()
	if diff := cmp.Diff(map[string]int{"doubled   ": 1}, found(report)); diff != "" || report.Findings[0].Annotation != 1 {
		t.Errorf("%s %+v", diff, report.Findings)
	}
}

func TestStuckRun(t *testing.T) {
	w := newWorld(t, exportPipeline, "annotation_content.export")
	for i, next := range []time.Duration{-2 * time.Hour, time.Hour} {
		key := run.NewEventKey("acme", "x")
		r, err := w.journal.Take(t.Context(), queue.Envelope{
			Run: run.NewID(key, "invoice", i+1), Pipeline: "invoice", Hook: "acme", Event: "annotation_content.export", Key: key, Generation: i + 1,
		}, "invoice", "worker", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		r.State, r.Next = run.Waiting, time.Now().Add(next)
		r.Release()
		if err := r.Save(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(map[string]int{"stuck annotation_content.export  ": 1}, found(w.look())); diff != "" {
		t.Error(diff)
	}
}

// TestLoop compares in its turn, and fixes only where it is told to.
func TestLoop(t *testing.T) {
	for _, fix := range []bool{false, true} {
		w := newWorld(t, exportPipeline, "annotation_content.export")
		w.rossum.InjectDelivery(rossumsim.DeliveryFault{Lose: true})
		w.export(rossumapi.StatusExported)
		w.Config.Reconcile = configs.Reconcile{Every: configs.Duration(time.Millisecond), Since: configs.Duration(24 * time.Hour), Fix: fix}
		ctx, cancel := context.WithCancel(t.Context())
		var fields map[string]any
		log := zap.New(&spy{seen: func(e zapcore.Entry, f map[string]any) {
			if e.Message == "reconciliation found" && fields == nil {
				fields = f
				cancel()
			}
		}})
		turns := 0
		w.Loop(ctx, log, func() bool { turns++; return turns > 1 })
		if fields["kind"] != "missing" || fields["fixed"] != fix {
			t.Errorf("fix %v: %v", fix, fields)
		}
	}
	w := newWorld(t, exportPipeline, "annotation_content.export")
	w.Loop(t.Context(), zap.NewNop(), nil) // reconcile.every is 0: returns
}

// spy is a log that shows its entries to a function.
type spy struct {
	seen func(zapcore.Entry, map[string]any)
}

func (s *spy) Enabled(zapcore.Level) bool        { return true }
func (s *spy) With([]zapcore.Field) zapcore.Core { return s }
func (s *spy) Sync() error                       { return nil }

func (s *spy) Check(e zapcore.Entry, c *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return c.AddCore(e, s)
}

func (s *spy) Write(e zapcore.Entry, fields []zapcore.Field) error {
	m := zapcore.NewMapObjectEncoder()
	for _, f := range fields {
		f.AddTo(m)
	}
	s.seen(e, m.Fields)
	return nil
}
