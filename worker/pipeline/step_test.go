package pipeline_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/jinja"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
)

func TestWhen(t *testing.T) {
	for condition, want := range map[string]bool{
		"true": true, "field.document_type == 'tax_invoice'": true, "field.iban": false, "value.amount_total > 3000": true, "value.iban": false,
		"[]": false, "{}": false, "field.line_items": true, "field.line_items[0]": true, "0": false, "none": false, "'x'": true,
		"value.amount_total - value.amount_due": false, "document != null": true, "annotation.automated": false,
	} {
		p, cfg := compile(t, "when: >-\n  "+condition+"\nsteps:\n  - s:\n      when: >-\n        "+condition+"\n      set: {a: 1}")
		s := scope(t, cfg, us)
		got, err := p.When(t.Context(), s)
		if err != nil || got != want {
			t.Errorf("pipeline, %s: got %v (%v)", condition, got, err)
		}
		if got, err = p.Steps[0].When(t.Context(), s); err != nil || got != want {
			t.Errorf("step, %s: got %v (%v)", condition, got, err)
		}
	}
	p, cfg := compile(t, "when: field.nope == 1\nsteps: [{s: {set: {a: 1}}}]")
	_, err := p.When(t.Context(), scope(t, cfg, us))
	wantKind(t, err, outcome.Misconfigured)
	if ok, err := p.Steps[0].When(t.Context(), scope(t, cfg, us)); !ok || err != nil {
		t.Errorf("no condition: %v, %v", ok, err)
	}
}

func TestStepsLeftOutAreEmpty(t *testing.T) {
	p, cfg := compile(t, `steps: [{a: {when: "false", set: {x: 1}}}, {b: {map: {x: "{{ steps.a.x | default('none') }}"}}}]`)
	s := scope(t, cfg, us)
	if ok, err := p.Steps[0].When(t.Context(), s); ok || err != nil {
		t.Fatal(ok, err)
	}
	doc, err := p.Steps[1].Document(t.Context(), s)
	if want := `{"x":"none"}`; err != nil || string(doc.Body) != want {
		t.Errorf("got %s (%v), want %s", doc.Body, err, want)
	}
}

func TestCancelledContextIsNoOutcome(t *testing.T) {
	for _, step := range []string{`map: {l: {$for: r in field.line_items, a: "{{ r.item_code }}"}}`, `map: {a: "{{ queue.name }}"}`} {
		p, cfg := compile(t, "steps: [{doc: {"+step+"}}]")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		in := input(t, cfg, us)
		in.Resources = brokenResources{}
		_, err := p.Steps[0].Compute(ctx, pipeline.NewScope(in))
		var decided *outcome.Error
		var engine *jinja.Error
		if !errors.Is(err, context.Canceled) || errors.As(err, &decided) || errors.As(err, &engine) {
			t.Errorf("%s: got %v, want context.Canceled", step, err)
		}
	}
}

