package pipeline_test

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
)

// problems compiles and returns every problem as line:column: message; lines count from the first of below.
func problems(t *testing.T, below string) []string {
	t.Helper()
	_, err := pipeline.Compile(config(t, below))
	if err == nil {
		return nil
	}
	var errs configs.Errors
	if !errors.As(err, &errs) {
		t.Fatalf("got %T, want configs.Errors", err)
	}
	before := strings.Count(frame, "\n")
	list := make([]string, 0, len(errs))
	for _, e := range errs {
		text := fmt.Sprintf("%d:%d: %s: %s", e.Pos.Line-before, e.Pos.Column-4, strings.TrimPrefix(e.Path, "pipelines.p."), e.Message)
		if e.Suggestion != "" {
			text += " (" + e.Suggestion + ")"
		}
		list = append(list, text)
	}
	return list
}

func TestCompileTellsEveryProblemAtItsPlace(t *testing.T) {
	got := strings.Join(problems(t, `
when: feild.document_type != "proforma"
key: [settings.company, steps.codes.rate]
steps:
  - codes:
      set:
        rate: "{{ field.tax_rate | lookup('tax_code') }}"
        late: "{{ steps.draft.id }}"
        ids: {jmespath: "annotation.[["}
  - draft:
      when: field.x ==
      send: erp
      post: /api/{{ field.document_id | urlencod }}
      map:
        number: "{{ field.document_id"
        lines:
          $for: row of field.line_items
          code: "{{ row.item_code }}"
        other:
          $fore: x in y
        tables: "{{ tables.tax.x }}"
      ok: respons.status == 201
      find: {get: "/api", hit: "response.body[0]", same: hit.total == value.total}
      keep: {id: hit.id}
  - tell:
      rossum:
        set: {erp_id: "{{ steps.draft.idd }}"}
        note: |
          Delivered
          as {{ response.body.id }}
        messages: [{text: "{{ run.nam }}"}]
`), "\n")
	want := strings.Trim(`
1:7: when: unknown name feild (field)
2:25: key[1]: step codes has not run yet here
6:44: steps.codes.set.rate: unknown table tax_code (tax_codes)
7:19: steps.codes.set.late: step draft has not run yet here
8:39: steps.codes.set.ids: jmespath: unexpected end of the expression
10:23: steps.draft.when: unexpected end of template, expected an expression
12:41: steps.draft.path: no filter named 'urlencod'. Did you mean 'urlencode'?
14:38: steps.draft.map.number: unexpected end of template, expected 'end of print statement'
16:17: steps.draft.map.lines: $for is NAME in EXPRESSION
17:21: steps.draft.map.lines.code: unknown name row
19:11: steps.draft.map.other: unknown form $fore ($for)
20:21: steps.draft.map.tables: unknown table tax
21:11: steps.draft.ok: unknown name respons (response)
26:27: steps.tell.rossum.set.erp_id: step draft has no value idd (id)
29:17: steps.tell.rossum.note: response is not known here: nothing has been sent yet
30:31: steps.tell.rossum.messages[0].text: unknown fact about the run nam
`, "\n")
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestCompileChecksPaths(t *testing.T) {
	for path, want := range map[string]string{
		"/a/{% if x %}b{% endif %}": "only {{ }} is allowed in a path", "/a/{{ field.x": "a {{ without its }}", "https://erp.example.com/a": "a URL where a path belongs", "/a/{{ fild.x }}": "unknown name fild",
	} {
		if got := strings.Join(problems(t, "steps: [{s: {send: erp, post: \""+path+"\"}}]"), "\n"); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

func TestCompileChecksFormats(t *testing.T) {
	got := strings.Join(problems(t, `
steps:
  - doc:
      map: {a: 1}
      format: {type: csv, delimitter: ";", quote: some}
`), "\n")
	for _, want := range []string{"unknown option delimitter", "quote is one of"} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestCompileReadsTemplates(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("good.xml.j2", "<No>{% include 'part.j2' %}</No>")
	write("part.j2", "{{ field.document_id | xml }}")
	write("bad.txt.j2", "line one\n{% if x %}\n{{ steps.later.x }}")
	write("unused.j2", "{% broken")
	text := frame + indent(`
steps:
  - good: {render: good.xml.j2}
  - bad: {render: bad.txt.j2}
  - missing: {render: missing.j2}
`)
	cfg, err := configs.Parse(filepath.Join(dir, "relay.yaml"), []byte(text), configs.WithEnv(func(string) (string, bool) { return "x", true }))
	if err != nil {
		t.Fatal(err)
	}
	_, err = pipeline.Compile(cfg)
	var errs configs.Errors
	if !errors.As(err, &errs) || len(errs) != 2 {
		t.Fatalf("got %v, want two problems", err)
	}
	for _, e := range errs {
		if strings.Contains(e.Path, "missing") != strings.Contains(e.Message, "no such file") {
			t.Error(e)
		}
		if strings.Contains(e.Path, "bad") && (e.Pos.File != filepath.Join(dir, "bad.txt.j2") || e.Pos.Line != 3) {
			t.Errorf("%v stands at %v", e, e.Pos)
		}
	}
}

func TestShippedConfigurationsCompile(t *testing.T) {
	example, err := os.ReadFile("../../configs/relay.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	env := func(name string) (string, bool) {
		known := map[string]string{"ROSSUM_URL": "http://127.0.0.1:1", "ERP_URL": "http://127.0.0.1:2", "LISTEN": "127.0.0.1:3", "LOG_LEVEL": "info"}
		return cmp.Or(known[name], "x"), true
	}
	for name, text := range map[string][]byte{"relay.example.yaml": example, "demo.yaml": configs.Demo()} {
		cfg, err := configs.Parse(name, text, configs.WithEnv(env))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pipeline.Compile(cfg); err != nil {
			t.Error(err)
		}
	}
}
