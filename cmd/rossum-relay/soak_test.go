package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
)

var (
	soakFor  = flag.Duration("soak", 0, "run the model tests for so long, with a cluster too")
	soakSeed = flag.Uint64("soak.seed", 0, "seed of the model tests; 0 chooses one")
	soakLogs = flag.String("soak.logs", "", "folder that keeps the relay's logs of failed model tests")
)

// modelConfig has a pipeline for each promise of the relay:
//
//	found    a create that can be looked up: exactly once
//	blind    a create that cannot: at most once, an operator decides
//	bill     a PUT by key, changed by re-exports: the newest export wins
//	draft    a create and an attachment to it: each once
//	notice   status events without order: each once
//	state    status events, those that a newer one overtook are left out
//	diary    status events one after the other
func modelConfig(w *world) string {
	return fmt.Sprintf(modelYAML, w.rossum.BaseURL(), demoUser, testPassword, demoSecret, w.urls["north"], w.urls["south"],
		w.queues[0], w.queues[1], w.queues[2], w.queues[3], w.queues[0])
}

const modelYAML = `
rossum: {test: {base_url: %q, username: %q, password: %q, rate: 500/s}}
hooks: {test: {rossum: test, signing_secrets: [%q]}}
targets:
  north: {http: {base_url: %q, private: true}, timeout: 1s, breaker: {after: 6, pause: 500ms, max: 2s}, concurrency: 8}
  south: {http: {base_url: %q, private: true}, timeout: 1s, breaker: {after: 6, pause: 500ms, max: 2s}, concurrency: 8}
pipelines:
  found:
    hook: test
    events: [annotation_content.export]
    queues: [%d]
    key: [field.document_id]
    retry: {first: 200ms, max: 1s, for: 10m}
    wait: {at_most: 8s}
    steps:
      - create:
          send: north
          post: /api/invoices
          map: {number: "{{ field.document_id }}", total: "{{ field.amount_total }}"}
          find: {get: /api/invoices, query: {number: "{{ field.document_id }}"}, hit: "response.body[0]", after: 500ms}
          keep: {erp_id: hit.id}
      - tell: {rossum: {metadata: {erp_id: "{{ steps.create.erp_id }}"}}}
  blind:
    hook: test
    events: [annotation_content.export]
    queues: [%d]
    key: [field.document_id]
    retry: {first: 200ms, max: 1s, for: 10m}
    wait: {at_most: 1m}
    steps:
      - create:
          send: south
          post: /api/vouchers
          map: {number: "{{ field.document_id }}", total: "{{ field.amount_total }}"}
          keep: {erp_id: hit.id}
  bill:
    hook: test
    events: [annotation_content.export]
    queues: [%d]
    key: [field.document_id]
    retry: {first: 200ms, max: 1s, for: 10m}
    wait: {at_most: 1m}
    steps:
      - put:
          send: south
          put: /api/bills/{{ field.document_id }}
          map: {number: "{{ field.document_id }}", text: "{{ field.header_description }}"}
          on_change: send
          keep: {erp_id: hit.id}
  draft:
    hook: test
    events: [annotation_content.export]
    queues: [%d]
    key: [field.document_id]
    retry: {first: 200ms, max: 1s, for: 10m}
    wait: {at_most: 1m}
    steps:
      - create:
          send: north
          post: /api/drafts
          map: {number: "{{ field.document_id }}"}
          find: {get: /api/drafts, query: {number: "{{ field.document_id }}"}, hit: "response.body[0]", after: 500ms, first: true}
          keep: {erp_id: hit.id}
      - scan:
          send: north
          put: /api/drafts/{{ steps.create.erp_id }}/scan
          files: {file: document.original}
  notice:
    hook: test
    events: [annotation_status.changed]
    when: annotation.status == "exported"
    key: [annotation.id, annotation.modified_at]
    newer: independent
    retry: {first: 200ms, max: 1s, for: 10m}
    steps:
      - create:
          send: north
          post: /api/notices
          map: {number: "{{ annotation.id }}-{{ annotation.modified_at }}"}
          find: {get: /api/notices, query: {number: "{{ annotation.id }}-{{ annotation.modified_at }}"}, hit: "response.body[0]", after: 500ms}
          keep: {erp_id: hit.id}
  state:
    hook: test
    events: [annotation_status.changed]
    key: [annotation.id, annotation.modified_at]
    retry: {first: 200ms, max: 1s, for: 10m}
    steps:
      - mirror:
          send: south
          put: /api/states/{{ annotation.id }}
          map: {status: "{{ annotation.status }}", version: "{{ annotation.modified_at }}"}
  diary:
    hook: test
    events: [annotation_status.changed]
    queues: [%d]
    key: [annotation.id, annotation.modified_at]
    newer: in_order
    retry: {first: 200ms, max: 1s, for: 10m}
    steps:
      - enter:
          send: south
          put: /api/entries/{{ annotation.id }}-{{ annotation.modified_at | replace(":", "") }}
          map: {annotation: "{{ annotation.id | string }}", version: "{{ annotation.modified_at }}"}
worker: {ack_wait: 2s, drain: 2s}
`

