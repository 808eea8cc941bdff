// Package documenttest holds what the tests of all formats share: a sample
// invoice, hostile texts, generated trees and golden files.
package documenttest

import (
	"flag"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/document"
)

var update = flag.Bool("update", false, "write the golden files")

// Golden compares with testdata/name, or writes it with -update.
func Golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s differs:\n%s\nwant:\n%s", path, got, want)
	}
}

// Dec is an exact decimal.
func Dec(text string) decimal.Decimal { return decimal.RequireFromString(text) }

// Invoice is a tree with every kind of leaf and n lines, whose descriptions are hostile.
func Invoice(n int) document.Map {
	big25, _ := new(big.Int).SetString("10000000000000000000000001", 10)
	return document.Map{
		{Key: "number", Value: "INV-2026/0042"},
		{Key: "date", Value: document.Date("2026-04-08")},
		{Key: "supplier", Value: document.Map{{Key: "name", Value: "Žluťoučký kůň & Söhne <GmbH>"}, {Key: "vat", Value: nil}}},
		{Key: "credit", Value: false},
		{Key: "total", Value: Dec("1234567890123456.10")},
		{Key: "reference", Value: big25},
		{Key: "confidence", Value: 0.97},
		{Key: "empty", Value: ""},
		{Key: "lines", Value: Lines(n)},
	}
}

// Lines are n rows of an invoice.
func Lines(n int) document.List {
	hostile := Hostile()
	lines := document.List{}
	for i := range n {
		lines = append(lines, document.Map{
			{Key: "no", Value: int64(i + 1)},
			{Key: "description", Value: hostile[i%len(hostile)]},
			{Key: "quantity", Value: Dec("2.000")},
			{Key: "amount", Value: Dec("-10.50")},
			{Key: "delivered", Value: document.Date("2026-12-31")},
		})
	}
	return lines
}

// Hostile are texts that break careless encoders.
func Hostile() []string {
	return []string{
		"plain", `quote " and 'apostrophe'`, "comma, semicolon; tab\tpipe|", "line\nbreak\r\nand return\r", "<b>&amp;]]> --></b>",
		"=HYPERLINK(\"http://evil\")", "+1", "-2+3", "@SUM(A1)", "  spaces  ", "\\ \\\" \\u0041", "{{ 7*7 }} ${x} %s %00",
		"\x00\x01\x1f control \x7f", "\u2028 separator \u2029", "\u202e right to left", "請求書 \U0001F4B6", "broken \xff\xfe utf8", "a\u0301 combining",
	}
}

// Text draws a text, often hostile.
func Text(t *rapid.T, label string) string {
	if rapid.Bool().Draw(t, label+" hostile") {
		return rapid.SampledFrom(Hostile()).Draw(t, label)
	}
	return rapid.String().Draw(t, label)
}

// Leaf draws a leaf of any kind.
func Leaf(t *rapid.T, label string) any {
	switch rapid.IntRange(0, 5).Draw(t, label+" kind") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, label)
	case 2:
		return rapid.Int64().Draw(t, label)
	case 3:
		return decimal.New(rapid.Int64().Draw(t, label), rapid.Int32Range(-6, 3).Draw(t, label+" exponent"))
	}
	return Text(t, label)
}

// Options parses "a: b, c: true" written as alternating names and values, for tests; a value may be a Node.
func Options(pairs ...any) configs.Node {
	node := configs.Node{Kind: configs.NodeMap, Pos: configs.Pos{File: "test.yaml", Line: 1, Column: 1}}
	for i := 0; i+1 < len(pairs); i += 2 {
		pos := configs.Pos{File: "test.yaml", Line: 2 + i/2, Column: 3}
		value := Node(pairs[i+1])
		value.Pos = pos
		node.Map = append(node.Map, configs.Entry[configs.Node]{Name: pairs[i].(string), Pos: pos, Value: value})
	}
	return node
}

// Node is a value as a configuration node.
func Node(v any) configs.Node {
	switch v := v.(type) {
	case configs.Node:
		return v
	case bool:
		return configs.Node{Kind: configs.NodeBool, Text: strconv.FormatBool(v)}
	case int:
		return configs.Node{Kind: configs.NodeNumber, Text: strconv.Itoa(v)}
	case string:
		return configs.Node{Kind: configs.NodeString, Text: v}
	case []any:
		n := configs.Node{Kind: configs.NodeList}
		for _, item := range v {
			n.List = append(n.List, Node(item))
		}
		return n
	}
	return configs.Node{Kind: configs.NodeNull}
}

// WantError fails unless err is one and says want.
func WantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got error %v, want ...%s...", err, want)
	}
}
