package journal_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T) (*journal.Journal, *queuetest.Clock) {
	t.Helper()
	c := queuetest.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	j, err := journal.Open(t.Context(), queuetest.Open(t), c.Now)
	if err != nil {
		t.Fatal(err)
	}
	return j, c
}

func envelope(name string) queue.Envelope {
	key := run.NewEventKey("hook", "annotation_content.export", name)
	return queue.Envelope{Run: run.NewID(key, "erp", 1), Pipeline: "erp", Hook: "hook", Event: "annotation_content.export", Key: key, Annotation: 7}
}

func take(t *testing.T, j *journal.Journal, e queue.Envelope, owner string) *journal.Run {
	t.Helper()
	r, err := j.Take(t.Context(), e, "erp", owner, time.Minute)
	if err != nil {
		t.Fatalf("take by %s: %v", owner, err)
	}
	return r
}

func TestOneWorkerHoldsARun(t *testing.T) {
	j, c := open(t)
	e := envelope("a")
	first := take(t, j, e, "w1")
	_, err := j.Take(t.Context(), e, "erp", "w2", time.Minute)
	var leased *journal.LeasedError
	if !errors.As(err, &leased) || !leased.Until.Equal(c.Now().Add(time.Minute)) {
		t.Fatalf("a held run was given away: %v", err)
	}
	c.Add(61 * time.Second) // w1 is frozen or dead
	second := take(t, j, e, "w2")
	if second.Starts != 2 {
		t.Errorf("starts %d, want 2", second.Starts)
	}
	if err := first.Save(t.Context()); !errors.Is(err, journal.ErrLost) {
		t.Errorf("the former owner could still write: %v", err)
	}
}

func TestIntentProlongsTheLease(t *testing.T) {
	j, c := open(t)
	e := envelope("b")
	r := take(t, j, e, "w1")
	s := r.Step("draft")
	s.State, s.NotAfter = journal.Intended, c.Now().Add(15*time.Minute)
	if err := r.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Add(14 * time.Minute)
	if _, err := j.Take(t.Context(), e, "erp", "w2", time.Minute); err == nil {
		t.Fatal("taken while the request may still run")
	}
}

func TestOldMessageOfAWaitingRunStartsNothing(t *testing.T) {
	j, c := open(t)
	e := envelope("c")
	r := take(t, j, e, "w1")
	r.State, r.Next = run.Waiting, c.Now().Add(time.Hour)
	r.Hop++
	r.Release()
	if err := r.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	old := take(t, j, e, "w2")
	if old.State != run.Waiting || old.Owner != "" || old.Starts != 1 || !old.Idle(e.Hop, c.Now()) {
		t.Errorf("the old message took the run: %+v", old.Record)
	}
	e.Hop = 1
	if r := take(t, j, e, "w2"); r.State != run.Running || r.Owner != "w2" {
		t.Errorf("the due message did not: %+v", r.Record)
	}
}

func TestAttemptsKeepFiveAndResetStarts(t *testing.T) {
	var r journal.Record
	r.Starts = 4
	for i := range 8 {
		r.Attempted(r.Step("draft"), journal.Attempt{Took: time.Duration(i), Outcome: outcome.Outcome{Kind: outcome.Retry}})
	}
	s := r.Step("draft")
	if len(s.Attempts) != 5 || s.Attempts[4].Took != 7 || r.Starts != 0 {
		t.Errorf("%d attempts, last %v, %d starts", len(s.Attempts), s.Attempts[len(s.Attempts)-1].Took, r.Starts)
	}
}

func claim(e queue.Envelope, fingerprint string) journal.Claim {
	return journal.Claim{
		Target: "erp.example", Key: []string{"0100", "ACME", "INV-1"}, Run: e.Run, Pipeline: "erp", Step: "draft",
		Annotation: e.Annotation, Fingerprint: fingerprint,
	}
}

