package operate_test

import (
	"errors"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/operate"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
	"github.com/rossum-relay/rossum-relay/worker/target/limits"
)

func TestResolve(t *testing.T) {
	d := newDesk(t)
	t.Run("delivered", func(t *testing.T) {
		r := d.uncertain()
		if err := d.Resolve(t.Context(), r.Run, operate.Resolution{Delivered: true, Kept: kept("7"), Why: why}); err != nil {
			t.Fatal(err)
		}
		now := d.journalOf(r.Run)
		if s := now.Step("create"); s.State != journal.Done || string(s.Kept["erp_id"]) != "7" {
			t.Errorf("%+v", s)
		}
		c := claim(r)
		reply, e, err := d.j.Claim(t.Context(), c)
		if err != nil || reply != journal.Known || string(e.Kept["erp_id"]) != "7" {
			t.Errorf("the same document again: %v, %+v, %v", reply, e, err)
		}
		d.wantNote(r.Run, "resolved as delivered")
		atWork(t, d, r)
	})
	t.Run("not delivered", func(t *testing.T) {
		r := d.uncertain()
		if err := d.Resolve(t.Context(), r.Run, operate.Resolution{Why: why}); err != nil {
			t.Fatal(err)
		}
		if s := d.journalOf(r.Run).StateOf("create"); s != journal.Failed {
			t.Errorf("step is %s", s)
		}
		wantEntry(t, d, r, "")
		atWork(t, d, r)
	})
	t.Run("values missing", func(t *testing.T) {
		r := d.uncertain()
		if err := d.Resolve(t.Context(), r.Run, operate.Resolution{Delivered: true, Why: why}); !errors.Is(err, operate.ErrKept) {
			t.Errorf("%v", err)
		}
		wantEntry(t, d, r, journal.MaybeDelivered)
	})
	t.Run("sure failure", func(t *testing.T) {
		if err := d.Resolve(t.Context(), d.dead().Run, operate.Resolution{Why: why}); !errors.Is(err, operate.ErrNotUncertain) {
			t.Errorf("%v", err)
		}
	})
	t.Run("no reason", func(t *testing.T) {
		if err := d.Resolve(t.Context(), d.uncertain().Run, operate.Resolution{}); !errors.Is(err, operate.ErrNoReason) {
			t.Errorf("%v", err)
		}
	})
}

// TestResolveAgainstTheLedger: an earlier delivery under the key survives a change that did not arrive, and another run's
// delivery is not talked away.
func TestResolveAgainstTheLedger(t *testing.T) {
	d := newDesk(t)
	r := d.uncertain()
	c := claim(r)
	if err := d.j.Deliver(t.Context(), c, kept("1")); err != nil {
		t.Fatal(err)
	}
	if err := d.Resolve(t.Context(), r.Run, operate.Resolution{Why: why}); !errors.Is(err, journal.ErrDelivered) {
		t.Errorf("a known delivery was talked away: %v", err)
	}
	change := c
	change.Fingerprint, change.Change = "changed", true
	d.reserve(change)
	if err := d.j.Doubt(t.Context(), change, time.Now()); err != nil {
		t.Fatal(err)
	}
	for range 2 { // it may be repeated
		if err := d.j.Resolve(t.Context(), d.j.LedgerKey(c.Target, c.Key), &r.Record, false, nil); err != nil {
			t.Fatal(err)
		}
	}
	if reply, e, err := d.j.Claim(t.Context(), c); err != nil || reply != journal.Known || string(e.Kept["erp_id"]) != "1" {
		t.Errorf("the earlier delivery: %v, %+v, %v", reply, e, err)
	}
}

