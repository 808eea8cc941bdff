package operate_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/operate"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
	"github.com/rossum-relay/rossum-relay/worker/target/limits"
)

var errCrash = errors.New("crash")

// interrupted is an action that is interrupted at each of its writes, before and after it, and what must be true once it
// has been repeated.
type interrupted struct {
	prepare func(*desk) *journal.Run
	act     func(context.Context, *desk, *journal.Run) error
	ended   func(*testing.T, *desk, *journal.Run)
	// over is the error of a repetition that comes after everything was done.
	over error
}

func actions() map[string]interrupted {
	dead, uncertain := (*desk).dead, (*desk).uncertain
	replay := func(opts operate.ReplayOptions) func(context.Context, *desk, *journal.Run) error {
		return func(ctx context.Context, d *desk, r *journal.Run) error { return d.Replay(ctx, r.Run, opts) }
	}
	resolve := func(res operate.Resolution) func(context.Context, *desk, *journal.Run) error {
		return func(ctx context.Context, d *desk, r *journal.Run) error { return d.Resolve(ctx, r.Run, res) }
	}
	return map[string]interrupted{
		"replay":            {dead, replay(operate.ReplayOptions{Why: why}), atWork, operate.ErrNotDead},
		"replay from start": {dead, replay(operate.ReplayOptions{Why: why, FromStart: true}), atWork, operate.ErrNotDead},
		"replay by force":   {dead, replay(operate.ReplayOptions{Why: why, Force: true}), atWork, operate.ErrNotDead},
		"resolve delivered": {
			uncertain, resolve(operate.Resolution{Delivered: true, Kept: kept("4711"), Why: why}), func(t *testing.T, d *desk, r *journal.Run) {
				atWork(t, d, r)
				wantEntry(t, d, r, journal.Delivered)
			}, operate.ErrNotDead,
		},
		"resolve not delivered": {
			uncertain, resolve(operate.Resolution{Why: why}), func(t *testing.T, d *desk, r *journal.Run) {
				atWork(t, d, r)
				wantEntry(t, d, r, "")
			}, operate.ErrNotDead,
		},
		"edit": {
			dead, func(ctx context.Context, d *desk, r *journal.Run) error {
				e, err := d.PrepareEdit(ctx, r.Run, operate.Change{Set: []string{"field.document_id=MENDED"}})
				if err != nil {
					return err
				}
				return d.Edit(ctx, e, why)
			}, func(t *testing.T, d *desk, r *journal.Run) {
				atWork(t, d, r)
				if n := len(d.journalOf(r.Run).Patches); n != 1 {
					t.Errorf("%d patches", n)
				}
			}, operate.ErrNotDead,
		},
		"drop": {
			dead, func(ctx context.Context, d *desk, r *journal.Run) error { return d.Drop(ctx, r.Run, why) },
			func(t *testing.T, d *desk, r *journal.Run) {
				if s := d.journalOf(r.Run).State; s != run.Dropped || d.hasLetter(r.Run) || d.hasMessage(r.Run) {
					t.Errorf("state %s, letter %v, message %v", s, d.hasLetter(r.Run), d.hasMessage(r.Run))
				}
				if res, err := d.Answers.Result(t.Context(), r.Run); err != nil || res.State != run.Dropped {
					t.Errorf("answer %s, %v", res.State, err)
				}
			}, nil,
		},
		"cancel": {
			reserved, func(ctx context.Context, d *desk, r *journal.Run) error { return d.Cancel(ctx, r.Run, why) },
			func(t *testing.T, d *desk, r *journal.Run) {
				res, err := d.Answers.Result(t.Context(), r.Run)
				if s := d.journalOf(r.Run).State; s != run.Cancelled || err != nil || res.State != run.Cancelled {
					t.Errorf("state %s, answer %s, %v", s, res.State, err)
				}
				if d.hasSchedule(r) {
					t.Error("the run's message still waits for its time")
				}
				wantEntry(t, d, r, "")
			}, nil,
		},
		"resume": {
			func(d *desk) *journal.Run { return d.parked("closed") },
			func(ctx context.Context, d *desk, r *journal.Run) error { return d.Resume(ctx, r.Run, why) }, awake, nil,
		},
		"lift": {
			func(d *desk) *journal.Run {
				if err := d.Hold(d.t.Context(), limits.HoldTarget, "erp", why); err != nil {
					d.t.Fatal(err)
				}
				return d.parked("held")
			},
			func(ctx context.Context, d *desk, _ *journal.Run) error {
				_, err := d.Lift(ctx, limits.HoldTarget, "erp", why)
				return err
			}, awake, queue.ErrNotFound,
		},
	}
}

