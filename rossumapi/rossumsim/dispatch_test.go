package rossumsim_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
)

func TestRow02_HookTokenDiesWithTheAnswer(t *testing.T) {
	for _, lifetime := range []int{0, 900} {
		w := newWorld(t, rossumsim.Options{Switches: rossumsim.Switches{RateLimit: -1}})
		spec := w.hook("annotation_content.export")
		spec.TokenOwner, spec.TokenLifetime = w.admin, lifetime
		w.AddHook(spec)
		during := make(chan error, 1)
		w.mu.Lock()
		w.answer = func(_ int, r received) reply {
			user, err := w.client(r.member("rossum_authorization_token")).CurrentUser(w.ctx)
			if err == nil && user.ID != w.admin {
				err = fmt.Errorf("token of user %d", user.ID)
			}
			during <- err
			return reply{status: 200}
		}
		w.mu.Unlock()
		id := w.upload()
		w.must(w.Confirm(w.ctx, id, w.admin))
		w.must(<-during)
		w.status(id, rossumapi.StatusExported)
		c := w.client(w.requests()[0].member("rossum_authorization_token"))
		if _, err := c.CurrentUser(w.ctx); rossumapi.IsUnauthorized(err) != (lifetime == 0) {
			t.Errorf("lifetime %d, after the answer: %v", lifetime, err)
		}
		w.advance(15 * time.Minute)
		if _, err := c.CurrentUser(w.ctx); !rossumapi.IsUnauthorized(err) {
			t.Errorf("lifetime %d, after 15 minutes: %v", lifetime, err)
		}
	}
}

func TestRow02_NoOwnerNoToken(t *testing.T) {
	w := newWorld(t, rossumsim.Options{})
	w.AddHook(w.hook("annotation_status"))
	w.upload()
	w.must(w.Quiet(w.ctx))
	if body := string(w.requests()[0].body); strings.Contains(body, "rossum_authorization_token") {
		t.Error("a token without an owner")
	}
}

func TestRow03_TokenWhilePolling(t *testing.T) {
	for _, keep := range []bool{false, true} {
		w := newWorld(t, rossumsim.Options{Switches: rossumsim.Switches{RateLimit: -1, KeepTokenWhilePolling: keep}})
		spec := w.hook("annotation_content.export")
		spec.TokenOwner = w.admin
		w.AddHook(spec)
		w.answers(reply{status: 202, location: w.server.URL + "/poll"}, reply{status: 201, body: "{}"})
		id := w.upload()
		w.must(w.Confirm(w.ctx, id, w.admin))
		w.advance(29 * time.Second)
		c := w.client(w.requests()[0].member("rossum_authorization_token"))
		if _, err := c.CurrentUser(w.ctx); (err == nil) != keep {
			t.Errorf("keep %v, while polling: %v", keep, err)
		}
		w.advance(time.Second)
		w.status(id, rossumapi.StatusExported)
		if _, err := c.CurrentUser(w.ctx); !rossumapi.IsUnauthorized(err) {
			t.Errorf("keep %v, after the polled answer: %v", keep, err)
		}
	}
}

func TestRow12_WhoIsCalled(t *testing.T) {
	w := newWorld(t, rossumsim.Options{})
	mine := w.AddHook(w.hook("annotation_content.export"))
	whole := w.AddHook(w.hook("annotation_content"))
	otherEvent := w.AddHook(w.hook("annotation_content.started", "upload.created"))
	otherQueue := w.hook("annotation_content.export")
	otherQueue.Queues = nil
	stranger := w.AddHook(otherQueue)
	inactive := w.AddHook(w.hook("annotation_content.export"))
	_, err := w.adminClient().PatchHook(w.ctx, inactive, map[string]any{"active": false})
	w.must(err)
	id := w.upload()
	_, err = w.adminClient().SetStatus(w.ctx, id, rossumapi.StatusConfirmed)
	w.must(err)
	w.SetStatus(id, rossumapi.StatusExporting, 0)
	w.status(id, rossumapi.StatusExported)
	for hook, want := range map[int64]int{mine: 1, whole: 2 /* initialize, export */, otherEvent: 0, stranger: 0, inactive: 0} {
		if got := len(w.Calls(hook)); got != want {
			t.Errorf("hook %d: %d calls, want %d", hook, got, want)
		}
	}
}

