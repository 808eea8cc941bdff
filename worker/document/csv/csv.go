// Package csv encodes trees as delimiter-separated values: a list of maps, or
// of lists, one for each row.
package csv

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/document/charset"
)

// Options of the format. The zero value is not useful; ParseOptions of an absent node gives RFC 4180 in UTF-8.
type Options struct {
	// Columns are the keys written, in order; none means those of the first row.
	Columns []Column
	// Header writes a first line of titles.
	Header      bool
	Delimiter   rune
	DecimalMark string
	Quote       Quote
	// Date mask, see document.Date.Format.
	Date    string
	LineEnd string
	// QuoteFormulas puts ' before text a spreadsheet would take for a formula (=, +, -, @, tab).
	QuoteFormulas bool
	// HeaderRecord and TrailerRecord are cells of a first and last line: text with {count} and {sum:column}.
	HeaderRecord, TrailerRecord []string
	Encoding                    charset.Encoding
}

// Column is a key of the rows and its title.
type Column struct{ Key, Title string }

// Quote says which cells are quoted.
type Quote string

// The values of Quote.
const (
	QuoteMinimal Quote = "minimal"
	QuoteAll     Quote = "all"
	QuoteNone    Quote = "none" // a cell that needs quotes is an error
)

// ParseOptions reads:
//
//	columns: [number, total]        or {number: Invoice number, total: Total}
//	header: true                    delimiter: ","        quote: minimal | all | none
//	decimal_mark: "."               date: "%Y-%m-%d"      line_end: crlf | lf
//	formulas: keep | quote          encoding: utf-8       unmappable: fail | transliterate
//	records: {header: [H, "{count}"], trailer: [T, "{sum:total}"]}
func ParseOptions(node configs.Node) (Options, error) {
	r := document.ReadOptions(node)
	opts := Options{
		Columns:       readColumns(r),
		Header:        r.Flag("header", true),
		Delimiter:     r.Character("delimiter", ','),
		Quote:         Quote(r.Choice("quote", string(QuoteMinimal), string(QuoteAll), string(QuoteNone))),
		DecimalMark:   r.Choice("decimal_mark", ".", ","),
		Date:          r.Mask("date", "%Y-%m-%d"),
		LineEnd:       map[string]string{"crlf": "\r\n", "lf": "\n"}[r.Choice("line_end", "crlf", "lf")],
		QuoteFormulas: r.Choice("formulas", "keep", "quote") == "quote",
		Encoding:      charset.ReadOptions(r),
	}
	if opts.Delimiter == '"' {
		r.Fail(node.Pos, `delimiter cannot be "`)
	}
	records := r.Node("records")
	inner := document.ReadOptions(records)
	opts.HeaderRecord, opts.TrailerRecord = inner.Texts("header"), inner.Texts("trailer")
	return opts, r.Join(inner)
}

func readColumns(r *document.OptionReader) []Column {
	node := r.Node("columns")
	var columns []Column
	switch node.Kind {
	case configs.NodeNone:
	case configs.NodeList:
		for _, item := range node.List {
			columns = append(columns, Column{item.Text, item.Text})
		}
	case configs.NodeMap:
		for _, entry := range node.Map {
			columns = append(columns, Column{entry.Name, entry.Value.Text})
		}
	default:
		r.Fail(node.Pos, "columns is a list of keys, or a map of keys to titles")
	}
	return columns
}

// Encode writes a list of maps or of lists. Cells cannot break out of their place. What was replaced on the way is noted.
func Encode(tree any, opts Options) (document.Document, error) {
	rows, ok := tree.(document.List)
	if !ok {
		return document.Document{}, fmt.Errorf("CSV: %w", document.Misshapen("the tree must be a list of rows, not %s", document.Describe(tree)))
	}
	t := table{opts: opts, rows: rows, columns: opts.Columns}
	if err := t.write(); err != nil {
		return document.Document{}, fmt.Errorf("CSV: %w", err)
	}
	body, err := opts.Encoding.Bytes(t.out.String(), true)
	if err != nil {
		return document.Document{}, fmt.Errorf("CSV: %w", err)
	}
	return document.Document{Body: body, ContentType: "text/csv; charset=" + opts.Encoding.Name(), Notes: t.tally.Notes()}, nil
}