func TestSet(t *testing.T) {
	p, cfg := compile(t, `
steps:
  - a:
      set:
        total: "{{ value.amount_total }}"
        text: "No. {{ field.document_id }}"
        five: 5
        list: ["{{ field.currency }}", {x: "{{ value.date_due }}"}]
        ids: {jmespath: "annotation.content[0].children[?schema_id=='document_id'].content.value | [0]"}
        rows: {jmespath: "length(annotation.content[].children[?schema_id=='line_items'][].children[])"}
  - b: {set: {again: "{{ steps.a.total + steps.a.five }}", ids: {jmespath: "steps.a.[total, text, list[1].x]"}}}
  - doc: {map: {a: "{{ steps.a }}", b: "{{ steps.b }}"}}
`)
	s := scope(t, cfg, us)
	for _, step := range p.Steps[:2] {
		if _, err := step.Compute(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	doc, err := p.Steps[2].Document(t.Context(), s)
	want := `{"a":{"total":3449.43,"text":"No. INV-2026-004417","five":5,"list":["usd",{"x":"2026-04-08"}],"ids":"INV-2026-004417","rows":4},` +
		`"b":{"again":3454.43,"ids":[3449.43,"No. INV-2026-004417","2026-04-08"]}}`
	if err != nil || string(doc.Body) != want {
		t.Errorf("got %s (%v), want %s", doc.Body, err, want)
	}
}

func TestCheck(t *testing.T) {
	const below = `
steps:
  - c:
      check:
        - {that: value.amount_total != null, error: No total., field: amount_total}
        - {that: value.date_issue != null, error: "No date of issue, found {{ field.date_issue }}.", field: date_issue}
        - {that: field.document_id, warning: No number., field: document_id}
        - {that: field.sender_address, info: No address.}
        - {that: field.sender_name, error: never shown}
`
	below2 := strings.Replace(below, "value.amount_total", "value.amount_due", 1)
	p, cfg := compile(t, below2)
	s := scope(t, cfg, "07-export-missing-values.json")
	messages, err := p.Steps[0].Compute(t.Context(), s)
	content := payload(t, "07-export-missing-values.json").Content
	want := []rossumapi.Message{rossumapi.Warning("No number.", content.First("document_id").ID), rossumapi.Info("No address.")}
	if diff := cmp.Diff(want, messages); diff != "" {
		t.Error(diff)
	}
	o := wantKind(t, err, outcome.Rejected)
	fields := []outcome.Field{{SchemaID: "date_issue", Datapoint: content.First("date_issue").ID, Type: "error", Text: "No date of issue, found sometime in March."}}
	if diff := cmp.Diff(fields, o.Fields); diff != "" || o.Reason != "check" || o.Message != fields[0].Text {
		t.Errorf("got %+v %s", o, diff)
	}
	if messages, err = p.Steps[0].Compute(t.Context(), scope(t, cfg, us)); err != nil || len(messages) != 0 {
		t.Errorf("good document: %v, %v", messages, err)
	}
}

func TestRenderIsLenient(t *testing.T) {
	p, cfg := compile(t, `steps: [{doc: {render: order.xml.j2, filename: "{{ field.document_id }}.xml"}}]`)
	doc, err := p.Steps[0].Document(t.Context(), scope(t, cfg, us))
	if err != nil {
		t.Fatal(err)
	}
	if doc.ContentType != "application/xml; charset=utf-8" || doc.Filename != "INV-2026-004417.xml" {
		t.Errorf("got %s %s", doc.ContentType, doc.Filename)
	}
	golden(t, "order.xml", doc.Body)
	_, err = p.Steps[0].Document(t.Context(), scope(t, cfg, "07-export-missing-values.json"))
	if o := wantKind(t, err, outcome.Rejected); o.Fields[0].SchemaID != "date_issue" {
		t.Errorf("got %+v", o)
	}
}

func TestWrite(t *testing.T) {
	p, cfg := compile(t, `
on_dead: {metadata: {run: "{{ run.id }}"}, note: "Failed: {{ field.document_id }}", label: ERP failed, status: postponed}
steps:
  - draft: {send: erp, post: /a, keep: {id: hit.id, total: hit.total}}
  - tell:
      rossum:
        set: {notes: "{{ steps.draft.id }}", order_id: "{{ none }}", amount_due: "{{ steps.draft.total }}", date_due: "{{ value.date_due }}"}
        metadata: {erp_id: "{{ steps.draft.id }}", total: "{{ steps.draft.total }}", list: [1, {a: "{{ value.date_due }}"}]}
        labels: [In ERP, "{{ '' }}", "{{ 881 }}"]
        remove_labels: ["ERP {{ 'failed' }}"]
        note: "In the ERP as {{ steps.draft.id }}"
        status: postponed
        messages: [{text: "ERP {{ steps.draft.id }}", field: document_id}, {type: warning, text: check it}]
`)
	s := scope(t, cfg, us)
	s.SetKept("draft", map[string]json.RawMessage{"id": json.RawMessage(`12345678901234567`), "total": json.RawMessage(`19.90`)})
	w, err := p.Steps[1].PrepareWrite(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	content := payload(t, us).Content
	id := func(schemaID string) int64 { return content.First(schemaID).ID }
	want := &pipeline.Write{
		Fields:   []pipeline.FieldValue{{"notes", id("notes"), "12345678901234567"}, {"order_id", id("order_id"), ""}, {"amount_due", id("amount_due"), "19.90"}, {"date_due", id("date_due"), "2026-04-08"}},
		Metadata: map[string]any{"erp_id": int64(12345678901234567), "total": "19.90", "list": []any{int64(1), map[string]any{"a": "2026-04-08"}}},
		Status:   "postponed", Labels: []string{"In ERP", "881"}, RemoveLabels: []string{"ERP failed"}, Note: "In the ERP as 12345678901234567",
		Messages: []rossumapi.Message{rossumapi.Info("ERP 12345678901234567", id("document_id")), rossumapi.Warning("check it")},
	}
	if diff := cmp.Diff(want, w); diff != "" {
		t.Error(diff)
	}
	if ops := w.Operations(); len(ops) != 4 || rossumapi.CheckOperations(ops) != nil || ops[0].ID != id("notes") || *ops[0].Cell.Content.Value != "12345678901234567" {
		t.Errorf("operations %+v", ops)
	}
	dead, err := p.Dead(t.Context(), s)
	if err != nil || dead.Note != "Failed: INV-2026-004417" || dead.Labels[0] != "ERP failed" || dead.Status != "postponed" || dead.Metadata["run"] != "bbbbbbbbbbbbbbbbbbbbbbbbbb" {
		t.Errorf("dead: %+v (%v)", dead, err)
	}
}

func TestWriteRefuses(t *testing.T) {
	for set, want := range map[string]string{
		`nope: x`: "no field nope", `item_code: x`: "no field item_code", `line_items: x`: "no field line_items", `notes: "{{ 'x' * 1501 }}"`: "longer than the 1500", `notes: "{{ [1] }}"`: "text is needed",
	} {
		p, cfg := compile(t, "steps: [{tell: {rossum: {set: {"+set+"}}}}]")
		_, err := p.Steps[0].PrepareWrite(t.Context(), scope(t, cfg, us))
		if o := wantKind(t, err, outcome.Misconfigured); !strings.Contains(o.Message, want) {
			t.Errorf("%s: got %s, want %s", set, o.Message, want)
		}
	}
	p, cfg := compile(t, "steps: [{tell: {rossum: {status: postponed}}}]")
	if dead, err := p.Dead(t.Context(), scope(t, cfg, us)); dead != nil || err != nil {
		t.Errorf("no on_dead: %v, %v", dead, err)
	}
}
