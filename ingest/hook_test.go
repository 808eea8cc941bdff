package ingest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

func TestEveryPayloadIsStored(t *testing.T) {
	for _, test := range []struct {
		file, hook string
		subject    []string
		status     int
		body       string
	}{
		{exportUS, "us", []string{"21440871", "reviewing>exporting", "", "", "2026-03-11T15:42:05.402960Z"}, 202, "{}"},
		{"02-export-po-backed-sideloads.json", "eu", []string{"23110457", "reviewing>exporting", "", "", "2026-05-20T09:14:31.630327Z"}, 202, "{}"},
		{"03-export-credit-note-czk.json", "eu", []string{"23118820", "reviewing>exporting", "", "", "2026-03-02T10:00:57.646165Z"}, 202, "{}"},
		{"04-export-header-only-chf.json", "eu", []string{"23114001", "reviewing>exporting", "", "", "2026-04-08T12:30:58.511155Z"}, 202, "{}"},
		{"05-export-einvoice-2000-lines.json", "eu", []string{"24001973", "importing>exporting", "", "", ""}, 202, "{}"},
		{"06-export-unicode-jpy.json", "jp", []string{"25100333", "reviewing>exporting", "", "", "2026-07-01T01:22:07.245352Z"}, 202, "{}"},
		{"07-export-missing-values.json", "us", []string{"21450019", "to_review>exporting", "", "", "2026-03-11T23:59:58.886185Z"}, 202, "{}"},
		{statusUS, "us", []string{"21461200", "importing>to_review", "", "", "", ""}, 200, "{}"},
		{"09-status-failed-export-sideloads.json", "eu", []string{"23119004", "exporting>failed_export", "", "2026-03-03T11:20:45.471905Z", "2026-03-03T11:19:43.481588Z", "2026-03-03T11:19:44.293164Z"}, 200, "{}"},
		{"10-upload-created-from-email.json", "eu", []string{"https://example-eu.rossum.app/api/v1/uploads/9920411"}, 200, "{}"},
		{"11-email-received-attachments.json", "eu", []string{"https://example-eu.rossum.app/api/v1/emails/5731888"}, 200, "files"},
		{"12-invocation-scheduled.json", "eu", []string{"946dd889-aa84-46d2-953d-50bd7b32fabb"}, 200, "{}"},
	} {
		t.Run(test.file, func(t *testing.T) {
			r := start(t, config())
			body := payload(t, test.file)
			e, err := rossumapi.DecodeEnvelope(body)
			if err != nil {
				t.Fatal(err)
			}
			key := run.NewEventKey(test.hook, e.Name(), test.subject...)
			res := r.post(test.hook, body)
			if test.body == "files" {
				test.body = compact(t, `{"files":`+string(e.Files)+`}`)
				res.body = compact(t, res.body)
			}
			if res.status != test.status || res.body != test.body || res.header.Get("Content-Type") != "application/json" {
				t.Fatalf("answer %d %s", res.status, res.body)
			}
			if location := res.header.Get("Location"); (location != "") != (res.status == 202) || location != "" && !strings.HasPrefix(location, publicURL+"/answers/"+string(key)) {
				t.Errorf("location %q", location)
			}
			m := r.take("erp-"+test.hook, 1)[0]
			if m.Key != key || m.Run != run.NewID(key, "erp-"+test.hook, 1) || m.Hop != 0 || m.Event != e.Name() || m.Annotation != e.Annotation.ID || m.Hook != test.hook {
				t.Errorf("message %+v", m.Envelope)
			}
			if !bytes.Equal(m.payload, body) {
				t.Errorf("payload of %d bytes, sent %d", len(m.payload), len(body))
			}
			event, err := r.store.Event(t.Context(), key)
			if err != nil || event.Token != e.Token || event.BaseURL != e.BaseURL || event.RequestIDs[0] != e.RequestID {
				t.Errorf("record %+v, %v", event, err)
			}
		})
	}
}

func compact(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return b.String()
}

