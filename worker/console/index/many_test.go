package index_test

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/console/index"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// manyRuns is 1000000 for the measurement of the docs; times are told, not tested.
var manyRuns = flag.Int("index.runs", 2000, "runs of the test of many runs; a tenth of them is dead")

// TestManyRuns tells how long it takes to build the index and to ask it.
func TestManyRuns(t *testing.T) {
	d := &desk{t: t, q: queuetest.Open(t), path: filepath.Join(t.TempDir(), "console.db")}
	var err error
	if d.j, err = journal.Open(t.Context(), d.q, now); err != nil {
		t.Fatal(err)
	}
	n := *manyRuns
	start := time.Now()
	fill(t, d.q, n)
	t.Logf("%d journals written in %s", n, time.Since(start).Round(time.Millisecond))
	start = time.Now()
	d.open("sender_name")
	if err := d.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	info, err := os.Stat(d.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("index built in %s, %.0f runs/s, %d MB", took.Round(time.Millisecond), float64(n)/took.Seconds(), info.Size()>>20)
	last := strconv.Itoa(n - 1)
	for _, c := range []struct {
		name string
		q    index.Query
		want bool
	}{
		{"all", index.Query{}, true},
		{"key part", index.Query{Text: "INV-" + last}, true},
		{"kept", index.Query{Text: "ERP-0"}, true},
		{"nothing", index.Query{Text: "no such thing"}, false},
		{"words of all", index.Query{Text: "supplier"}, true},
		{"words of one", index.Query{Text: "number" + last}, true},
		{"annotation", index.Query{Annotation: 1000}, true},
		{"dead", index.Query{State: run.Dead}, true},
		{"dead of a pipeline", index.Query{State: run.Dead, Pipeline: "p0"}, true},
		{"dead of a target that has none", index.Query{Target: "none"}, false},
		{"parked", index.Query{State: run.Parked}, true},
		{"parked in the oldest minute", index.Query{State: run.Parked, Until: now().Add(-24 * time.Hour).Add(time.Minute)}, true},
	} {
		start := time.Now()
		p, err := d.Runs(t.Context(), c.q, 0, 50)
		if err != nil || (len(p.Runs) > 0) != c.want {
			t.Errorf("%s: %d runs, %v", c.name, len(p.Runs), err)
		}
		t.Logf("%-32s %8s", c.name, time.Since(start).Round(100*time.Microsecond))
	}
	tell := func(name string, ask func() error) {
		t.Helper()
		start := time.Now()
		if err := ask(); err != nil {
			t.Error(err)
		}
		t.Logf("%-32s %8s", name, time.Since(start).Round(100*time.Microsecond))
	}
	tell("causes", func() error { _, _, err := d.Causes(t.Context(), index.Query{}, 20); return err })
	tell("causes of a target", func() error { _, _, err := d.Causes(t.Context(), index.Query{Target: "erp1"}, 20); return err })
	tell("count of dead", func() error { _, err := d.Count(t.Context(), index.Query{State: run.Dead}); return err })
	tell("selection of all dead", func() error { _, err := d.Select(t.Context(), index.Query{}); return err })
	tell("hours", func() error { _, err := d.Hours(t.Context(), 48); return err })
	tell("tallies", func() error { _, err := d.Tallies(t.Context()); return err })
	tell("pace", func() error { _, err := d.Pace(t.Context(), "erp1", time.Hour); return err })
}

// fill writes n journals of the last day.
func fill(t *testing.T, q *queue.Queue, n int) {
	t.Helper()
	runs, err := queue.OpenBucket[journal.Record](t.Context(), q, queue.BucketJournal)
	if err != nil {
		t.Fatal(err)
	}
	todo := make(chan int)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for i := range todo {
				r := record(i, n)
				if _, err := runs.Create(context.Background(), string(r.Run), r); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range n {
		todo <- i
	}
	close(todo)
	wg.Wait()
}

func record(i, n int) journal.Record {
	key := run.NewEventKey("acme", "annotation_content.export", strconv.Itoa(i))
	number := strconv.Itoa(i)
	r := journal.Record{
		Run: run.NewID(key, "p", 1), Pipeline: "p" + strconv.Itoa(i%5), Hook: "acme", Event: "annotation_content.export", Key: key,
		Generation: 1, Annotation: int64(1000 + i), Business: []string{"ACME", "invoice", "INV-" + number},
		Search: map[string]string{"sender_name": "Supplier number" + number}, State: run.Done,
		Received: now().Add(-24 * time.Hour).Add(time.Duration(i) * 24 * time.Hour / time.Duration(n)),
	}
	r.Settled = r.Received.Add(time.Minute)
	s := r.Step("create")
	s.Target, s.State, s.Tries = "erp"+strconv.Itoa(i%3), journal.Done, 1
	s.Kept = map[string]json.RawMessage{"erp_id": json.RawMessage(`"ERP-` + number + `"`)}
	o := outcome.Outcome{Kind: outcome.OK, Status: 201}
	switch {
	case i%10 == 0:
		r.State = run.Dead
		o = outcome.Outcome{Kind: outcome.Rejected, Reason: "http_400", Status: 400, Message: causes()[i/10%len(causes())]}
		r.Failure = &journal.Failure{Step: "create", Target: s.Target, Outcome: o}
	case i%1000 == 1:
		r.State, r.Settled, r.Next = run.Parked, time.Time{}, now().Add(time.Hour)
	}
	r.Attempted(s, journal.Attempt{Step: "create", Kind: "send", At: r.Received, Took: 40 * time.Millisecond, Outcome: o})
	return r
}

func causes() []string {
	return []string{"the supplier 17 is not known", "the tax code is wrong", "the period is closed", "the order has no such line"}
}
