package index_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/worker/console/index"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("database/sql.(*DB).connectionOpener"))
}

// now is the tests' clock.
func now() time.Time { return time.Date(2026, 3, 4, 12, 30, 0, 0, time.UTC) }

// desk is a queue with a journal, and an index of it.
type desk struct {
	t testing.TB
	q *queue.Queue
	j *journal.Journal
	*index.Index
	path string
	n    int
}

func newDesk(t testing.TB, fields ...string) *desk {
	t.Helper()
	d := &desk{t: t, q: queuetest.Open(t), path: filepath.Join(t.TempDir(), "sub", "console.db")}
	var err error
	if d.j, err = journal.Open(t.Context(), d.q, now); err != nil {
		t.Fatal(err)
	}
	d.open(fields...)
	return d
}

// open opens the index and lets it follow; the function it returns stops it.
func (d *desk) open(fields ...string) (stop func()) {
	d.t.Helper()
	x, err := index.Open(d.t.Context(), index.Options{Path: d.path, Queue: d.q, Journal: d.j, Fields: fields, Log: zap.NewNop(), Now: now})
	if err != nil {
		d.t.Fatal(err)
	}
	d.Index = x
	ctx, cancel := context.WithCancel(context.WithoutCancel(d.t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- x.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			d.t.Error(err)
		}
		if err := x.Close(); err != nil {
			d.t.Error(err)
		}
	}
	d.t.Cleanup(stop)
	return stop
}

// run writes a run's journal, the n-th a second after the one before.
func (d *desk) run(pipeline string, change func(*journal.Run)) *journal.Run {
	d.t.Helper()
	d.n++
	key := run.NewEventKey("acme", "annotation_content.export", strconv.Itoa(d.n))
	r, err := d.j.Take(d.t.Context(), queue.Envelope{
		Run: run.NewID(key, pipeline, 1), Pipeline: pipeline, Hook: "acme", Event: "annotation_content.export", Key: key,
		Annotation: int64(1000 + d.n), Generation: 1, Received: now().Add(time.Duration(d.n-1000) * time.Second),
	}, pipeline, "worker", time.Minute)
	if err != nil {
		d.t.Fatal(err)
	}
	d.change(r, change)
	return r
}

