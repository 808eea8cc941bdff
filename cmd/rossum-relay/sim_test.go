package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// started is a command that runs in the background and said where it listens.
type started struct {
	lines map[string]string // what it printed: first word to the rest
	stop  func() error
}

// start runs a command until the test ends or stop is called, and waits for the
// given number of lines on its stdout.
func start(t *testing.T, lines int, run func(context.Context, io.Writer) error) started {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, writer)
		writer.CloseWithError(errors.Join(err, io.EOF))
		done <- err
	}()
	s := started{lines: map[string]string{}}
	scanner := bufio.NewScanner(reader)
	for len(s.lines) < lines && scanner.Scan() {
		word, rest, _ := strings.Cut(scanner.Text(), " ")
		s.lines[word] = strings.TrimSpace(rest)
	}
	if len(s.lines) < lines {
		t.Fatalf("printed %v only: %v", s.lines, <-done)
	}
	go func() { _, _ = io.Copy(io.Discard, reader) }()
	s.stop = func() error {
		cancel()
		return <-done
	}
	return s
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
	sim := start(t, 3, command.Run)

	for _, want := range []int{507, 201, 409} { // the fault, the document, the document again
		if status, body := call(t, client, http.MethodPost, sim.lines["API"]+"/invoices", `{"invoice_number": "A1"}`); status != want {
			t.Errorf("POST answered %d %s, want %d", status, body, want)
		}
	}
	if _, body := call(t, client, http.MethodGet, sim.lines["counts"], ""); !strings.Contains(body, `"effects":1`) {
		t.Errorf("counts are %s, want one effect", body)
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
