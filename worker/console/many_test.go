package console_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/operate"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// manyLetters is 100000 for the measurement of the docs; times are told, not tested.
var manyLetters = flag.Int("console.letters", 300, "dead letters of the test of many letters")

// TestManyLetters tells how long pages take over a long list of dead letters.
func TestManyLetters(t *testing.T) {
	d := open(t, relayYAML)
	var last *journal.Record
	n := *manyLetters
	d.bury(n, func(r *journal.Record) { last = r })
	start := time.Now()
	d.caughtUp()
	t.Logf("%d letters; the index was ready %s after the last", n, time.Since(start).Round(time.Millisecond))
	for _, path := range []string{
		"/", "/dead", "/dead", "/dead?target=erp", "/dead?since=1h", "/dead?q=INV-0001", "/runs", "/runs?q=INV-0001", "/runs/" + string(last.Run),
		"/targets", "/targets/erp", "/deliveries", "/audit", "/api/v1/dead/groups", "/api/v1/overview",
	} {
		start := time.Now()
		status, _, body := d.do("GET", path, viewToken, nil)
		took := time.Since(start)
		if status != http.StatusOK {
			t.Fatalf("%s: %d", path, status)
		}
		t.Logf("%-40s %8s %4d kB", path[:min(len(path), 40)], took.Round(100*time.Microsecond), len(body)>>10)
	}
	_, _, body := d.do("GET", "/api/v1/dead", viewToken, nil)
	if !strings.Contains(body, fmt.Sprintf(`"count":%d`, n)) {
		t.Errorf("the list does not count %d letters: %s", n, body[:min(len(body), 200)])
	}
}

// bury writes n dead runs with their letters.
func (d *desk) bury(n int, last func(*journal.Record)) {
	d.t.Helper()
	runs, err := queue.OpenBucket[journal.Record](d.t.Context(), d.q, queue.BucketJournal)
	must(d.t, err)
	texts := []string{"the supplier 17 is not known", "the tax code is wrong", "the period is closed", "the order has no such line", "no such cost centre"}
	todo := make(chan queue.Envelope)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for e := range todo {
				o := rejected(texts[e.Annotation%int64(len(texts))])
				r := journal.Record{
					Run: e.Run, Pipeline: e.Pipeline, Hook: e.Hook, Event: e.Event, Key: e.Key, Generation: 1, Annotation: e.Annotation,
					Business: []string{fmt.Sprintf("INV-%04d", e.Annotation-1000)}, State: run.Dead, Received: e.Received, Created: e.Received,
					Settled: e.Received.Add(time.Minute), Failure: &journal.Failure{Step: "create", Target: "erp", Outcome: o},
				}
				p, err := d.q.StorePayload(d.t.Context(), e.Run, []byte(`{}`))
				if err != nil {
					d.t.Error(err)
				}
				if _, err := runs.Create(d.t.Context(), string(e.Run), r); err != nil {
					d.t.Error(err)
				}
				details, err := json.Marshal(r)
				if err != nil {
					d.t.Error(err)
				}
				if err := d.q.Bury(d.t.Context(), queue.Letter{
					Envelope: e, Lane: e.Pipeline, Step: "create", Target: "erp", Outcome: string(o.Kind), Reason: o.Reason, Attempts: 1,
					First: r.Received, Last: r.Settled, Details: details, Payload: p, Cause: operate.Cause(d.q, e.Pipeline, r.Failure),
				}); err != nil {
					d.t.Error(err)
				}
				if e.Annotation == int64(1000+n) {
					last(&r)
				}
			}
		})
	}
	for range n {
		todo <- d.event("invoice")
	}
	close(todo)
	wg.Wait()
}
