package operate_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/operate"
)

func TestEditShowsWhatChangesAndKeepsTheOriginal(t *testing.T) {
	d := newDesk(t)
	r := d.dead()
	e, err := d.PrepareEdit(t.Context(), r.Run, operate.Change{Set: []string{"field.amount_total=99.50", "field.document_id=A=1"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Documents) != 1 || e.Documents[0].Step != "create" {
		t.Fatalf("%+v", e.Documents)
	}
	diff := e.Documents[0].Diff
	for _, want := range []string{`+  "number": "A=1"`, `+  "total": 99.50`, `-  "number": `} {
		if !strings.Contains(diff, want) {
			t.Errorf("no %q in\n%s", want, diff)
		}
	}
	if strings.Contains(diff, "supplier") {
		t.Errorf("an unchanged line is shown:\n%s", diff)
	}
	if d.journalOf(r.Run).Patches != nil {
		t.Error("a preview was stored")
	}
	if err := d.Edit(t.Context(), e, why); err != nil {
		t.Fatal(err)
	}
	now := d.journalOf(r.Run)
	if len(now.Patches) != 1 || now.Patches[0].Who != "alice" || now.Patches[0].Why != why || now.Patches[0].At.IsZero() {
		t.Errorf("%+v", now.Patches)
	}
	patched, err := now.Patched(sample())
	if err != nil {
		t.Fatal(err)
	}
	p, err := rossumapi.DecodePayload(patched)
	if err != nil {
		t.Fatal(err)
	}
	total, _ := p.Content.First("amount_total").Number()
	if total.String() != "99.5" || p.Content.First("document_id").Value() != "A=1" {
		t.Errorf("total %s, number %q", total, p.Content.First("document_id").Value())
	}
	d.wantNote(r.Run, "edited and replayed")
	atWork(t, d, r) // with the original payload
}

func TestEditOfATableAndByFile(t *testing.T) {
	d := newDesk(t)
	r := d.dead()
	shown, err := d.Show(t.Context(), r.Run, true, why)
	if err != nil {
		t.Fatal(err)
	}
	number := fieldOf(t, shown.Payload, "document_id")
	file := []byte(strings.Replace(string(shown.Payload), `"value":"`+number+`"`, `"value":"BY-FILE"`, 1))
	table := firstTable(t, shown.Payload)
	e, err := d.PrepareEdit(t.Context(), r.Run, operate.Change{Payload: file, Set: []string{"field." + table + "=changed"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Ops) != 3 { // the file's value, and value and normalized value of the cell
		t.Errorf("%d changes: %+v", len(e.Ops), e.Ops)
	}
	for _, op := range e.Ops {
		if strings.Contains(op.Path, "token") || strings.Contains(op.Path, "secrets") {
			t.Errorf("the mask of a credential is a change: %s", op.Path)
		}
	}
}

func fieldOf(t *testing.T, payload []byte, id string) string {
	t.Helper()
	p, err := rossumapi.DecodePayload(payload)
	if err != nil {
		t.Fatal(err)
	}
	return p.Content.First(id).Value()
}

// firstTable names a text cell of the first table: table[0].column.
func firstTable(t *testing.T, payload []byte) string {
	t.Helper()
	p, err := rossumapi.DecodePayload(payload)
	if err != nil {
		t.Fatal(err)
	}
	for n := range p.Content.All() {
		if n.Category != rossumapi.Tuple {
			continue
		}
		for _, c := range n.Children {
			if normalized, _ := c.Normalized(); normalized == "" && c.Value() != "" {
				return n.SchemaID + "s[0]." + c.SchemaID
			}
		}
	}
	t.Fatal("the sample has no table")
	return ""
}

func TestEditRefuses(t *testing.T) {
	d := newDesk(t)
	r := d.dead()
	swap := func(from, to string) []byte {
		changed := strings.Replace(string(sample()), from, to, 1)
		if changed == string(sample()) {
			t.Fatalf("the sample has no %s", from)
		}
		return []byte(changed)
	}
	number := fieldOf(t, sample(), "document_id")
	for name, test := range map[string]struct {
		change operate.Change
		want   error
	}{
		"nothing":                    {operate.Change{}, operate.ErrNoChange},
		"same file":                  {operate.Change{Payload: sample()}, operate.ErrNoChange},
		"no such field":              {operate.Change{Set: []string{"field.nothing=1"}}, operate.ErrField},
		"no such row":                {operate.Change{Set: []string{"field.line_items[99999].item_quantity=1"}}, operate.ErrField},
		"no assignment":              {operate.Change{Set: []string{"document_id=1"}}, operate.ErrField},
		"number becomes text":        {operate.Change{Set: []string{"field.amount_total=a lot"}}, operate.ErrField},
		"date becomes text":          {operate.Change{Set: []string{"field.date_issue=tomorrow"}}, operate.ErrField},
		"address":                    {operate.Change{Payload: swap(`"base_url":"https://`, `"base_url":"https://evil.`)}, operate.ErrNotEditable},
		"event":                      {operate.Change{Payload: swap(`"action":"export"`, `"action":"initialize"`)}, operate.ErrNotEditable},
		"same text but readable now": {operate.Change{Set: []string{"field.document_id=" + number}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := d.PrepareEdit(t.Context(), r.Run, test.change); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
	for name, file := range map[string]string{"no JSON": "{", "list": "[]", "no payload": `{"a":1}`} {
		if _, err := d.PrepareEdit(t.Context(), r.Run, operate.Change{Payload: []byte(file)}); err == nil {
			t.Errorf("%s was taken for a payload", name)
		}
	}
}

func TestEditOfAnOldPreviewIsRefused(t *testing.T) {
	d := newDesk(t)
	r := d.dead()
	e, err := d.PrepareEdit(t.Context(), r.Run, operate.Change{Set: []string{"field.document_id=A"}})
	if err != nil {
		t.Fatal(err)
	}
	now := d.journalOf(r.Run)
	now.Hop++ // it was replayed and died again
	d.save(now)
	if err := d.Edit(t.Context(), e, why); !errors.Is(err, journal.ErrLost) {
		t.Errorf("%v", err)
	}
	if err := d.Edit(t.Context(), e, ""); !errors.Is(err, operate.ErrNoReason) {
		t.Errorf("%v", err)
	}
}

func TestEditWhereRossumHasTheFields(t *testing.T) {
	d := newDesk(t)
	e := d.event(5)
	e.Pipeline = "fresh"
	r := d.die(e, sample(), rejected(e), nil)
	if _, err := d.PrepareEdit(t.Context(), r.Run, operate.Change{Set: []string{"field.document_id=A"}}); !errors.Is(err, operate.ErrCurrentContent) {
		t.Errorf("%v", err)
	}
}

func TestKeptOf(t *testing.T) {
	for name, test := range map[string]struct {
		names, values []string
		want          string // "" means an error
	}{
		"one text":        {[]string{"id"}, []string{"A-1"}, `{"id":"A-1"}`},
		"one number":      {[]string{"id"}, []string{"42"}, `{"id":42}`},
		"leading zero":    {[]string{"id"}, []string{"0042"}, `{"id":"0042"}`},
		"quoted number":   {[]string{"id"}, []string{`"42"`}, `{"id":"42"}`},
		"with =":          {[]string{"id"}, []string{"a=b"}, `{"id":"a=b"}`},
		"named":           {[]string{"id", "no"}, []string{"id=1", "no=x"}, `{"id":1,"no":"x"}`},
		"nothing to keep": {nil, []string{"A-1"}, `{}`},
		"which of two":    {[]string{"id", "no"}, []string{"1"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			kept, err := operate.KeptOf(test.names, test.values)
			got, _ := json.Marshal(kept)
			if test.want == "" && err == nil || test.want != "" && string(got) != test.want {
				t.Errorf("got %s, %v", got, err)
			}
		})
	}
}