func TestRow12_RunAfter(t *testing.T) {
	w := newWorld(t, rossumsim.Options{})
	firstSpec := w.hook("annotation_content.export")
	firstSpec.URL += "/first"
	first := w.AddHook(firstSpec)
	secondSpec := w.hook("annotation_content.export")
	secondSpec.URL += "/second"
	secondSpec.RunAfter = []int64{first}
	w.AddHook(secondSpec)
	id := w.upload()
	tree, err := w.Content(id)
	w.must(err)
	node := tree.First("order_id").ID
	w.answers(reply{status: 200, body: fmt.Sprintf(`{"operations":[{"op":"replace","id":%d,"value":{"content":{"value":"from first"}}}]}`, node)},
		reply{status: 200})
	w.must(w.Confirm(w.ctx, id, w.admin))
	w.status(id, rossumapi.StatusExported)
	got := w.requests()
	if len(got) != 2 || got[0].path != "/hook/first" || got[1].path != "/hook/second" {
		t.Fatalf("%d requests", len(got))
	}
	p, err := rossumapi.DecodePayload(got[1].body)
	w.must(err)
	if p.Content.First("order_id").Value() != "from first" || len(p.UpdatedDatapoints) != 1 || p.UpdatedDatapoints[0] != node {
		t.Errorf("second hook saw %q, updated %v", p.Content.First("order_id").Value(), p.UpdatedDatapoints)
	}
}

func TestRow12_ParallelWithoutRunAfter(t *testing.T) {
	w := newWorld(t, rossumsim.Options{})
	for range 2 {
		w.AddHook(w.hook("annotation_content.export"))
	}
	var arrived atomic.Int32
	both := make(chan struct{})
	w.mu.Lock()
	w.answer = func(int, received) reply {
		if arrived.Add(1) == 2 {
			close(both)
		}
		select { // answers only when the other call is here too
		case <-both:
		case <-w.ctx.Done():
		}
		return reply{status: 200}
	}
	w.mu.Unlock()
	id := w.upload()
	w.must(w.Confirm(w.ctx, id, w.admin))
	w.status(id, rossumapi.StatusExported)
}

func TestRow12_Sideloads(t *testing.T) {
	w := newWorld(t, rossumsim.Options{})
	w.payload = readPayload(t, "03-export-credit-note-czk")
	taken, err := w.Import(w.payload)
	w.must(err)
	w.queue = taken.Queue
	spec := w.hook("annotation_content.export")
	spec.Sideload = []string{"queues", "modifiers", "schemas", "labels", "pages", "notes"}
	w.AddHook(spec)
	w.must(w.Confirm(w.ctx, w.upload(), w.admin))
	w.must(w.Quiet(w.ctx))
	p, err := rossumapi.DecodePayload(w.requests()[0].body)
	w.must(err)
	w.must(p.CheckURLs())
	if got := p.Sideloaded("queues", p.Annotation.Queue).Text("name"); got != "Přijaté faktury" {
		t.Errorf("queue %q", got)
	}
	if got := p.Sideloaded("modifiers", p.Annotation.Modifier).Text("username"); got != "admin@acme.example" {
		t.Errorf("modifier %q", got)
	}
	if strings.Contains(string(p.Sideloads.Get("modifiers")), "correct horse") {
		t.Error("password sideloaded")
	}
	if schema := p.Sideloaded("schemas", p.Annotation.Schema); !strings.Contains(string(schema.Get("content")), `"id":"document_id"`) {
		t.Errorf("schema %.200s", schema.Get("content"))
	}
	if strings.Contains(string(w.requests()[0].body), "example-eu.rossum.app/api") {
		t.Error("a link of the original Rossum is left")
	}
}