type table struct {
	opts    Options
	rows    document.List
	columns []Column
	out     strings.Builder
	tally   document.Tally
}

func (t *table) write() error {
	if err := t.findColumns(); err != nil {
		return err
	}
	if err := t.record(t.opts.HeaderRecord); err != nil {
		return err
	}
	if t.opts.Header && len(t.columns) > 0 {
		titles := make(document.List, len(t.columns))
		for i, c := range t.columns {
			titles[i] = c.Title
		}
		if err := t.line(titles); err != nil {
			return fmt.Errorf("header: %w", err)
		}
	}
	for i, row := range t.rows {
		cells, err := t.cells(row)
		if err == nil {
			err = t.line(cells)
		}
		if err != nil {
			return fmt.Errorf("row %d: %w", i+1, err)
		}
	}
	return t.record(t.opts.TrailerRecord)
}

// findColumns takes the first row's keys where none are configured.
func (t *table) findColumns() error {
	if len(t.columns) > 0 || len(t.rows) == 0 {
		return nil
	}
	first, ok := t.rows[0].(document.Map)
	if !ok {
		return nil
	}
	known := map[string]bool{}
	for _, entry := range first {
		t.columns = append(t.columns, Column{entry.Key, entry.Key})
		known[entry.Key] = true
	}
	for i, row := range t.rows {
		m, _ := row.(document.Map)
		for _, entry := range m {
			if !known[entry.Key] { // it would be lost
				return document.Misshapen("row %d has a key %q that the first has not; configure columns", i+1, entry.Key)
			}
		}
	}
	return nil
}

func (t *table) cells(row any) (document.List, error) {
	switch row := row.(type) {
	case document.List:
		return row, nil
	case document.Map:
		cells := make(document.List, len(t.columns))
		for i, c := range t.columns {
			cells[i], _ = row.Get(c.Key)
		}
		return cells, nil
	}
	return nil, document.Misshapen("a row is a map or a list, not %s", document.Describe(row))
}

func (t *table) line(cells document.List) error {
	for i, cell := range cells {
		if i > 0 {
			t.out.WriteRune(t.opts.Delimiter)
		}
		text, err := t.text(cell)
		if err == nil {
			err = t.cell(text, len(cells) == 1)
		}
		if err != nil {
			return fmt.Errorf("cell %d: %w", i+1, err)
		}
	}
	t.out.WriteString(t.opts.LineEnd)
	return nil
}

// text is a cell before quoting.
func (t *table) text(cell any) (string, error) {
	if d, ok := cell.(document.Date); ok && d != "" {
		return d.Format(t.opts.Date)
	}
	if number, ok, err := document.Number(cell); ok || err != nil {
		return strings.Replace(number, ".", t.opts.DecimalMark, 1), err
	}
	text, err := document.Text(cell)
	if err != nil {
		return "", err
	}
	text, replaced, err := t.opts.Encoding.Fit(text)
	t.tally.Add(replaced, "CSV: characters that cannot be written in %s were replaced", t.opts.Encoding.Name())
	if t.opts.QuoteFormulas && text != "" && strings.ContainsRune("=+-@\t\r＝＋－＠", firstRune(text)) {
		t.tally.Add(1, "CSV: cells that look like formulas got a leading '")
		text = "'" + text
	}
	return text, err
}

func firstRune(s string) rune {
	c, _ := utf8.DecodeRuneInString(s)
	return c
}

// cell writes a cell; an empty one that is alone in its line needs quotes, or readers would skip the line.
func (t *table) cell(text string, alone bool) error {
	special := strings.ContainsRune(text, t.opts.Delimiter) || strings.ContainsAny(text, "\"\r\n") ||
		strings.HasPrefix(text, " ") || strings.HasSuffix(text, " ") || text == "" && alone
	switch {
	case t.opts.Quote == QuoteAll || special && t.opts.Quote == QuoteMinimal:
		t.out.WriteString(`"` + strings.ReplaceAll(text, `"`, `""`) + `"`)
		return nil
	case t.opts.Quote == QuoteNone && (strings.ContainsRune(text, t.opts.Delimiter) || strings.ContainsAny(text, "\r\n")):
		return document.Invalid("a value holds the delimiter or a line end, which quote: none cannot write")
	}
	t.out.WriteString(text)
	return nil
}