func kept(id string) map[string]json.RawMessage {
	return map[string]json.RawMessage{"erp_id": json.RawMessage(id)}
}

// reserved is a parked run that has reserved its key.
func reserved(d *desk) *journal.Run {
	r := d.parked("target_busy")
	c := claim(r)
	d.reserve(c)
	r.Step("create").Ledger = d.j.LedgerKey(c.Target, c.Key)
	d.save(r)
	return r
}

// atWork: the run waits to be taken, its message is in the lane under the journal's hop, and its letter is gone.
func atWork(t *testing.T, d *desk, r *journal.Run) {
	t.Helper()
	now := d.journalOf(r.Run)
	if now.State != run.Waiting || now.Hop <= r.Hop || d.hasLetter(r.Run) {
		t.Errorf("state %s, hop %d after %d, letter %v", now.State, now.Hop, r.Hop, d.hasLetter(r.Run))
	}
	found := 0
	d.take(t.Context(), 1, func(ctx context.Context, m *queue.Delivery) {
		if found++; m.Run != r.Run || m.Hop != now.Hop {
			t.Errorf("message of run %s, hop %d; want %s, %d", m.Run, m.Hop, r.Run, now.Hop)
		}
		if plain, err := d.q.OpenPayload(ctx, m.Run, m.Payload); err != nil || string(plain) != string(sample()) {
			t.Errorf("the payload is not the original any more: %v", err)
		}
		if err := m.Ack(ctx); err != nil {
			t.Error(err)
		}
	})
	if d.hasMessage(r.Run) {
		t.Errorf("the run has two messages")
	}
}

// awake: the run's schedule is due.
func awake(t *testing.T, d *desk, r *journal.Run) {
	t.Helper()
	now := d.journalOf(r.Run)
	s, err := d.q.FindSchedule(t.Context(), r.Pipeline, r.Run)
	if errors.Is(err, queue.ErrNoSchedule) { // it has fired
		err = nil
	} else if s.Hop != now.Hop {
		t.Errorf("schedule of hop %d, journal %d", s.Hop, now.Hop)
	}
	if err != nil || now.Hop <= r.Hop || now.Next.After(time.Now()) {
		t.Errorf("hop %d after %d, next %s, %v", now.Hop, r.Hop, now.Next, err)
	}
}

func wantEntry(t *testing.T, d *desk, r *journal.Run, want journal.EntryState) {
	t.Helper()
	c := claim(r)
	e, err := d.j.Entry(t.Context(), d.j.LedgerKey(c.Target, c.Key))
	if errors.Is(err, queue.ErrNotFound) {
		e.State, err = "", nil
	}
	if err != nil || e.State != want {
		t.Errorf("ledger says %q, want %q; %v", e.State, want, err)
	}
}

// TestCrashBetweenWrites interrupts every action before and after each of its writes. Nothing may be lost, and repeating
// the action must end it. Lists mend what was revived without a message.
func TestCrashBetweenWrites(t *testing.T) {
	for name, a := range actions() {
		t.Run(name, func(t *testing.T) {
			writes := countWrites(t, a)
			if writes < 2 {
				t.Fatalf("%d writes were seen", writes)
			}
			d := newDesk(t)
			for at := range writes {
				for _, after := range []bool{false, true} {
					r := crashAt(t, d, a, at, after)
					if s := d.journalOf(r.Run); !s.State.Settled() && !d.hasMessage(r.Run) && !d.hasLetter(r.Run) && !d.hasSchedule(r) {
						t.Fatalf("write %d, after it %v: run %s has neither message nor letter nor schedule", at, after, s.State)
					}
					if err := a.act(t.Context(), d, r); err != nil && !errors.Is(err, a.over) {
						t.Fatalf("write %d, after it %v: repeated: %v", at, after, err)
					}
					a.ended(t, d, r)
				}
			}
		})
	}
}