func TestRow13_Retries(t *testing.T) {
	for _, c := range []struct {
		name     string
		status   int
		config   map[string]any
		attempts int
	}{
		{"503", 503, nil, 5}, {"408", 408, nil, 5}, {"429", 429, nil, 5}, {"500", 500, nil, 5}, {"502", 502, nil, 5}, {"504", 504, nil, 5},
		{"400", 400, nil, 1}, {"401", 401, nil, 1}, {"404", 404, nil, 1}, {"409", 409, nil, 1}, {"501", 501, nil, 1}, {"302", 302, nil, 1},
		{"fewer", 503, map[string]any{"retry_count": 1}, 2},
		{"none", 503, map[string]any{"retry_count": 0}, 1},
		{"any non-2xx", 401, map[string]any{"retry_on_any_non_2xx": true}, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, rossumsim.Options{})
			spec := w.hook("annotation_content.export")
			spec.Config = c.config
			hook := w.AddHook(spec)
			w.answers(reply{status: c.status})
			id := w.upload()
			w.must(w.Confirm(w.ctx, id, w.admin))
			w.advance(65 * time.Second)
			w.status(id, rossumapi.StatusFailedExport)
			if got := w.Calls(hook)[0].Attempts; got != c.attempts {
				t.Errorf("%d attempts, want %d", got, c.attempts)
			}
		})
	}
}

func TestRow13_Spacing(t *testing.T) {
	w := newWorld(t, rossumsim.Options{})
	w.AddHook(w.hook("annotation_content.export"))
	w.answers(reply{status: 503})
	w.must(w.Confirm(w.ctx, w.upload(), w.admin))
	w.advance(2 * time.Minute)
	got := w.requests()
	for i, want := range []time.Duration{0, 5, 15, 35, 65} {
		if at := got[i].at.Sub(got[0].at); at != want*time.Second {
			t.Errorf("attempt %d after %s, want %ds", i+1, at, want)
		}
	}
}

func TestRow13_TransportErrorIsRetried(t *testing.T) {
	w := newWorld(t, rossumsim.Options{})
	hook := w.AddHook(w.hook("annotation_content.export"))
	w.mu.Lock()
	w.answer = func(n int, _ received) reply {
		if n == 1 {
			panic(http.ErrAbortHandler)
		}
		return reply{status: 204}
	}
	w.mu.Unlock()
	id := w.upload()
	w.must(w.Confirm(w.ctx, id, w.admin))
	w.advance(5 * time.Second)
	w.status(id, rossumapi.StatusExported)
	if got := w.Calls(hook)[0].Attempts; got != 2 {
		t.Errorf("%d attempts", got)
	}
}

func TestRow13_IdsOfRepeatedCalls(t *testing.T) {
	for _, switches := range []rossumsim.Switches{{}, {NewRequestID: true}, {SameToken: true}, {NewRequestID: true, SameToken: true}} {
		w := newWorld(t, rossumsim.Options{Switches: switches})
		spec := w.hook("annotation_content.export")
		spec.TokenOwner = w.admin
		w.AddHook(spec)
		w.answers(reply{status: 503}, reply{status: 200})
		id := w.upload()
		w.must(w.Confirm(w.ctx, id, w.admin))
		w.advance(5 * time.Second)
		w.status(id, rossumapi.StatusExported)
		got := w.requests()
		same := func(key string) bool { return got[0].member(key) == got[1].member(key) }
		if same("request_id") == switches.NewRequestID || same("rossum_authorization_token") != switches.SameToken || !same("timestamp") {
			t.Errorf("%+v: same request_id %v, same token %v", switches, same("request_id"), same("rossum_authorization_token"))
		}
	}
}

