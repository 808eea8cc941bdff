package console_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim/samples"
	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/console"
	"github.com/rossum-relay/rossum-relay/worker/console/access"
	"github.com/rossum-relay/rossum-relay/worker/console/index"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/operate"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
	"github.com/rossum-relay/rossum-relay/worker/run"
	"github.com/rossum-relay/rossum-relay/worker/target/limits"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("database/sql.(*DB).connectionOpener"))
}

const (
	exported   = "annotation_content.export"
	password   = "correct horse battery"
	viewToken  = "view-0123456789abcdef0123456789abcdef"
	actToken   = "operate-0123456789abcdef0123456789abcdef"
	clearToken = "reveal-0123456789abcdef0123456789abcdef"
	erpSecret  = "erp-password-nobody-may-see"
)

const relayYAML = `
rossum: {acme: {base_url: "https://example-eu.rossum.app"}}
hooks: {acme: {rossum: acme, signing_secrets: ["${SECRET}"]}}
targets:
  erp:
    http: {base_url: "https://erp.example", headers: {X-Api-Key: plain-header-secret}, basic: {username: relay, password: "${ERP}"}}
    rate: 20/s
    hours: {from: "00:00", to: "23:59", zone: UTC}
  archive: {dir: {path: .}}
ingest: {public_url: "https://relay.example"}
console:
  listen: 127.0.0.1:8090
  users: {alice: {password: "${HASH}", role: reveal}, otto: {password: "${HASH}", role: operate}, vera: {password: "${HASH}"}}
  tokens: {view: {token: "${VIEW}", role: view}, act: {token: "${ACT}", role: operate}, clear: {token: "${CLEAR}", role: reveal}}
  index: {fields: [sender_name]}
pipelines:
  invoice:
    hook: acme
    events: [annotation_content.export]
    key: [field.document_id]
    fields: {supplier: sender_name}
    steps:
      - create:
          send: erp
          post: /api/invoices
          map: {number: "{{ field.document_id }}", total: "{{ value.amount_total }}", supplier: "{{ field.sender_name }}"}
          keep: {erp_id: response.body.id}
  copy:
    hook: acme
    events: [annotation_content.export]
    key: [annotation.id]
    steps:
      - file: {send: archive, path: "{{ field.document_id }}.json", map: {number: "{{ field.document_id }}"}}
`

// desk is a console over a queue without workers; what workers do the tests do by hand.
type desk struct {
	t       testing.TB
	q       *queue.Queue
	j       *journal.Journal
	op      *operate.Operator
	index   *index.Index
	config  *configs.Config
	server  *console.Server
	url     string
	n       int
	client  *http.Client
	started time.Time
}

// open serves the console of a configuration.
func open(t testing.TB, yaml string) *desk {
	t.Helper()
	d := &desk{t: t, q: queuetest.Open(t), started: time.Now()}
	hash, err := access.Hash(password)
	must(t, err)
	env := map[string]string{"SECRET": "hook-secret", "ERP": erpSecret, "HASH": hash, "VIEW": viewToken, "ACT": actToken, "CLEAR": clearToken}
	d.config, err = configs.Parse(filepath.Join(t.TempDir(), "relay.yaml"), []byte(yaml), configs.WithEnv(func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}))
	must(t, err)
	must(t, d.config.Resolve())
	set, err := pipeline.Compile(d.config)
	must(t, err)
	d.j, err = journal.Open(t.Context(), d.q, time.Now)
	must(t, err)
	answers, err := answer.Open(t.Context(), d.q, time.Now)
	must(t, err)
	shared, err := limits.Open(t.Context(), d.q, "console", time.Now, zap.NewNop())
	must(t, err)
	d.op = operate.New(operate.Options{
		Queue: d.q, Journal: d.j, Answers: answers, Holds: shared.HoldStore, Config: d.config, Pipelines: set, Who: "console",
	})
	guard, err := access.Open(t.Context(), d.config.Console, d.q, time.Now)
	must(t, err)
	d.index, err = index.Open(t.Context(), index.Options{
		Path: filepath.Join(t.TempDir(), "console.db"), Queue: d.q, Journal: d.j, Fields: d.config.Console.Index.Fields, Log: zap.NewNop(),
	})
	must(t, err)
	d.server, err = console.New(console.Options{
		Config: d.config, Operator: d.op, Limits: shared, Index: d.index, Guard: guard, Log: zap.NewNop(), Version: "v0.0.0-test",
	})
	must(t, err)
	d.serve()
	return d
}

