package csv_test

import (
	stdcsv "encoding/csv"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/document/csv"
	"github.com/rossum-relay/rossum-relay/worker/document/documenttest"
)

func options(t testing.TB, pairs ...any) csv.Options {
	t.Helper()
	opts, err := csv.ParseOptions(documenttest.Options(pairs...))
	if err != nil {
		t.Fatal(err)
	}
	return opts
}

func TestGolden(t *testing.T) {
	titles := configs.Node{Kind: configs.NodeMap, Map: configs.Named[configs.Node]{
		{Name: "no", Value: documenttest.Node("Nr.")}, {Name: "amount", Value: documenttest.Node("Betrag; EUR")},
		{Name: "missing", Value: documenttest.Node("Fehlt")}, {Name: "description", Value: documenttest.Node("Text")}}}
	records := documenttest.Options("header", []any{"H", "{count}", "2026"}, "trailer", []any{"T", "{sum:amount}", "{sum:no} in {count}"})
	for name, opts := range map[string]csv.Options{
		"plain.csv":    options(t),
		"german.csv":   options(t, "columns", titles, "delimiter", ";", "decimal_mark", ",", "encoding", "windows-1252", "unmappable", "transliterate", "formulas", "quote", "records", records, "line_end", "lf"),
		"all.csv":      options(t, "columns", []any{"no", "delivered", "amount"}, "quote", "all", "date", "%d.%m.%Y", "encoding", "utf-8-bom", "delimiter", "tab"),
		"unquoted.csv": options(t, "columns", []any{"no", "amount"}, "quote", "none", "header", false, "delimiter", "|"),
	} {
		doc, err := csv.Encode(documenttest.Lines(len(documenttest.Hostile())), opts)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		documenttest.Golden(t, name, doc.Body)
		documenttest.Golden(t, name+".notes", []byte(doc.ContentType+"\n"+strings.Join(doc.Notes, "\n")+"\n"))
	}
}

func TestRowsOfLists(t *testing.T) {
	doc, err := csv.Encode(document.List{document.List{"a", nil, int64(1)}, document.List{}, document.List{""}}, options(t))
	if err != nil || string(doc.Body) != "a,,1\r\n\r\n\"\"\r\n" {
		t.Errorf("%q, %v", doc.Body, err)
	}
	if doc, err := csv.Encode(document.List{}, options(t, "columns", []any{"a", "b"})); err != nil || string(doc.Body) != "a,b\r\n" {
		t.Errorf("%q, %v", doc.Body, err)
	}
}

func TestRefused(t *testing.T) {
	row := func(pairs ...any) document.Map {
		var m document.Map
		for i := 0; i < len(pairs); i += 2 {
			m = append(m, document.Entry{Key: pairs[i].(string), Value: pairs[i+1]})
		}
		return m
	}
	sum := options(t, "records", documenttest.Options("trailer", []any{"{sum:a}"}))
	for want, c := range map[string]struct {
		tree any
		opts csv.Options
	}{
		"must be a list of rows":                 {row("a", 1), options(t)},
		"row 1: a row is a map or a list":        {document.List{"text"}, options(t)},
		`row 2 has a key "b" that the first has`: {document.List{row("a", "1"), row("a", "1", "b", "2")}, options(t)},
		"row 1: cell 1: a map where a single":    {document.List{row("a", row("b", "1"))}, options(t)},
		"which quote: none cannot write":         {document.List{row("a", "x,y")}, options(t, "quote", "none")},
		"is not in iso-8859-1":                   {document.List{row("a", "請")}, options(t, "encoding", "iso-8859-1")},
		"{sum:a}: row 1 holds text":              {document.List{row("a", "12")}, sum},
		"needs rows that are maps":               {document.List{document.List{"1"}}, sum},
	} {
		_, err := csv.Encode(c.tree, c.opts)
		documenttest.WantError(t, err, want)
	}
}

func TestParseOptions(t *testing.T) {
	for want, pairs := range map[string][]any{
		"delimiter is a single character":         {"delimiter", ";;"},
		`delimiter cannot be "`:                   {"delimiter", `"`},
		"quote is one of minimal, all, none":      {"quote", "some"},
		"encoding is one of utf-8":                {"encoding", "ebcdic"},
		"date mask: unknown %Q":                   {"date", "%Q"},
		"columns is a list of keys":               {"columns", "a"},
		"test.yaml:2:3: unknown option footer":    {"records", documenttest.Options("footer", []any{"x"})},
		"test.yaml:3:3: unknown option delimeter": {"header", true, "delimeter", ";"},
	} {
		_, err := csv.ParseOptions(documenttest.Options(pairs...))
		documenttest.WantError(t, err, want)
	}
}

// TestRoundTrip: another reader finds every cell where it was put.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		delimiter := rapid.SampledFrom([]rune{',', ';', '\t', '|'}).Draw(t, "delimiter")
		opts := csv.Options{Delimiter: delimiter, DecimalMark: ".", Quote: rapid.SampledFrom([]csv.Quote{csv.QuoteMinimal, csv.QuoteAll}).Draw(t, "quote"), LineEnd: "\r\n"}
		width := rapid.IntRange(1, 4).Draw(t, "width")
		var want [][]string
		rows := document.List{}
		for range rapid.IntRange(0, 4).Draw(t, "rows") {
			row, texts := document.List{}, []string{}
			for range width {
				text := strings.ToValidUTF8(documenttest.Text(t, "cell"), "")
				row = append(row, text)
				texts = append(texts, strings.ReplaceAll(text, "\r\n", "\n")) // encoding/csv does so on reading
			}
			rows, want = append(rows, row), append(want, texts)
		}
		doc, err := csv.Encode(rows, opts)
		if err != nil {
			t.Fatal(err)
		}
		r := stdcsv.NewReader(strings.NewReader(string(doc.Body)))
		r.Comma = delimiter
		got, err := r.ReadAll()
		if err != nil || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Fatalf("got %q, %v\nwant %q", got, err, want)
		}
	})
}

func BenchmarkEncode2000Lines(b *testing.B) {
	rows, opts := documenttest.Lines(2000), options(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := csv.Encode(rows, opts); err != nil {
			b.Fatal(err)
		}
	}
}