func (d *desk) change(r *journal.Run, change func(*journal.Run)) {
	d.t.Helper()
	if change != nil {
		change(r)
	}
	r.Release()
	if err := r.Save(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
}

func settle(s run.State) func(*journal.Run) {
	return func(r *journal.Run) { r.State, r.Settled = s, r.Received.Add(time.Minute) }
}

// dies lets a run die of a message.
func dies(target, message string) func(*journal.Run) {
	return func(r *journal.Run) {
		settle(run.Dead)(r)
		o := outcome.Outcome{Kind: outcome.Rejected, Reason: "http_400", Status: 400, Message: message}
		r.Failure = &journal.Failure{Step: "create", Target: target, Outcome: o}
		s := r.Step("create")
		s.Target, s.Tries = target, 1
		r.Attempted(s, journal.Attempt{Step: "create", Kind: "send", At: r.Received.Add(time.Second), Took: 40 * time.Millisecond, Outcome: o})
	}
}

// find returns the runs of a query, all pages, newest first.
func (d *desk) find(q index.Query) []run.ID {
	d.t.Helper()
	if err := d.CatchUp(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
	var all []run.ID
	for before := int64(0); ; {
		page, err := d.Runs(d.t.Context(), q, before, 3)
		if err != nil {
			d.t.Fatal(err)
		}
		for _, r := range page.Runs {
			all = append(all, r.ID)
		}
		if before = page.Next; before == 0 {
			break
		}
	}
	if n, err := d.Count(d.t.Context(), q); err != nil || n != len(all) {
		d.t.Errorf("%d counted, %d found, %v", n, len(all), err)
	}
	return all
}

func TestSearch(t *testing.T) {
	d := newDesk(t, "sender_name")
	waiting := d.run("invoice", func(r *journal.Run) { r.State, r.Reason, r.Next = run.Waiting, "http_503", now() })
	done := d.run("invoice", func(r *journal.Run) {
		settle(run.Done)(r)
		r.Business = []string{"ACME", "INV-0042"}
		r.Search = map[string]string{"sender_name": "Müller & Söhne GmbH", "iban": "DE89"}
		r.Step("create").Kept = map[string]json.RawMessage{"erp_id": json.RawMessage(`"ERP-9"`), "row": json.RawMessage(`77`)}
	})
	other := d.run("archive", settle(run.Skipped))
	rejected := d.run("invoice", dies("erp", "the supplier 17 is not known"))
	again := d.run("archive", dies("erp", "the supplier 18 is not known"))
	for name, c := range map[string]struct {
		q    index.Query
		want []*journal.Run // newest first
	}{
		"all":                 {index.Query{}, []*journal.Run{again, rejected, other, done, waiting}},
		"state":               {index.Query{State: run.Waiting}, []*journal.Run{waiting}},
		"pipeline":            {index.Query{Pipeline: "archive"}, []*journal.Run{again, other}},
		"pipeline and state":  {index.Query{Pipeline: "invoice", State: run.Dead}, []*journal.Run{rejected}},
		"annotation":          {index.Query{Annotation: done.Annotation}, []*journal.Run{done}},
		"since":               {index.Query{Since: other.Received}, []*journal.Run{again, rejected, other}},
		"until":               {index.Query{Until: other.Received}, []*journal.Run{done, waiting}},
		"target of dead runs": {index.Query{Target: "erp"}, []*journal.Run{again, rejected}},
		"another target":      {index.Query{Target: "sap"}, nil},
		"died since":          {index.Query{DiedSince: again.Settled}, []*journal.Run{again}},
		"text: run":           {index.Query{Text: string(done.Run)}, []*journal.Run{done}},
		"text: its beginning": {index.Query{Text: " " + strings.ToUpper(string(done.Run[:8]))}, []*journal.Run{done}},
		"text: annotation":    {index.Query{Text: strconv.FormatInt(other.Annotation, 10)}, []*journal.Run{other}},
		"text: key part":      {index.Query{Text: "inv-0042"}, []*journal.Run{done}},
		"text: half a part":   {index.Query{Text: "inv-00"}, nil},
		"text: kept":          {index.Query{Text: "ERP-9"}, []*journal.Run{done}},
		"text: kept number":   {index.Query{Text: "77"}, []*journal.Run{done}},
		"text: words":         {index.Query{Text: "söhne MÜLLER"}, []*journal.Run{done}},
		"text: half words":    {index.Query{Text: "söhn"}, nil},
		"text: stars":         {index.Query{Text: "* **"}, nil},
		"text: other words":   {index.Query{Text: "müller inc"}, nil},
		"text: not indexed":   {index.Query{Text: "DE89"}, nil},
		"text: of FTS5":       {index.Query{Text: `müller" OR "x*`}, nil},
		"text: SQL":           {index.Query{Text: `' OR 1=1 --`}, nil},
		"text and state":      {index.Query{Text: "inv-0042", State: run.Waiting}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var want []run.ID
			for _, r := range c.want {
				want = append(want, r.Run)
			}
			if got := d.find(c.q); !slices.Equal(got, want) {
				t.Errorf("found %v, want %v", got, want)
			}
		})
	}
	page, err := d.Runs(t.Context(), index.Query{State: run.Dead}, 0, 1)
	if err != nil || len(page.Runs) != 1 {
		t.Fatalf("%+v, %v", page, err)
	}
	got := page.Runs[0]
	if got.ID != again.Run || got.Step != "create" || got.Target != "erp" || got.Reason != "http_400" || got.Outcome != "rejected" ||
		!got.Received.Equal(again.Received) || !got.Settled.Equal(again.Settled) || got.Tries != 1 || got.Event != again.Event {
		t.Errorf("%+v", got)
	}
}

// TestFileTellsNoInvoice: what is not asked for stands nowhere in the file.
func TestFileTellsNoInvoice(t *testing.T) {
	d := newDesk(t, "sender_name")
	d.run("invoice", func(r *journal.Run) {
		dies("erp", "INV-SECRET-1 was refused")(r)
		r.Business = []string{"INV-SECRET-1"}
		r.Search = map[string]string{"sender_name": "Shown GmbH", "iban": "DE-SECRET-2"}
		r.Message = "INV-SECRET-1 was refused"
		r.Step("create").Kept = map[string]json.RawMessage{"erp_id": json.RawMessage(`"ERP-SECRET-3"`)}
		r.Notes = []journal.Note{{Who: "alice", What: "replayed", Why: "SECRET-4"}}
	})
	if err := d.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(d.path + "*")
	if err != nil || len(files) < 2 {
		t.Fatalf("files %v, %v", files, err)
	}
	shown := false
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", filepath.Base(file), info.Mode().Perm())
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(strings.ToUpper(string(data)), "SECRET-") {
			t.Errorf("%s holds invoice data in clear", filepath.Base(file))
		}
		shown = shown || strings.Contains(string(data), "Shown GmbH")
	}
	if !shown {
		t.Error("the configured field is in no file: the test looks at the wrong files")
	}
}

