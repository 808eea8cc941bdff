package operate_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/operate"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// manyLetters is 100000 for the measurement of the docs; the time limits are told, not tested, below that.
var manyLetters = flag.Int("operate.letters", 300, "dead letters of the test of many letters")

// TestManyLetters: lists and causes of a long stream, with time and memory told.
func TestManyLetters(t *testing.T) {
	d := newDesk(t)
	n := *manyLetters
	const causes = 7
	d.fill(n, causes)
	heap := peak(func() {
		start := time.Now()
		page, err := d.Letters(t.Context(), operate.Filter{}, 0, 100)
		if err != nil || len(page.Letters) != min(n, 100) || page.Next == 0 {
			t.Fatalf("first page: %d letters, next %d, %v", len(page.Letters), page.Next, err)
		}
		t.Logf("first page of %d letters: %s", n, time.Since(start).Round(time.Millisecond))
		start = time.Now()
		groups, all, err := d.Groups(t.Context(), operate.Filter{}, 50)
		if err != nil || len(groups) != causes || all != causes {
			t.Fatalf("%d of %d groups, %v", len(groups), all, err)
		}
		t.Logf("groups of %d letters: %s", n, time.Since(start).Round(time.Millisecond))
		total := 0
		for _, g := range groups {
			total += g.Count
			if g.Message == "" || g.Pipeline != "invoice" || !g.Last.After(g.First) {
				t.Errorf("group %+v", g)
			}
		}
		if total != n {
			t.Errorf("the groups have %d letters, want %d", total, n)
		}
		start = time.Now()
		chosen, err := d.Select(t.Context(), operate.Filter{Cause: groups[0].Cause})
		if err != nil || len(chosen) != groups[0].Count {
			t.Errorf("%d letters of the cause, want %d, %v", len(chosen), groups[0].Count, err)
		}
		t.Logf("selection by cause: %s", time.Since(start).Round(time.Millisecond))
	})
	t.Logf("heap at most %d MB, with the embedded server", heap>>20)
}

// fill writes n letters without runs behind them.
func (d *desk) fill(n, causes int) {
	d.t.Helper()
	payload, err := d.q.StorePayload(d.t.Context(), d.event(1).Run, []byte(`{}`))
	if err != nil {
		d.t.Fatal(err)
	}
	todo := make(chan queue.Letter)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for l := range todo {
				if err := d.q.Bury(context.Background(), l); err != nil {
					d.t.Error(err)
				}
			}
		})
	}
	start := time.Now().Add(-time.Duration(n) * time.Second)
	for i := range n {
		e := d.event(int64(i))
		reason := fmt.Sprintf("http_%d", 400+i%causes)
		todo <- queue.Letter{
			Envelope: e, Lane: "invoice", Step: "create", Target: "erp", Outcome: "rejected", Reason: reason, Attempts: 3,
			First: start, Last: start.Add(time.Duration(i) * time.Second), Cause: d.q.Index("cause", reason)[:12],
			Details: fmt.Appendf(nil, "the supplier of run %s is not known", e.Run), Payload: payload,
		}
	}
	close(todo)
	wg.Wait()
}

// peak is the most heap that was in use while f ran, roughly.
func peak(f func()) uint64 {
	done, stopped := make(chan struct{}), make(chan uint64)
	go func() {
		t := time.NewTicker(20 * time.Millisecond)
		defer t.Stop()
		var most uint64
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
			select {
			case <-done:
				stopped <- most
				return
			case <-t.C:
			}
		}
	}()
	f()
	close(done)
	return <-stopped
}