func TestRow14_InteractiveEvents(t *testing.T) {
	w := newWorld(t, rossumsim.Options{})
	hook := w.AddHook(w.hook("annotation_content.started", "annotation_content.user_update", "annotation_content.updated", "annotation_content.confirm"))
	w.answers(reply{status: 503})
	id := w.upload()
	w.must(w.Open(w.ctx, id, w.admin))
	w.must(w.Edit(w.ctx, id, "document_id", "INV-2"))
	if err := w.adminClient().Confirm(w.ctx, id); rossumapi.StatusOf(err) != 400 {
		t.Errorf("confirm with a failing hook: %v", err)
	}
	w.status(id, rossumapi.StatusReviewing)
	w.advance(2 * time.Minute)
	var events []string
	for _, call := range w.Calls(hook) {
		events = append(events, strings.TrimPrefix(call.Event, "annotation_content."))
		if call.Attempts != 1 {
			t.Errorf("%s: %d attempts", call.Event, call.Attempts)
		}
	}
	if got := strings.Join(events, " "); got != "started user_update updated confirm" {
		t.Error(got)
	}
	p, err := rossumapi.DecodePayload(w.Calls(hook)[2].Body)
	w.must(err)
	if p.Content.First("document_id").Value() != "INV-2" || len(p.UpdatedDatapoints) != 1 {
		t.Errorf("%v", p.UpdatedDatapoints)
	}
	w.answers(reply{status: 202, location: w.server.URL + "/poll"})
	w.must(w.adminClient().Confirm(w.ctx, id)) // a 202 is no way out of an interactive event
	w.status(id, rossumapi.StatusExported)
}

func TestRow15_PollAnswers(t *testing.T) {
	for _, c := range []struct {
		name     string
		poll     reply
		switches rossumsim.Switches
		repeated bool
	}{
		{"404", reply{status: 404}, rossumsim.Switches{}, true},
		{"409", reply{status: 409}, rossumsim.Switches{}, true},
		{"408", reply{status: 408}, rossumsim.Switches{}, false},
		{"429", reply{status: 429}, rossumsim.Switches{}, false},
		{"500", reply{status: 500}, rossumsim.Switches{}, false},
		{"202", reply{status: 202}, rossumsim.Switches{}, false},
		{"200", reply{status: 200}, rossumsim.Switches{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, rossumsim.Options{Switches: c.switches})
			hook := w.AddHook(w.hook("annotation_content.export"))
			w.answers(reply{status: 202, location: w.server.URL + "/poll"}, c.poll, reply{status: 200})
			w.must(w.Confirm(w.ctx, w.upload(), w.admin))
			w.advance(30 * time.Second)
			if call := w.Calls(hook)[0]; (call.Attempts == 2) != c.repeated || call.Polls != 1 {
				t.Errorf("%d attempts, %d polls", call.Attempts, call.Polls)
			}
		})
	}
}

func TestRow15_Switches(t *testing.T) {
	w := newWorld(t, rossumsim.Options{Switches: rossumsim.Switches{PollOKEnds: true, PollAtOnce: true}})
	hook := w.AddHook(w.hook("annotation_content.export"))
	w.answers(reply{status: 202, location: w.server.URL + "/poll"}, reply{status: 200, body: `{"messages":[{"type":"error","content":"no"}]}`})
	id := w.upload()
	w.must(w.Confirm(w.ctx, id, w.admin))
	w.advance(0)
	w.status(id, rossumapi.StatusFailedExport)
	if call := w.Calls(hook)[0]; call.Attempts != 1 || call.Polls != 1 {
		t.Errorf("%d attempts, %d polls", call.Attempts, call.Polls)
	}
}

func TestRow15_LongerPollingOfScheduledCalls(t *testing.T) {
	w := newWorld(t, rossumsim.Options{})
	spec := w.hook("invocation.scheduled")
	spec.Config = map[string]any{"max_polling_time_s": 900, "retry_after_polling_failure": false}
	hook := w.AddHook(spec)
	w.answers(reply{status: 202, location: w.server.URL + "/poll"})
	w.must(w.FireScheduled(hook))
	w.advance(time.Hour)
	if call := w.Calls(hook)[0]; call.Attempts != 1 || call.Polls != 30 || call.Failure == "" {
		t.Errorf("%d attempts, %d polls, %q", call.Attempts, call.Polls, call.Failure)
	}
}

