package json_test

import (
	stdjson "encoding/json"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/document/documenttest"
	"github.com/rossum-relay/rossum-relay/worker/document/json"
)

func TestGolden(t *testing.T) {
	for name, opts := range map[string]json.Options{"plain.json": {}, "indented.json": {Indent: true}, "strings.json": {Indent: true, DecimalStrings: true}} {
		doc, err := json.Encode(documenttest.Invoice(len(documenttest.Hostile())), opts)
		if err != nil {
			t.Fatal(err)
		}
		documenttest.Golden(t, name, doc.Body)
		if doc.ContentType != "application/json" || len(doc.Notes) != 1 || doc.Notes[0] != "JSON: bytes that are not UTF-8 were replaced (2)" {
			t.Errorf("%s: %s, notes %q", name, doc.ContentType, doc.Notes)
		}
	}
}

func TestRefused(t *testing.T) {
	deep := any("leaf")
	for range 200 {
		deep = document.List{deep}
	}
	for want, tree := range map[string]any{
		"given twice":                  document.Map{{Key: "a"}, {Key: "a"}},
		"deeper than":                  deep,
		"lines: 0: x: an unknown kind": document.Map{{Key: "lines", Value: document.List{document.Map{{Key: "x", Value: struct{}{}}}}}},
	} {
		_, err := json.Encode(tree, json.Options{})
		documenttest.WantError(t, err, want)
	}
}

func TestParseOptions(t *testing.T) {
	opts, err := json.ParseOptions(documenttest.Options("indent", true, "decimals", "string"))
	if err != nil || opts != (json.Options{Indent: true, DecimalStrings: true}) {
		t.Errorf("got %+v, %v", opts, err)
	}
	_, err = json.ParseOptions(documenttest.Options("decimals", "float", "sorted", true))
	documenttest.WantError(t, err, "test.yaml:2:3: decimals is one of number, string")
	documenttest.WantError(t, err, "test.yaml:3:3: unknown option sorted")
}

// TestRoundTrip: another decoder reads back what was written, numbers to the last digit and keys in order.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := drawTree(t, 3)
		doc, err := json.Encode(tree, json.Options{Indent: rapid.Bool().Draw(t, "indent")})
		if err != nil {
			t.Fatal(err)
		}
		if !utf8.Valid(doc.Body) || !stdjson.Valid(doc.Body) {
			t.Fatalf("not valid: %q", doc.Body)
		}
		d := stdjson.NewDecoder(strings.NewReader(string(doc.Body)))
		d.UseNumber()
		compare(t, d, tree)
		if _, err := d.Token(); err != io.EOF {
			t.Fatalf("more follows: %v", err)
		}
	})
}

func drawTree(t *rapid.T, depth int) any {
	kind := rapid.IntRange(0, 2).Draw(t, "shape")
	if depth == 0 || kind == 0 {
		return documenttest.Leaf(t, "leaf")
	}
	n := rapid.IntRange(0, 4).Draw(t, "n")
	if kind == 1 {
		list := document.List{}
		for range n {
			list = append(list, drawTree(t, depth-1))
		}
		return list
	}
	m := document.Map{}
	for range n {
		key := strings.ToValidUTF8(documenttest.Text(t, "key"), "")
		if _, taken := m.Get(key); !taken {
			m = append(m, document.Entry{Key: key, Value: drawTree(t, depth-1)})
		}
	}
	return m
}

// compare reads one value and fails unless it is the tree.
func compare(t *rapid.T, d *stdjson.Decoder, tree any) {
	token, err := d.Token()
	if err != nil {
		t.Fatal(err)
	}
	switch want := tree.(type) {
	case document.Map:
		for _, e := range want {
			if key, _ := d.Token(); key != e.Key {
				t.Fatalf("key %q, want %q", key, e.Key)
			}
			compare(t, d, e.Value)
		}
		_, _ = d.Token()
	case document.List:
		for _, item := range want {
			compare(t, d, item)
		}
		_, _ = d.Token()
	case decimal.Decimal, int64:
		text, _, _ := document.Number(want)
		if token != stdjson.Number(text) {
			t.Fatalf("got %v, want %s", token, text)
		}
	case string:
		if want = strings.ToValidUTF8(want, "\uFFFD"); !sameText(token, want) {
			t.Fatalf("got %q, want %q", token, want)
		}
	default:
		if token != tree {
			t.Fatalf("got %v, want %v", token, tree)
		}
	}
}

// sameText takes a run of replacement characters for one: ToValidUTF8 writes one for a run.
func sameText(got any, want string) bool {
	squeeze := func(s string) string {
		for strings.Contains(s, "\uFFFD\uFFFD") {
			s = strings.ReplaceAll(s, "\uFFFD\uFFFD", "\uFFFD")
		}
		return s
	}
	s, ok := got.(string)
	return ok && squeeze(s) == squeeze(want)
}

func BenchmarkEncode2000Lines(b *testing.B) {
	tree := documenttest.Invoice(2000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := json.Encode(tree, json.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
