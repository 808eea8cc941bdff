package operate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim/samples"
	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/operate"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
	"github.com/rossum-relay/rossum-relay/worker/run"
	"github.com/rossum-relay/rossum-relay/worker/target/limits"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	exported = "annotation_content.export"
	why      = "because of the test"
	instance = "https://erp.example"
)

const relayYAML = `
rossum: {acme: {base_url: "https://example-eu.rossum.app"}}
hooks: {acme: {rossum: acme, signing_secrets: ["${SECRET}"], secrets: {api: "${SECRET}"}}}
targets: {erp: {http: {base_url: "https://erp.example"}}}
ingest: {public_url: "https://relay.example"}
pipelines:
  invoice:
    hook: acme
    events: [annotation_content.export]
    key: [field.document_id]
    steps:
      - create:
          send: erp
          post: /api/invoices
          headers: {X-Api-Key: "{{ secrets.api }}"}
          map: {number: "{{ field.document_id }}", total: "{{ value.amount_total }}", supplier: "{{ field.sender_name }}"}
          keep: {erp_id: response.body.id}
      - attach: {send: erp, put: "/api/invoices/{{ steps.create.erp_id }}/note", map: {currency: "{{ field.currency }}"}}
  fresh:
    hook: acme
    events: [annotation_status.changed]
    content: current
    steps:
      - create: {send: erp, post: /api/invoices, map: {number: "{{ field.document_id }}"}}
`

