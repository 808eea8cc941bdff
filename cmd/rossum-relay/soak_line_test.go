package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
	"github.com/rossum-relay/rossum-relay/worker/erpsim"
)

// lineConfig has two pipelines with a target each. The dead one hangs, which is the worst way of being dead.
const lineConfig = `
rossum: {test: {base_url: %q}}
hooks:
  alive: {rossum: test, signing_secrets: [%q]}
  dead: {rossum: test, signing_secrets: [%q]}
targets:
  north: {http: {base_url: %q, private: true}, timeout: 1s}
  south: {http: {base_url: %q, private: true}, timeout: 1s, breaker: {pause: 5s, max: 10s}}
pipelines:
  alive:
    hook: alive
    events: [annotation_content.export]
    answer: accept
    key: [field.document_id]
    steps: [{create: {send: north, post: /api/invoices, map: {number: "{{ field.document_id }}"}}}]
  dead:
    hook: dead
    events: [annotation_content.export]
    answer: accept
    key: [field.document_id]
    steps: [{put: {send: south, put: "/api/bills/{{ field.document_id }}", map: {number: "{{ field.document_id }}"}}}]
`

// TestHeadOfLine measures what one dead target with many waiting events does to the deliveries of another. Only that all
// are delivered is asserted: the latencies are for people.
func TestHeadOfLine(t *testing.T) {
	waiting, probes := 500, 200
	switch {
	case *soakFor > 0:
		waiting, probes = 5000, 1000
	case testing.Short():
		waiting, probes = 100, 50
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	w := newWorld(t, layout{name: "line", roles: []string{"run"}}, 1, rossumsim.Switches{}, func(w *world) string {
		return fmt.Sprintf(lineConfig, w.rossum.BaseURL(), demoSecret, demoSecret, w.urls["north"], w.urls["south"])
	})
	if err := w.startAll(ctx); err != nil {
		t.Fatal(err)
	}
	w.probe(ctx, "warm", 20)
	without := w.probe(ctx, "without", probes)
	if err := w.erps["south"].AddFault(erpsim.Rule{Action: erpsim.HangBefore}); err != nil {
		t.Fatal(err)
	}
	for n := range waiting {
		w.call(ctx, "dead", fmt.Sprintf("dead-%d", n))
	}
	with := w.probe(ctx, "with", probes)
	t.Logf("%d deliveries by themselves: median %s, p99 %s", probes, quantile(without, 0.5), quantile(without, 0.99))
	t.Logf("%d deliveries beside %d events of a dead target: median %s, p99 %s; ratio %.2f and %.2f", probes, waiting,
		quantile(with, 0.5), quantile(with, 0.99), ratio(with, without, 0.5), ratio(with, without, 0.99))
	w.erps["south"].ClearFaults()
	if err := w.erps["south"].WaitEffects(ctx, waiting); err != nil {
		t.Errorf("of %d events of the target that was dead %d arrived: %v", waiting, len(w.erps["south"].Effects()), err)
	}
}

// probe makes n calls one after the other and returns how long each took to its effect at the ERP, sorted.
func (w *world) probe(ctx context.Context, name string, n int) []time.Duration {
	w.t.Helper()
	called := map[string]time.Time{}
	before := len(w.erps["north"].Effects())
	for i := range n {
		number := fmt.Sprintf("%s-%d", name, i)
		called[number] = time.Now()
		w.call(ctx, "alive", number)
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := w.erps["north"].WaitEffects(ctx, before+n); err != nil {
		w.t.Fatalf("%s: %d of %d arrived: %v", name, len(w.erps["north"].Effects())-before, n, err)
	}
	var took []time.Duration
	for _, e := range w.erps["north"].Effects() {
		if at, ok := called[e.Key]; ok {
			took = append(took, e.At.Sub(at))
		}
	}
	slices.Sort(took)
	return took
}

// call makes Rossum's call for an invoice of its own.
func (w *world) call(ctx context.Context, hook, number string) {
	w.t.Helper()
	body, err := os.ReadFile("../../rossumapi/testdata/01-export-us-standard-ap.json")
	if err != nil {
		w.t.Fatal(err)
	}
	w.calls++
	body = bytes.ReplaceAll(body, []byte("https://example-us.rossum.app"), []byte(w.rossum.BaseURL()))
	body = bytes.ReplaceAll(body, []byte("INV-2026-004417"), []byte(number))
	body = bytes.ReplaceAll(body, []byte("21440871"), fmt.Append(nil, 30_000_000+w.calls))
	if status, answer := post(ctx, w.t, "http://"+w.listen+"/hooks/"+hook, body); status != http.StatusOK {
		w.t.Fatalf("%s: %d %s", number, status, answer)
	}
}

func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)].Round(10 * time.Microsecond)
}

func ratio(a, b []time.Duration, q float64) float64 {
	return float64(quantile(a, q)) / float64(max(quantile(b, q), 1))
}
