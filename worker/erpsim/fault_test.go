package erpsim_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/erpsim"
)

// TestFaults says of every fault what the client sees and what was applied.
func TestFaults(t *testing.T) {
	status := func(want int) func(answer) bool {
		return func(a answer) bool { return a.err == nil && a.bodyErr == nil && a.status == want }
	}
	reset := func(a answer) bool { return errors.Is(a.err, syscall.ECONNRESET) }
	gaveUp := func(a answer) bool { return errors.Is(a.err, context.DeadlineExceeded) }
	for name, f := range map[string]struct {
		rule    erpsim.Rule
		sees    func(answer) bool
		applied int
		givesUp bool
	}{
		"refuse":       {erpsim.Rule{Action: erpsim.Refuse}, status(503), 0, false},
		"refuse 429":   {erpsim.Rule{Action: erpsim.Refuse, Status: 429, Header: map[string]string{"Retry-After": "3"}}, func(a answer) bool { return a.status == 429 && a.header.Get("Retry-After") == "3" }, 0, false},
		"refuse text":  {erpsim.Rule{Action: erpsim.Refuse, Status: 422, Body: `{"errors":{}}`}, func(a answer) bool { return a.status == 422 && a.body == `{"errors":{}}` }, 0, false},
		"answer 500":   {erpsim.Rule{Action: erpsim.Answer}, status(500), 1, false},
		"answer 200":   {erpsim.Rule{Action: erpsim.Answer, Status: 200, Body: `{"status":"failure"}`}, func(a answer) bool { return a.status == 200 && a.body == `{"status":"failure"}` }, 1, false},
		"slow":         {erpsim.Rule{Action: erpsim.Slow, DelayMS: 1}, status(201), 1, false},
		"too slow":     {erpsim.Rule{Action: erpsim.Slow, DelayMS: 3_600_000}, gaveUp, 0, true},
		"reset before": {erpsim.Rule{Action: erpsim.ResetBefore}, reset, 0, false},
		"reset after":  {erpsim.Rule{Action: erpsim.ResetAfter}, reset, 1, false},
		"hang before":  {erpsim.Rule{Action: erpsim.HangBefore}, gaveUp, 0, true},
		"hang after":   {erpsim.Rule{Action: erpsim.HangAfter}, gaveUp, 1, true},
		"garbage":      {erpsim.Rule{Action: erpsim.Garbage}, func(a answer) bool { return a.status == 201 && a.body[0] == '<' }, 1, false},
		"truncate":     {erpsim.Rule{Action: erpsim.Truncate}, func(a answer) bool { return a.status == 201 && errors.Is(a.bodyErr, io.ErrUnexpectedEOF) }, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			sim, c := start(t, erpsim.Options{Faults: []erpsim.Rule{f.rule}})
			patience := time.Minute
			if f.givesUp {
				patience = 200 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if a := c.do(ctx, http.MethodPost, "/api/invoices", "application/json", invoice(1)); !f.sees(a) {
				t.Errorf("the client sees %+v", a)
			}
			wantCounts(t, sim, f.applied, 0)
			if n := sim.Counts().Faults[string(f.rule.Action)]; n != 1 {
				t.Errorf("%d faults counted", n)
			}
		})
	}
}

// TestApplyLate: nothing is there when the client gives up, and something is later.
func TestApplyLate(t *testing.T) {
	sim, c := start(t, erpsim.Options{Faults: []erpsim.Rule{{Action: erpsim.ApplyLate, DelayMS: 1, Times: 1}}})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if a := c.do(ctx, http.MethodPost, "/api/invoices", "application/json", invoice(1)); !errors.Is(a.err, context.DeadlineExceeded) {
		t.Errorf("the client sees %+v", a)
	}
	if err := sim.WaitEffects(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	c.post("/api/invoices", invoice(1)) // the blind repetition
	wantCounts(t, sim, 2, 1)
}

func TestRuleMatching(t *testing.T) {
	calls := []struct{ method, path, body string }{
		{"POST", "/api/invoices", invoice(1)},
		{"POST", "/api/invoices", invoice(2)},
		{"POST", "/api/invoices", invoice(1)},
		{"GET", "/api/invoices", ""},
		{"PUT", "/api/invoices/1/image_scan", "x"},
	}
	for name, c := range map[string]struct {
		rule erpsim.Rule
		want string // x fails
	}{
		"all":            {erpsim.Rule{}, "xxxxx"},
		"method":         {erpsim.Rule{Method: "post"}, "xxx.."},
		"path":           {erpsim.Rule{Path: "/api/*/*/image_scan"}, "....x"},
		"key":            {erpsim.Rule{Key: "INV-1"}, "x.x.."},
		"second":         {erpsim.Rule{Nth: 2}, ".x..."},
		"twice":          {erpsim.Rule{Times: 2}, "xx..."},
		"second of key":  {erpsim.Rule{Nth: 2, PerKey: true}, "..x.."},
		"once for a key": {erpsim.Rule{Method: "POST", Times: 1, PerKey: true}, "xx..."},
	} {
		t.Run(name, func(t *testing.T) {
			c.rule.Action = erpsim.Refuse
			_, cl := start(t, erpsim.Options{Faults: []erpsim.Rule{c.rule}})
			got := ""
			for _, call := range calls {
				mark := "."
				if a := cl.do(t.Context(), call.method, call.path, "application/json", call.body); a.status == 503 {
					mark = "x"
				}
				got += mark
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// TestFailRate: a naive client that repeats until it is told success always ends, and the same seed fails the same way.
func TestFailRate(t *testing.T) {
	run := func(seed uint64) (erpsim.Counts, map[int]int) {
		sim, c := start(t, erpsim.Options{FailRate: 0.4, Seed: seed})
		tries := map[int]int{}
		for n := range 25 {
			for done := false; !done; {
				ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				a := c.do(ctx, http.MethodPost, "/api/invoices", "application/json", invoice(n))
				cancel()
				tries[n]++
				done = a.status == 201
			}
			if tries[n] > 3 {
				t.Errorf("seed %d: call %d needed %d tries", seed, n, tries[n])
			}
		}
		return sim.Counts(), tries
	}
	first, tries := run(7)
	again, triesAgain := run(7)
	if fmt.Sprint(first, tries) != fmt.Sprint(again, triesAgain) {
		t.Errorf("seed 7 gave %+v and %+v", first, again)
	}
	if other, otherTries := run(8); fmt.Sprint(other, otherTries) == fmt.Sprint(first, tries) {
		t.Error("seed 8 gives what seed 7 gives")
	}
	for _, action := range []erpsim.Action{erpsim.Refuse, erpsim.ResetBefore, erpsim.ResetAfter, erpsim.HangAfter} {
		if first.Faults[string(action)] == 0 {
			t.Errorf("no %s in %v", action, first.Faults)
		}
	}
	// Blind repetition doubles what was applied before the fault, and nothing else.
	if want := first.Faults[string(erpsim.ResetAfter)] + first.Faults[string(erpsim.HangAfter)]; first.Duplicates != want || first.Effects != 25+want {
		t.Errorf("got %+v", first)
	}
}
