package pipeline_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
)

func TestReferences(t *testing.T) {
	cfg, err := configs.Parse("relay.yaml", []byte(`rossum: {acme: {base_url: https://acme.rossum.app}}
hooks: {acme: {rossum: acme, signing_secrets: ["${HOOK}"]}}
targets: {erp: {http: {base_url: https://erp.example}}}
pipelines:
  invoice:
    hook: acme
    events: [annotation_content.export]
    answer: accept
    when: field.kind != "proforma" and annotation.id
    key: [field.number]
    steps:
      - send:
          send: erp
          post: "/invoices/{{ field['number'] }}"
          map:
            total: "{{ value.total }}"
            sure: "{{ dp.total.confidence }}"
            names: "{{ field.items() }}"
            lines:
              - $for: row in field.lines | selectattr('code')
                $let: {n: "{{ row.quantity }}", field: "{{ row.code }}"}
                n: "{{ n }}"
                other: "{{ field.shadowed }}"
                inner:
                  - {$for: row in value.taxes, rate: "{{ row.rate }}"}
              - {$for: "a, b in field.items()", x: "{{ a }}{{ b.c }}"}
      - inv:
          invoice:
            fields: {number: one, order: [two, three], lines: rows, line.name: what, line.note: "{{ row.note }}", tax.rate: rate, tax.code: "{{ row.code }}"}
`), configs.WithEnv(func(string) (string, bool) { return "x", true }))
	if err != nil {
		t.Fatal(err)
	}
	set, err := pipeline.Compile(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range set.References() {
		got = append(got, fmt.Sprintf("%d:%d %s %s.%s in %q", r.Pos.Line, r.Pos.Column, r.Pipeline, r.As, r.SchemaID, r.Table))
	}
	want := []string{
		`9:11 invoice field.kind in ""`,
		`10:11 invoice field.number in ""`,
		`16:24 invoice value.total in ""`,
		`17:23 invoice dp.total in ""`,
		`20:30 invoice field.lines in ""`,
		`21:31 invoice field.quantity in "lines"`,
		`21:60 invoice field.code in "lines"`,
		`25:35 invoice value.taxes in ""`,
		`25:58 invoice value.rate in "taxes"`,
		`14:31 invoice field.number in ""`,
		`29:30 invoice field.one in ""`,
		`29:63 invoice field.rows in ""`,
		`29:80 invoice field.what in "rows"`,
		`29:101 invoice field.note in "rows"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestReferencesInText: rows that templates loop over, and nodes that JMESPath looks for by their schema id.
func TestReferencesInText(t *testing.T) {
	cfg, err := configs.Parse("relay.yaml", []byte(`rossum: {acme: {base_url: https://acme.rossum.app}}
hooks: {acme: {rossum: acme, signing_secrets: ["${HOOK}"]}}
pipelines:
  invoice:
    hook: acme
    events: [annotation_content.export]
    answer: accept
    steps:
      - texts:
          set:
            codes: |
              {% for row in field.lines if row.code %}
              {{ row.quantity }} x {{ row['code'] }} {{ row.items() }}
              {% endfor %}
            found:
              jmespath: annotation.content[].children[?schema_id == 'number' || schema_id==`+"`total`"+`].content.value
            filtered: "{{ payload.annotation.content | jmespath(\"[?schema_id=='basics']\") }}"
`), configs.WithEnv(func(string) (string, bool) { return "x", true }))
	if err != nil {
		t.Fatal(err)
	}
	set, err := pipeline.Compile(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range set.References() {
		got = append(got, fmt.Sprintf("%d %s.%s in %q", r.Pos.Line, r.As, r.SchemaID, r.Table))
	}
	want := []string{
		`12 field.lines in ""`, `13 field.quantity in "lines"`, `16 content.number in ""`, `16 content.total in ""`, `17 content.basics in ""`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("references (-want +got):\n%s", diff)
	}
}
