package worker_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// erp keeps what is written to it, by path, and answers GET with all of it.
type erp struct {
	mu     sync.Mutex
	writes []string                                // bodies
	before func(n int, w http.ResponseWriter) bool // of the n-th write, once it is kept; false: it has seen to the answer
}

// ServeHTTP is the ERP.
func (e *erp) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	e.mu.Lock()
	if req.Method != http.MethodGet {
		e.writes = append(e.writes, string(body))
	}
	n, all := len(e.writes), strings.Join(e.writes, ",")
	e.mu.Unlock()
	if req.Method == http.MethodGet {
		_, _ = io.WriteString(w, "["+all+"]")
		return
	}
	if e.before == nil || e.before(n, w) {
		_, _ = io.WriteString(w, `{"id": 4711}`)
	}
}

func (e *erp) written() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.writes
}

const twoHooks = `
  first: {hook: acme, events: [annotation_content.export], key: [field.document_id], steps: [STEP]}
  second: {hook: other, events: [annotation_content.export], key: [field.document_id], steps: [STEP]}
  archive: {hook: other, events: [annotation_content.export], key: [field.document_id], steps: [{file: {send: erp, post: /archive, map: {n: "{{ field.document_id }}"}, keep: {id: response.body.id}}}]}
  wrong: {hook: other, events: [annotation_content.export], key: [field.document_id], steps: [{create: {send: erp, post: /archive, map: {n: "{{ field.document_id }}"}}}]}
`

// TestOneKeyOverPipelines: the same invoice by two hooks reaches the ERP once; what another step delivers is another
// delivery; and what cannot be told apart is never sent twice, but told.
func TestOneKeyOverPipelines(t *testing.T) {
	t.Parallel()
	world := &erp{}
	r := newRig(t, strings.ReplaceAll(twoHooks, "STEP",
		`{create: {send: erp, post: /invoices, map: {number: "{{ field.document_id }}"}, keep: {id: response.body.id}}}`), world)
	r.process()
	for _, c := range []struct {
		pipeline   string
		annotation int64
		want       run.State
		writes     int
		told       string
	}{
		{"first", 1, run.Done, 1, ""},
		{"second", 1, run.Done, 1, ""},
		{"second", 2, run.Dead, 1, "already delivered from annotation 1 by pipeline first as 4711"},
		{"archive", 1, run.Done, 2, ""},
		{"wrong", 1, run.Dead, 2, "by pipeline first; where both are to be delivered, give one of the steps another name"},
	} {
		rec := r.settled(r.export(c.pipeline, c.annotation, "INV-1", "1"))
		if rec.State != c.want || len(world.written()) != c.writes || !strings.Contains(rec.Message, c.told) {
			t.Errorf("%s of annotation %d: %s, %q; %d writes", c.pipeline, c.annotation, rec.State, rec.Message, len(world.written()))
		}
		if c.want == run.Done && string(rec.Step(rec.Steps[0].Name).Kept["id"]) != "4711" {
			t.Errorf("%s keeps %s", c.pipeline, rec.Steps[0].Kept)
		}
	}
}

// TestChangeAfterAnUncertainDelivery: the answer to the first document is lost, then the invoice is corrected. The look-up
// finds the first one: the correction is still to be sent.
func TestChangeAfterAnUncertainDelivery(t *testing.T) {
	t.Parallel()
	world := &erp{before: func(n int, w http.ResponseWriter) bool { return n != 1 || !hangUp(w) }}
	r := newRig(t, `
  mirror:
    hook: acme
    events: [annotation_content.export]
    key: [field.document_id]
    steps: [{create: {send: erp, patch: /invoices, on_change: send, map: {n: "{{ field.document_id }}", total: "{{ field.amount_total }}"}, find: {get: /invoices, hit: "response.body[0]", after: 50ms}}}]
`, world)
	r.process()
	first := r.export("mirror", 1, "INV-1", "1")
	r.until(first, func(now journal.Record) bool {
		return now.StateOf("create") == journal.Uncertain && now.State == run.Waiting
	})
	second := r.export("mirror", 1, "INV-1", "2")
	if rec := r.settled(second); rec.State != run.Done {
		t.Errorf("the correction is %s: %s", rec.State, rec.Message)
	}
	if rec := r.settled(first); rec.State != run.Superseded {
		t.Errorf("the first run is %s: %s", rec.State, rec.Message)
	}
	if diff := cmp.Diff([]string{`{"n":"INV-1","total":"1"}`, `{"n":"INV-1","total":"2"}`}, world.written()); diff != "" {
		t.Error(diff)
	}
}

