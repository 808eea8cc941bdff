package setup_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim/samples"
	"github.com/rossum-relay/rossum-relay/worker/operate/setup"
)

// owned makes the hook and returns it.
func (r *rossum) owned() (*setup.Setup, rossumapi.Hook) {
	r.t.Helper()
	r.apply(r.setup("", onePipeline), setup.Allowed{})
	s := r.setup("", onePipeline)
	h, err := s.Hook(r.t.Context(), "acme")
	if err != nil {
		r.t.Fatal(err)
	}
	return s, h
}

func TestSecretsSchema(t *testing.T) {
	r := start(t, rossumsim.Switches{})
	s, h := r.owned()
	schema := json.RawMessage(`{"type":"object","properties":{"api_key":{"type":"string"}},"additionalProperties":false}`)
	if changed, err := s.SetSecretsSchema(t.Context(), h, schema); err != nil || !changed {
		t.Fatal(changed, err)
	}
	h, err := r.client.Hook(t.Context(), h.ID)
	if err != nil {
		t.Fatal(err)
	}
	if changed, err := s.SetSecretsSchema(t.Context(), h, schema); err != nil || changed {
		t.Errorf("the second time: %v %v", changed, err)
	}
	for _, bad := range []string{`[]`, `{"type":"object"}`, `{"type":"object","additionalProperties":true}`, `{"additionalProperties":false}`} {
		if _, err := s.SetSecretsSchema(t.Context(), h, json.RawMessage(bad)); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

func TestSecrets(t *testing.T) {
	r := start(t, rossumsim.Switches{})
	s, h := r.owned()
	keys, err := s.SetSecrets(t.Context(), h, map[string]string{"a": "1", "b": "2"}, false)
	if diff := cmp.Diff([]string{"a", "b"}, keys); diff != "" || err != nil {
		t.Fatal(diff, err)
	}
	var lost *setup.LostSecretsError
	if _, err = s.SetSecrets(t.Context(), h, map[string]string{"a": "3"}, false); !errors.As(err, &lost) || lost.Keys[0] != "b" {
		t.Errorf("secrets that may be lost: %v", err)
	}
	if _, err = s.SetSecrets(t.Context(), h, map[string]string{"a": "3"}, true); err != nil {
		t.Error(err)
	}
	secrets, _ := r.sim.Object("hooks", h.ID)["secrets"].(map[string]any)
	if secrets["a"] != "3" {
		t.Error("the value was not written")
	}
}

func TestNothingIsWrittenToForeignHooks(t *testing.T) {
	r := start(t, rossumsim.Switches{})
	id := r.sim.AddHook(rossumsim.HookSpec{Name: "theirs", URL: "https://theirs.example"})
	s := r.setup("", onePipeline)
	h, err := s.Hook(t.Context(), "theirs")
	if err != nil || h.ID != id {
		t.Fatal(h.ID, err)
	}
	if _, err := s.SetSecrets(t.Context(), h, map[string]string{"a": "1"}, true); !errors.Is(err, setup.ErrNotOwned) {
		t.Error(err)
	}
	if _, err := s.SetSecretsSchema(t.Context(), h, json.RawMessage(`{"type":"object","additionalProperties":false}`)); !errors.Is(err, setup.ErrNotOwned) {
		t.Error(err)
	}
}

// annotation uploads a sample into the first queue.
func (r *rossum) annotation() int64 {
	r.t.Helper()
	id, err := r.sim.Upload(rossumsim.Upload{Payload: samples.All()[0], Queue: r.queues[0], Status: rossumapi.StatusToReview})
	if err != nil {
		r.t.Fatal(err)
	}
	return id
}

func TestPayload(t *testing.T) {
	r := start(t, rossumsim.Switches{})
	s, h := r.owned()
	if _, err := s.SetSecrets(t.Context(), h, map[string]string{"key": "k"}, false); err != nil {
		t.Fatal(err)
	}
	id := r.annotation()
	raw, err := s.Payload(t.Context(), h, setup.PayloadOf{Event: "annotation_content.export", Annotation: id})
	if err != nil {
		t.Fatal(err)
	}
	p, err := rossumapi.DecodePayload(raw)
	if err != nil {
		t.Fatal(err)
	}
	if p.Name() != "annotation_content.export" || p.Annotation.ID != id || p.Annotation.Status != rossumapi.StatusExporting || len(p.Content) == 0 {
		t.Errorf("%s %+v", p.Name(), p.Annotation)
	}
	if p.Token != "" || string(p.Secrets) != "{}" || strings.Contains(string(raw), "redacted") {
		t.Errorf("credentials: token of %d characters, secrets %s", len(p.Token), p.Secrets)
	}
	for _, bad := range []setup.PayloadOf{{Event: "annotation_content.export"}, {Event: "export", Annotation: id}, {Event: "annotation_content.export", Annotation: 1}} {
		if _, err := s.Payload(t.Context(), h, bad); err == nil {
			t.Errorf("%+v: no error", bad)
		}
	}
}

// TestTest lets the simulator call a service in the place of the relay.
func TestTest(t *testing.T) {
	r := start(t, rossumsim.Switches{})
	var query, signature string
	relay := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		query, signature = req.URL.RawQuery, req.Header.Get("X-Rossum-Signature-SHA256")
		_, _ = io.WriteString(w, `{"hook":"acme","unrouted":false}`)
	}))
	defer relay.Close()
	cfg := r.config("", onePipeline)
	cfg.Ingest.PublicURL = relay.URL
	r.apply(setup.New(cfg, "acme", r.client), setup.Allowed{})
	s := setup.New(cfg, "acme", r.client)
	h, err := s.Hook(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	of := setup.PayloadOf{Event: "annotation_content.export"}
	if _, err := s.Test(t.Context(), h, of, secret); !errors.Is(err, setup.ErrNoAnnotation) {
		t.Errorf("without annotations: %v", err)
	}
	r.annotation()
	answer, err := s.Test(t.Context(), h, of, secret)
	if err != nil || !strings.Contains(string(answer), `"unrouted":false`) {
		t.Fatalf("%s %v", answer, err)
	}
	if query != "mode=check" || signature == "" {
		t.Errorf("query %q, signature %q", query, signature)
	}
	if config, _ := r.sim.Object("hooks", h.ID)["config"].(map[string]any); strings.Contains(config["url"].(string), "check") {
		t.Error("the test's address was kept")
	}
}

func TestLogs(t *testing.T) {
	r := start(t, rossumsim.Switches{})
	relay := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }))
	defer relay.Close()
	cfg := r.config("retry_on_any_non_2xx: false, retry_count: 0", onePipeline)
	cfg.Ingest.PublicURL = relay.URL
	r.apply(setup.New(cfg, "acme", r.client), setup.Allowed{})
	s := setup.New(cfg, "acme", r.client)
	h, err := s.Hook(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	id := r.annotation()
	if err := r.sim.Confirm(t.Context(), id, r.user); err != nil {
		t.Fatal(err)
	}
	if _, err := r.sim.WaitStatus(t.Context(), id, rossumapi.StatusFailedExport); err != nil {
		t.Fatal(err)
	}
	logs, err := s.Logs(t.Context(), h, true, time.Now().Add(-time.Hour), 0)
	if err != nil || len(logs) != 1 || logs[0].StatusCode != http.StatusNotFound || logs[0].AnnotationID != id {
		t.Errorf("%+v %v", logs, err)
	}
	if logs, err = s.Logs(t.Context(), h, false, time.Now().Add(time.Hour), 0); err != nil || len(logs) != 0 {
		t.Errorf("of the future: %+v %v", logs, err)
	}
}
