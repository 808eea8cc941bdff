package fixed_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/document/documenttest"
	"github.com/rossum-relay/rossum-relay/worker/document/fixed"
)

type m = document.Map

func column(pairs ...any) any { return documenttest.Options(pairs...) }

func options(t testing.TB, pairs ...any) fixed.Options {
	t.Helper()
	opts, err := fixed.ParseOptions(documenttest.Options(pairs...))
	if err != nil {
		t.Fatal(err)
	}
	return opts
}

func lineColumns() []any {
	return []any{
		column("value", "L", "width", 1), column("key", "no", "width", 4, "align", "right", "pad", "0"),
		column("key", "description", "width", 12, "overflow", "truncate"),
		column("key", "amount", "width", 9, "align", "right", "pad", "0", "decimals", 2, "implied", true),
		column("key", "quantity", "width", 8, "align", "right", "decimals", 1, "decimal_mark", ","),
		column("key", "delivered", "width", 8), column("key", "missing", "width", 2),
	}
}

func TestGolden(t *testing.T) {
	doc, err := fixed.Encode(documenttest.Lines(len(documenttest.Hostile())),
		options(t, "columns", lineColumns(), "encoding", "windows-1252", "unmappable", "transliterate"))
	if err != nil {
		t.Fatal(err)
	}
	documenttest.Golden(t, "lines.txt", doc.Body)
	documenttest.Golden(t, "lines.notes", []byte(doc.ContentType+"\n"+strings.Join(doc.Notes, "\n")+"\n"))
	for i, line := range strings.Split(strings.TrimSuffix(string(doc.Body), "\r\n"), "\r\n") {
		if len(line) != 44 {
			t.Errorf("line %d has %d bytes", i+1, len(line))
		}
	}
}

func TestRecords(t *testing.T) {
	records := documenttest.Options("head", []any{column("value", "H", "width", 1), column("key", "number", "width", 6)},
		"line", []any{column("value", "L", "width", 1), column("key", "text", "width", 3, "align", "right", "pad", ".")})
	opts := options(t, "records", records, "line_end", "lf")
	doc, err := fixed.Encode(document.List{
		m{{Key: "head", Value: m{{Key: "number", Value: "INV-1"}}}},
		m{{Key: "line", Value: m{{Key: "text", Value: "ž"}}}},
	}, opts)
	if err != nil || string(doc.Body) != "HINV-1 \nL..ž\n" {
		t.Errorf("%q, %v", doc.Body, err)
	}
	for _, row := range []any{m{{Key: "foot", Value: m{}}}, m{{Key: "head", Value: "x"}}, m{}, m{{Key: "head", Value: m{}}, {Key: "line", Value: m{}}}} {
		_, err = fixed.Encode(document.List{row}, opts)
		documenttest.WantError(t, err, "a row is a map with one key, the name of a record")
	}
}

// TestRefused: what does not fit is refused, never cut; the message does not hold the value.
func TestRefused(t *testing.T) {
	one := func(pairs ...any) fixed.Options {
		return options(t, "columns", []any{column(append([]any{"key", "k", "width", 5}, pairs...)...)})
	}
	for want, c := range map[string]struct {
		value any
		opts  fixed.Options
	}{
		"row 1: k: 6 characters are too many for a width of 5": {"INV-77", one()},
		"k: 7 characters are too many":                         {documenttest.Dec("1234.56"), one("overflow", "truncate", "align", "right")},
		"more than 1 decimals":                                 {documenttest.Dec("1.25"), one("decimals", 1)},
		"a number padded with '0' on its right":                {int64(1), one("pad", "0")},
		"a list where a single value belongs":                  {document.List{}, one()},
		"a date is not YYYY-MM-DD":                             {document.Date("soon"), one()},
	} {
		_, err := fixed.Encode(document.List{m{{Key: "k", Value: c.value}}}, c.opts)
		documenttest.WantError(t, err, want)
		if err != nil && strings.Contains(err.Error(), "INV-77") {
			t.Errorf("the value is in %v", err)
		}
	}
	_, err := fixed.Encode("text", one())
	documenttest.WantError(t, err, "must be a list of rows, not text")
	_, err = fixed.Encode(document.List{"text"}, one())
	documenttest.WantError(t, err, "row 1: a row is a map, not text")
}

func TestSignsAndZeros(t *testing.T) {
	opts := options(t, "line_end", "none", "columns", []any{column("key", "k", "width", 6, "align", "right", "pad", "0", "decimals", 2)})
	for text, want := range map[string]string{"-1.5": "-01.50", "0": "000.00", "12": "012.00", "-0.00": "000.00", "1.500": "001.50"} {
		doc, err := fixed.Encode(document.List{m{{Key: "k", Value: documenttest.Dec(text)}}}, opts)
		if err != nil || string(doc.Body) != want {
			t.Errorf("%s: %q, %v; want %q", text, doc.Body, err, want)
		}
	}
}

func TestParseOptions(t *testing.T) {
	for want, pairs := range map[string][]any{
		"needs either columns or records":        {},
		"columns is a list of 1 to 1000 columns": {"columns", "x"},
		"records is a map":                       {"records", []any{}},
		"a column needs a width":                 {"columns", []any{column("key", "a")}},
		"width is a whole number from 1 to":      {"columns", []any{column("width", 0)}},
		"implied needs decimals":                 {"columns", []any{column("width", 5, "implied", true)}},
		"unknown option length":                  {"columns", []any{column("width", 5, "length", 3)}},
		"unknown option column":                  {"columns", []any{column("width", 5)}, "column", 1},
	} {
		_, err := fixed.ParseOptions(documenttest.Options(pairs...))
		documenttest.WantError(t, err, want)
	}
	if _, err := fixed.ParseOptions(configs.Node{}); err == nil {
		t.Error("fixed width without columns must be refused")
	}
}

// TestEveryLineHasItsWidth whatever the values.
func TestEveryLineHasItsWidth(t *testing.T) {
	opts := options(t, "line_end", "lf", "columns", []any{column("key", "a", "width", 7, "overflow", "truncate"), column("key", "b", "width", 30, "align", "right")})
	rapid.Check(t, func(t *rapid.T) {
		rows := document.List{}
		for range rapid.IntRange(1, 3).Draw(t, "rows") {
			rows = append(rows, m{{Key: "a", Value: documenttest.Text(t, "a")}, {Key: "b", Value: rapid.Int64().Draw(t, "b")}})
		}
		doc, err := fixed.Encode(rows, opts)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(doc.Body), "\n")
		if len(lines) != len(rows)+1 {
			t.Fatalf("%d lines of %d rows", len(lines)-1, len(rows))
		}
		for _, line := range lines[:len(rows)] {
			if n := utf8.RuneCountInString(line); n != 37 {
				t.Fatalf("%d characters in %q", n, line)
			}
		}
	})
}

func BenchmarkEncode2000Lines(b *testing.B) {
	rows, opts := documenttest.Lines(2000), options(b, "columns", lineColumns())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := fixed.Encode(rows, opts); err != nil {
			b.Fatal(err)
		}
	}
}