// desk is an operator at a queue without workers; what workers do the tests do by hand.
type desk struct {
	*operate.Operator
	t *testing.T
	q *queue.Queue
	j *journal.Journal

	mu  sync.Mutex
	tap func(queue.Write) error
	n   int
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t}
	d.q = queuetest.OpenConfig(t, queuetest.Config(t.TempDir()), queue.WithTap(func(w queue.Write) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.tap == nil {
			return nil
		}
		return d.tap(w)
	}))
	cfg, err := configs.Parse(filepath.Join(t.TempDir(), "relay.yaml"), []byte(relayYAML), configs.WithRoles(configs.RoleOperator),
		configs.WithEnv(func(string) (string, bool) { return "", false }))
	if err != nil {
		t.Fatal(err)
	}
	set, err := pipeline.Compile(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if d.j, err = journal.Open(t.Context(), d.q, time.Now); err != nil {
		t.Fatal(err)
	}
	answers, err := answer.Open(t.Context(), d.q, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	holds, err := limits.OpenHolds(t.Context(), d.q)
	if err != nil {
		t.Fatal(err)
	}
	d.Operator = operate.New(operate.Options{
		Queue: d.q, Journal: d.j, Answers: answers, Holds: holds, Config: cfg, Pipelines: set, Who: "alice",
	})
	return d
}

// watch shows every write to tap until the next watch; nil ends it.
func (d *desk) watch(tap func(queue.Write) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tap = tap
}

func sample() []byte { return samples.All()[0] }

// event makes the envelope of another event each time.
func (d *desk) event(annotation int64) queue.Envelope {
	d.n++
	key := run.NewEventKey("acme", exported, strconv.Itoa(d.n))
	return queue.Envelope{
		Run: run.NewID(key, "invoice", 1), Pipeline: "invoice", Hook: "acme", Event: exported, Key: key, Annotation: annotation,
		Generation: 1, Received: time.Now().Add(time.Duration(d.n-1000) * time.Second).UTC().Truncate(time.Millisecond),
	}
}

// begun is a run in a worker's hands.
func (d *desk) begun(e queue.Envelope) *journal.Run {
	d.t.Helper()
	r, err := d.j.Take(d.t.Context(), e, e.Pipeline, "worker", time.Minute)
	if err != nil {
		d.t.Fatal(err)
	}
	r.Business = []string{"INV-" + strconv.Itoa(d.n)}
	return r
}

func (d *desk) save(r *journal.Run) {
	d.t.Helper()
	if err := r.Save(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
}

// claim is the claim of a run's create step.
func claim(r *journal.Run) journal.Claim {
	return journal.Claim{
		Target: instance, Key: append([]string{}, append(r.Business, "create")...), Run: r.Run, Pipeline: r.Pipeline, Step: "create",
		Annotation: r.Annotation, Fingerprint: "f-" + string(r.Run),
	}
}

// rejected is what most dead runs of the tests died of.
func rejected(e queue.Envelope) outcome.Outcome {
	return outcome.Outcome{
		Kind: outcome.Rejected, Reason: "http_400", Status: 400,
		Message: fmt.Sprintf("the supplier %d of this invoice is not known", e.Annotation),
		Excerpt: `{"errors":{"supplier":["is not known"]}}`,
	}
}

// die lets a run die at its create step, as a worker would; change sees it before its last save.
func (d *desk) die(e queue.Envelope, payload []byte, o outcome.Outcome, change func(*journal.Run)) *journal.Run {
	d.t.Helper()
	ctx := d.t.Context()
	r := d.begun(e)
	p, err := d.q.StorePayload(ctx, e.Run, payload)
	if err != nil {
		d.t.Fatal(err)
	}
	s := r.Step("create")
	s.Target, s.State, s.Tries = "erp", journal.Failed, 1
	a := journal.Attempt{Step: "create", Kind: "send", At: e.Received.Add(time.Second), Took: 40 * time.Millisecond, Outcome: o}
	r.Attempted(s, a)
	if err := d.q.Record(ctx, e.Pipeline, e.Run, a); err != nil {
		d.t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	d.settle(r, o)
	d.bury(r, e, p, o)
	return r
}

func (d *desk) settle(r *journal.Run, o outcome.Outcome) {
	d.t.Helper()
	r.State, r.Settled, r.Reason, r.Message = run.Dead, time.Now(), o.Reason, o.Message
	r.Failure = &journal.Failure{Step: "create", Target: "erp", Outcome: o}
	r.Hop++
	r.Release()
	d.save(r)
}

func (d *desk) bury(r *journal.Run, e queue.Envelope, p queue.Payload, o outcome.Outcome) {
	d.t.Helper()
	details, err := json.Marshal(r.Record)
	if err != nil {
		d.t.Fatal(err)
	}
	e.Hop = r.Hop
	err = d.q.Bury(d.t.Context(), queue.Letter{
		Envelope: e, Lane: r.Lane, Step: "create", Target: "erp", Outcome: string(o.Kind), Reason: o.Reason, Attempts: 1,
		First: r.Created, Last: r.Settled, Details: details, Payload: p,
		Cause: d.q.Index("cause", r.Pipeline, "create", o.Reason, operate.CauseOf(o))[:12],
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

// dead is a run that was rejected.
func (d *desk) dead() *journal.Run {
	d.t.Helper()
	e := d.event(int64(1000 + d.n))
	return d.die(e, sample(), rejected(e), nil)
}

// uncertain is a run that died of a delivery nobody knows the end of.
func (d *desk) uncertain() *journal.Run {
	d.t.Helper()
	e := d.event(int64(1000 + d.n))
	return d.die(e, sample(), outcome.Outcome{Kind: outcome.Uncertain, Reason: "uncertain", Message: "may already be at the ERP"}, func(r *journal.Run) {
		c := claim(r)
		d.reserve(c)
		if err := d.j.Doubt(d.t.Context(), c, time.Now()); err != nil {
			d.t.Fatal(err)
		}
		s := r.Step("create")
		s.State, s.Ledger = journal.Uncertain, d.j.LedgerKey(c.Target, c.Key)
	})
}

func (d *desk) reserve(c journal.Claim) {
	d.t.Helper()
	if reply, _, err := d.j.Claim(d.t.Context(), c); err != nil || reply != journal.Free {
		d.t.Fatalf("claim: %v, %v", reply, err)
	}
}

// parked is a run that waits for its time, as a worker leaves it.
func (d *desk) parked(reason string) *journal.Run {
	d.t.Helper()
	e := d.event(int64(1000 + d.n))
	p, err := d.q.StorePayload(d.t.Context(), e.Run, sample())
	if err != nil {
		d.t.Fatal(err)
	}
	r := d.begun(e)
	r.Step("create").Target = "erp"
	r.State, r.Reason, r.Message, r.At, r.Next = run.Parked, reason, "parked by the test", "create", time.Now().Add(time.Hour)
	r.Hop++
	r.Release()
	d.save(r)
	e.Hop = r.Hop
	if err := d.q.Schedule(d.t.Context(), e.Pipeline, e, p, r.Next); err != nil {
		d.t.Fatal(err)
	}
	return r
}

// journalOf reads a run as it is now.
func (d *desk) journalOf(id run.ID) *journal.Run {
	d.t.Helper()
	r, err := d.j.Get(d.t.Context(), id)
	if err != nil {
		d.t.Fatal(err)
	}
	return r
}

func (d *desk) hasLetter(id run.ID) bool {
	d.t.Helper()
	_, err := d.q.FindLetter(d.t.Context(), "invoice", id)
	if err != nil && !errors.Is(err, queue.ErrNoLetter) {
		d.t.Fatal(err)
	}
	return err == nil
}

func (d *desk) hasMessage(id run.ID) bool {
	d.t.Helper()
	has, err := d.q.Published(d.t.Context(), id)
	if err != nil {
		d.t.Fatal(err)
	}
	return has
}

// take lets a worker take n messages of the lane, and gives them to f.
func (d *desk) take(ctx context.Context, n int, f func(context.Context, *queue.Delivery)) {
	d.t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex
	err := d.q.Consume(ctx, queue.Lane{Name: "invoice", Limit: 1, Slots: 1, AckWait: 10 * time.Second}, func(work context.Context, m *queue.Delivery) {
		mu.Lock()
		defer mu.Unlock()
		f(work, m)
		if n--; n == 0 {
			cancel()
		}
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

// wantNote fails unless the run's last note and the audit log say what was done.
func (d *desk) wantNote(id run.ID, what string) {
	d.t.Helper()
	notes := d.journalOf(id).Notes
	if len(notes) == 0 || notes[len(notes)-1].What != what || notes[len(notes)-1].Who != "alice" {
		d.t.Errorf("notes %+v, want %q by alice", notes, what)
	}
	found := false
	if err := d.Audit(d.t.Context(), func(a operate.Action) error {
		found = found || a.Run == id && a.What == what && a.Who == "alice"
		return nil
	}); err != nil {
		d.t.Fatal(err)
	}
	if !found {
		d.t.Errorf("%q is not in the audit log", what)
	}
}

// values are the values of the sample's fields that may not be seen unless revealed.
func values(t *testing.T, payload []byte) map[string]string {
	t.Helper()
	p, err := rossumapi.DecodePayload(payload)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for n := range p.Content.All() {
		if v := n.Value(); len(v) >= 6 && strings.ContainsAny(v, "0123456789 ") {
			all[v] = n.SchemaID
		}
	}
	if len(all) < 5 {
		t.Fatal("the sample has too few values to look for")
	}
	return all
}
