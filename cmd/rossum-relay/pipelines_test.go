package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/configs/pipelines"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim/samples"
	"github.com/rossum-relay/rossum-relay/worker/erpsim"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// TestNewPipeline copies every ready-made pipeline as a user would: it passes the check and its own cases, and a folder
// that holds something is left alone.
func TestNewPipeline(t *testing.T) {
	for _, name := range pipelines.Names() {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "mine")
			command(t, exitOK, "new", "pipeline", name, dir)
			config := filepath.Join(dir, "relay.yaml")
			command(t, exitOK, "config", "check", "--no-secrets", "-c", config)
			command(t, exitOK, "test", filepath.Join(dir, "cases"))
			if err := os.WriteFile(config, []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
			command(t, exitFailure, "new", "pipeline", name, dir)
			if kept, err := os.ReadFile(config); err != nil || string(kept) != "mine" {
				t.Errorf("the file was overwritten: %q, %v", kept, err)
			}
		})
	}
	if out := command(t, exitFailure, "new", "pipeline", "../rest", t.TempDir()); !strings.Contains(out, "one of ") {
		t.Errorf("got %s", out)
	}
	if out := command(t, exitOK, "new", "pipeline"); !strings.HasPrefix(out, pipelines.Names()[0]) {
		t.Errorf("got %s", out)
	}
}

const exitOK = 0

// command runs a command line and returns all it printed.
func command(t *testing.T, code int, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if got := execute(t.Context(), args, &out, &out); got != code {
		t.Errorf("rossum-relay %s: exit %d, want %d\n%s", strings.Join(args, " "), got, code, out.String())
	}
	return out.String()
}

// script is an ERP that answers as its vendor documents, and fails once as told.
type script struct {
	handle  func(s *script, w http.ResponseWriter, r *http.Request, body []byte)
	mu      sync.Mutex
	calls   []string               // since the last begin
	sent    map[string]string      // body of the last call by "METHOD path"
	applied map[string]int         // effects by business key
	docs    map[string]erpDocument // by business key
	fault   *fault
}

// erpDocument is what the ERP keeps of an invoice.
type erpDocument struct{ id, total string }

// fault is what happens once to the first call that begins with call, "METHOD path".
type fault struct {
	call   string
	end    string // how the path ends; "" for any
	status int
	header map[string]string
	body   string
	lost   bool // the call is applied and its answer lost, without a status
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	call := r.Method + " " + r.URL.Path
	s.calls, s.sent[call] = append(s.calls, call), string(body)
	f := s.fault
	if f == nil || !strings.HasPrefix(call, f.call) || !strings.HasSuffix(call, f.end) {
		s.handle(s, w, r, body)
		return
	}
	s.fault = nil
	if f.lost {
		s.handle(s, httptest.NewRecorder(), r, body)
	}
	if f.status == 0 {
		panic(http.ErrAbortHandler)
	}
	for name, value := range f.header {
		w.Header().Set(name, value)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.status)
	_, _ = io.WriteString(w, f.body)
}

// create applies a document and returns its id.
func (s *script) create(key, total string) string {
	s.applied[key]++
	d := erpDocument{fmt.Sprint(5100 + len(s.docs)), total}
	s.docs[key] = d
	return d.id
}

// begin forgets the calls, arms a fault and puts a document there beforehand.
func (s *script) begin(f *fault, there map[string]erpDocument) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls, s.fault = nil, f
	for key, d := range there {
		s.docs[key] = d
	}
}

// reply answers with JSON.
func reply(w http.ResponseWriter, status int, format string, args ...any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, format, args...)
}

// erpTest is a ready-made pipeline against a script of its ERP.
type erpTest struct {
	env    map[string]string // beside Rossum's; ERP/ is the script
	handle func(s *script, w http.ResponseWriter, r *http.Request, body []byte)
	tables map[string]string // files that replace those of the pipeline
	cases  []erpCase
}

// erpCase is one invoice on its way. Its number is in the places of %s.
type erpCase struct {
	name  string
	set   map[string]string // fields of the sample, the credit note where document_type is one
	fault *fault
	there map[string]erpDocument

	dead  outcome.Kind // "" for a run that is done
	said  string       // what Rossum is told
	field string       // where
	also  string       // anywhere
	calls []string     // in order, by their beginnings
	sent  map[string]string
}

func TestReadyPipelines(t *testing.T) {
	tests := map[string]erpTest{"rest": restTest(), "coupa": coupaTest(), "sap": sapTest(), "netsuite": netsuiteTest(), "business-central": businessCentralTest(), "opentext-vim": vimTest()}
	for _, name := range pipelines.Names() {
		if name == "csv-sftp" {
			continue // see TestReadyPipelineOverSFTP
		}
		test, ok := tests[name]
		if !ok {
			t.Errorf("pipeline %s has no test", name)
			continue
		}
		t.Run(name, func(t *testing.T) { t.Parallel(); test.run(t, name) })
	}
}

