package worker_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker"
	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
	"github.com/rossum-relay/rossum-relay/worker/run"
	"github.com/rossum-relay/rossum-relay/worker/target/limits"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// floor is a worker that takes nothing by itself, with what it works on.
type floor struct {
	*worker.Worker
	t       *testing.T
	clock   *queuetest.Clock
	queue   *queue.Queue
	journal *journal.Journal
	answers *answer.Store
}

func newFloor(t *testing.T) *floor {
	t.Helper()
	f := &floor{t: t, clock: queuetest.NewClock(time.Now()), queue: queuetest.Open(t)}
	cfg := &configs.Config{}
	cfg.Queue.Retention.Journal = configs.Duration(90 * 24 * time.Hour)
	cfg.Queue.Retention.Ledger = configs.Duration(1000 * 24 * time.Hour)
	set, err := pipeline.Compile(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if f.journal, err = journal.Open(t.Context(), f.queue, f.clock.Now); err != nil {
		t.Fatal(err)
	}
	if f.answers, err = answer.Open(t.Context(), f.queue, f.clock.Now); err != nil {
		t.Fatal(err)
	}
	l, err := limits.Open(t.Context(), f.queue, "w", f.clock.Now, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	f.Worker, err = worker.New(worker.Options{
		Config: cfg, Pipelines: set, Queue: f.queue, Journal: f.journal, Answers: f.answers, Limits: l, Log: zap.NewNop(),
		Name: "w", Now: f.clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// run plants a run in a state, without any message.
func (f *floor) run(name string, change func(*journal.Run)) *journal.Run {
	f.t.Helper()
	key := run.NewEventKey("hook", "annotation_content.export", name)
	e := queue.Envelope{
		Run: run.NewID(key, "gone", 1), Pipeline: "gone", Hook: "hook", Event: "annotation_content.export", Key: key,
		Annotation: 7, Generation: 1, Received: f.clock.Now(),
	}
	r, err := f.journal.Take(f.t.Context(), e, "gone", "w", time.Minute)
	if err != nil {
		f.t.Fatal(err)
	}
	r.Release()
	change(r)
	if err := r.Save(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	return r
}

func (f *floor) envelope(r *journal.Run) queue.Envelope {
	return queue.Envelope{
		Run: r.Run, Pipeline: r.Pipeline, Hook: r.Hook, Event: r.Event, Key: r.Key, Annotation: r.Annotation, Generation: 1,
		Received: r.Received, Hop: r.Hop,
	}
}

func (f *floor) letter(r *journal.Run) {
	f.t.Helper()
	p, err := f.queue.StorePayload(f.t.Context(), r.Run, []byte("payload"))
	if err != nil {
		f.t.Fatal(err)
	}
	if err := f.queue.Bury(f.t.Context(), queue.Letter{Envelope: f.envelope(r), Lane: "gone", First: r.Created, Last: r.Created, Details: []byte("{}"), Payload: p}); err != nil {
		f.t.Fatal(err)
	}
}

// sweep sweeps once and returns what was found by code, mended ones with a plus.
func (f *floor) sweep() map[string]int {
	f.t.Helper()
	found, err := f.Sweep(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	got := map[string]int{}
	for _, x := range found {
		if x.Mended {
			x.What = "+" + x.What
		}
		got[x.What] += x.Count
	}
	return got
}

func (f *floor) want(want map[string]int) {
	f.t.Helper()
	if diff := cmp.Diff(want, f.sweep()); diff != "" {
		f.t.Errorf("found (-want +got):\n%s", diff)
	}
}

func (f *floor) state(id run.ID) run.State {
	f.t.Helper()
	r, err := f.journal.Get(f.t.Context(), id)
	if err != nil {
		f.t.Fatal(err)
	}
	return r.State
}

func waits(f *floor) func(*journal.Run) {
	return func(r *journal.Run) { r.State, r.Next = run.Waiting, f.clock.Now() }
}

func TestSweepLeavesWhatIsOnItsWay(t *testing.T) {
	f := newFloor(t)
	f.run("fresh", waits(f))
	f.want(map[string]int{})
}

// TestSweepFinishesAReplay: the operator's process died between the journal and the message; the letter has it all.
func TestSweepFinishesAReplay(t *testing.T) {
	f := newFloor(t)
	r := f.run("replay", waits(f))
	f.letter(r)
	r.Hop++ // as the replay did
	if err := r.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.clock.Add(time.Hour)
	f.want(map[string]int{"+lost_message": 1})
	if place, err := f.queue.FindMessage(t.Context(), "gone", "gone", r.Run); err != nil || place != queue.InLane {
		t.Errorf("no message after the sweep: %v", err)
	}
	if _, err := f.queue.FindLetter(t.Context(), "gone", r.Run); !errors.Is(err, queue.ErrNoLetter) {
		t.Errorf("the letter is still there: %v", err)
	}
	f.want(map[string]int{"no_consumer": 1}) // nobody works on the lane of this test
}

// TestSweepKeepsAFreshLetter: the run died again since the sweep saw it waiting.
func TestSweepKeepsAFreshLetter(t *testing.T) {
	f := newFloor(t)
	r := f.run("again", waits(f))
	r.Hop++
	f.letter(r)
	f.clock.Add(time.Hour)
	f.want(map[string]int{})
	if _, err := f.queue.FindLetter(t.Context(), "gone", r.Run); err != nil {
		t.Errorf("the letter is gone: %v", err)
	}
}

// TestSweepTellsOfALostMessage: nothing is left to go on with, so a human has to know.
func TestSweepTellsOfALostMessage(t *testing.T) {
	f := newFloor(t)
	r := f.run("lost", waits(f))
	f.clock.Add(time.Hour)
	f.want(map[string]int{"lost_message": 1})
	if s := f.state(r.Run); s != run.Dead {
		t.Errorf("run is %s", s)
	}
	if res, err := f.answers.Result(t.Context(), r.Run); err != nil || res.State != run.Dead {
		t.Errorf("Rossum is told %+v, %v", res, err)
	}
}

func TestSweepDeletesStaleLetters(t *testing.T) {
	f := newFloor(t)
	r := f.run("mended", func(*journal.Run) {})
	f.letter(r) // of an earlier death
	r.State, r.Settled = run.Done, f.clock.Now()
	r.Hop += 2
	if err := r.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	dead := f.run("dead", func(r *journal.Run) { r.State, r.Settled = run.Dead, f.clock.Now() })
	f.letter(dead)
	f.clock.Add(time.Hour)
	f.want(map[string]int{"+stale_letter": 1})
	if _, err := f.queue.FindLetter(t.Context(), "gone", dead.Run); err != nil {
		t.Errorf("the letter of a dead run is gone: %v", err)
	}
}

func TestSweepDeletesOrphanPayloads(t *testing.T) {
	f := newFloor(t)
	big := bytes.Repeat([]byte{0}, 1)
	big = append(big, noise(3<<20)...)
	for name, state := range map[string]run.State{"done": run.Done, "dead": run.Dead, "waits": run.Waiting} {
		r := f.run(name, func(r *journal.Run) {
			r.State, r.Settled, r.Next = state, f.clock.Now(), f.clock.Now().Add(24*time.Hour)
		})
		if _, err := f.queue.StorePayload(t.Context(), r.Run, big); err != nil {
			t.Fatal(err)
		}
	}
	unknown := run.NewID(run.NewEventKey("a", "b", "c"), "d", 1)
	if _, err := f.queue.StorePayload(t.Context(), unknown, big); err != nil {
		t.Fatal(err)
	}
	f.want(map[string]int{}) // ingest may be about to publish
	f.clock.Add(2 * time.Hour)
	f.want(map[string]int{"+orphan_payload": 2})
}

func noise(n int) []byte {
	b := make([]byte, n)
	x := uint64(88172645463325252)
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x)
	}
	return b
}

func TestSweepForgetsAfterRetention(t *testing.T) {
	f := newFloor(t)
	done := f.run("done", func(r *journal.Run) { r.State, r.Settled = run.Done, f.clock.Now() })
	dead := f.run("dead", func(r *journal.Run) { r.State, r.Settled = run.Dead, f.clock.Now() })
	stuck := f.run("stuck", func(r *journal.Run) { r.State, r.Settled = run.Cancelled, f.clock.Now() })
	if _, err := f.queue.Publish(t.Context(), "gone", f.envelope(stuck), queue.Payload{}); err != nil {
		t.Fatal(err)
	}
	f.clock.Add(89 * 24 * time.Hour)
	f.want(map[string]int{})
	f.state(done.Run)
	f.clock.Add(2 * 24 * time.Hour)
	f.want(map[string]int{"no_consumer": 1})
	f.state(stuck.Run) // its message would begin it anew
	if _, err := f.journal.Get(t.Context(), done.Run); !errors.Is(err, queue.ErrNotFound) {
		t.Errorf("journal past its retention: %v", err)
	}
	if s := f.state(dead.Run); s != run.Dead {
		t.Errorf("a dead run was forgotten: %s", s)
	}
}

// TestSweepFiresOverdueSchedules: a schedule that the server does not fire is made due anew.
func TestSweepFiresOverdueSchedules(t *testing.T) {
	f := newFloor(t)
	r := f.run("late", func(r *journal.Run) { r.State, r.Next, r.Hop = run.Waiting, f.clock.Now(), 3 })
	p, err := f.queue.StorePayload(t.Context(), r.Run, []byte("payload"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.queue.Schedule(t.Context(), "gone", f.envelope(r), p, f.clock.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	f.clock.Add(time.Hour)
	if diff := cmp.Diff(map[string]int{"+overdue_schedule": 1}, f.sweep()); diff != "" {
		t.Error(diff)
	}
	s, err := f.queue.FindSchedule(t.Context(), r.Pipeline, r.Run)
	if err != nil || s.Hop != r.Hop+1 {
		t.Errorf("hop %d is scheduled, %v; want %d", s.Hop, err, r.Hop+1)
	}
}
