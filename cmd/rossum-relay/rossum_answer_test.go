package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
	"github.com/rossum-relay/rossum-relay/worker/erpsim"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// answersConfig has a pipeline for every kind of answer.
const answersConfig = `
  fresh:
    hook: test
    events: [annotation_content.initialize]
    key: [annotation.id]
    steps: [{stop: {rossum: {set: {notes: seen}, automation_blockers: [{text: "'Total' is <odd>", field: amount_total}, {text: ""}]}}}]
  mail:
    hook: test
    events: [email.received]
    answer: wait
    wait: {hold: 20s}
    key: [run.id]
    steps: [{pick: {rossum: {files: [{id: "{{ payload.files[0].id }}", values: [{id: "email:po", value: "4500012"}]}], additional_files: []}}}]
  ask:
    hook: test
    events: [invocation.manual]
    answer: wait
    wait: {hold: 20s}
    key: [run.id]
    steps: [{say: {rossum: {reply: {po: "{{ payload.po }}", ok: true}}}}]
  typing:
    hook: test
    events: [annotation_content.updated, annotation_content.user_update]
    key: [run.id]
    steps: [{look: {set: {number: "{{ field.document_id }}"}}}]
queue:`

// TestAnswersByEvent: each event gets the answer Rossum takes from it.
func TestAnswersByEvent(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r := newRelay(t, strings.Replace(testConfig(createStep), "\nqueue:", answersConfig, 1), erpsim.Options{})
	r.hook("annotation_content.initialize", "annotation_content.updated", "email.received", "invocation.manual")
	hook := r.rossum.Objects("hooks")[0]
	for _, id := range r.rossum.Objects("queues") {
		r.rossum.SetQueue(id, map[string]any{"automation_enabled": true, "automation_level": "always"})
	}
	r.start()

	t.Run("initialize", func(t *testing.T) {
		id, err := r.rossum.Upload(rossumsim.Upload{Payload: sample(t)})
		if err != nil {
			t.Fatal(err)
		}
		if status, err := r.rossum.WaitStatus(ctx, id, rossumapi.StatusToReview, rossumapi.StatusExported); status != rossumapi.StatusToReview {
			t.Fatalf("the document is %s, though a blocker speaks against automation: %v", status, err)
		}
		blockers := r.rossum.Objects("automation_blockers")
		if len(blockers) != 1 {
			t.Fatalf("blockers %v", blockers)
		}
		content, _ := json.Marshal(r.rossum.Object("automation_blockers", blockers[0])["content"])
		if text := string(content); strings.Count(text, `"type"`) != 1 || !strings.Contains(text, "amount_total") || !strings.Contains(text, "lt;odd") {
			t.Errorf("blockers %s", text)
		}
		if v := r.value(id, "notes"); v != "seen" {
			t.Errorf("the field is %q", v)
		}
	})
	t.Run("email.received", func(t *testing.T) {
		if err := r.rossum.Fire(hook, []byte(`{"event":"email","action":"received","files":[{"id":"1"},{"id":"2"}]}`)); err != nil {
			t.Fatal(err)
		}
		got := r.answered(ctx, "email.received")
		const want = `{"files":[{"id":"1","values":[{"id":"email:po","value":"4500012"}]}],"additional_files":[]}`
		if string(got.Response) != want {
			t.Errorf("%s\nwant %s", got.Response, want)
		}
	})
	t.Run("invocation.manual", func(t *testing.T) {
		client, err := rossumapi.New(rossumapi.Options{BaseURL: r.rossum.BaseURL(), Token: rossumapi.StaticToken(r.rossum.Token(r.user, time.Hour))})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		reply, err := client.InvokeHook(ctx, hook, map[string]any{"po": "4500012"})
		if err != nil || string(reply) != `{"ok":true,"po":"4500012"}` && string(reply) != `{"po":"4500012","ok":true}` {
			t.Errorf("%s, %v", reply, err)
		}
	})
	t.Run("interactive", func(t *testing.T) {
		id, err := r.rossum.Upload(rossumsim.Upload{Payload: sample(t), Status: rossumapi.StatusToReview})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.rossum.Open(ctx, id, r.user); err != nil {
			t.Fatal(err)
		}
		if err := r.rossum.Edit(ctx, id, "document_id", "INV-2"); err != nil {
			t.Fatal(err)
		}
		if got := r.answered(ctx, "annotation_content.updated"); got.StatusCode != http.StatusOK || got.Polls != 0 || got.Attempts != 1 {
			t.Errorf("%+v", got)
		}
		if rec := r.runOf(ctx, id, "annotation_content.updated"); rec.State != run.Done {
			t.Errorf("%s: %s", rec.State, rec.Message)
		}
	})
}

