package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
)

const rollingConfig = `
rossum: {test: {base_url: %q}}
hooks: {alive: {rossum: test, signing_secrets: [%q]}}
targets: {north: {http: {base_url: %q, private: true}, timeout: 5s}}
pipelines:
  alive:
    hook: alive
    events: [annotation_content.export]
    answer: accept
    backlog: 512MiB
    key: [field.document_id]
    steps:
      - create:
          send: north
          post: /api/invoices
          map: {number: "{{ field.document_id }}"}
          find: {get: /api/invoices, query: {number: "{{ field.document_id }}"}, hit: "response.body[0]", after: 500ms}
`

// TestRollingRestart restarts servers of a cluster as an upgrade does, while Rossum calls: no call is refused, and every
// invoice arrives once. It restarts the one that leads the work queue; with -soak all, one after the other, for so long.
func TestRollingRestart(t *testing.T) {
	if testing.Short() {
		t.Skip("a cluster takes its time to come up again")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute+*soakFor)
	defer cancel()
	w := newWorld(t, layout{name: "rolling", nats: 3, roles: []string{"ingest", "worker", "worker"}}, 1, rossumsim.Switches{}, func(w *world) string {
		return fmt.Sprintf(rollingConfig, w.rossum.BaseURL(), demoSecret, w.urls["north"])
	})
	if err := w.startAll(ctx); err != nil {
		t.Fatal(err)
	}
	calling, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	var called, refused, slowest atomic.Int64
	for range 4 {
		wg.Go(func() {
			for calling.Err() == nil {
				start := time.Now()
				status, answer := w.callOne(ctx, called.Add(1))
				for took, most := int64(time.Since(start)), slowest.Load(); took > most && !slowest.CompareAndSwap(most, took); {
					most = slowest.Load()
				}
				if status != http.StatusOK {
					refused.Add(1)
					t.Errorf("refused: %d %s", status, answer)
				}
				_ = sleep(calling, 25*time.Millisecond)
			}
		})
	}
	if *soakFor == 0 {
		w.roll(ctx, w.nats.leader(ctx, "EV"))
	}
	for begin := time.Now(); time.Since(begin) < *soakFor && !t.Failed(); {
		w.roll(ctx, w.nats.nodes...)
	}
	stop()
	wg.Wait()
	n := int(called.Load())
	t.Logf("%d calls, %d refused, the slowest took %s", n, refused.Load(), time.Duration(slowest.Load()).Round(time.Millisecond))
	if err := w.erps["north"].WaitEffects(ctx, n-int(refused.Load())); err != nil {
		t.Errorf("%d of %d invoices arrived: %v", len(w.erps["north"].Effects()), n, err)
	}
	if d := w.erps["north"].Duplicates(); len(d) > 0 {
		t.Errorf("doubled: %v", d)
	}
}

// roll restarts servers of the cluster, the next one when all are healthy again.
func (w *world) roll(ctx context.Context, nodes ...*natsNode) {
	w.t.Helper()
	for _, node := range nodes {
		node.end(syscall.SIGTERM)
		if err := sleep(ctx, time.Second); err != nil {
			return
		}
		if err := w.nats.healthy(ctx); err != nil {
			w.t.Error(err)
			return
		}
	}
}

// callOne makes Rossum's call for the n-th invoice; it may be called from many goroutines.
func (w *world) callOne(ctx context.Context, n int64) (status int, answer string) {
	body, err := os.ReadFile("../../rossumapi/testdata/01-export-us-standard-ap.json")
	if err != nil {
		return 0, err.Error()
	}
	body = bytes.ReplaceAll(body, []byte("https://example-us.rossum.app"), []byte(w.rossum.BaseURL()))
	body = bytes.ReplaceAll(body, []byte("INV-2026-004417"), fmt.Appendf(nil, "rolling-%d", n))
	body = bytes.ReplaceAll(body, []byte("21440871"), fmt.Append(nil, 40_000_000+n))
	return post(ctx, w.t, "http://"+w.listen+"/hooks/alive", body)
}
