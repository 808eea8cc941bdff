package journal_test

import (
	"errors"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// TestReleaseLeavesWhatAReplayReserved: a worker that was frozen after its run died goes on when the run was replayed and
// is sending again.
func TestReleaseLeavesWhatAReplayReserved(t *testing.T) {
	j, _ := open(t)
	a, b := envelope("a"), envelope("b")
	r := take(t, j, a, "w1")
	c := claim(a, "f1")
	reply(t, j, c, journal.Free)
	end(t, j, r, c, journal.Failed)
	frozen := r.Record
	r.State = run.Running
	r.Hop++ // the replay's
	if err := r.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Hop = r.Hop
	reply(t, j, c, journal.Free)
	if err := j.Release(t.Context(), &frozen); err != nil {
		t.Fatal(err)
	}
	reply(t, j, claim(b, "f1"), journal.Held)
}

// TestDoubtOutlivesTheJournal: a run that was ended while its request may have been on its way leaves its doubt in the
// ledger, for good.
func TestDoubtOutlivesTheJournal(t *testing.T) {
	j, _ := open(t)
	a, b := envelope("a"), envelope("b")
	r := take(t, j, a, "w1")
	reply(t, j, claim(a, "f1"), journal.Free)
	end(t, j, r, claim(a, "f1"), journal.Intended)
	if err := j.Forget(t.Context(), r.Record); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Get(t.Context(), a.Run); !errors.Is(err, queue.ErrNotFound) {
		t.Fatal(err)
	}
	reply(t, j, claim(b, "f1"), journal.Unclear)
}

// TestARefusalAfterADoubtProvesNothing: a request that may have arrived is made again and refused. What is at the target
// now, the new document, the one before or none, only the target knows.
func TestARefusalAfterADoubtProvesNothing(t *testing.T) {
	for name, before := range map[string]bool{"a first delivery": false, "a change": true} {
		t.Run(name, func(t *testing.T) {
			j, c := open(t)
			ctx := t.Context()
			a, b := envelope("a"), envelope("b")
			if before {
				take(t, j, a, "w1")
				reply(t, j, claim(a, "f1"), journal.Free)
				if err := j.Deliver(ctx, claim(a, "f1"), nil); err != nil {
					t.Fatal(err)
				}
			}
			r := take(t, j, b, "w1")
			change := claim(b, "f2")
			change.Change = true
			reply(t, j, change, journal.Free)
			if err := j.Doubt(ctx, change, c.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			if err := j.Repeat(ctx, change); err != nil {
				t.Fatal(err)
			}
			end(t, j, r, change, journal.Failed) // rejected
			e := reply(t, j, claim(envelope("c"), "f1"), journal.Unclear)
			if e.State != journal.MaybeDelivered || before && e.Fingerprint != "f1" {
				t.Errorf("%+v", e)
			}
		})
	}
}

// TestALookProvesADoubtWrong: then a refusal proves that nothing is there.
func TestALookProvesADoubtWrong(t *testing.T) {
	j, c := open(t)
	ctx := t.Context()
	a, b := envelope("a"), envelope("b")
	r := take(t, j, a, "w1")
	reply(t, j, claim(a, "f1"), journal.Free)
	for _, err := range []error{
		j.Doubt(ctx, claim(a, "f1"), c.Now()), j.Repeat(ctx, claim(a, "f1")), j.Doubt(ctx, claim(a, "f1"), c.Now()), j.Clear(ctx, claim(a, "f1")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	end(t, j, r, claim(a, "f1"), journal.Failed)
	reply(t, j, claim(b, "f2"), journal.Free)
}

// TestAnUnsureRunDoesNotGoOverAnother: what it was unsure of is another run's business by now, or was changed since: its
// own, older document must not go over that.
func TestAnUnsureRunDoesNotGoOverAnother(t *testing.T) {
	j, c := open(t)
	ctx := t.Context()
	a, b := envelope("a"), envelope("b")
	take(t, j, a, "w1")
	take(t, j, b, "w1")
	older, newer := claim(a, "f1"), claim(b, "f2")
	older.Change, newer.Change = true, true
	reply(t, j, older, journal.Free)
	if err := j.Doubt(ctx, older, c.Now()); err != nil {
		t.Fatal(err)
	}
	older.Unsure = true
	reply(t, j, older, journal.Unclear)
	reply(t, j, newer, journal.Unclear) // takes the doubt over
	reply(t, j, older, journal.Held)
	if err := j.Deliver(ctx, newer, nil); err != nil {
		t.Fatal(err)
	}
	reply(t, j, older, journal.Changed)
	foreign := claim(envelope("c"), "f3")
	foreign.Annotation, foreign.Change = 8, true
	reply(t, j, foreign, journal.Foreign)
}
