package rossumsim_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a simulator with one queue, an admin, and a hook server whose
// answers the test decides.
type world struct {
	*rossumsim.Sim
	t       *testing.T
	ctx     context.Context
	payload []byte
	queue   int64
	admin   int64

	mu       sync.Mutex
	answer   func(n int, r received) reply
	received []received
	server   *httptest.Server
}

// received is a request that arrived at the hook server.
type received struct {
	method, path string
	header       http.Header
	body         []byte
	at           time.Time // simulated
}

// member returns a string member of the body.
func (r received) member(key string) string { return textMember(r.body, key) }

type reply struct {
	status   int
	location string
	body     string
}

func newWorld(t *testing.T, o rossumsim.Options) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	o.Manual = o.Speed == 0
	o.Now = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	w := &world{Sim: rossumsim.New(o), t: t, ctx: ctx, answer: func(int, received) reply { return reply{status: 200, body: "{}"} }}
	t.Cleanup(w.Close)
	w.must(w.Start("127.0.0.1:0"))
	w.server = httptest.NewServer(http.HandlerFunc(w.serveHook))
	t.Cleanup(w.server.Close)
	w.payload = readPayload(t, "01-export-us-standard-ap")
	taken, err := w.Import(w.payload)
	w.must(err)
	w.queue = taken.Queue
	w.admin = w.AddUser(rossumsim.UserSpec{Username: "admin@acme.example", Password: "correct horse", Admin: true})
	return w
}

func readPayload(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile("../testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) serveHook(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	got := received{method: r.Method, path: r.URL.Path, header: r.Header, body: body, at: w.Now()}
	w.mu.Lock()
	w.received = append(w.received, got)
	n, answer := len(w.received), w.answer
	w.mu.Unlock()
	given := answer(n, got)
	if given.location != "" {
		rw.Header().Set("Location", given.location)
	}
	rw.WriteHeader(given.status)
	_, _ = io.WriteString(rw, given.body)
}

// answers makes the hook server answer the n-th request with the n-th reply,
// and all later ones with the last.
func (w *world) answers(replies ...reply) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.received = nil
	w.answer = func(n int, _ received) reply { return replies[min(n, len(replies))-1] }
}

func (w *world) requests() []received {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]received{}, w.received...)
}

func (w *world) hook(events ...string) rossumsim.HookSpec {
	return rossumsim.HookSpec{Name: "relay", URL: w.server.URL + "/hook", Secret: "s3cret", Events: events, Queues: []int64{w.queue}}
}

// upload adds an annotation and waits until it is to be reviewed.
func (w *world) upload() int64 {
	w.t.Helper()
	id, err := w.Upload(rossumsim.Upload{Payload: w.payload, Queue: w.queue})
	w.must(err)
	w.status(id, rossumapi.StatusToReview)
	return id
}

func (w *world) status(id int64, want ...string) {
	w.t.Helper()
	_, err := w.WaitStatus(w.ctx, id, want...)
	w.must(err)
}

func (w *world) advance(d time.Duration) {
	w.t.Helper()
	w.must(w.Advance(w.ctx, d))
}

func (w *world) client(token string) *rossumapi.Client {
	w.t.Helper()
	c, err := rossumapi.New(rossumapi.Options{BaseURL: w.BaseURL(), Token: rossumapi.StaticToken(token), Retries: -1, MaxRetryAfter: -1})
	w.must(err)
	w.t.Cleanup(c.Close)
	return c
}

func (w *world) adminClient() *rossumapi.Client {
	return w.client(w.Token(w.admin, 100*time.Hour))
}

func asAPI(err error, into **rossumapi.APIError) bool { return errors.As(err, into) }

func bodyOf(err error) []byte {
	var api *rossumapi.APIError
	if errors.As(err, &api) {
		return api.Body
	}
	return nil
}

// textMember returns a string member of a JSON object.
func textMember(raw json.RawMessage, key string) string {
	var object rossumapi.Object
	_ = json.Unmarshal(raw, &object)
	return object.Text(key)
}

func memberOf(raw json.RawMessage, key string) json.RawMessage {
	var object rossumapi.Object
	_ = json.Unmarshal(raw, &object)
	return object.Get(key)
}
