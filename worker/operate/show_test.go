package operate_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/operate"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// hookSecret is one of the hook object's secrets.
const hookSecret = "s3cret-of-the-hook"

// withSecret is the sample with a secret of the hook object.
func withSecret(t *testing.T) (payload []byte, token string) {
	t.Helper()
	var all rossumapi.Object
	if err := json.Unmarshal(sample(), &all); err != nil {
		t.Fatal(err)
	}
	for i, m := range all {
		if m.Key == "secrets" {
			all[i].Value = json.RawMessage(`{"api": "` + hookSecret + `"}`)
		}
	}
	if token = all.Text("rossum_authorization_token"); len(token) < 10 {
		t.Fatal("the sample has no token")
	}
	payload, err := all.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return payload, token
}

// talkative is an ERP that repeats the invoice in its complaint.
func talkative(t *testing.T, payload []byte) outcome.Outcome {
	t.Helper()
	p, err := rossumapi.DecodePayload(payload)
	if err != nil {
		t.Fatal(err)
	}
	supplier, total := p.Content.First("sender_name").Value(), p.Content.First("amount_total").Value()
	said := "supplier " + supplier + " may not invoice " + total
	return outcome.Outcome{
		Kind: outcome.Rejected, Reason: "http_400", Status: 400, Message: said, Excerpt: `{"error":"` + said + `"}`,
		Fields: []outcome.Field{{SchemaID: "sender_name", Type: "error", Text: said}},
	}
}

func TestShowRevealsNothingUnasked(t *testing.T) {
	d := newDesk(t)
	payload, token := withSecret(t)
	e := d.event(77)
	r := d.die(e, payload, talkative(t, payload), func(r *journal.Run) { r.Stack = "index of 12345.67\nmain.go:1" })
	hidden, err := d.Show(t.Context(), r.Run, false, "")
	if err != nil {
		t.Fatal(err)
	}
	export, err := d.Export(t.Context(), []run.ID{r.Run})
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]any{"show": hidden, "export": export} {
		text := encoded(t, v)
		for value, field := range values(t, payload) {
			if strings.Contains(text, value) {
				t.Errorf("%s shows %s: %q", name, field, value)
			}
		}
		for _, secret := range []string{token, hookSecret} {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows a credential", name)
			}
		}
		for _, want := range []string{"supplier [field.sender_name] may not invoice [field.amount_total]", `POST`, `/api/invoices`, `X-Api-Key`, `[`, `"schema_id":"amount_total"`} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not show %q", name, want)
			}
		}
	}
	if n := len(hidden.Requests); n != 2 || !strings.Contains(hidden.Requests[0].Body, `"supplier": "[`) || hidden.Requests[1].Problem == "" {
		t.Errorf("%d requests: %+v", n, hidden.Requests)
	}
	if len(d.journalOf(r.Run).Notes) != 0 {
		t.Error("looking left a note")
	}
}

