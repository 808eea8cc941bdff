// Package fixed encodes trees as fixed-width records. Nothing is cut unless a
// column says so, and a number never is.
package fixed

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/document/charset"
)

// Options of the format.
type Options struct {
	// Records are the layouts. One that is named "" is the only one, and rows are maps of its keys; else a row is a map
	// with one key, the record's name, and a map of that record's keys below it.
	Records  []Record
	LineEnd  string
	Encoding charset.Encoding
}

// Record is the layout of one kind of line.
type Record struct {
	Name    string
	Columns []Column
}

// Column is a place in a record.
type Column struct {
	Key string
	// Value is a constant, for columns without a key.
	Value string
	// Width in characters.
	Width int
	// Right aligns to the right.
	Right bool
	Pad   rune
	// Truncate cuts text that is too long, which is noted; the default refuses it.
	Truncate bool
	// Decimals of a number: places that are missing are added, and more are refused; -1 leaves the number as it is.
	Decimals int
	// Implied leaves out the decimal mark.
	Implied     bool
	DecimalMark string
	// Date mask, see document.Date.Format.
	Date string
}

const (
	maxWidth   = 10_000
	maxColumns = 1000
)

// ParseOptions reads:
//
//	columns: [{key: number, width: 16, align: left | right, pad: " ", overflow: refuse | truncate,
//	           decimals: 2, implied: false, decimal_mark: ".", date: "%Y%m%d"}, {value: X, width: 1}]
//	records: {head: [...], line: [...]}   in place of columns, where lines differ
//	line_end: crlf | lf | none            encoding: utf-8      unmappable: fail | transliterate
func ParseOptions(node configs.Node) (Options, error) {
	r := document.ReadOptions(node)
	opts := Options{
		LineEnd:  map[string]string{"crlf": "\r\n", "lf": "\n", "none": ""}[r.Choice("line_end", "crlf", "lf", "none")],
		Encoding: charset.ReadOptions(r),
	}
	var inner []*document.OptionReader
	read := func(name string, list configs.Node) {
		columns, readers := readColumns(r, list)
		opts.Records = append(opts.Records, Record{name, columns})
		inner = append(inner, readers...)
	}
	columns, records := r.Node("columns"), r.Node("records")
	switch {
	case columns.IsZero() == records.IsZero():
		r.Fail(node.Pos, "fixed width needs either columns or records")
	case !columns.IsZero():
		read("", columns)
	case records.Kind != configs.NodeMap:
		r.Fail(records.Pos, "records is a map of names to lists of columns")
	}
	for _, entry := range records.Map {
		read(entry.Name, entry.Value)
	}
	return opts, r.Join(inner...)
}

func readColumns(r *document.OptionReader, list configs.Node) (columns []Column, readers []*document.OptionReader) {
	if list.Kind != configs.NodeList || len(list.List) == 0 || len(list.List) > maxColumns {
		r.Fail(list.Pos, "columns is a list of 1 to %d columns", maxColumns)
		return nil, nil
	}
	for _, item := range list.List {
		c := document.ReadOptions(item)
		column := Column{
			Key: c.Text("key", ""), Value: c.Text("value", ""), Width: c.Int("width", 0, 1, maxWidth),
			Right: c.Choice("align", "left", "right") == "right", Pad: c.Character("pad", ' '),
			Truncate: c.Choice("overflow", "refuse", "truncate") == "truncate",
			Decimals: c.Int("decimals", -1, 0, 20), Implied: c.Flag("implied", false), DecimalMark: c.Choice("decimal_mark", ".", ","),
			Date: c.Mask("date", "%Y%m%d"),
		}
		if column.Width == 0 {
			c.Fail(item.Pos, "a column needs a width")
		}
		if column.Implied && column.Decimals < 0 {
			c.Fail(item.Pos, "implied needs decimals: without them the number's size would be lost")
		}
		columns, readers = append(columns, column), append(readers, c)
	}
	return columns, readers
}

// Encode writes a list of rows, see Options.Records.
func Encode(tree any, opts Options) (document.Document, error) {
	rows, ok := tree.(document.List)
	if !ok {
		return document.Document{}, fmt.Errorf("fixed width: %w", document.Misshapen("the tree must be a list of rows, not %s", document.Describe(tree)))
	}
	w := writer{opts: opts}
	for i, row := range rows {
		if err := w.row(row); err != nil {
			return document.Document{}, fmt.Errorf("fixed width: row %d: %w", i+1, err)
		}
	}
	body, err := opts.Encoding.Bytes(w.out.String(), true)
	if err != nil {
		return document.Document{}, fmt.Errorf("fixed width: %w", err)
	}
	return document.Document{Body: body, ContentType: "text/plain; charset=" + opts.Encoding.Name(), Notes: w.tally.Notes()}, nil
}