func TestRefusals(t *testing.T) {
	r := start(t, config())
	good := payload(t, statusUS)
	signed := http.Header{"x-rossum-signature-sha256": {sign(good)}} // header names come in any case
	foreign := func(changes map[string]any) []byte { return edit(t, good, changes) }
	for name, test := range map[string]struct {
		method, path string
		body         []byte
		header       http.Header
		status       int
		reason, hook string
	}{
		"unknown path":     {"POST", "/", good, signed, 404, "unknown_path", ""},
		"unknown hook":     {"POST", "/hooks/nobody", good, signed, 404, "unknown_hook", ""},
		"hook with a path": {"POST", "/hooks/us/x", good, signed, 404, "unknown_hook", ""},
		"wrong method":     {"PUT", "/hooks/us", good, signed, 405, "method", "us"},
		"get of a hook":    {"GET", "/hooks/us", nil, nil, 405, "method", "us"},
		"no signature":     {"POST", "/hooks/us", good, nil, 401, "signature", "us"},
		"wrong signature":  {"POST", "/hooks/us", append([]byte(" "), good...), signed, 401, "signature", "us"},
		"unknown mode":     {"POST", "/hooks/us?mode=chek", good, signed, 400, "mode", "us"},
		"bad JSON":         {"POST", "/hooks/us", []byte(`{"event":`), nil, 400, "payload", "us"},
		"no JSON":          {"POST", "/hooks/us", nil, nil, 400, "payload", "us"},
		"no event":         {"POST", "/hooks/us", []byte(`{}`), nil, 400, "payload", "us"},
		"event twice":      {"POST", "/hooks/us", []byte(`{"event":"a","event":"b","action":"c","base_url":"` + base + `"}`), nil, 400, "payload", "us"},
		"deep JSON":        {"POST", "/hooks/us", bytes.Repeat([]byte("["), 1<<20), nil, 400, "payload", "us"},
		"not UTF-8":        {"POST", "/hooks/us", []byte("{\"event\":\"\xff\"}"), nil, 400, "payload", "us"},
		"foreign base_url": {"POST", "/hooks/us", foreign(map[string]any{"base_url": "https://evil.example"}), nil, 403, "foreign_url", "us"},
		"another customer": {"POST", "/hooks/eu", good, signed, 403, "foreign_url", "eu"},
		"base_url by http": {"POST", "/hooks/us", foreign(map[string]any{"base_url": "http://example-us.rossum.app"}), nil, 403, "foreign_url", "us"},
		"foreign annotation": {"POST", "/hooks/us", foreign(map[string]any{"annotation.url": "https://evil.example/api/v1/annotations/1"}), nil,
			403, "foreign_url", "us"},
		"foreign content": {"POST", "/hooks/us", foreign(map[string]any{"annotation.content": base + "@evil.example/"}), nil, 403, "foreign_url", "us"},
		"too large":       {"POST", "/hooks/us", make([]byte, 8<<20+1), nil, 413, "too_large", "us"},
		"answer by POST":  {"POST", "/answers/" + r.store.Link("k", 1), nil, nil, 405, "method", ""},
		"guessed answer":  {"GET", "/answers/" + strings.Repeat("a", 26) + ".1." + strings.Repeat("b", 32), nil, nil, 404, "unknown_answer", ""},
		"vanished answer": {"GET", "/answers/" + r.store.Link("k", 1), nil, nil, 404, "unknown_answer", ""},
		"no answer":       {"GET", "/answers/", nil, nil, 404, "unknown_answer", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if test.header == nil && name != "no signature" {
				test.header = http.Header{"X-Rossum-Signature-SHA256": {sign(test.body)}}
			}
			before := r.counted("rossum_relay_ingest_refused_total", test.hook, test.reason)
			res := r.do(test.method, test.path, test.body, test.header)
			if res.status != test.status || !strings.Contains(res.body, `"type":"error"`) {
				t.Errorf("answer %d %s", res.status, res.body)
			}
			if allow := res.header.Get("Allow"); (allow != "") != (test.status == 405) {
				t.Errorf("allow %q", allow)
			}
			if after := r.counted("rossum_relay_ingest_refused_total", test.hook, test.reason); after != before+1 {
				t.Errorf("%s was counted %v times", test.reason, after-before)
			}
		})
	}
	for _, region := range []string{"us", "eu"} {
		if n := r.stored("erp-" + region); n != 0 {
			t.Errorf("%d refused calls were stored for %s", n, region)
		}
	}
}

func TestBadJSONIsExplained(t *testing.T) {
	r := start(t, config())
	if res := r.post("us", []byte(`{"event":"a" "b"}`)); res.status != 400 || !strings.Contains(res.body, "byte 13") {
		t.Errorf("%d %s", res.status, res.body)
	}
}