func reply(t *testing.T, j *journal.Journal, c journal.Claim, want journal.Claimed) journal.Entry {
	t.Helper()
	got, e, err := j.Claim(t.Context(), c)
	if err != nil || got != want {
		t.Fatalf("claim by %s: reply %d, want %d, %v", c.Run, got, want, err)
	}
	return e
}

// end settles a run as dead, with the step of a claim in a state, and releases what it reserved.
func end(t *testing.T, j *journal.Journal, r *journal.Run, c journal.Claim, state journal.StepState) {
	t.Helper()
	s := r.Step(c.Step)
	s.Ledger, s.State = j.LedgerKey(c.Target, c.Key), state
	r.State = run.Dead
	r.Hop++
	r.Record.Owner = ""
	if err := r.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := j.Release(t.Context(), &r.Record); err != nil {
		t.Fatal(err)
	}
}

func TestLedgerOfOneKey(t *testing.T) {
	j, _ := open(t)
	ctx := t.Context()
	a, b := envelope("a"), envelope("b")
	take(t, j, a, "w1")
	second := take(t, j, b, "w2")
	reply(t, j, claim(a, "f1"), journal.Free)
	reply(t, j, claim(a, "f1"), journal.Free) // again after a crash
	reply(t, j, claim(b, "f1"), journal.Held)

	kept := map[string]json.RawMessage{"id": json.RawMessage("4711")}
	if err := j.Deliver(ctx, claim(a, "f1"), kept); err != nil {
		t.Fatal(err)
	}
	if e := reply(t, j, claim(b, "f1"), journal.Known); string(e.Kept["id"]) != "4711" {
		t.Errorf("kept %s", e.Kept)
	}
	reply(t, j, claim(b, "f2"), journal.Changed)
	foreign := claim(b, "f1")
	foreign.Annotation = 8
	reply(t, j, foreign, journal.Foreign)

	change := claim(b, "f2")
	change.Change = true
	reply(t, j, change, journal.Free)
	end(t, j, second, change, journal.Failed)
	if e := reply(t, j, claim(b, "f1"), journal.Known); e.State != journal.Delivered {
		t.Errorf("giving up a change forgot the delivery: %+v", e)
	}
}

func TestDoubtOutlivesItsRun(t *testing.T) {
	j, c := open(t)
	ctx := t.Context()
	a, b := envelope("a"), envelope("b")
	r := take(t, j, a, "w1")
	reply(t, j, claim(a, "f1"), journal.Free)
	until := c.Now().Add(time.Minute)
	if err := j.Doubt(ctx, claim(a, "f1"), until); err != nil {
		t.Fatal(err)
	}
	end(t, j, r, claim(a, "f1"), journal.Uncertain) // only a sure non-delivery frees
	if e := reply(t, j, claim(b, "f1"), journal.Unclear); e.Run != b.Run || !e.NotAfter.Equal(until) {
		t.Errorf("the next run did not take the doubt over: %+v", e)
	}
	if err := j.Deliver(ctx, claim(a, "f1"), nil); !errors.Is(err, journal.ErrLost) {
		t.Errorf("the former owner could still write: %v", err)
	}
}

func TestReservationOfADeadRunIsTakenOver(t *testing.T) {
	for name, unsure := range map[string]bool{"surely not sent": false, "perhaps sent": true} {
		t.Run(name, func(t *testing.T) {
			j, _ := open(t)
			a, b := envelope("a"), envelope("b")
			r := take(t, j, a, "w1")
			reply(t, j, claim(a, "f1"), journal.Free)
			r.State = run.Dead
			if unsure {
				r.Step("draft").State = journal.Intended
			}
			r.Release()
			if err := r.Save(t.Context()); err != nil {
				t.Fatal(err)
			}
			want := journal.Free
			if unsure {
				want = journal.Unclear
			}
			reply(t, j, claim(b, "f1"), want)
		})
	}
}

