package rossumapi

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestEncodeResponse(t *testing.T) {
	hidden := true
	response := HookResponse{
		Messages: []Message{Error("Amount <b>differs</b> & more", 2104887103), Warning("w"), Info("Vendor: Ärzte \"10023\"")},
		Operations: []Operation{
			Replace(2104887101, "INV <1>"),
			ReplaceCell(7, Cell{Hidden: &hidden, Options: []Option{{Value: "a", Label: "A"}}}),
			Add(2104887111, TextOf("item_description", "Washer M8"), TextOf("item_quantity", "400")),
			AddValue(8, "x"),
			Remove(2104887120),
		},
		AutomationBlockers: []AutomationBlocker{{ID: 2104887103, Content: "Total > limit"}, {Content: "Unknown vendor"}},
		Files:              json.RawMessage(`[{"id":"1"}]`),
	}
	got, err := response.Encode()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "response.json", append(got, '\n'))
	if empty, err := (HookResponse{}).Encode(); string(empty) != "{}" || err != nil {
		t.Errorf("empty response %s, %v", empty, err)
	}
}

func TestResponseIsLosslessWhenStored(t *testing.T) {
	response := HookResponse{
		Messages:   []Message{Error("a < b", 5), Info("x")},
		Operations: []Operation{Replace(1, "<&>"), Add(2, TextOf("a", "b")), AddValue(3, "c"), Remove(4)},
	}
	stored, err := json.Marshal(response)
	if err != nil {
		t.Fatal(err)
	}
	var again HookResponse
	if err := json.Unmarshal(stored, &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(response, again); diff != "" {
		t.Error(diff)
	}
}

func TestLongMessagesAreCutBetweenEntities(t *testing.T) {
	for _, text := range []string{strings.Repeat("&", 4096), strings.Repeat("é", 5000), "x" + strings.Repeat("<", 1100), strings.Repeat("a", 4097)} {
		encoded, err := HookResponse{Messages: []Message{Error(text)}}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		var back HookResponse
		if err := json.Unmarshal(encoded, &back); err != nil {
			t.Fatal(err)
		}
		got := back.Messages[0].Content
		if n := utf8.RuneCountInString(got); n > MaxMessage || n < MaxMessage-5 || !strings.HasSuffix(got, "…") {
			t.Errorf("%d characters, end %q", n, got[len(got)-8:])
		}
		if before := strings.TrimSuffix(got, "…"); strings.ContainsAny(before, "&") && !strings.HasSuffix(before, ";") {
			t.Errorf("cut within an entity: %q", got[len(got)-8:])
		}
	}
	exact := strings.Repeat("a", MaxMessage)
	if got := escapeText(exact); got != exact {
		t.Errorf("a text of %d characters was cut", MaxMessage)
	}
}

func TestMessageForms(t *testing.T) {
	for text, want := range map[string]int64{
		`{"id":5,"type":"error","content":"c"}`:     5,
		`{"id":"5","type":"error","content":"c"}`:   5,
		`{"id":"all","type":"error","content":"c"}`: 0,
		`{"id":null,"type":"error","content":"c"}`:  0,
		`{"type":"error","content":"c"}`:            0,
	} {
		var m Message
		if err := json.Unmarshal([]byte(text), &m); err != nil || m != (Message{ID: want, Type: "error", Content: "c"}) {
			t.Errorf("%s: %+v, %v", text, m, err)
		}
	}
	if err := json.Unmarshal([]byte(`{"id":"x"}`), &Message{}); err == nil {
		t.Error("accepted an id that is none")
	}
}

func TestOperationForms(t *testing.T) {
	var operations []Operation
	wire := `[{"op":"replace","id":"7","value":{"content":{"value":"a"}}},{"op":"remove","id":8,"value":null}]`
	if err := json.Unmarshal([]byte(wire), &operations); err != nil {
		t.Fatal(err)
	}
	value := "a"
	want := []Operation{{Op: "replace", ID: 7, Cell: &Cell{Content: &CellContent{Value: &value}}}, {Op: "remove", ID: 8}}
	if diff := cmp.Diff(want, operations); diff != "" {
		t.Error(diff)
	}
}

func TestCheckOperations(t *testing.T) {
	if err := CheckOperations([]Operation{Replace(1, strings.Repeat("é", MaxValue)), Add(2), Remove(3)}); err != nil {
		t.Error(err)
	}
	for want, o := range map[string]Operation{
		"value of 1501 characters, at most 1500 are allowed": Replace(1, strings.Repeat("é", MaxValue+1)),
		"operation add on 2: value of 1501 characters":       Add(2, TextOf("x", strings.Repeat("a", MaxValue+1))),
		"no id":       Replace(0, "x"),
		"unknown op":  {Op: "upsert", ID: 1},
		"wrong shape": {Op: "replace", ID: 1},
		"operation remove on 1: value of the wrong shape": {Op: "remove", ID: 1, Cell: &Cell{}},
	} {
		err := CheckOperations([]Operation{o})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		if _, err := (HookResponse{Operations: []Operation{o}}).Encode(); err == nil {
			t.Errorf("encoded %+v", o)
		}
	}
}
