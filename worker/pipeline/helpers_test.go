package pipeline_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
)

var update = flag.Bool("update", false, "write golden files")

// frame is a configuration around the steps of one pipeline, p.
const frame = `
rossum: {acme: {base_url: https://acme.rossum.app}}
hooks:
  exports: {rossum: acme, insecure: true, settings: {company: "0100", erp_host: erp-a.example.com}, secrets: {portal: "${PORTAL}"}}
targets:
  erp: {http: {base_url: https://erp.example.com/base, headers: {Accept: application/json}}, timeout: 7s}
  tenant: {http: {base_url: "https://{{ settings.erp_host }}", hosts: [erp-a.example.com, "*.b.example.com"], headers: {X-Company: "{{ settings.company }}"}}}
  archive: {dir: {path: archive}}
tables:
  tax_codes: {rows: {"21": V1, "12": V2, "19": W1}}
ingest: {public_url: https://relay.example.com}
worker: {templates: {steps: 200000}}
pipelines:
  p:
    hook: exports
    events: [annotation_content, annotation_status]
    answer: accept
`

// config is the configuration with the given lines below the pipeline, indented by four blanks.
func config(t *testing.T, below string) *configs.Config {
	t.Helper()
	cfg, err := parse(below)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func parse(below string) (*configs.Config, error) {
	text := frame + indent(below)
	env := configs.WithEnv(func(string) (string, bool) { return "not-a-real-secret", true })
	cfg, err := configs.Parse("testdata/relay.yaml", []byte(text), env)
	if err != nil {
		return nil, err
	}
	return cfg, cfg.Resolve()
}

func indent(text string) string {
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	return "    " + strings.Join(lines, "\n    ") + "\n"
}

// compile compiles the pipeline p.
func compile(t *testing.T, below string) (*pipeline.Pipeline, *configs.Config) {
	t.Helper()
	cfg := config(t, below)
	set, err := pipeline.Compile(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p, ok := set.Pipeline("p")
	if !ok {
		t.Fatal("no pipeline p")
	}
	return p, cfg
}

func payload(t testing.TB, name string) rossumapi.Payload {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("../../rossumapi/testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	p, err := rossumapi.DecodePayload(body)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// input is the scope input of a payload, as the run loop would make it.
func input(t testing.TB, cfg *configs.Config, name string) pipeline.ScopeInput {
	t.Helper()
	p := payload(t, name)
	hook, _ := cfg.Hooks.Get("exports")
	now := time.Date(2026, 11, 21, 10, 30, 0, 0, time.UTC)
	return pipeline.ScopeInput{
		Payload: p, Settings: hook.Settings, Secrets: hook.Secrets, Tables: cfg.Tables,
		Run: pipeline.RunFacts{ID: "bbbbbbbbbbbbbbbbbbbbbbbbbb", Pipeline: "p", Generation: 2, Event: p.Name(), Received: now, Now: now},
	}
}

func scope(t testing.TB, cfg *configs.Config, name string) *pipeline.Scope {
	return pipeline.NewScope(input(t, cfg, name))
}

// wantKind fails unless err is an outcome of that kind, and returns it.
func wantKind(t *testing.T, err error, kind outcome.Kind) outcome.Outcome {
	t.Helper()
	var decided *outcome.Error
	if !errors.As(err, &decided) {
		t.Fatalf("got %v, want an outcome %s", err, kind)
	}
	if decided.Outcome.Kind != kind {
		t.Fatalf("got %s (%s), want %s", decided.Outcome.Kind, decided.Outcome.Message, kind)
	}
	return decided.Outcome
}

// golden compares with a file of testdata/golden, which -update writes.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata/golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s differs (-want +got):\n%s", name, cmp.Diff(string(want), string(got)))
	}
}

// with puts a text into a field of a payload.
func with(in pipeline.ScopeInput, schemaID, text string) pipeline.ScopeInput {
	content := in.Payload.Content.First(schemaID).Content
	content.Value, content.NormalizedValue = &text, nil
	return in
}