func TestUnknownLengthAndCutBodies(t *testing.T) {
	r := start(t, config())
	body := payload(t, statusUS)
	send := func(head string, body []byte) string {
		t.Helper()
		conn, err := net.Dial("tcp", r.http.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, err = fmt.Fprintf(conn, "POST /hooks/us HTTP/1.1\r\nHost: x\r\nX-ROSSUM-SIGNATURE-SHA256: %s\r\n%s\r\n\r\n%s", sign(payload(t, statusUS)), head, body)
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn)
		if err != nil {
			t.Fatal(err)
		}
		line, _, _ := strings.Cut(string(answer), "\r\n")
		return line
	}
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	if got := send("Connection: close\r\nTransfer-Encoding: chunked", []byte(chunked)); got != "HTTP/1.1 200 OK" {
		t.Errorf("chunked body: %s", got)
	}
	if got := send(fmt.Sprintf("Content-Length: %d", len(body)), body[:100]); got != "HTTP/1.1 408 Request Timeout" {
		t.Errorf("cut body: %s", got) // 400 would not be repeated
	}
	if got := send("Content-Length: 99999999999", nil); got != "HTTP/1.1 413 Request Entity Too Large" {
		t.Errorf("announced too much: %s", got)
	}
}

func TestInsecureAndLegacyHooks(t *testing.T) {
	cfg := config()
	cfg.Hooks[0].Value.SigningSecrets, cfg.Hooks[0].Value.Insecure = nil, true
	r := start(t, cfg)
	if res := r.do("POST", "/hooks/us", payload(t, statusUS), nil); res.status != 200 {
		t.Errorf("insecure hook: %d %s", res.status, res.body)
	}
}

func TestRepeatedCallJoins(t *testing.T) {
	r := start(t, config())
	body := payload(t, exportUS)
	first := r.post("us", body)
	for name, again := range map[string][]byte{
		"same request_id":    body,
		"another request_id": edit(t, body, map[string]any{"request_id": "another", "timestamp": "2026-03-11T15:47:07Z", "rossum_authorization_token": "another-token"}),
		"our own write-back": edit(t, body, map[string]any{"annotation.modified_at": "2026-03-11T15:44:00Z", "annotation.metadata": map[string]any{"erp": 1}}),
	} {
		if res := r.post("us", again); res.status != 202 || res.header.Get("Location") != first.header.Get("Location") {
			t.Errorf("%s: %d to %s", name, res.status, res.header.Get("Location"))
		}
	}
	m := r.take("erp-us", 1)[0]
	event, err := r.store.Event(t.Context(), m.Key)
	if err != nil || event.Calls != 4 || event.Generation != 1 || len(event.RequestIDs) != 2 {
		t.Errorf("record %+v, %v", event, err)
	}
	if token, _, err := r.store.Token(t.Context(), m.Key); token != "another-token" || err != nil {
		t.Errorf("token %q, %v", token, err)
	}
	if n := r.stored("erp-us"); n != 0 {
		t.Errorf("%d further messages", n)
	}
	if opened, joined := r.counted("rossum_relay_ingest_calls_total", "annotation_content.export", "us", "opened"),
		r.counted("rossum_relay_ingest_calls_total", "annotation_content.export", "us", "joined"); opened != 1 || joined != 3 {
		t.Errorf("counted %v opened, %v joined", opened, joined)
	}
}

// A process that dies between the event's record and its messages leaves just the record.
func TestRepeatedCallCompletesWhatDied(t *testing.T) {
	r := start(t, config())
	body := payload(t, exportUS)
	e, err := rossumapi.DecodeEnvelope(body)
	if err != nil {
		t.Fatal(err)
	}
	key := answer.EventKey("us", e)
	if _, _, err := r.store.Join(t.Context(), answer.Call{
		Key: key, Hook: "us", Name: e.Name(), Runs: []answer.RunRef{{Pipeline: "erp-us", Lane: "erp-us", Wait: true}}, Within: time.Hour,
	}); err != nil {
		t.Fatal(err)
	}
	if n := r.stored("erp-us"); n != 0 {
		t.Fatalf("%d messages", n)
	}
	if res := r.post("us", body); res.status != 202 {
		t.Fatalf("%d %s", res.status, res.body)
	}
	m := r.take("erp-us", 1)[0]
	if m.Run != run.NewID(key, "erp-us", 1) || !bytes.Equal(m.payload, body) {
		t.Errorf("message %+v", m.Envelope)
	}
}