// hangUp loses the answer.
func hangUp(w http.ResponseWriter) bool {
	c, _, err := w.(http.Hijacker).Hijack()
	return err == nil && c.Close() == nil
}

// TestRefusedAfterALostAnswer: a change by PUT may have arrived, is made again and refused. Which document is there now
// nobody knows: the former one is not taken for delivered.
func TestRefusedAfterALostAnswer(t *testing.T) {
	t.Parallel()
	world := &erp{before: func(n int, w http.ResponseWriter) bool {
		switch n {
		case 2:
			return !hangUp(w)
		case 3:
			w.WriteHeader(http.StatusBadRequest)
		}
		return true
	}}
	r := newRig(t, `
  mirror:
    hook: acme
    events: [annotation_content.export]
    key: [field.document_id]
    retry: {first: 50ms, max: 50ms, for: 1h}
    steps: [{create: {send: erp, put: /invoices, on_change: send, map: {total: "{{ field.amount_total }}"}}}]
`, world)
	r.process()
	for _, c := range []struct {
		total  string
		want   run.State
		writes int
	}{{"1", run.Done, 1}, {"2", run.Dead, 3}, {"1", run.Done, 4}} {
		if rec := r.settled(r.export("mirror", 1, "INV-1", c.total)); rec.State != c.want || len(world.written()) != c.writes {
			t.Errorf("total %s: %s %s, %d writes", c.total, rec.State, rec.Message, len(world.written()))
		}
	}
}

// TestSecondMessageOfARunInWork: the process that works on a run refuses its second message, and goes on undisturbed.
func TestSecondMessageOfARunInWork(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}), make(chan struct{})
	world := &erp{before: func(int, http.ResponseWriter) bool {
		close(arrived)
		<-release
		return true
	}}
	r := newRig(t, `  one: {hook: acme, events: [annotation_content.export], steps: [{create: {send: erp, post: /invoices, timeout: 20s, map: {n: 1}}}]}`, world)
	r.process()
	id := r.export("one", 1, "INV-1", "1")
	<-arrived
	now, err := r.journal.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	e := queue.Envelope{Run: id, Pipeline: "one", Hook: "acme", Event: exported, Key: now.Key, Annotation: 1, Generation: 1, Hop: 1, Received: now.Received}
	p, err := r.server.StorePayload(t.Context(), id, r.payload(1, "INV-1", "1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.server.Publish(t.Context(), "one", e, p); err != nil {
		t.Fatal(err)
	}
	for inWork := 0; inWork < 2; { // given to the process, beside the first
		lanes, err := r.server.Lanes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		inWork = lanes[0].InWork
		select {
		case <-t.Context().Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
	close(release)
	if rec := r.settled(id); rec.State != run.Done || rec.Hop != 1 || rec.Tries() != 0 {
		t.Errorf("the run is %s after %d hops: %s", rec.State, rec.Hop, rec.Message)
	}
	if n := len(world.written()); n != 1 {
		t.Errorf("%d writes", n)
	}
}

// TestAttemptsTellWhatWasSent: by size and hash, as the configuration may be another one when somebody asks.
func TestAttemptsTellWhatWasSent(t *testing.T) {
	t.Parallel()
	world := &erp{}
	r := newRig(t, `
  one:
    hook: acme
    events: [annotation_content.export]
    steps:
      - doc: {map: {n: 2}}
      - body: {send: erp, post: /invoices, map: {n: 1}}
      - form: {send: erp, post: /invoices, form: {b: "2", a: "1"}}
      - file: {send: erp, post: /invoices, files: {part: steps.doc}, form: {a: "1"}}
`, world)
	r.process()
	rec := r.settled(r.export("one", 1, "INV-1", "1"))
	sent := func(part, body string) journal.Sent {
		sum := sha256.Sum256([]byte(body))
		return journal.Sent{Part: part, Bytes: int64(len(body)), SHA256: hex.EncodeToString(sum[:])}
	}
	for step, want := range map[string][]journal.Sent{
		"body": {sent("", `{"n":1}`)}, "form": {sent("", "a=1&b=2")}, "file": {sent("", "a=1"), sent("part", `{"n":2}`)},
	} {
		attempts := rec.Step(step).Attempts
		if len(attempts) != 1 {
			t.Fatalf("step %s: %d attempts; %s %s", step, len(attempts), rec.State, rec.Message)
		}
		if diff := cmp.Diff(want, attempts[0].Sent); diff != "" {
			t.Errorf("step %s: %s", step, diff)
		}
	}
	if got := world.written(); !strings.Contains(got[0], `{"n":1}`) || got[1] != "a=1&b=2" || !json.Valid([]byte(got[0])) {
		t.Errorf("the ERP got %q", got)
	}
}