func TestCauses(t *testing.T) {
	d := newDesk(t)
	var last *journal.Run
	for i := range 3 {
		last = d.run("invoice", dies("erp", fmt.Sprintf("the supplier %d is not known", i)))
	}
	tax := d.run("invoice", dies("erp", "the tax code is not known"))
	d.run("invoice", settle(run.Done))
	if err := d.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, all, err := d.Causes(t.Context(), index.Query{}, 1)
	if err != nil || all != 2 || len(got) != 1 {
		t.Fatalf("%+v of %d, %v", got, all, err)
	}
	c := got[0]
	if c.Count != 3 || c.Pipeline != "invoice" || c.Step != "create" || c.Target != "erp" || c.Outcome != "rejected" || c.Reason != "http_400" ||
		c.Example != last.Run || !c.Last.Equal(last.Settled) || !c.First.Equal(last.Settled.Add(-2*time.Second)) {
		t.Errorf("%+v", c)
	}
	chosen, err := d.Select(t.Context(), index.Query{Cause: c.ID})
	if err != nil || len(chosen) != 3 || chosen[2].Run != last.Run || chosen[2].Pipeline != "invoice" || !chosen[2].Received.Equal(last.Received) {
		t.Errorf("selected %+v, %v", chosen, err)
	}
	d.change(tax, func(r *journal.Run) { r.State, r.Settled, r.Failure = run.Waiting, time.Time{}, nil })
	if err := d.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, all, err = d.Causes(t.Context(), index.Query{}, 10); err != nil || all != 1 || len(got) != 1 {
		t.Errorf("after a replay: %+v of %d, %v", got, all, err)
	}
}

func TestOverview(t *testing.T) {
	d := newDesk(t)
	d.n = 1000 // received from 12:30:01 on
	died := d.run("invoice", dies("erp", "no"))
	d.run("invoice", settle(run.Done))
	oldest := d.run("archive", func(r *journal.Run) { r.State = run.Parked })
	d.run("archive", nil)
	gone := d.run("archive", settle(run.Done))
	check := func(wantAccepted, wantDone, wantDead, wantWaiting int) {
		t.Helper()
		if err := d.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		hours, err := d.Hours(t.Context(), 24)
		if err != nil || len(hours) != 24 {
			t.Fatalf("%d hours, %v", len(hours), err)
		}
		h := hours[23]
		if h.Accepted != wantAccepted || h.Done != wantDone || h.Dead != wantDead || !h.Begins.Equal(now().Truncate(time.Hour)) {
			t.Errorf("%+v, want %d accepted, %d done, %d dead", h, wantAccepted, wantDone, wantDead)
		}
		tallies, err := d.Tallies(t.Context())
		if err != nil || tallies["invoice"].States[run.Waiting] != wantWaiting || tallies["archive"].States[run.Parked] != 1 ||
			tallies["archive"].States[run.Running] != 1 || !tallies["archive"].Oldest.Equal(oldest.Received) {
			t.Errorf("%+v, %v", tallies, err)
		}
	}
	check(5, 2, 1, 0)
	d.change(died, func(r *journal.Run) { r.State, r.Settled, r.Failure = run.Waiting, time.Time{}, nil })
	check(5, 2, 0, 1)
	if err := d.j.Forget(t.Context(), gone.Record); err != nil {
		t.Fatal(err)
	}
	check(4, 1, 0, 1)
}