func TestRevealShowsValuesButNoCredentialAndIsNoted(t *testing.T) {
	d := newDesk(t)
	payload, token := withSecret(t)
	e := d.event(78)
	r := d.die(e, payload, talkative(t, payload), nil)
	shown, err := d.Show(t.Context(), r.Run, true, why)
	if err != nil {
		t.Fatal(err)
	}
	text := encoded(t, shown)
	p, err := rossumapi.DecodePayload(payload)
	if err != nil {
		t.Fatal(err)
	}
	supplier := p.Content.First("sender_name").Value()
	if !shown.Revealed || !strings.Contains(shown.Message, supplier) || !strings.Contains(shown.Requests[0].Body, supplier) ||
		!strings.Contains(string(shown.Payload), "annotation") {
		t.Errorf("not revealed: %s", shown.Message)
	}
	if strings.Contains(text, token) || strings.Contains(text, hookSecret) {
		t.Error("a credential is revealed")
	}
	d.wantNote(r.Run, "revealed")
	if again := d.journalOf(r.Run); again.State != run.Dead || !d.hasLetter(r.Run) {
		t.Errorf("revealing changed the run: %s", again.State)
	}
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTimelineHasAttemptsAndActionsOnce(t *testing.T) {
	d := newDesk(t)
	r := d.dead()
	if _, err := d.Show(t.Context(), r.Run, true, why); err != nil {
		t.Fatal(err)
	}
	shown, err := d.Show(t.Context(), r.Run, false, "")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(shown.Timeline); n != 2 || shown.Timeline[0].What != "send" || shown.Timeline[1].What != "revealed" || shown.Timeline[1].Who != "alice" {
		t.Errorf("%+v", shown.Timeline)
	}
}

func TestBrokenMessageCanBeShownAndDropped(t *testing.T) {
	d := newDesk(t)
	id := run.NewID("k", "broken", 1)
	m := &queue.Delivery{Lane: "invoice", Broken: errors.New("no run header"), Raw: []byte("Bearer abcdefgh12345678")}
	if err := d.q.BuryBroken(t.Context(), m, id); err != nil {
		t.Fatal(err)
	}
	page, err := d.Letters(t.Context(), operate.Filter{}, 0, 10)
	if err != nil || len(page.Letters) != 1 {
		t.Fatalf("%+v, %v", page, err)
	}
	shown, err := d.Show(t.Context(), id, true, "")
	if err != nil || !strings.Contains(shown.Message, "no run header") || strings.Contains(encoded(t, shown), "abcdefgh") {
		t.Errorf("%+v, %v", shown, err)
	}
	if err := d.Replay(t.Context(), id, operate.ReplayOptions{}); !errors.Is(err, queue.ErrNotFound) {
		t.Errorf("a broken message was replayed: %v", err)
	}
	if err := d.Drop(t.Context(), id, why); err != nil {
		t.Fatal(err)
	}
	if page, err = d.Letters(t.Context(), operate.Filter{}, 0, 10); err != nil || len(page.Letters) != 0 {
		t.Errorf("%+v, %v", page, err)
	}
}

func TestShowOfAWaitingRun(t *testing.T) {
	d := newDesk(t)
	r := d.parked("closed")
	shown, err := d.Show(t.Context(), r.Run, false, "")
	if err != nil || shown.State != run.Parked || len(shown.Requests) == 0 || shown.PayloadBytes == 0 {
		t.Errorf("%+v, %v", shown, err)
	}
	if _, err := d.Show(t.Context(), "nosuchrun", false, ""); !errors.Is(err, queue.ErrNoLetter) {
		t.Errorf("%v", err)
	}
}

func TestExplain(t *testing.T) {
	d := newDesk(t)
	e := d.event(4242)
	r := d.die(e, sample(), talkative(t, sample()), nil)
	if err := d.Replay(t.Context(), r.Run, operate.ReplayOptions{Why: "the supplier is known now"}); err != nil {
		t.Fatal(err)
	}
	parked := d.parked("closed")
	for name, about := range map[string]string{
		"id": string(r.Run), "beginning": string(r.Run[:6]), "annotation": "4242", "invoice number": strings.ToLower(r.Business[0]),
	} {
		t.Run(name, func(t *testing.T) {
			lines, err := d.Explain(t.Context(), about)
			if err != nil || len(lines) < 5 || len(lines) > 12 {
				t.Fatalf("%d lines, %v", len(lines), err)
			}
			story := strings.Join(lines, "\n")
			for _, want := range []string{
				"annotation 4242", string(r.Run), r.Business[0], "HTTP 400", "replayed by alice: the supplier is known now",
			} {
				if !strings.Contains(story, want) {
					t.Errorf("%q is not told:\n%s", want, story)
				}
			}
		})
	}
	lines, err := d.Explain(t.Context(), string(parked.Run))
	if err != nil || !strings.Contains(strings.Join(lines, "\n"), "It is parked until") {
		t.Errorf("%v, %v", lines, err)
	}
	if _, err := d.Explain(t.Context(), "INV-0000"); !errors.Is(err, queue.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

func TestRuns(t *testing.T) {
	d := newDesk(t)
	a, b := d.dead(), d.parked("closed")
	for name, test := range map[string]struct {
		f    operate.RunFilter
		want []run.ID
	}{
		"all":        {operate.RunFilter{}, []run.ID{b.Run, a.Run}},
		"state":      {operate.RunFilter{State: run.Parked}, []run.ID{b.Run}},
		"annotation": {operate.RunFilter{Annotation: a.Annotation}, []run.ID{a.Run}},
		"key":        {operate.RunFilter{Key: []string{strings.ToLower(b.Business[0])}}, []run.ID{b.Run}},
		"pipeline":   {operate.RunFilter{Pipeline: "fresh"}, nil},
		"since":      {operate.RunFilter{Since: time.Now().Add(time.Hour)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			runs, err := d.Runs(t.Context(), test.f, 10)
			if err != nil || len(runs) != len(test.want) {
				t.Fatalf("%d runs, want %d; %v", len(runs), len(test.want), err)
			}
			for i := range runs {
				if runs[i].Run != test.want[i] {
					t.Errorf("run %d is %s, want %s", i, runs[i].Run, test.want[i])
				}
			}
		})
	}
	if newest, err := d.Runs(t.Context(), operate.RunFilter{}, 1); err != nil || len(newest) != 1 || newest[0].Run != b.Run {
		t.Errorf("%v, %v", newest, err)
	}
}

func TestRunsThatNoWorkerHasBegun(t *testing.T) {
	d := newDesk(t)
	dead := d.dead()
	begun, waiting := d.event(71), d.event(72)
	for _, e := range []queue.Envelope{begun, waiting} {
		p, err := d.q.StorePayload(t.Context(), e.Run, sample())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.q.Publish(t.Context(), e.Pipeline, e, p); err != nil {
			t.Fatal(err)
		}
	}
	d.save(d.begun(begun))
	runs, err := d.Runs(t.Context(), operate.RunFilter{}, 10)
	if err != nil || len(runs) != 3 {
		t.Fatalf("%+v, %v", runs, err)
	}
	for state, want := range map[run.State]run.ID{run.Waiting: waiting.Run, run.Running: begun.Run, run.Dead: dead.Run} {
		if runs, err := d.Runs(t.Context(), operate.RunFilter{State: state}, 10); err != nil || len(runs) != 1 || runs[0].Run != want {
			t.Errorf("%s: %+v, %v", state, runs, err)
		}
	}
	for _, about := range []string{string(waiting.Run), string(waiting.Run[:8]), "72"} {
		lines, err := d.Explain(t.Context(), about)
		if err != nil || !strings.Contains(strings.Join(lines, "\n"), "no worker has begun it yet") {
			t.Errorf("%s: %q, %v", about, lines, err)
		}
	}
}

func TestFind(t *testing.T) {
	d := newDesk(t)
	r := d.dead()
	if id, err := d.Find(t.Context(), string(r.Run[:6])); err != nil || id != r.Run {
		t.Errorf("%s, %v", id, err)
	}
	if _, err := d.Find(t.Context(), string(r.Run[:5])); !errors.Is(err, operate.ErrShortID) {
		t.Errorf("%v", err)
	}
	if _, err := d.Find(t.Context(), "zzzzzzz"); !errors.Is(err, queue.ErrNotFound) {
		t.Errorf("%v", err)
	}
	twin := d.event(1)
	twin.Run = r.Run[:20] + "aaaaaa"
	d.begun(twin)
	if _, err := d.Find(t.Context(), string(r.Run[:8])); !errors.Is(err, operate.ErrAmbiguous) {
		t.Errorf("%v", err)
	}
}