// TestModel lets everything go wrong at once for a while, heals it, and compares Rossum, the ledger and the ERPs: nothing
// lost, nothing doubled. The seed gives the same choices again, though not the same instants.
func TestModel(t *testing.T) {
	seed := *soakSeed
	if seed == 0 {
		seed = rand.Uint64() //nolint:gosec // no secret
	}
	chaos, disk := 8*time.Second, 256<<20
	if *soakFor > 0 {
		chaos, disk = *soakFor, 2<<30
	}
	layouts := []layout{
		{name: "embedded", roles: []string{"run"}, failRate: 0.05, disk: disk},
		{name: "split", nats: 1, roles: []string{"ingest", "worker", "worker"}, failRate: 0.05, disk: disk},
	}
	switch {
	case *soakFor > 0:
		layouts = append(layouts, layout{name: "cluster", nats: 3, roles: []string{"ingest", "worker", "worker"}, failRate: 0.05})
	case testing.Short():
		chaos, layouts = 3*time.Second, layouts[:1]
	}
	t.Logf("seed %d; again: go test ./cmd/rossum-relay -run TestModel -soak.seed %d -soak %s", seed, seed, *soakFor)
	var wg sync.WaitGroup // rather than t.Parallel: processes of their own, which mostly wait, however few cores there are
	for n, l := range layouts {
		wg.Go(func() {
			t.Run(l.name, func(t *testing.T) { runModel(t, l, seed+uint64(n), chaos) }) //nolint:gosec // a few
		})
	}
	wg.Wait()
}

// runModel is one world's life: up, chaos, healing, judgement.
func runModel(t *testing.T, l layout, seed uint64, chaos time.Duration) {
	w := newWorld(t, l, seed, rossumsim.Switches{NewRequestID: seed%2 == 0, SameToken: seed%3 == 0}, modelConfig)
	ctx, cancel := context.WithTimeout(t.Context(), 3*chaos+3*time.Minute) // what a long chaos leaves takes its time
	defer cancel()
	if err := w.startAll(ctx); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	w.disturb(ctx, chaos)
	mid := time.Now()
	j := w.heal(ctx)
	t.Logf("%s: chaos %s, healed after %s\n%s", w.name, mid.Sub(start).Round(time.Second), time.Since(mid).Round(time.Second), w.tally.String())
	j.judge(ctx)
}

// disturb runs all actors for a while.
func (w *world) disturb(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var wg sync.WaitGroup
	for n, act := range w.actors() {
		rng := rand.New(rand.NewPCG(w.seed, uint64(n)+2)) //nolint:gosec // a few actors
		wg.Go(func() {
			for ctx.Err() == nil {
				err := act(ctx, rng)
				if err != nil && ctx.Err() == nil && !errors.Is(err, errExpected) {
					w.t.Errorf("%s: %v", w.name, err)
				}
			}
		})
	}
	wg.Wait()
}

// tally counts what happened, for people.
type tally struct {
	mu    sync.Mutex
	names []string
	n     map[string]int
}

func (c *tally) add(name string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	if _, known := c.n[name]; !known {
		c.names = append(c.names, name)
	}
	c.n[name] += n
}

func (c *tally) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	for _, name := range c.names {
		fmt.Fprintf(&b, "%s %d, ", name, c.n[name])
	}
	return strings.TrimSuffix(b.String(), ", ")
}