func TestPace(t *testing.T) {
	d := newDesk(t)
	d.n = 900 // 100 s ago
	for i := range 20 {
		d.run("invoice", func(r *journal.Run) {
			s := r.Step("create")
			s.Target = "erp"
			kind := outcome.OK
			if i%5 == 0 {
				kind = outcome.Retry
			}
			r.Attempted(s, journal.Attempt{Step: "create", Kind: "send", At: r.Received, Took: time.Duration(i+1) * time.Millisecond, Outcome: outcome.Outcome{Kind: kind, Status: 503}})
		})
	}
	if err := d.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	p, err := d.Pace(t.Context(), "erp", 10*time.Minute)
	if err != nil || p.Attempts != 20 || p.Failed != 4 || p.PerMin != 2 || p.Median != 11*time.Millisecond || p.Slow != 20*time.Millisecond {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err := d.Pace(t.Context(), "erp", 50*time.Second); err != nil || p.Attempts != 0 {
		t.Errorf("of the last 50 s: %+v, %v", p, err)
	}
	all, err := d.Attempts(t.Context(), "erp", "", 2)
	if err != nil || len(all) != 2 || all[0].Took != 20*time.Millisecond || all[0].Status != 503 || all[0].Step != "create" || all[0].Pipeline != "invoice" {
		t.Errorf("%+v, %v", all, err)
	}
	if all, err = d.Attempts(t.Context(), "", "invoice", 50); err != nil || len(all) != 20 {
		t.Errorf("%d attempts of the pipeline, %v", len(all), err)
	}
}

func TestLedger(t *testing.T) {
	d := newDesk(t)
	var names []string
	for i := range 5 {
		c := journal.Claim{
			Target: "https://erp.example", Key: []string{"INV-" + strconv.Itoa(i), "create"}, Run: run.ID("run" + strconv.Itoa(i)),
			Pipeline: "invoice", Step: "create", Annotation: int64(i + 1), Fingerprint: "f",
		}
		if _, _, err := d.j.Claim(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		names = append(names, d.j.LedgerKey(c.Target, c.Key))
	}
	if err := d.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		q    index.LineQuery
		want []string
	}{
		"all":        {index.LineQuery{}, names},
		"key":        {index.LineQuery{Text: "inv-3"}, names[3:4]},
		"run":        {index.LineQuery{Text: "run2"}, names[2:3]},
		"annotation": {index.LineQuery{Text: "5"}, names[4:5]},
		"target":     {index.LineQuery{Target: "ERP.example"}, names},
		"no target":  {index.LineQuery{Target: "sap"}, nil},
		"state":      {index.LineQuery{State: "reserved"}, names},
		"no state":   {index.LineQuery{State: "delivered"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for before := int64(0); ; {
				page, next, err := d.Lines(t.Context(), c.q, before, 2)
				if err != nil {
					t.Fatal(err)
				}
				if got, before = append(got, page...), next; next == 0 {
					break
				}
			}
			slices.Sort(got)
			want := slices.Sorted(slices.Values(c.want))
			if !slices.Equal(got, want) {
				t.Errorf("found %v, want %v", got, want)
			}
		})
	}
	lines, err := queue.OpenBucket[journal.Entry](t.Context(), d.q, queue.BucketLedger)
	if err != nil {
		t.Fatal(err)
	}
	if err := lines.Delete(t.Context(), names[0], 0); err != nil {
		t.Fatal(err)
	}
	if err := d.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, _, err := d.Lines(t.Context(), index.LineQuery{Text: "inv-0"}, 0, 10); err != nil || len(got) != 0 {
		t.Errorf("a freed line is found: %v, %v", got, err)
	}
}

// TestRebuild: the file may be missing, old, of another version, of other fields or garbage; in the end it is right.
func TestRebuild(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, path string){
		"nothing":  func(*testing.T, string) {},
		"missing":  func(t *testing.T, path string) { remove(t, path) },
		"garbage":  func(t *testing.T, path string) { remove(t, path); write(t, path, strings.Repeat("garbage ", 1000)) },
		"empty":    func(t *testing.T, path string) { remove(t, path); write(t, path, "") },
		"readable": func(t *testing.T, path string) { must(t, os.Chmod(path, 0o644)) },
		"version":  func(t *testing.T, path string) { sqlite(t, path, "UPDATE meta SET value = '0' WHERE name = 'made'") },
		"backup": func(t *testing.T, path string) {
			sqlite(t, path, "UPDATE meta SET value = '99999' WHERE name = 'runs'")
		},
		"no table": func(t *testing.T, path string) { sqlite(t, path, "DROP TABLE meta") },
	} {
		t.Run(name, func(t *testing.T) {
			d := &desk{t: t, q: queuetest.Open(t), path: filepath.Join(t.TempDir(), "console.db")}
			var err error
			if d.j, err = journal.Open(t.Context(), d.q, now); err != nil {
				t.Fatal(err)
			}
			stop := d.open()
			first := d.run("invoice", settle(run.Done))
			d.find(index.Query{})
			stop()
			second := d.run("invoice", settle(run.Done))
			if err := d.j.Forget(t.Context(), first.Record); err != nil {
				t.Fatal(err)
			}
			spoil(t, d.path)
			d.open()
			if got := d.find(index.Query{}); !slices.Equal(got, []run.ID{second.Run}) {
				t.Errorf("found %v, want %s", got, second.Run)
			}
			if p := d.Progress(); p.Building || p.Problem != "" {
				t.Errorf("%+v", p)
			}
			info, err := os.Stat(d.path)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
		})
	}
}

func TestOtherFieldsRebuild(t *testing.T) {
	d := &desk{t: t, q: queuetest.Open(t), path: filepath.Join(t.TempDir(), "console.db")}
	var err error
	if d.j, err = journal.Open(t.Context(), d.q, now); err != nil {
		t.Fatal(err)
	}
	d.run("invoice", func(r *journal.Run) { r.Search = map[string]string{"a": "alpha", "b": "beta"} })
	for _, fields := range [][]string{{"a"}, {"b"}, nil} {
		stop := d.open(fields...)
		for name, text := range map[string]string{"a": "alpha", "b": "beta"} {
			if got := d.find(index.Query{Text: text}); (len(got) == 1) != slices.Contains(fields, name) {
				t.Errorf("fields %v: %q found %v", fields, text, got)
			}
		}
		stop()
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
}

func write(t *testing.T, path, data string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(data), 0o600))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sqlite(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	must(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), statement)
	must(t, err)
}