func TestRow16_ExportAnswers(t *testing.T) {
	for _, c := range []struct{ name, body, want, message string }{
		{"empty", "", rossumapi.StatusExported, ""},
		{"warning", `{"messages":[{"type":"warning","content":"late"}]}`, rossumapi.StatusExported, "late"},
		{"error", `{"messages":[{"id":"all","type":"error","content":"rejected by ERP"}]}`, rossumapi.StatusFailedExport, "rejected by ERP"},
		{"no JSON", `<html>`, rossumapi.StatusFailedExport, "hook answered something else than JSON"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, rossumsim.Options{})
			w.AddHook(w.hook("annotation_content.export"))
			w.answers(reply{status: 200, body: c.body})
			id := w.upload()
			w.must(w.Confirm(w.ctx, id, w.admin))
			w.status(id, c.want)
			annotation, err := w.Annotation(id)
			w.must(err)
			got := ""
			if len(annotation.Messages) > 0 {
				got = annotation.Messages[0].Content
			}
			if got != c.message || (annotation.ExportFailedAt != "") != (c.want == rossumapi.StatusFailedExport) {
				t.Errorf("message %q, failed at %q", got, annotation.ExportFailedAt)
			}
		})
	}
}

func TestRow16_PatchExportingRunsAgain(t *testing.T) {
	w := newWorld(t, rossumsim.Options{})
	hook := w.AddHook(w.hook("annotation_content.export"))
	w.answers(reply{status: 400}, reply{status: 200})
	id := w.upload()
	w.must(w.Confirm(w.ctx, id, w.admin))
	w.status(id, rossumapi.StatusFailedExport)
	_, err := w.adminClient().SetStatus(w.ctx, id, rossumapi.StatusExporting)
	w.must(err)
	w.status(id, rossumapi.StatusExported)
	e, err := rossumapi.DecodeEnvelope(w.Calls(hook)[1].Body)
	w.must(err)
	if e.Annotation.PreviousStatus != rossumapi.StatusFailedExport || e.Annotation.ExportFailedAt == "" {
		t.Errorf("%+v", e.Annotation)
	}
	if annotation, _ := w.Annotation(id); len(annotation.Messages) != 0 {
		t.Errorf("messages of the failure stay: %v", annotation.Messages)
	}
}

func TestRow16_PatchWhileExportingDeliversTwice(t *testing.T) {
	w := newWorld(t, rossumsim.Options{})
	hook := w.AddHook(w.hook("annotation_content.export"))
	w.answers(reply{status: 202, location: w.server.URL + "/poll"}, reply{status: 200})
	id := w.upload()
	w.must(w.Confirm(w.ctx, id, w.admin))
	w.advance(0)
	_, err := w.adminClient().SetStatus(w.ctx, id, rossumapi.StatusExporting)
	w.must(err)
	w.status(id, rossumapi.StatusExported)
	w.advance(5 * time.Minute)
	if got := len(w.Calls(hook)); got != 2 {
		t.Errorf("%d calls", got)
	}
	w.status(id, rossumapi.StatusExported)
}

func TestRow17_DuplicateLateAndAfterPurge(t *testing.T) {
	w := newWorld(t, rossumsim.Options{})
	hook := w.AddHook(w.hook("annotation_status", "annotation_content.export"))
	id := w.upload()
	w.must(w.Confirm(w.ctx, id, w.admin))
	w.status(id, rossumapi.StatusExported)
	w.must(w.Quiet(w.ctx))
	w.SetStatus(id, rossumapi.StatusPurged, 0)
	w.must(w.Quiet(w.ctx))
	calls := w.Calls(hook)
	w.must(w.Redeliver(calls[0].ID))
	w.must(w.Quiet(w.ctx))
	again := w.Calls(hook)[len(calls)]
	if string(again.Body) != string(calls[0].Body) || again.RequestID != calls[0].RequestID {
		t.Error("the duplicate differs")
	}
	w.status(id, rossumapi.StatusPurged)
	if err := w.Redeliver(1000); err == nil {
		t.Error("redelivered a call that never was")
	}
}

