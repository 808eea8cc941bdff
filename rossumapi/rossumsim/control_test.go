package rossumsim_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
)

// TestScaledClock exports through three polls, 90 simulated seconds, in a
// fraction of a real one.
func TestScaledClock(t *testing.T) {
	w := newWorld(t, rossumsim.Options{Speed: 3000})
	hook := w.AddHook(w.hook("annotation_content.export"))
	w.answers(reply{status: 202, location: w.server.URL + "/poll"}, reply{status: 202}, reply{status: 202}, reply{status: 201, body: "{}"})
	before := w.Now()
	id := w.upload()
	w.must(w.Confirm(w.ctx, id, w.admin))
	w.status(id, rossumapi.StatusExported)
	if took := w.Now().Sub(before); took < 90*time.Second || w.Calls(hook)[0].Polls != 3 {
		t.Errorf("%d polls in %s", w.Calls(hook)[0].Polls, took)
	}
}

func TestServe(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	prepared := make(chan string, 1)
	go func() {
		served <- rossumsim.Serve(ctx, rossumsim.Options{}, "127.0.0.1:0", func(s *rossumsim.Sim) error {
			s.AddUser(rossumsim.UserSpec{Username: "u", Password: "p"})
			prepared <- s.BaseURL()
			return nil
		})
	}()
	c, err := rossumapi.New(rossumapi.Options{BaseURL: <-prepared})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Login(ctx, "u", "p", 0); err != nil {
		t.Error(err)
	}
	c.Close()
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if err := rossumsim.Serve(t.Context(), rossumsim.Options{}, "127.0.0.1:99999", nil); err == nil {
		t.Error("served on a port that is none")
	}
}

func TestUploadsAreDistinct(t *testing.T) {
	w := newWorld(t, unlimited())
	hook := w.AddHook(w.hook("annotation_content.export"))
	seen := map[string]bool{}
	for _, number := range []string{"INV-1", "INV-2", "INV-3"} {
		id, err := w.Upload(rossumsim.Upload{Payload: w.payload, Queue: w.queue, Metadata: map[string]any{"n": number},
			Set: map[string]string{"document_id": number, "amount_total": "12.5"}})
		w.must(err)
		w.status(id, rossumapi.StatusToReview)
		w.must(w.Confirm(w.ctx, id, w.admin))
		w.status(id, rossumapi.StatusExported)
	}
	for _, call := range w.Calls(hook) {
		p, err := rossumapi.DecodePayload(call.Body)
		w.must(err)
		number, _ := p.Content.First("amount_total").Number()
		seen[p.Content.First("document_id").Value()+" "+number.String()+" "+p.Annotation.URL+" "+p.Document.URL] = true
		for node := range p.Content.All() {
			if seen[node.URL] {
				t.Fatalf("%s twice", node.URL)
			}
			seen[node.URL] = true
		}
	}
	if _, err := w.Upload(rossumsim.Upload{Payload: w.payload, Set: map[string]string{"absent": "x"}}); err == nil {
		t.Error("set a field that is not there")
	}
	if _, err := w.Upload(rossumsim.Upload{Payload: []byte("{}")}); err == nil {
		t.Error("took over a payload that is none")
	}
}

// TestUploadToStatus plants what a reconciliation must find: no hook hears of it.
func TestUploadToStatus(t *testing.T) {
	w := newWorld(t, unlimited())
	hook := w.AddHook(w.hook("annotation_status", "annotation_content"))
	id, err := w.Upload(rossumsim.Upload{Payload: w.payload, Queue: w.queue, Status: rossumapi.StatusExported})
	w.must(err)
	w.must(w.Quiet(w.ctx))
	annotation, err := w.Annotation(id)
	w.must(err)
	if annotation.Status != rossumapi.StatusExported || annotation.ExportedAt == "" || len(w.Calls(hook)) != 0 {
		t.Errorf("%s, exported at %q, %d calls", annotation.Status, annotation.ExportedAt, len(w.Calls(hook)))
	}
}

