package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
)

// running is a command in the background.
type running struct {
	out    *io.PipeReader
	lines  *bufio.Scanner // of its stdout
	cancel context.CancelFunc
	done   chan error
}

func start(t *testing.T, run func(context.Context, io.Writer) error) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	r := &running{out: reader, lines: bufio.NewScanner(reader), cancel: cancel, done: make(chan error, 1)}
	go func() {
		err := run(ctx, writer)
		_ = writer.Close()
		r.done <- err
	}()
	return r
}

// line blocks until the command prints another line, and returns its two
// columns.
func (r *running) line(t *testing.T) (name, value string) {
	t.Helper()
	if !r.lines.Scan() {
		t.Fatalf("ended: %v", <-r.done)
	}
	name, value, _ = strings.Cut(r.lines.Text(), " ")
	return name, strings.TrimSpace(value)
}

// stop ends the command as Ctrl-C does and returns its error.
func (r *running) stop() error {
	go func() { _, _ = io.Copy(io.Discard, r.out) }()
	r.cancel()
	return <-r.done
}

func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func call(t *testing.T, client *http.Client, method, address, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer b")
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(answer)
}

func TestSimERP(t *testing.T) {
	defer goleak.VerifyNone(t)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	faults := writeFile(t, "faults.json", `[{"method": "POST", "nth": 1, "action": "refuse", "status": 507}]`)
	command := simERPCmd{Listen: "127.0.0.1:0", Faults: faults, Bearer: "b", RefuseDuplicates: 409}
	sim := start(t, command.Run)
	_, api := sim.line(t)
	_, _ = sim.line(t) // effects
	_, counts := sim.line(t)

	for _, want := range []int{507, 201, 409} { // the fault, the document, the document again
		if status, body := call(t, client, http.MethodPost, api+"/invoices", `{"invoice_number": "A1"}`); status != want {
			t.Errorf("POST answered %d %s, want %d", status, body, want)
		}
	}
	if _, body := call(t, client, http.MethodGet, counts, ""); !strings.Contains(body, `"effects":1`) {
		t.Errorf("counts are %s, want one effect", body)
	}
	if err := sim.stop(); err != nil {
		t.Errorf("stopped with %v", err)
	}
}

// The simulated Rossum calls the webhook, signed, for documents made of payload
// files, and says what became of them.
func TestSimRossum(t *testing.T) {
	defer goleak.VerifyNone(t)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		envelope, err := rossumapi.DecodeEnvelope(body)
		switch {
		case err != nil || r.Header.Get("X-Rossum-Signature-SHA256") != signatureOf([]byte(hookSecret), body):
			w.WriteHeader(http.StatusUnauthorized)
		case bytes.Contains(body, []byte("DB26-0031")):
			fmt.Fprint(w, `{"messages": [{"type": "error", "content": "supplier unknown"}]}`)
		case envelope.Name() == "annotation_content.export":
			fmt.Fprint(w, "{}")
		}
	}))
	defer hook.Close()
	command := simRossumCmd{
		Listen: "127.0.0.1:0", Username: "u", Password: "p", Speed: 1000, Hook: hook.URL, Secret: hookSecret,
		Events: []string{"annotation_content.export"}, Export: true,
		Files: []string{testPayloads + "01-export-us-standard-ap.json", testPayloads + "03-export-credit-note-czk.json"},
	}
	sim := start(t, command.Run)
	_, base := sim.line(t)
	_, _ = sim.line(t) // login
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	if status, body := call(t, &http.Client{Transport: transport}, http.MethodPost, base+"/api/v1/auth/login", `{"username": "u", "password": "p"}`); status != 200 {
		t.Errorf("login answered %d %s", status, body)
	}
	good, _ := sim.line(t)
	bad, _ := sim.line(t)
	ended := map[string]string{}
	for range 2 {
		id, status := sim.line(t)
		if status == "failed_export" {
			_, status = sim.line(t)
		}
		ended[id] = status
	}
	if ended[good] != "exported" || ended[bad] != "error: supplier unknown" {
		t.Errorf("ended %v, want %s exported and %s refused", ended, good, bad)
	}
	if err := sim.stop(); err != nil {
		t.Errorf("stopped with %v", err)
	}
}

func TestSimERPFaultFiles(t *testing.T) {
	tests := map[string]string{
		`[{"action": "explode"}]`:           `entry 1: fault: unknown action "explode"`,
		`[{"acton": "refuse"}]`:             `unknown field "acton"`,
		`{"action": "refuse"}`:              `cannot unmarshal object`,
		`[{"path":"[", "action":"refuse"}]`: `entry 1: fault: path "["`,
	}
	for content, want := range tests {
		command := simERPCmd{Listen: "127.0.0.1:0", Faults: writeFile(t, "faults.json", content)}
		if err := command.Run(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", content, err, want)
		}
	}
}

func TestShare(t *testing.T) {
	for text, want := range map[string]share{"20%": 0.2, "0.2": 0.2, "0": 0, "100%": 1} {
		var got share
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s is %v (%v), want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "20", "-1%", "101%", "NaN", "many"} {
		var got share
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q accepted as %v", text, got)
		}
	}
}

// TestSimRossumScript: more users than one, and steps that say what happened.
func TestSimRossumScript(t *testing.T) {
	defer goleak.VerifyNone(t)
	accounts := writeFile(t, "accounts.json", `[{"username": "ann", "password": "a", "queues": ["`+firstQueue(t)+`"]}]`)
	script := writeFile(t, "script.json", `[{"do": "wait", "status": "to_review"}, {"after": "30s", "do": "confirm", "user": "ann"}, {"do": "wait", "status": "exported"}, {"do": "fly"}]`)
	command := simRossumCmd{Listen: "127.0.0.1:0", Username: "u", Password: "p", Speed: 1000, Accounts: accounts, Script: script, Files: []string{testPayloads + "02-export-po-backed-sideloads.json"}}
	sim := start(t, command.Run)
	for range 3 {
		_, _ = sim.line(t) // base_url, login, the document
	}
	for _, want := range []string{"1 wait ", "2 confirm ", "3 wait ", "4 fly: unknown step"} {
		if _, said := sim.line(t); !strings.HasPrefix(said, want) {
			t.Errorf("%q, want %q", said, want)
		}
	}
	if err := sim.stop(); err != nil {
		t.Errorf("stopped with %v", err)
	}
	for name, command := range map[string]simRossumCmd{
		"there is no queue":  {Listen: "127.0.0.1:0", Accounts: writeFile(t, "a.json", `[{"username": "x", "queues": ["nowhere"]}]`)},
		`unknown field "pw"`: {Listen: "127.0.0.1:0", Accounts: writeFile(t, "a.json", `[{"username": "x", "pw": "y"}]`)},
		"no steps":           {Listen: "127.0.0.1:0", Script: writeFile(t, "s.json", `[]`)},
	} {
		if err := command.Run(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want %s", err, name)
		}
	}
}

// firstQueue is the name that the simulator gives the queue of the second payload.
func firstQueue(t *testing.T) string {
	t.Helper()
	s := rossumsim.New(rossumsim.Options{BaseURL: "https://acme.rossum.app"})
	defer s.Close()
	payload, err := os.ReadFile(testPayloads + "02-export-po-backed-sideloads.json")
	if err != nil {
		t.Fatal(err)
	}
	taken, err := s.Import(payload)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(s.Object("queues", taken.Queue)["name"])
}
