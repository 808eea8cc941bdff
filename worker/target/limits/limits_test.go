package limits_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
	"github.com/rossum-relay/rossum-relay/worker/target/limits"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type workers struct {
	q *queue.Queue
	c *queuetest.Clock
}

func setup(t *testing.T) workers {
	t.Helper()
	return workers{queuetest.Open(t), queuetest.NewClock(time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC))} // a Wednesday
}

func (w workers) open(t *testing.T, name string) *limits.Limits {
	t.Helper()
	l, err := limits.Open(t.Context(), w.q, name, w.c.Now, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	if name != "operator" {
		if err := l.Join(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func target(t *testing.T, l *limits.Limits, cfg configs.Target) *limits.Target {
	t.Helper()
	tg, err := l.Target("erp", "erp.example", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return tg
}

func enter(t *testing.T, tg *limits.Target) (*limits.Pass, *limits.Pause) {
	t.Helper()
	pass, pause, err := tg.Enter(t.Context(), "invoice", 7)
	if err != nil {
		t.Fatal(err)
	}
	return pass, pause
}

func leave(t *testing.T, p *limits.Pass, kind outcome.Kind) {
	t.Helper()
	if p == nil {
		t.Fatal("no pass to leave with")
	}
	if err := p.Leave(t.Context(), outcome.Outcome{Kind: kind, Reason: "http_503"}); err != nil {
		t.Fatal(err)
	}
}

var breaker = configs.Target{
	Concurrency: 4, Timeout: configs.Duration(time.Minute),
	Breaker: configs.Breaker{After: 3, Pause: configs.Duration(30 * time.Second), Max: configs.Duration(time.Minute)},
}

func TestBreakerIsSharedAndProbedOnce(t *testing.T) {
	w := setup(t)
	a, b := target(t, w.open(t, "a"), breaker), target(t, w.open(t, "a"), breaker)
	for range 3 {
		pass, _ := enter(t, a)
		leave(t, pass, outcome.Retry)
	}
	if _, pause := enter(t, b); pause == nil || pause.Reason != "breaker_open" {
		t.Fatalf("another worker goes on: %+v", pause)
	}
	shut(t, b, 30*time.Second)
	w.c.Add(31 * time.Second)
	shut(t, b, 0) // looking takes no probe
	probe, _ := enter(t, b)
	if probe == nil {
		t.Fatal("no probe after the pause")
	}
	shut(t, a, time.Minute+10*time.Second) // as long as the probe may take
	if _, pause := enter(t, a); pause == nil {
		t.Fatal("a second probe")
	}
	leave(t, probe, outcome.Retry) // doubled pause
	w.c.Add(31 * time.Second)
	if _, pause := enter(t, a); pause == nil {
		t.Fatal("the pause was not doubled")
	}
	w.c.Add(31 * time.Second)
	probe, _ = enter(t, a)
	leave(t, probe, outcome.Rejected) // the target answers: it is up
	for _, tg := range []*limits.Target{a, b} {
		pass, pause := enter(t, tg)
		if pause != nil {
			t.Fatalf("closed breaker pauses: %+v", pause)
		}
		leave(t, pass, outcome.OK)
		shut(t, tg, 0)
	}
}

func shut(t *testing.T, tg *limits.Target, want time.Duration) {
	t.Helper()
	if got := tg.Shut(t.Context()); got != want {
		t.Errorf("shut for %s, want %s", got, want)
	}
}

// TestAPassWithoutACallTellsNothing: a run that entered and did not call must not close the breaker.
func TestAPassWithoutACallTellsNothing(t *testing.T) {
	w := setup(t)
	tg := target(t, w.open(t, "a"), breaker)
	for range 2 {
		pass, _ := enter(t, tg)
		leave(t, pass, outcome.Retry)
	}
	pass, _ := enter(t, tg)
	leave(t, pass, "")
	pass, _ = enter(t, tg)
	leave(t, pass, outcome.Retry) // the third failure in a row
	if _, pause := enter(t, tg); pause == nil {
		t.Fatal("a pass without a call reset the failures")
	}
	w.c.Add(31 * time.Second)
	probe, _ := enter(t, tg)
	leave(t, probe, "")
	probe, pause := enter(t, tg)
	if probe == nil {
		t.Fatalf("the unused probe is not given to another run: %+v", pause)
	}
	if _, pause := enter(t, tg); pause == nil {
		t.Fatal("the unused probe closed the breaker")
	}
}

func TestLostProbeIsReplaced(t *testing.T) {
	w := setup(t)
	tg := target(t, w.open(t, "a"), breaker)
	for range 3 {
		pass, _ := enter(t, tg)
		leave(t, pass, outcome.Uncertain)
	}
	w.c.Add(31 * time.Second)
	if p, _ := enter(t, tg); p == nil { // its worker dies
		t.Fatal("no probe")
	}
	w.c.Add(2 * time.Minute)
	if p, pause := enter(t, tg); p == nil {
		t.Fatalf("no second probe: %+v", pause)
	}
}

func TestThrottledTargetIsLeftAlone(t *testing.T) {
	w := setup(t)
	tg := target(t, w.open(t, "a"), breaker)
	pass, _ := enter(t, tg)
	if err := pass.Leave(t.Context(), outcome.Outcome{Kind: outcome.Throttled, After: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if _, pause := enter(t, tg); pause == nil || pause.Reason != "throttled" || pause.Until.Before(w.c.Now().Add(time.Hour)) {
		t.Fatalf("Retry-After is not obeyed: %+v", pause)
	}
	w.c.Add(time.Hour + time.Second)
	if _, pause := enter(t, tg); pause != nil {
		t.Fatalf("paused for longer: %+v", pause)
	}
}

func TestPlacesAreSharedByTheLiving(t *testing.T) {
	w := setup(t)
	cfg := configs.Target{Concurrency: 3}
	a := w.open(t, "a")
	ta := target(t, a, cfg)
	for range 3 {
		if p, _ := enter(t, ta); p == nil {
			t.Fatal("a worker alone does not get all places")
		}
	}
	b := w.open(t, "b")
	if got := places(t, target(t, b, cfg)); got != 0 {
		t.Errorf("a newcomer takes %d places before the others made room", got)
	}
}

// places counts the places a worker can take at once.
func places(t *testing.T, tg *limits.Target) int {
	t.Helper()
	n := 0
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		p, _, err := tg.Enter(ctx, "invoice", 7)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if p == nil {
			return n
		}
		n++
	}
}

func TestHoldOutlastsEverything(t *testing.T) {
	w := setup(t)
	for _, h := range []limits.Hold{
		{Kind: limits.HoldTarget, Name: "erp"}, {Kind: limits.HoldPipeline, Name: "invoice"}, {Kind: limits.HoldAnnotation, Name: "7"},
	} {
		t.Run(h.Kind, func(t *testing.T) {
			if err := w.open(t, "operator").Hold(t.Context(), h); err != nil {
				t.Fatal(err)
			}
			l := w.open(t, "a")
			if _, pause := enter(t, target(t, l, breaker)); pause == nil || pause.Reason != "held" {
				t.Errorf("held, and goes on: %+v", pause)
			}
			if err := l.Lift(t.Context(), h.Kind, h.Name); err != nil {
				t.Fatal(err)
			}
			if _, pause := enter(t, target(t, l, breaker)); pause != nil {
				t.Errorf("lifted, and still held by a worker that has seen it: %+v", pause)
			}
		})
	}
}

func TestOpeningHours(t *testing.T) {
	day := &configs.Hours{Days: []string{"mon", "tue", "wed", "thu", "fri"}, From: "06:00", To: "22:00", Zone: "Europe/Prague", Closed: []string{"2026-03-06"}}
	night := &configs.Hours{From: "22:00", To: "04:00", Zone: "UTC"}
	for name, c := range map[string]struct {
		hours *configs.Hours
		now   string
		until string // empty: open
	}{
		"in the day":                {day, "2026-03-04T12:00:00Z", ""},
		"before opening":            {day, "2026-03-04T04:30:00Z", "2026-03-04T05:00:00Z"},
		"closed date, then weekend": {day, "2026-03-05T21:30:00Z", "2026-03-09T05:00:00Z"},
		"after the clocks change":   {day, "2026-03-29T12:00:00Z", "2026-03-30T04:00:00Z"},
		"night, evening":            {night, "2026-03-04T23:00:00Z", ""},
		"night, after midnight":     {night, "2026-03-05T03:59:00Z", ""},
		"night, at noon":            {night, "2026-03-05T12:00:00Z", "2026-03-05T22:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			w := setup(t)
			now, err := time.Parse(time.RFC3339, c.now)
			if err != nil {
				t.Fatal(err)
			}
			w.c.Add(now.Sub(w.c.Now()))
			_, pause := enter(t, target(t, w.open(t, "a"), configs.Target{Concurrency: 1, Hours: c.hours}))
			switch {
			case c.until == "" && pause != nil:
				t.Errorf("closed until %s", pause.Until)
			case c.until != "" && pause == nil:
				t.Error("open")
			case c.until != "" && pause.Until.UTC().Format(time.RFC3339) != c.until:
				t.Errorf("opens %s, want %s", pause.Until.UTC().Format(time.RFC3339), c.until)
			}
		})
	}
}