type writer struct {
	opts  Options
	out   strings.Builder
	tally document.Tally
}

func (w *writer) row(row any) error {
	record, values, err := w.layout(row)
	if err != nil {
		return err
	}
	for _, c := range record.Columns {
		var value any = c.Value
		if c.Key != "" {
			value, _ = values.Get(c.Key)
		}
		cell, err := w.cell(c, value)
		if err != nil {
			return fmt.Errorf("%s: %w", c.Key, err)
		}
		w.out.WriteString(cell)
	}
	w.out.WriteString(w.opts.LineEnd)
	return nil
}

// layout finds the record of a row.
func (w *writer) layout(row any) (Record, document.Map, error) {
	m, ok := row.(document.Map)
	if !ok {
		return Record{}, nil, document.Misshapen("a row is a map, not %s", document.Describe(row))
	}
	if len(w.opts.Records) == 1 && w.opts.Records[0].Name == "" {
		return w.opts.Records[0], m, nil
	}
	if len(m) == 1 {
		values, isMap := m[0].Value.(document.Map)
		for _, r := range w.opts.Records {
			if isMap && r.Name == m[0].Key {
				return r, values, nil
			}
		}
	}
	return Record{}, nil, document.Misshapen("a row is a map with one key, the name of a record, and a map below it")
}

// cell is a value in its width.
func (w *writer) cell(c Column, value any) (string, error) {
	text, isNumber, err := w.text(c, value)
	if err != nil {
		return "", err
	}
	missing := c.Width - utf8.RuneCountInString(text)
	switch {
	case missing >= 0:
	case isNumber || !c.Truncate:
		return "", document.Invalid("%d characters are too many for a width of %d", utf8.RuneCountInString(text), c.Width)
	default:
		w.tally.Add(1, "fixed width: %s was cut to %d characters", c.Key, c.Width)
		return string([]rune(text)[:c.Width]), nil
	}
	if isNumber && !c.Right && missing > 0 && unicode.IsDigit(c.Pad) {
		return "", document.Misshapen("a number padded with %q on its right would be another number; align it right", c.Pad)
	}
	pad := strings.Repeat(string(c.Pad), missing)
	sign, digits := "", text
	if isNumber && c.Pad == '0' && strings.HasPrefix(text, "-") {
		sign, digits = "-", text[1:]
	}
	if c.Right {
		return sign + pad + digits, nil
	}
	return text + pad, nil
}

func (w *writer) text(c Column, value any) (text string, isNumber bool, err error) {
	if d, ok := value.(document.Date); ok && d != "" {
		text, err = d.Format(c.Date)
		return text, false, err
	}
	if text, isNumber, err = document.Number(value); isNumber || err != nil {
		if err == nil {
			text, err = c.number(text)
		}
		return text, true, err
	}
	if text, err = document.Text(value); err != nil {
		return "", false, err
	}
	text, replaced, err := w.opts.Encoding.Fit(text)
	w.tally.Add(replaced, "fixed width: characters of %s that cannot be written in %s were replaced", c.Key, w.opts.Encoding.Name())
	return w.oneLine(c, text), false, err
}

// oneLine makes spaces of line ends and tabs, which would break the record.
func (w *writer) oneLine(c Column, text string) string {
	flat := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ReplaceAll(text, "\r\n", "\n"))
	if flat != text {
		w.tally.Add(1, "fixed width: line ends in %s became spaces", c.Key)
	}
	return flat
}

// number brings an exact number to the column's decimals.
func (c Column) number(text string) (string, error) {
	if c.Decimals >= 0 {
		d, err := decimal.NewFromString(text)
		if err != nil {
			return "", err
		}
		if !d.Equal(d.Truncate(int32(c.Decimals))) {
			return "", document.Invalid("a number has more than %d decimals", c.Decimals)
		}
		text = d.StringFixed(int32(c.Decimals))
	}
	mark := c.DecimalMark
	if c.Implied {
		mark = ""
	}
	return strings.Replace(text, ".", mark, 1), nil
}