func TestPagesFollowEachOther(t *testing.T) {
	d := newDesk(t)
	var want, got []run.ID
	for i := range 7 {
		r := d.dead()
		if i%2 == 0 {
			want = append(want, r.Run)
			continue
		}
		if err := d.Drop(t.Context(), r.Run, why); err != nil {
			t.Fatal(err)
		}
	}
	for after := uint64(0); ; {
		page, err := d.Letters(t.Context(), operate.Filter{Pipeline: "invoice", Target: "erp", Reason: "http_400"}, after, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range page.Letters {
			got = append(got, l.Run)
		}
		if after = page.Next; after == 0 {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestFilter(t *testing.T) {
	d := newDesk(t)
	a, b := d.dead(), d.uncertain()
	groups, _, err := d.Groups(t.Context(), operate.Filter{Annotation: a.Annotation}, 10)
	if err != nil || len(groups) != 1 {
		t.Fatalf("%+v, %v", groups, err)
	}
	for name, test := range map[string]struct {
		f    operate.Filter
		want []run.ID
	}{
		"all":            {operate.Filter{}, []run.ID{a.Run, b.Run}},
		"pipeline":       {operate.Filter{Pipeline: "invoice"}, []run.ID{a.Run, b.Run}},
		"other pipeline": {operate.Filter{Pipeline: "fresh"}, nil},
		"other target":   {operate.Filter{Target: "sap"}, nil},
		"reason":         {operate.Filter{Reason: "uncertain"}, []run.ID{b.Run}},
		"cause":          {operate.Filter{Cause: groups[0].Cause}, []run.ID{a.Run}},
		"annotation":     {operate.Filter{Annotation: b.Annotation}, []run.ID{b.Run}},
		"since":          {operate.Filter{Since: time.Now().Add(time.Hour)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			all, err := d.Select(t.Context(), test.f)
			var got []run.ID
			for _, s := range all {
				got = append(got, s.Run)
			}
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v; %v", got, test.want, err)
			}
		})
	}
}

func TestCauseText(t *testing.T) {
	for _, same := range [][]string{
		{"invoice INV-2024/001 was posted on 2026-03-01", "invoice 77 was posted on 2025-12-24", "invoice # was posted on #"},
		{"run abc2def: time-out after 1.5s.", "run x9: time-out after 30s.", "run #: time-out after #."},
		{`{"id":"a1b2","error":"period 3/2026 closed"}`, `{"id":"77","error":"period 12/2025 closed"}`, `{"id":"#","error":"period # closed"}`},
		{"supplier (4711) \n unknown", "supplier (1) unknown", "supplier (#) unknown"},
	} {
		for _, text := range same {
			if got := operate.CauseText(text); got != same[len(same)-1] {
				t.Errorf("%q gives %q", text, got)
			}
		}
	}
	if a, b := operate.CauseText("supplier unknown"), operate.CauseText("currency unknown"); a == b {
		t.Errorf("two causes are one: %q", a)
	}
	if got := operate.CauseText(strings.Repeat("word ", 1000)); len(got) > 200 {
		t.Errorf("%d characters", len(got))
	}
}

// later lets a newer event of the same annotation end well.
func (d *desk) later(r *journal.Run) *journal.Run {
	d.t.Helper()
	now := d.begun(d.event(r.Annotation))
	if _, err := d.j.Advance(d.t.Context(), &now.Record, time.Now()); err != nil {
		d.t.Fatal(err)
	}
	now.State, now.Settled = run.Done, time.Now()
	now.Release()
	d.save(now)
	return now
}

func TestObsoleteLettersStayUnlessForced(t *testing.T) {
	d := newDesk(t)
	r := d.dead()
	version := time.Now().Add(-time.Hour)
	if _, err := d.j.Advance(t.Context(), &r.Record, version); err != nil {
		t.Fatal(err)
	}
	by := d.later(r)
	page, err := d.Letters(t.Context(), operate.Filter{}, 0, 10)
	if err != nil || len(page.Letters) != 1 || page.Letters[0].Obsolete != by.Run {
		t.Fatalf("%+v, %v", page, err)
	}
	if err := d.Replay(t.Context(), r.Run, operate.ReplayOptions{}); !errors.Is(err, operate.ErrObsolete) {
		t.Fatalf("an obsolete run was replayed: %v", err)
	}
	all, err := d.Select(t.Context(), operate.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	if res, err := d.ReplayAll(t.Context(), all, operate.BulkReplay{}); err != nil || res.Obsolete != 1 || res.Acted != 0 {
		t.Errorf("%+v, %v", res, err)
	}
	if err := d.Replay(t.Context(), r.Run, operate.ReplayOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	if newest, err := d.j.Advance(t.Context(), &r.Record, version); err != nil || newest.Run != r.Run {
		t.Errorf("the worker would supersede a run replayed by force: %+v, %v", newest, err)
	}
}

// TestOlderSuccessMakesNothingObsolete: an event that came before the dead one, and was done after it.
func TestOlderSuccessMakesNothingObsolete(t *testing.T) {
	d := newDesk(t)
	older := d.event(7)
	e := d.event(7)
	r := d.die(e, sample(), rejected(e), nil)
	o := d.begun(older)
	if _, err := d.j.Advance(t.Context(), &o.Record, time.Now()); err != nil {
		t.Fatal(err)
	}
	o.State, o.Settled = run.Done, time.Now()
	d.save(o)
	page, err := d.Letters(t.Context(), operate.Filter{}, 0, 10)
	if err != nil || len(page.Letters) != 1 || page.Letters[0].Obsolete != "" {
		t.Errorf("%+v, %v; run %s", page, err, r.Run)
	}
}

func TestReplayFromStartForgetsNoUncertainStep(t *testing.T) {
	d := newDesk(t)
	r := d.uncertain()
	r.Step("before").State = journal.Done
	d.save(r)
	if err := d.Replay(t.Context(), r.Run, operate.ReplayOptions{FromStart: true, Why: why}); err != nil {
		t.Fatal(err)
	}
	now := d.journalOf(r.Run)
	if len(now.Steps) != 1 || now.StateOf("create") != journal.Uncertain {
		t.Errorf("steps %+v", now.Steps)
	}
	if now.Step("create").Tries != 0 || now.Starts != 0 || now.Failure != nil {
		t.Errorf("what was spent is still counted: %+v", now.Record)
	}
	d.wantNote(r.Run, "replayed from the start")
	wantEntry(t, d, r, journal.MaybeDelivered)
}

// TestBulkReplay replays in the order of the events, however they died, and stops when too many die again.
func TestBulkReplay(t *testing.T) {
	d := newDesk(t)
	var events []queue.Envelope
	for range 30 {
		events = append(events, d.event(int64(d.n)))
	}
	for i := range events { // the youngest dies first
		e := events[len(events)-1-i]
		d.die(e, sample(), rejected(e), nil)
	}
	all, err := d.Select(t.Context(), operate.Filter{Reason: "http_400"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		d.take(ctx, -1, d.diesEverySecondTime())
	}()
	var order []run.ID
	res, err := d.ReplayAll(ctx, all, operate.BulkReplay{
		ReplayOptions: operate.ReplayOptions{Why: why}, StopAfter: 3, Rate: configs.Rate{N: 1000, Per: time.Second},
		Told: func(s operate.Selected, err error) {
			if err == nil {
				order = append(order, s.Run)
			}
		},
	})
	cancel()
	<-worked
	if err != nil || !res.Stopped || res.DiedAgain < 3 || res.Done < 1 || res.Left == 0 || res.Acted != len(order) || res.Acted+res.Left != len(events) {
		t.Errorf("%+v, %v", res, err)
	}
	for i, id := range order {
		if id != events[i].Run {
			t.Fatalf("replay %d is of run %s, want %s", i, id, events[i].Run)
		}
	}
}

// diesEverySecondTime is a worker whose every second run dies.
func (d *desk) diesEverySecondTime() func(context.Context, *queue.Delivery) {
	n := 0
	return func(ctx context.Context, m *queue.Delivery) {
		r, err := d.j.Take(ctx, m.Envelope, m.Lane, "worker", time.Minute)
		if err != nil {
			d.t.Error(err)
			return
		}
		if n++; n%2 == 1 {
			o := outcome.Outcome{Kind: outcome.Rejected, Reason: "http_400", Message: "again"}
			d.settle(r, o)
			d.bury(r, m.Envelope, m.Payload, o)
		} else {
			r.State, r.Settled = run.Done, time.Now()
			r.Release()
			d.save(r)
		}
		if err := m.Ack(ctx); err != nil {
			d.t.Error(err)
		}
	}
}

func TestBulkReplayWithoutWorkersEnds(t *testing.T) {
	d := newDesk(t)
	d.dead()
	now := time.Now()
	d.Now = func() time.Time { now = now.Add(10 * time.Second); return now }
	all, err := d.Select(t.Context(), operate.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	if res, err := d.ReplayAll(t.Context(), all, operate.BulkReplay{StopAfter: 1}); !errors.Is(err, operate.ErrNobodyWorks) || res.Acted != 1 {
		t.Errorf("%+v, %v", res, err)
	}
}
