package rossumsim

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// TestScript plays a document's life by steps, on a clock that stands still.
func TestScript(t *testing.T) {
	s := New(Options{Manual: true, Switches: Switches{RateLimit: -1}})
	t.Cleanup(s.Close)
	s.SetBaseURL("https://acme.rossum.app")
	s.AddUser(UserSpec{Username: "ann", Admin: true})
	steps, err := DecodeScript([]byte(`[
		{"do": "upload", "file": "01-export-us-standard-ap.json", "as": "a", "set": {"document_id": "S-1"}, "status": "to_review"},
		{"do": "upload", "file": "01-export-us-standard-ap.json", "status": "to_review"},
		{"after": "12m", "do": "advance"},
		{"do": "open", "annotation": "a"},
		{"do": "edit", "annotation": "a", "field": "document_id", "value": "S-2"},
		{"do": "confirm", "annotation": "a", "user": "ann"},
		{"do": "wait", "annotation": "a", "status": "exported"},
		{"do": "status", "status": "postponed"}
	]`))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	began := s.Now()
	p := s.NewPlayer(func(file string) ([]byte, error) { return os.ReadFile("../testdata/" + file) })
	for i, step := range steps {
		if _, err := p.Play(ctx, step); err != nil {
			t.Fatalf("step %d: %v", i+1, err)
		}
	}
	ids := s.Annotations()
	for i, want := range []string{"exported", "postponed"} {
		if a, err := s.Annotation(ids[i]); err != nil || a.Status != want {
			t.Errorf("annotation %d is %s, want %s: %v", i, a.Status, want, err)
		}
	}
	if tree, err := s.Content(ids[0]); err != nil || tree.First("document_id").Value() != "S-2" {
		t.Errorf("the edit is lost: %v", err)
	}
	if passed := s.Now().Sub(began); passed != 12*time.Minute {
		t.Errorf("%s passed", passed)
	}
}

// TestControlAPI does over HTTP what scripts do, and shows what happened.
func TestControlAPI(t *testing.T) {
	s := New(Options{Switches: Switches{RateLimit: -1}})
	t.Cleanup(s.Close)
	if err := s.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	s.AddUser(UserSpec{Username: "ann", Admin: true})
	payload, err := os.ReadFile("../testdata/01-export-us-standard-ap.json")
	if err != nil {
		t.Fatal(err)
	}
	upload, err := json.Marshal(Step{Do: "upload", Payload: payload, Status: "to_review"})
	if err != nil {
		t.Fatal(err)
	}
	post := func(step string) (int, string) { return control(t, http.MethodPost, s.BaseURL()+"/_sim/steps", step) }
	if status, body := post(string(upload)); status != 200 || !strings.Contains(body, `"annotation":`) {
		t.Fatalf("%d %s", status, body)
	}
	for step, want := range map[string]string{
		`{"do": "fly"}`:                             "unknown step",
		`{"do": "wait", "anotation": "x"}`:          "unknown field",
		`{"do": "open", "annotation": "77"}`:        "no annotation",
		`{"do": "open", "user": "bob"}`:             "no user",
		`{"do": "status", "status": "levitating"}`:  "unknown status",
		`{"do": "fault"}`:                           "nothing to do",
		`{"do": "upload"}`:                          "needs a payload",
		`{"do": "upload", "file": "/etc/hostname"}`: "needs a payload",
		`{"after": "soon", "do": "advance"}`:        "duration",
		`{"do": "redeliver", "call": 99}`:           "no call 99",
	} {
		if status, body := post(step); status != 400 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s, want %s", step, status, body, want)
		}
	}
	if status, body := post(`{"do": "fault", "fault": {"path": "/users", "status": 418}}`); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := control(t, http.MethodGet, s.BaseURL()+"/api/v1/users", ""); status != 418 {
		t.Errorf("the fault was not injected: %d", status)
	}
	if _, body := control(t, http.MethodGet, s.BaseURL()+"/_sim/annotations", ""); !strings.Contains(body, "to_review") {
		t.Errorf("annotations: %s", body)
	}
	if status, body := control(t, http.MethodGet, s.BaseURL()+"/_sim/calls", ""); status != 200 || !strings.Contains(body, `"results":[]`) {
		t.Errorf("calls: %d %s", status, body)
	}
}

func control(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(got)
}
