package setup_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
	"github.com/rossum-relay/rossum-relay/worker/operate/setup"
)

func (r *rossum) queue(s *setup.Setup) rossumapi.Queue {
	r.t.Helper()
	q, err := s.Queue(r.t.Context(), "AP Europe")
	if err != nil {
		r.t.Fatal(err)
	}
	return q
}

// compare compares new content with the queue's schema, anew.
func (r *rossum) compare(content string) (*setup.Setup, *setup.SchemaChange, error) {
	s := r.setup("", onePipeline)
	c, err := s.CompareSchema(r.t.Context(), r.queue(s), json.RawMessage(content))
	return s, c, err
}

func TestSchemaApply(t *testing.T) {
	r := start(t, rossumsim.Switches{})
	r.annotation()
	content := strings.NewReplacer(`"label":"Total"`, `"label":"Grand total"`,
		`{"category":"datapoint","id":"portal","label":"Portal","type":"button"}`, `{"category":"datapoint","id":"erp_id","label":"ERP id","type":"string"}`,
	).Replace(schemaContent)
	s, c, err := r.compare(content)
	if err != nil {
		t.Fatal(err)
	}
	want := []setup.FieldDifference{
		{Field: "amount_total", Text: `label: "Total" -> "Grand total"`},
		{Field: "erp_id", Text: "added to basic as datapoint string"},
		{Field: "portal", Text: "removed, with its values"},
	}
	if diff := cmp.Diff(want, c.Differences); diff != "" {
		t.Error(diff)
	}
	if len(c.Queues) != 2 || c.Annotations != 1 {
		t.Errorf("reshapes %d annotations of %v", c.Annotations, c.Queues)
	}
	r.sim.Inject(rossumsim.Fault{Method: "PATCH", Path: "schemas", Status: 412})
	if err := s.ApplySchema(t.Context(), c); err != nil {
		t.Fatalf("412 was not waited out: %v", err)
	}
	if _, c, err = r.compare(content); err != nil || len(c.Differences) != 0 {
		t.Errorf("the second time: %+v %v", c, err)
	}
	if _, c, err = r.compare(strings.Replace(content, `"type":"number"`, `"hidden":false,"can_export":true,"type":"number"`, 1)); err != nil || len(c.Differences) != 0 {
		t.Errorf("defaults are differences: %+v %v", c.Differences, err)
	}
}

func TestSchemaOfOthersIsNotOverwritten(t *testing.T) {
	r := start(t, rossumsim.Switches{})
	s, c, err := r.compare(strings.Replace(schemaContent, `"label":"Total"`, `"label":"Sum"`, 1))
	if err != nil {
		t.Fatal(err)
	}
	var theirs any
	if err := json.Unmarshal([]byte(strings.Replace(schemaContent, `"label":"Issued"`, `"label":"Theirs"`, 1)), &theirs); err != nil {
		t.Fatal(err)
	}
	if _, err := r.client.UpdateSchema(t.Context(), r.schema, func(rossumapi.Schema) (map[string]any, error) {
		return map[string]any{"content": theirs}, nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.ApplySchema(t.Context(), c); !errors.Is(err, setup.ErrSchemaChanged) {
		t.Errorf("got %v", err)
	}
}

func TestSchemaProblems(t *testing.T) {
	r := start(t, rossumsim.Switches{})
	tests := []struct{ from, to, want string }{
		{`"id":"date_issue"`, `"id":"document_id"`, "the id is there twice"},
		{`"id":"date_issue"`, `"id":"` + strings.Repeat("x", 51) + `"`, "1 to 50 characters"},
		{`"type":"date"`, `"type":"datetime"`, "type is one of"},
		{`"options":[{"value":"invoice","label":"Invoice"},{"value":"credit_note","label":"Credit note"}]`, `"options":[]`, "an enum has options"},
		{`"category":"tuple"`, `"category":"section"`, "does not belong into"},
		{`"label":"Issued"`, `"label":""`, "has no label"},
		{schemaContent, `{"content":3}`, "list of sections"},
		{schemaContent, `[`, "schema content"},
	}
	for _, test := range tests {
		if _, _, err := r.compare(strings.Replace(schemaContent, test.from, test.to, 1)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", test.want, err)
		}
	}
	r.sim.Inject(rossumsim.Fault{Method: "POST", Path: "schemas/validate", Status: 200, Body: `{"content":[{"children":[{"id":["Not allowed."]}]}]}`})
	if _, _, err := r.compare(strings.Replace(schemaContent, `"label":"Total"`, `"label":"Sum"`, 1)); err == nil || !strings.Contains(err.Error(), "id: Not allowed.") {
		t.Errorf("Rossum's own complaint: %v", err)
	}
}

func TestAddField(t *testing.T) {
	r := start(t, rossumsim.Switches{})
	for _, f := range []setup.NewField{
		{ID: "erp_id", Label: "ERP id", Type: "string", In: "basic", Hidden: true},
		{ID: "item_state", Label: "State", Type: "enum", In: "line_items", Options: []rossumapi.Option{{Value: "n", Label: "New"}}},
	} {
		for round, want := range []int{1, 0} {
			s := r.setup("", onePipeline)
			c, err := s.AddField(t.Context(), r.queue(s), f)
			if err != nil || len(c.Differences) != want {
				t.Fatalf("%s, round %d: %+v %v", f.ID, round, c, err)
			}
			if err := s.ApplySchema(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
	}
	schema, err := r.client.Schema(t.Context(), r.schema)
	if err != nil {
		t.Fatal(err)
	}
	if f := schema.Field("item_state"); f == nil || f.Type != "enum" || f.Options[0].Label != "New" || schema.Field("line_item").Children[2].ID != "item_state" {
		t.Errorf("%+v", f)
	}
	s := r.setup("", onePipeline)
	if _, err := s.AddField(t.Context(), r.queue(s), setup.NewField{ID: "erp_id", Label: "ERP id", Type: "number", In: "basic"}); err == nil {
		t.Error("another field of the id was taken for the same")
	}
	var unknown *setup.UnknownError
	if _, err := s.AddField(t.Context(), r.queue(s), setup.NewField{ID: "x", Label: "X", Type: "string", In: "nowhere"}); !errors.As(err, &unknown) {
		t.Errorf("an unknown section: %v", err)
	}
}