func TestFullQueueIsRefusedAndLosesNothing(t *testing.T) {
	cfg := queuetest.Config(t.TempDir())
	cfg.MaxEvents = 64 << 10
	r := startOn(t, config(), queuetest.OpenConfig(t, cfg), nil)
	body := payload(t, exportUS)
	call := func(n int) []byte { return edit(t, body, map[string]any{"annotation.id": n}) }
	accepted := 0
	res := r.post("us", call(accepted))
	for ; res.status == 202; res = r.post("us", call(accepted)) {
		if accepted++; accepted > 50 {
			t.Fatal("64 KiB hold 50 events")
		}
	}
	if res.status != 503 || res.header.Get("Retry-After") == "" || r.counted("rossum_relay_ingest_refused_total", "us", "queue_full") != 1 {
		t.Fatalf("full queue: %d %s", res.status, res.body)
	}
	r.take("erp-us", accepted)
	if res := r.post("us", call(accepted)); res.status != 202 {
		t.Fatalf("with room again: %d %s", res.status, res.body)
	}
	if m := r.take("erp-us", 1)[0]; m.Annotation != int64(accepted) {
		t.Errorf("message %+v", m.Envelope)
	}
}

func TestLaneQuota(t *testing.T) {
	cfg := config()
	cfg.Pipelines[0].Value.Backlog = 1
	r := start(t, cfg)
	body := payload(t, exportUS)
	if res := r.post("us", body); res.status != 202 {
		t.Fatalf("%d %s", res.status, res.body)
	}
	if res := r.post("us", edit(t, body, map[string]any{"annotation.id": 1})); res.status != 503 || res.header.Get("Retry-After") == "" {
		t.Errorf("over the quota: %d %s", res.status, res.body)
	}
	if res := r.post("us", body); res.status != 202 {
		t.Errorf("a call that joins: %d %s", res.status, res.body)
	}
	if res := r.post("eu", payload(t, "02-export-po-backed-sideloads.json")); res.status != 202 {
		t.Errorf("another pipeline: %d %s", res.status, res.body)
	}
	if n := r.counted("rossum_relay_ingest_refused_total", "us", "backlog"); n != 1 {
		t.Errorf("counted %v", n)
	}
}