// hasten makes a pipeline's waits fit a test and lets it reach this machine.
var hasten = strings.NewReplacer(
	"first: 5s, max: 30m", "first: 100ms, max: 500ms", "after: 2m", "after: 100ms", "after: 15m", "after: 100ms", "timeout: 60s", "timeout: 1s",
	"      base_url: ${ERP_URL", "      private: true\n      base_url: ${ERP_URL",
	"      address: ${SFTP_ADDRESS", "      private: true\n      address: ${SFTP_ADDRESS", "data: ${DATA:-data}", "data: ${DATA}\n  durability: fast\n  max_store: 1GiB",
)

func (e *erpTest) run(t *testing.T, name string) {
	s := &script{handle: e.handle, sent: map[string]string{}, applied: map[string]int{}, docs: map[string]erpDocument{}}
	erp := httptest.NewServer(s)
	t.Cleanup(erp.Close)
	r := newRelay(t, "", erpsim.Options{})
	r.erpURL = erp.URL
	command(t, exitOK, "new", "pipeline", name, filepath.Join(r.dir, name))
	r.config = filepath.Join(r.dir, name, "relay.yaml")
	source, err := os.ReadFile(r.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.config, []byte(hasten.Replace(string(source))), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, rows := range e.tables {
		if err := os.WriteFile(filepath.Join(r.dir, name, file), []byte(rows), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.more = maps.Clone(e.env)
	for name, value := range r.more {
		r.more[name] = strings.Replace(value, "ERP/", erp.URL+"/", 1)
	}
	r.more["PUBLIC_URL"] = "http://" + r.listen
	r.hookNamed("exports", "annotation_content.export")
	r.start()
	for i, c := range e.cases {
		t.Run(c.name, func(t *testing.T) { c.run(t, r, s, fmt.Sprintf("N-%d", i+1)) })
	}
}

func (c *erpCase) run(t *testing.T, r *relay, s *script, number string) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	there := map[string]erpDocument{}
	for key, d := range c.there {
		there[strings.ReplaceAll(key, "%s", number)] = d
	}
	s.begin(c.fault, there)
	set := map[string]string{"document_id": number}
	for k, v := range c.set {
		set[k] = v
	}
	payload := samples.All()[0]
	if set["document_type"] == "credit_note" {
		payload = samples.All()[1]
	}
	id, err := r.rossum.Upload(rossumsim.Upload{Payload: payload, Set: set})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.rossum.WaitStatus(ctx, id, "to_review"); err != nil {
		t.Fatal(err)
	}
	if err := r.rossum.Confirm(ctx, id, r.user); err != nil {
		t.Fatal(err)
	}
	if _, err := r.rossum.WaitStatus(ctx, id, "exported", "failed_export"); err != nil {
		t.Fatal(err)
	}
	c.checkRun(t, r, id)
	c.checkMessage(t, r, id)
	c.checkERP(t, s, number)
}

func (c *erpCase) checkRun(t *testing.T, r *relay, id int64) {
	t.Helper()
	var rec journal.Record
	if err := r.service.journal.Each(t.Context(), func(each journal.Record) error {
		if each.Annotation == id {
			rec = each
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	switch {
	case c.dead == "" && rec.State != run.Done, c.dead != "" && rec.State != run.Dead:
		t.Errorf("the run is %s at %s: %s; %+v", rec.State, rec.At, rec.Message, rec.Failure)
	case c.dead != "" && rec.Failure.Outcome.Kind != c.dead:
		t.Errorf("the run is dead by %+v, want %s", rec.Failure, c.dead)
	}
}

func (c *erpCase) checkMessage(t *testing.T, r *relay, id int64) {
	t.Helper()
	a, err := r.rossum.Annotation(id)
	if err != nil {
		t.Fatal(err)
	}
	content, err := r.rossum.Content(id)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(a.Messages, func(m rossumapi.Message) bool { return strings.Contains(m.Content, c.also) }) {
		t.Errorf("Rossum was told %+v, want also %q", a.Messages, c.also)
	}
	for _, m := range a.Messages {
		if !strings.Contains(m.Content, c.said) {
			continue
		}
		if c.field == "" {
			return
		}
		for _, node := range content.FindBySchemaID(c.field) {
			if node.ID == m.ID {
				return
			}
		}
	}
	t.Errorf("Rossum was told %+v, want %q at %q", a.Messages, c.said, c.field)
}

func (c *erpCase) checkERP(t *testing.T, s *script, number string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault != nil {
		t.Errorf("the fault at %s did not happen; calls %v", s.fault.call, s.calls)
	}
	for key, n := range s.applied {
		if n > 1 {
			t.Errorf("%s was created %d times", key, n)
		}
	}
	if !slices.EqualFunc(s.calls, c.calls, func(got, want string) bool {
		return strings.HasPrefix(got, strings.ReplaceAll(want, "%s", number))
	}) {
		t.Errorf("calls\n  %s\nwant\n  %s", strings.Join(s.calls, "\n  "), strings.Join(c.calls, "\n  "))
	}
	for call, want := range c.sent {
		if got := s.sent[strings.ReplaceAll(call, "%s", number)]; !strings.Contains(got, want) {
			t.Errorf("%s sent %.2000s\nwithout %s", call, got, want)
		}
	}
}