func TestLedger(t *testing.T) {
	d := newDesk(t)
	a, b := reserved(d), d.uncertain()
	for name, test := range map[string]struct {
		f    operate.LedgerFilter
		want int
	}{
		"all":          {operate.LedgerFilter{}, 2},
		"part":         {operate.LedgerFilter{Parts: []string{a.Business[0]}}, 1},
		"both parts":   {operate.LedgerFilter{Parts: []string{a.Business[0], "CREATE"}}, 1},
		"no such part": {operate.LedgerFilter{Parts: []string{a.Business[0], b.Business[0]}}, 0},
		"target":       {operate.LedgerFilter{Target: "erp.example"}, 2},
		"other target": {operate.LedgerFilter{Target: "sap"}, 0},
	} {
		if lines, err := d.Ledger(t.Context(), test.f, 0); err != nil || len(lines) != test.want {
			t.Errorf("%s: %d lines, want %d; %v", name, len(lines), test.want, err)
		}
	}
	lines, err := d.Ledger(t.Context(), operate.LedgerFilter{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		err := d.Forget(t.Context(), l.Name, why)
		if l.Run == a.Run && !errors.Is(err, journal.ErrReserved) {
			t.Errorf("what a run is delivering was forgotten: %v", err)
		}
		if l.Run == b.Run && err != nil {
			t.Error(err)
		}
	}
	wantEntry(t, d, a, journal.Reserved)
	wantEntry(t, d, b, "")
	if err := d.Forget(t.Context(), lines[0].Name, ""); !errors.Is(err, operate.ErrNoReason) {
		t.Errorf("%v", err)
	}
	if err := d.Forget(t.Context(), "nothing", why); !errors.Is(err, queue.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

func TestCancelLeavesDoubtInTheLedger(t *testing.T) {
	d := newDesk(t)
	r := reserved(d)
	s := r.Step("create")
	s.State = journal.Intended
	d.save(r)
	if err := d.Cancel(t.Context(), r.Run, why); err != nil {
		t.Fatal(err)
	}
	c := claim(r)
	c.Run = d.event(1).Run
	if reply, _, err := d.j.Claim(t.Context(), c); err != nil || reply != journal.Unclear {
		t.Errorf("the next run may send blindly: %v, %v", reply, err)
	}
	if err := d.Cancel(t.Context(), d.dead().Run, why); !errors.Is(err, operate.ErrEnded) {
		t.Errorf("%v", err)
	}
}

func TestHolds(t *testing.T) {
	d := newDesk(t)
	if err := d.Hold(t.Context(), limits.HoldTarget, "epr", why); !errors.Is(err, operate.ErrUnknown) {
		t.Errorf("a target that is not there was held: %v", err)
	}
	for _, bad := range [][2]string{{limits.HoldAnnotation, "x"}, {"queue", "erp"}} {
		if err := d.Hold(t.Context(), bad[0], bad[1], why); err == nil {
			t.Errorf("%v was held", bad)
		}
	}
	other, closed := d.parked("held"), d.parked("closed")
	other.Pipeline = "fresh"
	d.save(other)
	mine := d.parked("held")
	if err := d.Hold(t.Context(), limits.HoldPipeline, "invoice", why); err != nil {
		t.Fatal(err)
	}
	held, err := d.Held(t.Context())
	if err != nil || len(held) != 1 || held[0].Who != "alice" || held[0].Reason != why {
		t.Fatalf("%+v, %v", held, err)
	}
	if woken, err := d.Lift(t.Context(), limits.HoldPipeline, "invoice", "mended"); err != nil || woken != 1 {
		t.Errorf("%d woken, %v", woken, err)
	}
	awake(t, d, mine)
	d.wantResumed(mine, true)
	d.wantResumed(other, false)
	d.wantResumed(closed, false)
	if _, err := d.Lift(t.Context(), limits.HoldPipeline, "invoice", ""); !errors.Is(err, queue.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

func (d *desk) wantResumed(r *journal.Run, want bool) {
	d.t.Helper()
	if got := d.journalOf(r.Run).Hop > r.Hop; got != want {
		d.t.Errorf("run parked for %s was resumed: %v", r.Reason, got)
	}
}

func TestResumeOfWhatDoesNotWait(t *testing.T) {
	d := newDesk(t)
	if err := d.Resume(t.Context(), d.dead().Run, why); !errors.Is(err, operate.ErrNotWaiting) {
		t.Errorf("%v", err)
	}
	r := d.begun(d.event(1))
	r.State = run.Waiting
	d.save(r)
	if err := d.Resume(t.Context(), r.Run, why); !errors.Is(err, queue.ErrNoSchedule) {
		t.Errorf("%v", err)
	}
}
