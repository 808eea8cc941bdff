package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/erpsim"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// TestKilledProcess ends the whole relay with kill -9 while invoices are on their way, several times.
func TestKilledProcess(t *testing.T) {
	t.Parallel() // it waits most of the time
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	r := newRelay(t, testConfig(createStep+tellStep), erpsim.Options{
		Faults: []erpsim.Rule{{Path: "/api/invoices", Method: "POST", Action: erpsim.Slow, DelayMS: 100}},
	})
	r.hook("annotation_content.export")
	r.startChild()
	r.up(ctx)
	var ids []int64
	for n := range 9 {
		ids = append(ids, r.export(ctx, fmt.Sprintf("INV-%03d", n)))
		if n%3 == 2 {
			if err := r.erp.WaitEffects(ctx, n); err != nil {
				t.Fatal(err)
			}
			r.kill()
			r.startChild()
			r.up(ctx)
		}
	}
	for _, id := range ids {
		r.status(ctx, id, "exported")
	}
	r.effects(len(ids))
}

// up waits until the relay answers.
func (r *relay) up(ctx context.Context) {
	r.t.Helper()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.listen+"/readyz", nil)
		if err != nil {
			r.t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-ctx.Done():
			r.t.Fatalf("the relay does not come up: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// carry exports one invoice past an ERP that misbehaves and returns how its run ended.
func carry(t *testing.T, steps, status string, faults ...erpsim.Rule) (*relay, runEnd) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r := newRelay(t, testConfig(steps), erpsim.Options{Faults: faults})
	r.hook("annotation_content.export")
	r.start()
	id := r.export(ctx, "INV-1")
	r.status(ctx, id, status)
	rec := r.settled(ctx, 1)[0]
	a, err := r.rossum.Annotation(id)
	if err != nil {
		t.Fatal(err)
	}
	end := runEnd{state: rec.State, reason: rec.Reason, hops: rec.Hop, id: rec.Run}
	if rec.Failure != nil {
		end.failure = rec.Failure.Outcome
	}
	for _, m := range a.Messages {
		end.told = append(end.told, m.Content)
	}
	return r, end
}

type runEnd struct {
	id      run.ID
	state   run.State
	reason  string
	failure outcome.Outcome
	hops    int
	told    []string
}

func TestRefusedTwiceThenTaken(t *testing.T) {
	r, end := carry(t, createStep+tellStep, "exported", erpsim.Rule{Method: "POST", Action: erpsim.Refuse, Status: 503, Times: 2})
	if end.state != run.Done || end.hops < 3 {
		t.Errorf("%+v", end)
	}
	r.effects(1)
}

func TestThreeParkingsOfOneRun(t *testing.T) {
	r, end := carry(t, createStep+tellStep, "exported", erpsim.Rule{
		Method: "POST", Action: erpsim.Refuse, Status: 429, Header: map[string]string{"Retry-After": "1"}, Times: 3,
	})
	if end.state != run.Done || end.hops < 4 {
		t.Errorf("%+v", end)
	}
	r.effects(1)
}

// TestRejectedThenMendedAndReplayed: the ERP's words reach Rossum and the dead letter; a replay delivers once.
func TestRejectedThenMendedAndReplayed(t *testing.T) {
	r, end := carry(t, createStep+tellStep, "failed_export", erpsim.Rule{
		Method: "POST", Action: erpsim.Refuse, Status: 400, Body: `{"errors":{"supplier":["is not known to us"]}}`, Times: 1,
	})
	if end.state != run.Dead || end.failure.Kind != outcome.Rejected {
		t.Fatalf("%+v", end)
	}
	if !strings.Contains(strings.Join(end.told, "\n"), "erp") {
		t.Errorf("Rossum was told %q", end.told)
	}
	r.effects(0)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out := r.cli("dead", "list", "-c", r.config)
	if !strings.Contains(out, string(end.id)) || !strings.Contains(out, "http_400") {
		t.Errorf("dead list:\n%s", out)
	}
	if out = r.cli("dead", "show", "-c", r.config, string(end.id)); !strings.Contains(out, "is not known to us") {
		t.Errorf("dead show does not tell what the ERP said:\n%s", out)
	}
	r.cli("dead", "replay", "-c", r.config, string(end.id))
	if err := r.erp.WaitEffects(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if states := count(r.settled(ctx, 2)); states[run.Done] != 2 {
		t.Errorf("after the replay, and the export that told Rossum of it: %v", states)
	}
	r.effects(1)
	if out = r.cli("dead", "list", "-c", r.config); strings.Contains(out, string(end.id)) {
		t.Errorf("the letter is still there:\n%s", out)
	}
}

// cli runs a command of rossum-relay against the running relay.
func (r *relay) cli(args ...string) string {
	r.t.Helper()
	for k, v := range r.env() {
		r.t.Setenv(k, v)
	}
	var out, errs bytes.Buffer
	if code := execute(r.t.Context(), args, &out, &errs); code != 0 {
		r.t.Fatalf("rossum-relay %s: exit %d\n%s%s", strings.Join(args, " "), code, out.String(), errs.String())
	}
	return out.String()
}

// TestUncertainWithoutLookUp: a time-out after the request was sent, at an ERP that cannot be asked, ends with a human,
// never with a second send.
func TestUncertainWithoutLookUp(t *testing.T) {
	before, rest, _ := strings.Cut(createStep, "          find:")
	_, keep, _ := strings.Cut(rest, "\n")
	blind := before + keep
	r, end := carry(t, blind, "failed_export", erpsim.Rule{Method: "POST", Action: erpsim.ResetAfter, Times: 1})
	if end.state != run.Dead || end.failure.Kind != outcome.Uncertain || !strings.Contains(end.failure.Message, "may already be at the ERP") {
		t.Errorf("%+v", end)
	}
	r.effects(1)
}

// TestFullQueue: what cannot be stored is refused with 503, which Rossum repeats, and nothing is lost once there is room.
func TestFullQueue(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	config := strings.Replace(testConfig(createStep), "max_store: 1GiB", "max_store: 1GiB, max_events: 100KiB", 1)
	r := newRelay(t, config, erpsim.Options{Faults: []erpsim.Rule{{Method: "POST", Action: erpsim.Slow, DelayMS: 300}}})
	r.hook("annotation_content.export")
	r.start()
	body, err := os.ReadFile("../../rossumapi/testdata/01-export-us-standard-ap.json")
	if err != nil {
		t.Fatal(err)
	}
	body = bytes.ReplaceAll(body, []byte("https://example-us.rossum.app"), []byte(r.rossum.BaseURL()))
	statuses := map[int]int{}
	accepted := map[int]bool{}
	const calls = 60
	for round := 0; len(accepted) < calls; round++ {
		if ctx.Err() != nil {
			t.Fatalf("only %d of %d accepted: %v", len(accepted), calls, statuses)
		}
		for n := range calls {
			if accepted[n] {
				continue
			}
			one := bytes.ReplaceAll(body, []byte("21440871"), fmt.Appendf(nil, "%d", 90000000+n))
			one = bytes.ReplaceAll(one, []byte(`INV-2026-004417`), fmt.Appendf(nil, "N-%d", n))
			status, _ := post(ctx, t, "http://"+r.listen+"/hooks/test", one)
			statuses[status]++
			if status != http.StatusAccepted && status != http.StatusServiceUnavailable {
				t.Fatalf("call %d: %d", n, status)
			}
			accepted[n] = status == http.StatusAccepted
			if !accepted[n] {
				delete(accepted, n)
			}
		}
	}
	if statuses[http.StatusServiceUnavailable] == 0 {
		t.Errorf("the queue was never full: %v", statuses)
	}
	if states := count(r.settled(ctx, calls)); states[run.Done] != calls {
		t.Errorf("runs ended as %v", states)
	}
	r.effects(calls)
}