// TestReplayedOwnerKeepsItsReservation: a run that takes a dead one's reservation over meets its replay in between.
func TestReplayedOwnerKeepsItsReservation(t *testing.T) {
	a, b := envelope("a"), envelope("b")
	meanwhile := func() {}
	tap := func(w queue.Write) error {
		if act := meanwhile; !w.Done && w.Op == "put" && strings.HasPrefix(w.On, queue.BucketLedger) {
			meanwhile = func() {}
			act()
		}
		return nil
	}
	q := queuetest.OpenConfig(t, queuetest.Config(t.TempDir()), queue.WithTap(tap))
	j, err := journal.Open(t.Context(), q, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	r := take(t, j, a, "w1")
	reply(t, j, claim(a, "f1"), journal.Free)
	r.State = run.Dead
	if err := r.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	meanwhile = func() {
		r.State = run.Running
		if err := r.Save(t.Context()); err != nil {
			t.Error(err)
		}
		reply(t, j, claim(a, "f1"), journal.Free)
	}
	reply(t, j, claim(b, "f1"), journal.Held)
}

func TestNewestVersionWins(t *testing.T) {
	j, c := open(t)
	ctx := context.Background()
	a, b := take(t, j, envelope("a"), "w"), take(t, j, envelope("b"), "w")
	advance := func(r *journal.Run, at time.Time) run.ID {
		n, err := j.Advance(ctx, &r.Record, at)
		if err != nil {
			t.Fatal(err)
		}
		return n.Run
	}
	v1, v2 := c.Now(), c.Now().Add(time.Second)
	if got := advance(a, v1); got != a.Record.Run {
		t.Errorf("first event superseded by %s", got)
	}
	if got := advance(b, v2); got != b.Record.Run {
		t.Errorf("newer event superseded by %s", got)
	}
	if got := advance(a, v1); got != b.Record.Run {
		t.Errorf("older event goes on (%s)", got)
	}
	other := take(t, j, envelope("c"), "w")
	if got := advance(other, v2); got != other.Record.Run {
		t.Errorf("an event of equal version was superseded by %s", got)
	}
}

// TestALateWordDoesNotUndoADelivery: a worker that lost its run to another one, which delivered, must not make the ledger
// forget.
func TestALateWordDoesNotUndoADelivery(t *testing.T) {
	j, c := open(t)
	ctx := t.Context()
	a := envelope("a")
	take(t, j, a, "w1")
	reply(t, j, claim(a, "f1"), journal.Free)
	if err := j.Deliver(ctx, claim(a, "f1"), nil); err != nil {
		t.Fatal(err)
	}
	if err := j.Clear(ctx, claim(a, "f1")); !errors.Is(err, journal.ErrLost) {
		t.Errorf("clear: %v", err)
	}
	if err := j.Doubt(ctx, claim(a, "f1"), c.Now()); !errors.Is(err, journal.ErrLost) {
		t.Errorf("doubt: %v", err)
	}
	reply(t, j, claim(envelope("b"), "f1"), journal.Known)
}

// TestAFoundDocumentKeepsItsFingerprint: what a look-up finds is what was sent then, not what the corrected invoice would
// send now.
func TestAFoundDocumentKeepsItsFingerprint(t *testing.T) {
	j, c := open(t)
	ctx := t.Context()
	a := envelope("a")
	take(t, j, a, "w1")
	reply(t, j, claim(a, "f1"), journal.Free)
	if err := j.Doubt(ctx, claim(a, "f1"), c.Now()); err != nil {
		t.Fatal(err)
	}
	corrected := claim(envelope("b"), "f2")
	reply(t, j, corrected, journal.Unclear)
	e, err := j.Found(ctx, corrected, map[string]json.RawMessage{"id": json.RawMessage("1")})
	if err != nil || e.Fingerprint != "f1" {
		t.Fatalf("found %+v, %v", e, err)
	}
	reply(t, j, corrected, journal.Changed)
}