func TestRow17_DisturbedDeliveries(t *testing.T) {
	w := newWorld(t, unlimited())
	w.AddHook(w.hook("annotation_status.changed"))
	id := w.upload()
	w.must(w.Quiet(w.ctx))
	w.answers(reply{status: 200})
	c := w.adminClient()
	change := func(status string) {
		_, err := c.SetStatus(w.ctx, id, status)
		w.must(err)
	}
	w.InjectDelivery(rossumsim.DeliveryFault{Event: "annotation_content.export", Lose: true})
	w.InjectDelivery(rossumsim.DeliveryFault{Event: "annotation_status.changed", Delay: 10 * time.Second})
	w.InjectDelivery(rossumsim.DeliveryFault{Lose: true})
	w.InjectDelivery(rossumsim.DeliveryFault{Duplicates: 2})
	for _, status := range []string{"postponed", "deleted"} { // late, lost
		change(status)
		w.advance(0)
	}
	change("to_review") // three times
	w.advance(10 * time.Second)
	change("confirmed")
	w.must(w.Quiet(w.ctx))
	var got []string
	for _, r := range w.requests() {
		e, err := rossumapi.DecodeEnvelope(r.body)
		w.must(err)
		got = append(got, e.Annotation.Status)
	}
	if text := strings.Join(got, " "); text != "to_review to_review to_review postponed confirmed" {
		t.Error(text)
	}
	if first := w.requests(); first[0].member("request_id") != first[2].member("request_id") {
		t.Error("a duplicate has a request_id of its own")
	}
}

func TestRow17_InjectedAPIFaults(t *testing.T) {
	w := newWorld(t, rossumsim.Options{})
	id := w.upload()
	c := w.adminClient()
	w.Inject(rossumsim.Fault{Method: "PATCH", Path: "/annotations/", Status: 503, RetryAfter: 7})
	w.Inject(rossumsim.Fault{Method: "PATCH", Path: "/annotations/", Status: 500, After: true})
	w.Inject(rossumsim.Fault{Method: "PATCH", Path: "/annotations/", After: true})
	w.Inject(rossumsim.Fault{Path: "/schemas/", Status: 412, Times: -1, Body: `{"detail":"Precondition failed"}`})
	patch := func(value int) error {
		_, err := c.PatchAnnotation(w.ctx, id, map[string]any{"time_spent": value})
		return err
	}
	spent := func() string {
		annotation, _ := w.Annotation(id)
		return string(memberOf(annotation.Raw, "time_spent"))
	}
	if err := patch(1); rossumapi.StatusOf(err) != 503 || spent() != "0" {
		t.Errorf("before applying: %v, %s", err, spent())
	}
	if err := patch(2); rossumapi.StatusOf(err) != 500 || spent() != "2" {
		t.Errorf("after applying: %v, %s", err, spent())
	}
	if err := patch(3); err == nil || rossumapi.StatusOf(err) != 0 || spent() != "3" {
		t.Errorf("cut after applying: %v, %s", err, spent())
	}
	w.must(patch(4))
	for range 2 {
		if _, err := c.Schema(w.ctx, 1); rossumapi.StatusOf(err) != 412 {
			t.Errorf("fault for ever: %v", err)
		}
	}
}

func TestRow19_HookLogs(t *testing.T) {
	for _, perCall := range []bool{false, true} {
		w := newWorld(t, rossumsim.Options{Switches: rossumsim.Switches{LogPerCall: perCall}})
		hook := w.AddHook(w.hook("annotation_content.export"))
		w.answers(reply{status: 503}, reply{status: 200})
		id := w.upload()
		w.must(w.Confirm(w.ctx, id, w.admin))
		w.advance(5 * time.Second)
		w.status(id, rossumapi.StatusExported)
		logs := func(query string) (found []rossumapi.HookLog) {
			values, err := url.ParseQuery(query)
			w.must(err)
			for log, err := range w.adminClient().HookLogs(w.ctx, values) {
				w.must(err)
				found = append(found, log)
			}
			return found
		}
		byHook := "hook=" + strconv.FormatInt(hook, 10)
		got := logs(byHook)
		if want := map[bool]int{false: 2, true: 1}[perCall]; len(got) != want {
			t.Fatalf("%d logs, want %d", len(got), want)
		}
		if newest := got[0]; newest.StatusCode != 200 || newest.Status != "completed" || newest.AnnotationID != id || strings.HasSuffix(newest.Timestamp, "Z") {
			t.Errorf("%s", newest.Raw)
		}
		if failed := len(logs("status=failed&" + byHook)); failed != len(got)-1 {
			t.Errorf("%d failed", failed)
		}
		if w.advance(7*24*time.Hour + time.Minute); len(logs("")) != 0 {
			t.Error("logs older than 7 days")
		}
	}
}
