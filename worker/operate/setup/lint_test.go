package setup_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
	"github.com/rossum-relay/rossum-relay/worker/operate/setup"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
)

const linted = `
  invoice:
    hook: acme
    events: [annotation_content.export]
    queues: [AP Europe, AP Africa]
    when: field.document_typ != "proforma"
    key: [field.document_id, value.document_id]
    fields: {number: documentid}
    on_dead: {label: ERP failde}
    steps:
      - texts:
          set:
            codes: "{% for row in field.line_items %}{{ row.item_code }}{{ row.item_cod }}{% endfor %}"
            found: {jmespath: "annotation.content[].children[?schema_id=='document_idd' || schema_id=='line_items' || schema_id=='item_code']"}
      - checked: {check: [{that: value.amount_total != null, error: x, field: amount_totl}]}
      - send:
          send: erp
          post: /x
          map:
            portal: "{{ field.portal }}"
            code: "{{ field.item_code }}"
            lines: [{$for: row in value.line_items, amount: "{{ row.item_amount }}", tax: "{{ row.item_tax }}", code: "{{ row.item_code }}"}]
      - tell:
          rossum:
            labels: [Sent]
            set: {computed: "1", document_type: creditnote, amount_total: "one", date_issue: 3.2.2026, item_code: x, portal: x, document_id: "{{ run.id }}"}
`

func TestLint(t *testing.T) {
	r := start(t, rossumsim.Switches{})
	for _, name := range []string{"ERP failed", "Sent"} {
		r.sim.AddLabel(name)
	}
	cfg := r.config("", "")
	text := strings.Replace(read(t, cfg.File), "pipelines: {}\n", "pipelines:"+linted, 1)
	golden(t, "testdata/lint.golden", strings.Join(r.lint(text), "\n")+"\n")
}

// TestLintOfAGoodConfiguration: what is right is not complained about.
func TestLintOfAGoodConfiguration(t *testing.T) {
	r := start(t, rossumsim.Switches{})
	got := r.lint(strings.Replace(read(t, r.config("", "").File), "pipelines: {}\n", `pipelines:
  invoice:
    hook: acme
    events: [annotation_content.export]
    queues: [AP Europe, AP Asia]
    key: [field.document_id, dp.document_type.label]
    fields: {lines.*.code: item_code}
    steps:
      - send:
          send: erp
          post: /x
          map:
            date: "{{ value.date_issue }}"
            all: "{{ field.items() | list | length }}"
            lines: [{$for: row in field.line_items, amount: "{{ row.item_amount }}", other: "{{ row.get('x') }}"}]
      - tell: {rossum: {set: {document_type: Credit_Note, amount_total: "1.5", date_issue: "2026-02-03", document_id: ""}}}
`, 1))
	if diff := cmp.Diff([]string(nil), got); diff != "" {
		t.Error(diff)
	}
}

// lint reads a configuration and returns the problems with it.
func (r *rossum) lint(text string) (lines []string) {
	r.t.Helper()
	cfg := r.parse(text)
	set, err := pipeline.Compile(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	problems, err := setup.New(cfg, "acme", r.client).Lint(r.t.Context(), set.References())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, p := range problems {
		p.Pos.File = "relay.yaml"
		lines = append(lines, p.Error()+"\n  Try: "+p.Hint())
	}
	return lines
}
