package patch_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/rossum-relay/rossum-relay/worker/operate/patch"
)

func TestApply(t *testing.T) {
	const doc = `{"b": 1.50, "a": {"list": [1, {"x": "é"}], "n": null}, "k/e~y": true}`
	for name, test := range map[string]struct {
		ops  []patch.Op
		want string // "" means an error
	}{
		"replace deep":   {[]patch.Op{{"replace", "/a/list/1/x", raw(`"z"`)}}, `{"b":1.50,"a":{"list":[1,{"x":"z"}],"n":null},"k/e~y":true}`},
		"escaped name":   {[]patch.Op{{"replace", "/k~1e~0y", raw(`false`)}}, `{"b":1.50,"a":{"list": [1, {"x": "é"}], "n": null},"k/e~y":false}`},
		"add member":     {[]patch.Op{{"add", "/a/m", raw(`2`)}}, `{"b":1.50,"a":{"list":[1, {"x": "é"}],"n":null,"m":2},"k/e~y":true}`},
		"add over":       {[]patch.Op{{"add", "/b", raw(`2`)}}, `{"b":2,"a":{"list": [1, {"x": "é"}], "n": null},"k/e~y":true}`},
		"insert":         {[]patch.Op{{"add", "/a/list/0", raw(`0`)}}, `{"b":1.50,"a":{"list":[0,1,{"x": "é"}],"n":null},"k/e~y":true}`},
		"append":         {[]patch.Op{{"add", "/a/list/-", raw(`0`)}}, `{"b":1.50,"a":{"list":[1,{"x": "é"},0],"n":null},"k/e~y":true}`},
		"remove member":  {[]patch.Op{{"remove", "/a", nil}}, `{"b":1.50,"k/e~y":true}`},
		"remove element": {[]patch.Op{{"remove", "/a/list/0", nil}}, `{"b":1.50,"a":{"list":[{"x": "é"}],"n":null},"k/e~y":true}`},
		"one after another": {[]patch.Op{{"add", "/c", raw(`{}`)}, {"add", "/c/d", raw(`1`)}, {"remove", "/a", nil}},
			`{"b":1.50,"k/e~y":true,"c":{"d":1}}`},
		"no such member":    {[]patch.Op{{"replace", "/x", raw(`1`)}}, ""},
		"no such element":   {[]patch.Op{{"replace", "/a/list/2", raw(`1`)}}, ""},
		"negative element":  {[]patch.Op{{"replace", "/a/list/-1", raw(`1`)}}, ""},
		"below a number":    {[]patch.Op{{"add", "/b/c", raw(`1`)}}, ""},
		"whole document":    {[]patch.Op{{"replace", "", raw(`1`)}}, ""},
		"value is no JSON":  {[]patch.Op{{"replace", "/b", raw(`{`)}}, ""},
		"value missing":     {[]patch.Op{{"replace", "/b", nil}}, ""},
		"unknown operation": {[]patch.Op{{"move", "/b", raw(`1`)}}, ""},
		"too deep":          {[]patch.Op{{"add", strings.Repeat("/a", 65), raw(`1`)}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := patch.Apply([]byte(doc), test.ops)
			if test.want == "" {
				if err == nil {
					t.Errorf("no error, but %s", got)
				}
				return
			}
			if err != nil || string(got) != test.want {
				t.Errorf("got  %s (%v)\nwant %s", got, err, test.want)
			}
		})
	}
}

func raw(s string) json.RawMessage { return json.RawMessage(s) }

func TestDiff(t *testing.T) {
	for name, test := range map[string]struct {
		from, to string
		want     []string
	}{
		"same but for writing": {`{"a": "\u00e9", "b": [1, 2]}`, `{"b":[1,2],"a":"é"}`, nil},
		"one leaf":             {`{"a":{"b":[1,{"c":"x"}]}}`, `{"a":{"b":[1,{"c":"y"}]}}`, []string{`replace /a/b/1/c "y"`}},
		"digits count":         {`{"a":1.0}`, `{"a":1.00}`, []string{`replace /a 1.00`}},
		"members":              {`{"a":1,"b":2}`, `{"b":2,"c":3}`, []string{`remove /a `, `add /c 3`}},
		"longer list":          {`{"a":[1]}`, `{"a":[1,2]}`, []string{`replace /a [1,2]`}},
		"other kind":           {`{"a":[1]}`, `{"a":null}`, []string{`replace /a null`}},
	} {
		t.Run(name, func(t *testing.T) {
			ops, err := patch.Diff([]byte(test.from), []byte(test.to))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, op := range ops {
				got = append(got, op.Op+" "+op.Path+" "+string(op.Value))
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestDiffIsBounded(t *testing.T) {
	long := fmt.Sprintf(`{"a":%q}`, strings.Repeat("x", patch.MaxSize+1))
	if _, err := patch.Diff([]byte(`{"a":1}`), []byte(long)); !errors.Is(err, patch.ErrTooLarge) {
		t.Errorf("a huge value: %v", err)
	}
	list := "[" + strings.Repeat("1,", 5000) + "1]"
	other := strings.ReplaceAll(list, "1", "2")
	if _, err := patch.Diff([]byte(`{"a":`+list+`}`), []byte(`{"a":`+other+`}`)); !errors.Is(err, patch.ErrTooLarge) {
		t.Errorf("thousands of changes: %v", err)
	}
	for _, doc := range []string{``, `[]`, `1`, `{`, `{"a":1,"a":2}`} {
		if _, err := patch.Diff([]byte(doc), []byte(`{"a":1}`)); err == nil {
			t.Errorf("%q was compared", doc)
		}
	}
}

// FuzzDiffApply: the patch between two documents makes the second of the first.
func FuzzDiffApply(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"c"}],"d":null}`), []byte(`{"a":[1,{"b":"x"},3],"e/~":{}}`))
	f.Add([]byte(`{"":{"":1}}`), []byte(`{"":{"":2}}`))
	f.Fuzz(func(t *testing.T, from, to []byte) {
		ops, err := patch.Diff(from, to)
		if err != nil {
			return
		}
		got, err := patch.Apply(from, ops)
		if err != nil {
			t.Fatalf("its own patch %+v does not fit: %v", ops, err)
		}
		var a, b any
		if err := json.Unmarshal(got, &a); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(to, &b); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a, b) {
			t.Errorf("got %s, want %s", got, to)
		}
	})
}
