package pipeline_test

import (
	"strings"
	"testing"
)

// mapped builds the lines of a map: and returns its JSON.
func mapped(t *testing.T, lines, payload string) (string, error) {
	t.Helper()
	p, cfg := compile(t, "steps:\n  - doc:\n      map:\n"+strings.TrimSuffix(indentBy("        ", lines), "\n"))
	doc, err := p.Steps[0].Document(t.Context(), scope(t, cfg, payload))
	return string(doc.Body), err
}

func indentBy(blanks, text string) string {
	return blanks + strings.Join(strings.Split(strings.Trim(text, "\n"), "\n"), "\n"+blanks) + "\n"
}

func TestMapForms(t *testing.T) {
	const us = "01-export-us-standard-ap.json"
	for name, test := range map[string]struct{ lines, want string }{
		"constants": {"{a: 1, b: 1.10, c: true, d: null, e: text, f: 12345678901234567890, g: [1, x]}",
			`{"a":1,"b":1.10,"c":true,"d":null,"e":"text","f":12345678901234567890,"g":[1,"x"]}`},
		"native and text":    {`{n: "{{ value.amount_total }}", t: "{{ value.amount_total }} USD", none: "{{ none }}"}`, `{"n":3449.43,"t":"3449.43 USD","none":null}`},
		"order is kept":      {`{z: 1, a: 2, m: 3}`, `{"z":1,"a":2,"m":3}`},
		"dollar key":         {`{$$for: 1}`, `{"$for":1}`},
		"for in a map":       {"l: {$for: r in field.line_items, $if: r.item_uom == 'EA', c: \"{{ r.item_code }}\"}", `{"l":[{"c":"TNR-80X"},{"c":"CHR-ERG-02"},{"c":"FRT"}]}`},
		"for in a list":      {`l: [first, {$for: "r in field.line_items[:2]", $value: "{{ r.item_code }}"}, last]`, `{"l":["first","PAP-20LB-LTR","TNR-80X","last"]}`},
		"for with parts":     {`l: {$for: "(k, v) in {'a': 1, 'b': 2}.items()", "n": "{{ k }}{{ v }}"}`, `{"l":[{"n":"a1"},{"n":"b2"}]}`},
		"for at the root":    {"$for: r in [1, 2]\nn: \"{{ r * 2 }}\"", `[{"n":2},{"n":4}]`},
		"for in a for":       {`l: {$for: "a in [1, 2]", m: {$for: "b in [a, a * 10]", $value: "{{ b }}"}}`, `{"l":[{"m":[1,10]},{"m":[2,20]}]}`},
		"loop":               {`l: {$for: "x in 'ab'", $value: "{{ loop.index }}{{ loop.first }}{{ loop.last }}{{ loop.revindex }}{{ loop.length }}{{ loop.index0 }}"}`, `{"l":["1TrueFalse220","2FalseTrue121"]}`},
		"let":                {`l: {$let: {a: 2, b: "{{ a * 3 }}", c: "{{ value.amount_total }}"}, x: "{{ b }}", y: "{{ c + b }}"}`, `{"l":{"x":6,"y":3455.43}}`},
		"let per item":       {`l: {$for: "x in [1, 2]", $let: {y: "{{ x * 2 }}"}, $if: y > 2, $value: "{{ y }}"}`, `{"l":[4]}`},
		"if leaves out":      {`{a: {$if: "false", b: 1}, c: {$if: "true", $value: 2}, d: [{$if: false, x: 1}]}`, `{"c":2,"d":[]}`},
		"value of a tree":    {`a: {$if: field.document_id, $value: [1, {b: 2}]}`, `{"a":[1,{"b":2}]}`},
		"empty rows":         {`l: {$for: "r in field.line_items", $if: not r, x: 1}`, `{"l":[]}`},
		"omit empty":         {`{$omit_empty: true, a: "{{ none }}", b: "", c: " ", d: {e: null}, f: [null, ""], g: 0, h: false, i: {j: 1}}`, `{"g":0,"h":false,"i":{"j":1}}`},
		"omit empty not":     {`{$omit_empty: true, a: {$omit_empty: false, b: null}}`, `{"a":{"b":null}}`},
		"omit empty in rows": {`{$omit_empty: true, l: {$for: "x in ['a', '']", v: "{{ x }}"}}`, `{"l":[{"v":"a"}]}`},
		"a whole row":        {`r: "{{ field.tax_details[0] }}"`, `{"r":{"tax_detail_rate":"8.25","tax_detail_base":"3144.97","tax_detail_tax":"259.46","tax_detail_total":"3404.43","tax_detail_code":"Sales tax"}}`},
		"a dict":             {`r: "{{ {'a': [1, 2.5, value.date_due]} }}"`, `{"r":{"a":[1,2.5,"2026-04-08"]}}`},
		"a time":             {`r: "{{ run.now }}"`, `{"r":"2026-11-21T10:30:00Z"}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := mapped(t, test.lines, us)
			if err != nil || got != test.want {
				t.Errorf("got %s (%v), want %s", got, err, test.want)
			}
		})
	}
}

func TestMapRefusals(t *testing.T) {
	for name, test := range map[string]struct{ lines, want string }{
		"for over a number":    {`l: {$for: x in 5, a: 1}`, "not iterable"},
		"too few parts":        {`l: {$for: "a, b in [[1]]", a: 1}`, "cannot take an item apart"},
		"missing in a row":     {`l: {$for: r in field.line_items, a: "{{ r.nope }}"}`, "column nope is undefined"},
		"a function":           {`l: "{{ range }}"`, "cannot stand in a document"},
		"a list that is huge":  {`l: {$for: "x in range(99999999)", a: 1}`, "pipelines.p.steps.doc.map"},
		"texts too large":      {`l: {$for: "x in range(2000)", a: "{{ 'x' * 100000 }}"}`, "more than 128 MiB"},
		"a document too large": {`l: {$for: "x in range(2000)", m: {$for: "y in range(2000)", $value: 1}}`, "more than 1000000 values"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := mapped(t, test.lines, "01-export-us-standard-ap.json")
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %s (%v), want %s", got, err, test.want)
			}
		})
	}
}

func TestMapSyntax(t *testing.T) {
	for lines, want := range map[string]string{
		`{a: {$for: [x], b: 1}}`:                "$for is NAME in EXPRESSION",
		`{a: {$if: {x: 1}, b: 1}}`:              "$if is a condition, not a map",
		`{a: {$let: [x], b: 1}}`:                "$let is a map of names, not a list",
		`{a: {$let: {x: [1]}, b: 1}}`:           "a name of $let is a template, not a list",
		`{a: {$value: 1, b: 1}}`:                "$value beside other keys",
		`{a: {$omit_empty: maybe, b: 1}}`:       "$omit_empty is true or false",
		`{"{{ a }}": 1}`:                        "a key is not a template",
		`{a: {$iff: true, b: 1}}`:               "unknown form $iff",
		`{a: {$for: x in nope, b: 1}}`:          "unknown name nope",
		`{a: {$let: {y: "{{ z }}"}, b: 1}}`:     "unknown name z",
		`{a: {$for: "x in [1]", $if: y, b: 1}}`: "unknown name y",
	} {
		got := strings.Join(problems(t, "steps: [{doc: {map: "+lines+"}}]"), "\n")
		if !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", lines, got, want)
		}
	}
}