// answered waits for the end of the last call for an event.
func (r *relay) answered(ctx context.Context, event string) (last rossumsim.HookCall) {
	r.t.Helper()
	if err := r.until(ctx, func() bool {
		calls := slices.DeleteFunc(r.rossum.Calls(0), func(c rossumsim.HookCall) bool { return c.Event != event })
		if len(calls) > 0 {
			last = calls[len(calls)-1]
		}
		return last.Done
	}); err != nil {
		r.t.Fatalf("%s is not answered: %v", event, err)
	}
	return last
}

// TestSeveralPipelines: of three pipelines on one export the answer waits for the two that want it to, and says what each
// of them says; the third may fail in silence.
func TestSeveralPipelines(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	config := testConfig(createStep + `
      - say: {rossum: {messages: [{text: "Booked as {{ steps.create.erp_id }}."}]}}
`)
	r := newRelay(t, strings.Replace(config, "\nqueue:", `
  second:
    hook: test
    events: [annotation_content.export]
    key: [field.document_id]
    steps: [{say: {rossum: {messages: [{type: warning, text: "Looks odd.", field: amount_total}]}}}]
  third:
    hook: test
    events: [annotation_content.export]
    answer: accept
    key: [field.document_id]
    steps: [{no: {check: [{that: "false", error: "Never."}]}}]
queue:`, 1), erpsim.Options{}, byHand)
	r.hook("annotation_content.export")
	r.start()
	id := r.begin(ctx, "INV-1")
	if states := count(r.settled(ctx, 3)); states[run.Done] != 2 || states[run.Dead] != 1 {
		t.Errorf("runs %v", states)
	}
	r.pass(ctx, 30*time.Second)
	r.status(ctx, id, "exported")
	a, err := r.rossum.Annotation(id)
	if err != nil || len(a.Messages) != 2 {
		t.Fatalf("Rossum was told %+v, %v", a.Messages, err)
	}
	for _, m := range a.Messages {
		booked, odd := strings.HasPrefix(m.Content, "Booked as "), m.Content == "Looks odd." && m.ID != 0
		if !booked && !odd {
			t.Errorf("Rossum was told %+v", m)
		}
	}
}

// TestExpiredHookToken: a status event's token is dead as soon as Rossum has the answer; the service account takes over,
// with one login for all runs.
func TestExpiredHookToken(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r := newRelay(t, statusConfig(createStep+tellStep), erpsim.Options{})
	r.tokens = -1
	r.hook(statusEvent)
	r.start()
	const documents = 5
	for n := range documents {
		r.document(fmt.Sprintf("INV-%d", n), rossumapi.StatusPostponed)
	}
	if err := r.erp.WaitEffects(ctx, documents); err != nil {
		t.Fatal(err)
	}
	if states := count(r.settled(ctx, documents)); states[run.Dead] != 0 {
		t.Errorf("runs %v", states)
	}
	r.effects(documents)
	if n := r.rossum.Logins(); n != 1 {
		t.Errorf("%d logins, want one for all", n)
	}
}

// TestThrottledOrganization: eight workers together stay below the 10 calls a second that Rossum allows an organization.
func TestThrottledOrganization(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds: the rate is per second")
	}
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	nats := startNATS(t, 1)
	config := strings.Replace(statusConfig(`
      - tell: {rossum: {metadata: {seen: "{{ run.id }}"}, note: "Seen."}}
`), `queue: {data: "${DATA}", durability: fast, max_store: 1GiB}`, nats.queue(), 1)
	config = strings.Replace(config, ", rate: 500/s", "", 1)
	r := newRelay(t, config, erpsim.Options{}, func(o *rossumsim.Options) { o.Speed = 1 })
	r.hook(statusEvent)
	r.start()
	for range 7 {
		another := *r
		another.listen = quietAddr(t)
		another.start()
	}
	select {
	case <-time.After(5 * time.Second): // the workers know of each other
	case <-ctx.Done():
	}
	const documents = 10
	before, _ := r.rossum.Requests()
	start := time.Now()
	for n := range documents {
		r.document(fmt.Sprintf("INV-%d", n), rossumapi.StatusPostponed)
	}
	if err := r.until(ctx, func() bool { return len(r.notes()) == documents }); err != nil {
		t.Fatalf("%d notes: %v", len(r.notes()), err)
	}
	after, _ := r.rossum.Requests()
	allowed := 10 * (time.Since(start).Seconds() + 1) // a second's calls may have been saved up
	if made := after - before; float64(made) > allowed || made < 4*documents {
		t.Errorf("%d calls, where %.0f are allowed", made, allowed)
	}
}