// TestLaneQuotaCountsParkedRuns: the backlog of a dead target waits for its time, not in the lane.
func TestLaneQuotaCountsParkedRuns(t *testing.T) {
	cfg := config()
	cfg.Pipelines[0].Value.Backlog = 1
	r := start(t, cfg)
	key := run.NewEventKey("us", "annotation_content.export", "parked")
	e := queue.Envelope{Run: run.NewID(key, "erp-us", 1), Pipeline: "erp-us", Key: key, Hook: "us", Generation: 1, Received: r.clock.Now()}
	p, err := r.queue.StorePayload(t.Context(), e.Run, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.queue.Schedule(t.Context(), "erp-us", e, p, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if res := r.post("us", payload(t, exportUS)); res.status != 503 {
		t.Errorf("over the quota: %d %s", res.status, res.body)
	}
	if res := r.post("eu", payload(t, "02-export-po-backed-sideloads.json")); res.status != 202 {
		t.Errorf("another pipeline: %d %s", res.status, res.body)
	}
}

func TestNewGenerationAfterTenMinutes(t *testing.T) {
	r := start(t, config())
	body := payload(t, statusUS)
	for generation := 1; generation <= 3; generation++ {
		if res := r.post("us", body); res.status != 200 {
			t.Fatalf("%d %s", res.status, res.body)
		}
		m := r.take("erp-us", 1)[0]
		if m.Generation != generation || m.Run != run.NewID(m.Key, "erp-us", generation) {
			t.Fatalf("message %+v", m.Envelope)
		}
		if err := r.store.Settle(t.Context(), m.Run, answer.Result{State: run.Done, Settled: r.clock.Now()}); err != nil {
			t.Fatal(err)
		}
		r.clock.Add(9 * time.Minute)
		r.post("us", body) // joins, and publishes nothing: the run is settled
		r.clock.Add(time.Minute)
	}
	if n := r.stored("erp-us"); n != 0 {
		t.Errorf("%d further messages", n)
	}
}

func TestTwoServersOnOneQueue(t *testing.T) {
	q := queuetest.Open(t)
	a, b := startOn(t, config(), q, nil), startOn(t, config(), q, nil)
	body := payload(t, exportUS)
	answers := make(chan response, 8)
	for n := range cap(answers) {
		r := a
		if n%2 == 1 {
			r = b
		}
		go func() { answers <- r.post("us", body) }()
	}
	first := <-answers
	for range cap(answers) - 1 {
		if res := <-answers; res.status != 202 || res.header.Get("Location") != first.header.Get("Location") {
			t.Errorf("%d to %s", res.status, res.header.Get("Location"))
		}
	}
	m := a.take("erp-us", 1)[0]
	if n := b.stored("erp-us"); n != 0 {
		t.Errorf("%d further messages", n)
	}
	if err := a.store.Settle(t.Context(), m.Run, answer.Result{State: run.Done, Settled: a.clock.Now()}); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*relay{a, b} {
		if res := r.poll(first.header.Get("Location")); res.status != 201 {
			t.Errorf("poll: %d %s", res.status, res.body)
		}
	}
}

func TestUnrouted(t *testing.T) {
	cfg := config()
	cfg.Pipelines = nil
	cfg.Hooks[1].Value.Unrouted = configs.UnroutedAccept
	r := start(t, cfg)
	if res := r.post("us", payload(t, exportUS)); res.status != 200 || !strings.Contains(res.body, `"type":"error"`) || !strings.Contains(res.body, "no pipeline") {
		t.Errorf("export: %d %s", res.status, res.body)
	}
	if res := r.post("us", payload(t, statusUS)); res.status != 200 || res.body != "{}" {
		t.Errorf("status event: %d %s", res.status, res.body)
	}
	if res := r.post("eu", payload(t, "02-export-po-backed-sideloads.json")); res.status != 200 || res.body != "{}" {
		t.Errorf("export that may be unrouted: %d %s", res.status, res.body)
	}
	if res := r.post("eu", payload(t, "11-email-received-attachments.json")); res.status != 200 || !strings.Contains(res.body, "Rechnung 4471.pdf") {
		t.Errorf("e-mail: %d %s", res.status, res.body)
	}
	if n := r.counted("rossum_relay_ingest_calls_total", "annotation_content.export", "us", "unrouted"); n != 1 {
		t.Errorf("counted %v", n)
	}
}

func TestUnknownEventsAreTaken(t *testing.T) {
	r := start(t, config())
	res := r.post("us", []byte(`{"request_id":"r","event":"future","action":"thing","base_url":"`+base+`","more":[1,{"x":null}]}`))
	if res.status != 200 || res.body != "{}" {
		t.Fatalf("%d %s", res.status, res.body)
	}
	if m := r.take("erp-us", 1)[0]; m.Event != "future.thing" || m.Annotation != 0 {
		t.Errorf("message %+v", m.Envelope)
	}
}

func TestInteractiveEventsAreAccepted(t *testing.T) {
	cfg := config()
	cfg.Pipelines[0].Value.Answer = configs.AnswerWait
	cfg.Pipelines[0].Value.Wait.Hold = configs.Duration(time.Hour)
	r := start(t, cfg)
	for n, action := range []string{"started", "user_update", "updated", "updated", "confirm"} {
		body := edit(t, payload(t, exportUS), map[string]any{"action": action, "request_id": fmt.Sprint(n)})
		if res := r.post("us", body); res.status != 200 || res.body != "{}" {
			t.Errorf("%s: %d %s", action, res.status, res.body)
		}
	}
	if got := r.take("erp-us", 5); got[2].Key == got[3].Key {
		t.Error("two edits of one review are one event")
	}
}

func TestRoutingByQueue(t *testing.T) {
	const file = "03-export-credit-note-czk.json" // queue 1264003, sideloaded
	names := func(refs ...configs.QueueRef) []configs.QueueRef { return refs }
	for name, test := range map[string]struct {
		queues    []configs.QueueRef
		resolve   string
		sideloads bool
		takes     bool
		unknown   bool
	}{
		"by id":                     {queues: names(configs.QueueRef{ID: 1264003}), takes: true},
		"by another id":             {queues: names(configs.QueueRef{ID: 1})},
		"by sideloaded name":        {queues: names(configs.QueueRef{Name: "Přijaté faktury"}), sideloads: true, resolve: "other", takes: true},
		"by another name":           {queues: names(configs.QueueRef{Name: "Other"}), sideloads: true},
		"by resolved name":          {queues: names(configs.QueueRef{ID: 1}, configs.QueueRef{Name: "Resolved"}), resolve: "Resolved", takes: true},
		"by another resolved name":  {queues: names(configs.QueueRef{Name: "Other"}), resolve: "Resolved"},
		"by a name nobody knows":    {queues: names(configs.QueueRef{Name: "Other"}), takes: true, unknown: true},
		"by id where no name known": {queues: names(configs.QueueRef{Name: "Other"}, configs.QueueRef{ID: 1264003}), takes: true},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config()
			cfg.Pipelines[1].Value.Queues = test.queues
			r := startOn(t, cfg, queuetest.Open(t), func(_ context.Context, rossum string, id int64) (string, error) {
				if rossum != "eu" || id != 1264003 || test.resolve == "" {
					return "", errors.New("unknown queue")
				}
				return test.resolve, nil
			})
			body := payload(t, file)
			if !test.sideloads {
				body = edit(t, body, map[string]any{"queues": nil})
			}
			res := r.post("eu", body)
			if got := res.status == 202; got != test.takes {
				t.Fatalf("taken %v: %d %s", got, res.status, res.body)
			}
			if !test.takes {
				return
			}
			event, err := r.store.Event(t.Context(), r.take("erp-eu", 1)[0].Key)
			if err != nil || event.Runs[0].QueueUnknown != test.unknown || event.Queue != 1264003 {
				t.Errorf("record %+v, %v", event, err)
			}
		})
	}
}