// serve serves until the test ends.
func (d *desk) serve() {
	l := httptest.NewUnstartedServer(nil).Listener
	d.url = "http://" + l.Addr().String()
	ctx, cancel := context.WithCancel(context.WithoutCancel(d.t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- d.server.Serve(ctx, l) }()
	jar, err := cookiejar.New(nil)
	must(d.t, err)
	d.client = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	d.t.Cleanup(func() {
		d.client.CloseIdleConnections()
		cancel()
		if err := <-ended; err != nil {
			d.t.Error(err)
		}
		if err := d.index.Close(); err != nil {
			d.t.Error(err)
		}
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// caughtUp waits until the index knows all.
func (d *desk) caughtUp() {
	d.t.Helper()
	must(d.t, d.index.CatchUp(d.t.Context()))
}

// do makes a request; a body that is not a string is sent as JSON.
func (d *desk) do(method, path, token string, body any, change ...func(*http.Request)) (int, http.Header, string) {
	d.t.Helper()
	var r io.Reader
	kind := ""
	switch b := body.(type) {
	case nil:
	case url.Values:
		r, kind = strings.NewReader(b.Encode()), "application/x-www-form-urlencoded"
	case string:
		r, kind = strings.NewReader(b), "application/json"
	default:
		raw, err := json.Marshal(b)
		must(d.t, err)
		r, kind = bytes.NewReader(raw), "application/json"
	}
	req, err := http.NewRequestWithContext(d.t.Context(), method, d.url+path, r)
	must(d.t, err)
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for _, c := range change {
		c(req)
	}
	res, err := d.client.Do(req)
	must(d.t, err)
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	must(d.t, err)
	return res.StatusCode, res.Header, string(data)
}

// login begins a session in the desk's client.
func (d *desk) login(name string) {
	d.t.Helper()
	status, head, body := d.do("POST", "/login", "", url.Values{"name": {name}, "password": {password}, "to": {"/dead"}})
	if status != http.StatusSeeOther || head.Get("Location") != "/dead" {
		d.t.Fatalf("login: %d %s", status, body)
	}
}

// page fetches a page that must be there.
func (d *desk) page(path string) string {
	d.t.Helper()
	status, _, body := d.do("GET", path, "", nil)
	if status != http.StatusOK {
		d.t.Fatalf("GET %s: %d\n%s", path, status, body)
	}
	return body
}

// post sends a form that must lead on.
func (d *desk) post(path string, form url.Values) string {
	d.t.Helper()
	status, head, body := d.do("POST", path, "", form)
	if status != http.StatusSeeOther {
		d.t.Fatalf("POST %s: %d\n%s", path, status, body)
	}
	return head.Get("Location")
}

// event makes the envelope of another event each time.
func (d *desk) event(pipeline string) queue.Envelope {
	d.n++
	key := run.NewEventKey("acme", exported, pipeline, strconv.Itoa(d.n))
	return queue.Envelope{
		Run: run.NewID(key, pipeline, 1), Pipeline: pipeline, Hook: "acme", Event: exported, Key: key, Annotation: int64(1000 + d.n),
		Generation: 1, Received: d.started.Add(time.Duration(d.n-1000) * time.Minute / 2).UTC().Truncate(time.Millisecond),
	}
}

// begun is a run in a worker's hands.
func (d *desk) begun(e queue.Envelope) *journal.Run {
	d.t.Helper()
	r, err := d.j.Take(d.t.Context(), e, e.Pipeline, "worker", time.Minute)
	must(d.t, err)
	r.Business = []string{fmt.Sprintf("INV-%04d", d.n)}
	r.Search = map[string]string{"sender_name": "Müller & Söhne GmbH"}
	return r
}

func (d *desk) attempt(r *journal.Run, o outcome.Outcome) {
	d.t.Helper()
	s := r.Step("create")
	s.Target, s.State, s.Tries = "erp", journal.Failed, 1
	a := journal.Attempt{Step: "create", Kind: "send", At: r.Received.Add(time.Second), Took: 140 * time.Millisecond, Outcome: o}
	if time.Since(a.At) > 10*time.Minute {
		a.At = time.Now().Add(-time.Duration(d.n%600) * time.Second)
	}
	r.Attempted(s, a)
	must(d.t, d.q.Record(d.t.Context(), r.Pipeline, r.Run, a))
}

// die lets a run die at its create step, as a worker would; change sees it before its last save.
func (d *desk) die(o outcome.Outcome, change func(*journal.Run)) *journal.Run {
	d.t.Helper()
	e := d.event("invoice")
	r := d.begun(e)
	p, err := d.q.StorePayload(d.t.Context(), e.Run, samples.All()[0])
	must(d.t, err)
	d.attempt(r, o)
	if change != nil {
		change(r)
	}
	r.State, r.Settled, r.Reason, r.Message = run.Dead, r.Received.Add(time.Minute), o.Reason, o.Message
	r.Failure = &journal.Failure{Step: "create", Target: "erp", Outcome: o}
	r.Hop++
	r.Release()
	must(d.t, r.Save(d.t.Context()))
	details, err := json.Marshal(r.Record)
	must(d.t, err)
	e.Hop = r.Hop
	must(d.t, d.q.Bury(d.t.Context(), queue.Letter{
		Envelope: e, Lane: r.Lane, Step: "create", Target: "erp", Outcome: string(o.Kind), Reason: o.Reason, Attempts: 1, First: r.Created,
		Last: r.Settled, Details: details, Payload: p, Cause: operate.Cause(d.q, r.Pipeline, r.Failure),
	}))
	return r
}

func rejected(text string) outcome.Outcome {
	return outcome.Outcome{
		Kind: outcome.Rejected, Reason: "http_400", Status: 400, Message: text, Excerpt: `{"errors":{"supplier":["is not known"]}}`,
		Fields: []outcome.Field{{SchemaID: "sender_name", Type: "error", Text: "is not known"}},
	}
}

// uncertain is a run that died of a delivery nobody knows the end of.
func (d *desk) uncertain() *journal.Run {
	d.t.Helper()
	o := outcome.Outcome{Kind: outcome.Uncertain, Reason: "uncertain", Message: "the connection broke after the request was sent: it may already be at the ERP"}
	return d.die(o, func(r *journal.Run) {
		c := journal.Claim{
			Target: "https://erp.example", Key: append([]string{}, append(r.Business, "create")...), Run: r.Run, Pipeline: r.Pipeline, Step: "create",
			Annotation: r.Annotation, Fingerprint: "f-" + string(r.Run),
		}
		_, _, err := d.j.Claim(d.t.Context(), c)
		must(d.t, err)
		must(d.t, d.j.Doubt(d.t.Context(), c, time.Now()))
		s := r.Step("create")
		s.State, s.Ledger = journal.Uncertain, d.j.LedgerKey(c.Target, c.Key)
	})
}

// done is a delivered run.
func (d *desk) done() *journal.Run {
	d.t.Helper()
	r := d.begun(d.event("invoice"))
	d.attempt(r, outcome.Outcome{Kind: outcome.OK, Status: 201})
	s := r.Step("create")
	s.State, s.Kept = journal.Done, map[string]json.RawMessage{"erp_id": json.RawMessage(`"ERP-` + strconv.Itoa(d.n) + `"`)}
	c := journal.Claim{
		Target: "https://erp.example", Key: append([]string{}, append(r.Business, "create")...), Run: r.Run, Pipeline: r.Pipeline, Step: "create",
		Annotation: r.Annotation, Fingerprint: "f",
	}
	_, _, err := d.j.Claim(d.t.Context(), c)
	must(d.t, err)
	must(d.t, d.j.Deliver(d.t.Context(), c, s.Kept))
	r.State, r.Settled = run.Done, r.Received.Add(3*time.Second)
	r.Release()
	must(d.t, r.Save(d.t.Context()))
	return r
}

// parked is a run that waits for its time.
func (d *desk) parked() *journal.Run {
	d.t.Helper()
	e := d.event("invoice")
	p, err := d.q.StorePayload(d.t.Context(), e.Run, samples.All()[0])
	must(d.t, err)
	r := d.begun(e)
	r.Step("create").Target = "erp"
	r.State, r.Reason, r.Message, r.At, r.Next = run.Parked, "breaker_open", "target erp failed 5 times in a row (http_503)", "create", time.Now().Add(time.Hour)
	r.Hop++
	r.Release()
	must(d.t, r.Save(d.t.Context()))
	e.Hop = r.Hop
	must(d.t, d.q.Schedule(d.t.Context(), e.Pipeline, e, p, r.Next))
	return r
}

// stateOf is a run's state now.
func (d *desk) stateOf(id run.ID) run.State {
	d.t.Helper()
	r, err := d.j.Get(d.t.Context(), id)
	must(d.t, err)
	return r.State
}