// TestListMendsWhatACrashLeft: after any interruption of a replay a list shows the run as dead, or has mended it.
func TestListMendsWhatACrashLeft(t *testing.T) {
	a := actions()["replay"]
	writes := countWrites(t, a)
	d := newDesk(t)
	for at := range writes {
		r := crashAt(t, d, a, at, true)
		was := d.journalOf(r.Run)
		page, err := d.Letters(t.Context(), operate.Filter{}, 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		if was.State == run.Dead {
			if len(page.Letters) != 1 || page.Letters[0].Run != r.Run {
				t.Fatalf("write %d: a dead run is not listed", at)
			}
			if err := d.Drop(t.Context(), r.Run, why); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if len(page.Letters) != 0 {
			t.Errorf("write %d: a stale letter is listed", at)
		}
		atWork(t, d, r)
	}
}

func (d *desk) hasSchedule(r *journal.Run) bool {
	_, err := d.q.FindSchedule(d.t.Context(), r.Pipeline, r.Run)
	return err == nil
}

// countWrites is how many writes the action makes.
func countWrites(t *testing.T, a interrupted) int {
	d := newDesk(t)
	r := a.prepare(d)
	n := 0
	d.watch(func(w queue.Write) error {
		if !w.Done {
			n++
		}
		return nil
	})
	if err := a.act(t.Context(), d, r); err != nil {
		t.Fatal(err)
	}
	d.watch(nil)
	return n
}

// crashAt interrupts the action at its write number at, before or after it.
func crashAt(t *testing.T, d *desk, a interrupted, at int, after bool) *journal.Run {
	t.Helper()
	r := a.prepare(d)
	seen := 0
	d.watch(func(w queue.Write) error {
		if w.Done == after {
			if seen++; seen > at {
				return errCrash
			}
		}
		return nil
	})
	err := a.act(t.Context(), d, r)
	d.watch(nil)
	if !errors.Is(err, errCrash) && (err != nil || !after) { // some lost replies are seen through
		t.Fatalf("write %d, after it %v: not interrupted: %v", at, after, err)
	}
	return r
}

// TestReplayedRunThatDiesAgainAtOnce is still there: the second letter takes the first one's place, whoever comes first.
func TestReplayedRunThatDiesAgainAtOnce(t *testing.T) {
	d := newDesk(t)
	for range 3 {
		r := d.dead()
		diesBeforeDelete := func(w queue.Write) error {
			if w.Op != "delete" || w.Done {
				return nil
			}
			return errCrash
		}
		d.watch(diesBeforeDelete) // the letter of the first death is not deleted yet
		if err := d.Replay(t.Context(), r.Run, operate.ReplayOptions{}); !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
		d.watch(nil)
		d.take(t.Context(), 1, func(ctx context.Context, m *queue.Delivery) {
			again, err := d.j.Take(ctx, m.Envelope, m.Lane, "worker", time.Minute)
			if err != nil {
				t.Error(err)
				return
			}
			o := rejected(m.Envelope)
			d.settle(again, o)
			d.bury(again, m.Envelope, m.Payload, o)
			if err := m.Ack(ctx); err != nil {
				t.Error(err)
			}
		})
		page, err := d.Letters(t.Context(), operate.Filter{Annotation: r.Annotation}, 0, 10)
		if err != nil || len(page.Letters) != 1 || page.Letters[0].Run != r.Run {
			t.Fatalf("the run that died again is not listed: %+v, %v", page, err)
		}
	}
}