func TestEventWithoutQueuePassesNoQueueFilter(t *testing.T) {
	cfg := config()
	cfg.Pipelines[1].Value.Queues = []configs.QueueRef{{Name: "Any"}}
	r := start(t, cfg)
	r.post("eu", payload(t, "12-invocation-scheduled.json"))
	if n := r.counted("rossum_relay_ingest_calls_total", "invocation.scheduled", "eu", "unrouted"); n != 1 {
		t.Errorf("unrouted %v", n)
	}
}

func TestCheckStoresNothing(t *testing.T) {
	cfg := config()
	cfg.Pipelines = append(cfg.Pipelines, configs.Entry[configs.Pipeline]{
		Name: "lake", Value: configs.Pipeline{Hook: "us", Events: []string{"annotation_content.export"}, Answer: configs.AnswerAccept},
	})
	r := start(t, cfg)
	body := payload(t, exportUS)
	check := func(body []byte) response {
		return r.do("POST", "/hooks/us?mode=check", body, http.Header{"X-Rossum-Signature-SHA256": {sign(body)}})
	}
	key := run.NewEventKey("us", "annotation_content.export", "21440871", "reviewing>exporting", "", "", "2026-03-11T15:42:05.402960Z")
	want := `{"hook":"us","event":"annotation_content.export","event_key":"` + string(key) + `","annotation":21440871,"joins":false,"unrouted":false,` +
		`"pipelines":[{"pipeline":"erp-us","answer":"wait"},{"pipeline":"lake","answer":"accept"}],"status":202}`
	res := check(body)
	if res.status != 200 {
		t.Fatalf("%d %s", res.status, res.body)
	}
	if diff := cmp.Diff(want, res.body); diff != "" {
		t.Error(diff)
	}
	if _, err := r.store.Event(t.Context(), key); !errors.Is(err, answer.ErrNotFound) {
		t.Errorf("record: %v", err)
	}
	if n := r.stored("erp-us") + r.stored("lake"); n != 0 {
		t.Errorf("%d messages", n)
	}
	r.post("us", body)
	if res := check(body); !strings.Contains(res.body, `"joins":true`) {
		t.Errorf("after the call: %s", res.body)
	}
	if event, err := r.store.Event(t.Context(), key); err != nil || event.Calls != 1 {
		t.Errorf("record %+v, %v", event, err)
	}
	if res := r.do("POST", "/hooks/us?mode=check", body, nil); res.status != 401 {
		t.Errorf("unsigned: %d %s", res.status, res.body)
	}
}
