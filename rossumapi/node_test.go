package rossumapi

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func decodePayload(t testing.TB, name string) Payload {
	t.Helper()
	p, err := DecodePayload(readPayload(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestTreeLosesNothing compares the tree, written again, with the original.
func TestTreeLosesNothing(t *testing.T) {
	for _, name := range payloadNames(t)[:7] {
		p := decodePayload(t, name)
		written, err := json.Marshal(p.Content)
		if err != nil {
			t.Fatal(err)
		}
		var got, want any
		if err := json.Unmarshal(written, &got); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(p.AnnotationObject.Get("content"), &want); err != nil {
			t.Fatal(err)
		}
		addDefaults(want)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s differs:\n%.2000s", name, cmp.Diff(want, got))
		}
	}
}

// addDefaults gives contents the keys that are always written.
func addDefaults(value any) {
	switch v := value.(type) {
	case []any:
		for _, entry := range v {
			addDefaults(entry)
		}
	case map[string]any:
		for _, entry := range v {
			addDefaults(entry)
		}
		content, isDatapoint := v["content"].(map[string]any)
		if !isDatapoint {
			return
		}
		for _, key := range []string{"value", "normalized_value"} {
			if _, given := content[key]; !given {
				content[key] = nil
			}
		}
	}
}

func TestPayloadKeepsEverything(t *testing.T) {
	for _, name := range payloadNames(t) {
		body := readPayload(t, name)
		p := decodePayload(t, name)
		written, err := p.All.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if string(written) != string(body) && name[:2] != "06" {
			t.Errorf("%s: members changed", name)
		}
	}
	p := decodePayload(t, "03-export-credit-note-czk")
	var names []string
	for _, m := range p.Sideloads {
		names = append(names, m.Key)
	}
	if strings.Join(names, " ") != "modifiers queues labels" {
		t.Errorf("sideloads %v", names)
	}
	if got := p.Sideloaded("queues", p.Annotation.Queue).Text("name"); got != "Přijaté faktury" {
		t.Errorf("queue %q", got)
	}
	if got := p.Sideloaded("modifiers", p.Annotation.Modifier).Text("username"); !strings.Contains(got, "@") {
		t.Errorf("modifier %q", got)
	}
	if p.Sideloaded("queues", "https://elsewhere") != nil || p.Sideloaded("pages", "x") != nil {
		t.Error("found what was not sent")
	}
}

func TestFindBySchemaID(t *testing.T) {
	p := decodePayload(t, "01-export-us-standard-ap")
	if got := len(p.Content.FindBySchemaID("item_description")); got != 4 {
		t.Errorf("%d item descriptions", got)
	}
	table := p.Content.First("line_items")
	if rows := table.Rows(); len(rows) != 4 || rows[0].Category != Tuple || len(rows[0].FindBySchemaID("item_description")) != 1 {
		t.Errorf("%d rows", len(rows))
	}
	if section := p.Content.First("line_items_section"); section == nil || section.Category != Section || section.Rows() != nil {
		t.Errorf("section %v", section)
	}
	if p.Content.First("absent") != nil || p.Content.FindBySchemaID("absent") != nil || p.Content.ByID(1) != nil {
		t.Error("found what is not there")
	}
	id := p.Content.First("order_id").ID
	if p.Content.ByID(id).SchemaID != "order_id" || id <= 1<<31 {
		t.Errorf("id %d", id)
	}
}

func TestManyRows(t *testing.T) {
	p := decodePayload(t, "05-export-einvoice-2000-lines")
	if got := len(p.Content.First("line_items").Rows()); got != 2000 {
		t.Errorf("%d rows", got)
	}
}

func TestSimpleMultivalues(t *testing.T) {
	p := decodePayload(t, "04-export-header-only-chf")
	counts := map[int]int{}
	for node := range p.Content.All() {
		if node.Category == Multivalue {
			counts[len(node.Rows())]++
		}
	}
	if counts[2] != 1 || counts[1] == 0 || counts[0] == 0 {
		t.Errorf("values per multivalue %v", counts)
	}
}

func TestValues(t *testing.T) {
	tree, err := DecodeContent([]byte(`{"content":[{"id":"1","category":"section","schema_id":"s","children":[
		{"id":"2104887101","category":"datapoint","schema_id":"text","content":{"value":"a\u0026b 😀"}},
		{"id":3,"category":"datapoint","schema_id":"number","content":{"value":"18 492.480","normalized_value":"18492.480"}},
		{"id":4,"category":"datapoint","schema_id":"unread","content":{"value":"1.234","normalized_value":null}},
		{"id":5,"category":"datapoint","schema_id":"date","content":{"value":"3/9/2026","normalized_value":"2026-03-09"}},
		{"id":6,"category":"datapoint","schema_id":"button","content":null},
		{"id":7,"category":"datapoint","schema_id":"none","content":{"value":null}},
		{"id":8,"category":"datapoint","schema_id":"empty","content":{"value":"","normalized_value":""}},
		{"id":9,"category":"datapoint","schema_id":"bare","content":{"value":12.50,"normalized_value":12.50,"rir_confidence":0.25}},
		{"id":10,"category":"datapoint","schema_id":"bomb","content":{"value":"x","normalized_value":"1e999999999"}},
		{"id":11,"category":"datapoint","schema_id":"exponent","content":{"normalized_value":"1.5E+3"}},
		{"id":12,"category":"datapoint","schema_id":"enum","content":{"value":"5120"},"options":[{"value":"5120","label":"Steel"},{"value":"1","label":"x"}],"hidden":true}
	]}],"results":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	type reading struct {
		value, number, date string
		normalized          bool
	}
	for schemaID, want := range map[string]reading{
		"text":     {value: "a&b 😀"},
		"number":   {value: "18 492.480", number: "18492.48", normalized: true},
		"unread":   {value: "1.234"},
		"date":     {value: "3/9/2026", date: "2026-03-09", normalized: true},
		"button":   {},
		"none":     {},
		"empty":    {normalized: true},
		"bare":     {value: "12.50", number: "12.5", normalized: true},
		"bomb":     {value: "x", normalized: true},
		"exponent": {number: "1500", normalized: true},
		"enum":     {value: "5120"},
		"absent":   {},
	} {
		node := tree.First(schemaID)
		got := reading{value: node.Value()}
		if number, ok := node.Number(); ok {
			got.number = number.String()
		}
		if date, ok := node.Date(); ok {
			got.date = date.Format("2006-01-02")
		}
		_, got.normalized = node.Normalized()
		if got != want {
			t.Errorf("%s: %+v, want %+v", schemaID, got, want)
		}
	}
	if enum := tree.First("enum"); enum.OptionLabel() != "Steel" || !enum.Hidden || tree.First("text").OptionLabel() != "" {
		t.Errorf("enum %+v", enum)
	}
	if confidence, ok := tree.First("bare").Confidence(); confidence != 0.25 || !ok {
		t.Errorf("confidence %v %v", confidence, ok)
	}
	if _, ok := tree.First("text").Confidence(); ok || tree.First("text").ID != 2104887101 {
		t.Error("confidence from nowhere, or bad id")
	}
}

func TestMissingValues(t *testing.T) {
	p := decodePayload(t, "07-export-missing-values")
	for _, schemaID := range []string{"document_id", "currency", "lookup_vendor", "recipient_name"} {
		node := p.Content.First(schemaID)
		if node == nil || node.Value() != "" {
			t.Errorf("%s: %v", schemaID, node)
		}
		if _, ok := node.Number(); ok {
			t.Errorf("%s has a number", schemaID)
		}
	}
	if number, ok := p.Content.First("amount_due").Number(); !ok || number.String() != "318.4" {
		t.Errorf("amount_due %v %v", number, ok)
	}
}

func TestDecodeContentRefuses(t *testing.T) {
	var members []string
	for i := range 101 {
		members = append(members, `"k`+strings.Repeat("x", i)+`":0`)
	}
	for _, text := range []string{``, `{}`, `{"content":{}}`, `[{"id":"abc"}]`, `[{"children":{}}]`, `[{"content":{"value":{}}}]`,
		`[{"content":[]}]`, `[]x`, `[{` + strings.Join(members, ",") + `}]`} {
		if tree, err := DecodeContent([]byte(text)); err == nil {
			t.Errorf("%.40s: %v", text, tree)
		}
	}
}