// TestEveryPayloadIsTakenOver runs all annotation payloads through an export.
func TestEveryPayloadIsTakenOver(t *testing.T) {
	w := newWorld(t, unlimited())
	for _, name := range []string{"01-export-us-standard-ap", "02-export-po-backed-sideloads", "03-export-credit-note-czk", "04-export-header-only-chf",
		"05-export-einvoice-2000-lines", "06-export-unicode-jpy", "07-export-missing-values"} {
		body := readPayload(t, name)
		taken, err := w.Import(body)
		w.must(err)
		w.queue = taken.Queue
		hook := w.AddHook(w.hook("annotation_content.export"))
		id, err := w.Upload(rossumsim.Upload{Payload: body})
		w.must(err)
		w.status(id, rossumapi.StatusToReview)
		w.must(w.Confirm(w.ctx, id, w.admin))
		w.status(id, rossumapi.StatusExported)
		sent, err := rossumapi.DecodePayload(w.Calls(hook)[0].Body)
		w.must(err)
		w.must(sent.CheckURLs())
		original, err := rossumapi.DecodePayload(body)
		w.must(err)
		want := []string{}
		for node := range original.Content.All() {
			want = append(want, node.SchemaID+"="+node.Value())
		}
		i := 0
		for node := range sent.Content.All() {
			if i >= len(want) || node.SchemaID+"="+node.Value() != want[i] {
				t.Fatalf("%s: node %d is %s", name, i, node.SchemaID)
			}
			i++
		}
		if i != len(want) {
			t.Errorf("%s: %d nodes, want %d", name, i, len(want))
		}
	}
}

func TestFireAnyEvent(t *testing.T) {
	w := newWorld(t, unlimited())
	spec := w.hook("email.received")
	spec.TokenOwner = w.admin
	hook := w.AddHook(spec)
	w.answers(reply{status: 503}, reply{status: 200, body: `{"files":[]}`})
	w.must(w.Fire(hook, readPayload(t, "11-email-received-attachments")))
	w.advance(5 * time.Second)
	call := w.Calls(hook)[0]
	e, err := rossumapi.DecodeEnvelope(call.Body)
	w.must(err)
	w.must(e.CheckURLs())
	if e.Name() != "email.received" || e.BaseURL != w.BaseURL() || e.Token == "" || call.Attempts != 2 || string(call.Response) != `{"files":[]}` {
		t.Errorf("%s from %s, %d attempts, %s", e.Name(), e.BaseURL, call.Attempts, call.Response)
	}
	if strings.Contains(string(call.Body), "not-a-real-secret") {
		t.Error("secrets of the original hook are left")
	}
}

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	w := newWorld(t, unlimited())
	w.AddHook(w.hook("annotation_content.export"))
	begun := make(chan struct{}, 10)
	release := make(chan struct{})
	defer close(release)
	w.mu.Lock()
	w.answer = func(int, received) reply {
		begun <- struct{}{}
		<-release
		return reply{status: 200}
	}
	w.mu.Unlock()
	id := w.upload()
	w.must(w.Confirm(w.ctx, id, w.admin))
	<-begun
	w.Close()
	if _, err := w.Upload(rossumsim.Upload{Payload: w.payload, Queue: w.queue}); err != nil {
		t.Error(err) // recorded, but nothing goes on
	}
}

func TestHookThatDoesNotAnswer(t *testing.T) {
	w := newWorld(t, unlimited())
	spec := w.hook("annotation_content.export")
	spec.Config = map[string]any{"timeout_s": 1, "retry_count": 0}
	spec.URL = "http://127.0.0.1:1" // nobody listens
	hook := w.AddHook(spec)
	id := w.upload()
	w.must(w.Confirm(w.ctx, id, w.admin))
	w.status(id, rossumapi.StatusFailedExport)
	if call := w.Calls(hook)[0]; call.StatusCode != 0 || call.Failure == "" {
		t.Errorf("%+v", call.Failure)
	}
}

func TestHandlerUnderAnotherServer(t *testing.T) {
	sim := rossumsim.New(rossumsim.Options{BaseURL: "https://acme.rossum.app"})
	defer sim.Close()
	sim.AddUser(rossumsim.UserSpec{Username: "u", Password: "p", Admin: true})
	c, err := rossumapi.New(rossumapi.Options{BaseURL: "https://acme.rossum.app", Transport: inProcess{sim.Handler()}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Login(t.Context(), "u", "p", 0); err != nil {
		t.Error(err)
	}
}

// inProcess is a transport without a network, for tests in a synctest bubble.
type inProcess struct{ handler http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	return w.Result(), nil
}
