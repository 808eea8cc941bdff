package configs

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// The limits of one table.
const (
	maxTableFile = 16 << 20
	maxTableRows = 200_000
)

// wholeRow is the word in Table.Value that asks for all columns.
const wholeRow = "row"

// Lookup finds the value of a key: text from a CSV file, the native type from YAML, map[string]any for a whole row. It
// is safe for concurrent use; the value must not be changed.
func (t Table) Lookup(key string) (value any, ok bool) {
	value, ok = t.index[key]
	return value, ok
}

// loadTable reads the rows of a table and indexes them. Problems in a file stand at that file's position.
func (v *validator) loadTable(path string, t *Table) {
	t.index = map[string]any{}
	l := tableLoader{v: v, path: path, table: t}
	switch {
	case (t.File == "") == t.Rows.IsZero():
		if !v.failed[path+".file"] {
			v.wrong(path, "a table has exactly one of file and rows", "write file: codes.csv")
		}
	case t.File == "":
		l.rows(t.Rows)
	default:
		l.file()
	}
}

type tableLoader struct {
	v     *validator
	path  string
	table *Table
}

func (l *tableLoader) fail(pos Pos, message, try string) {
	l.v.fail(pos, l.path, message, try)
}

func (l *tableLoader) file() {
	at := l.path + ".file"
	data, err := readBounded(l.table.File, maxTableFile+1)
	switch {
	case err != nil:
		l.v.wrong(at, "read table: "+err.Error(), "paths are relative to the configuration file")
		return
	case len(data) > maxTableFile:
		l.v.wrong(at, fmt.Sprintf("the table is larger than %d MiB", maxTableFile>>20), "split it, or drop columns")
		return
	case !utf8.Valid(data):
		l.v.wrong(at, "the table is not UTF-8", "save it as CSV UTF-8")
		return
	}
	switch strings.ToLower(filepath.Ext(l.table.File)) {
	case ".csv":
		l.csv(data)
	case ".yaml", ".yml":
		tree, errs := parseYAML(l.table.File, data)
		for _, e := range errs {
			e.Path = l.path
			l.v.report(e)
		}
		if len(errs) == 0 {
			l.rows(tree)
		}
	default:
		l.v.wrong(at, "a table is a .csv or .yaml file", "rename it")
	}
}

// csv reads a header line and rows, separated by commas, semicolons or tabs, whichever the header has.
func (l *tableLoader) csv(data []byte) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	r := csv.NewReader(bytes.NewReader(data))
	r.Comma = separator(data)
	header, err := r.Read()
	if err != nil {
		l.v.wrong(l.path+".file", "the table has no header line", "begin it with the names of the columns")
		return
	}
	keyColumn, valueColumn, ok := l.columns(header)
	for ok {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			l.csvError(err)
			return
		}
		var value any
		if valueColumn >= 0 {
			value = strings.TrimSpace(record[valueColumn])
		} else {
			value = rowOf(header, record)
		}
		line, column := r.FieldPos(0)
		ok = l.add(Pos{l.table.File, line, column}, strings.TrimSpace(record[keyColumn]), value)
	}
}

func (l *tableLoader) csvError(err error) {
	pos := Pos{l.table.File, 1, 1}
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		pos.Line, pos.Column, err = parse.Line, max(1, parse.Column), parse.Err
	}
	l.fail(pos, "not CSV: "+err.Error(), "every line has as many columns as the header; quote texts that hold the separator")
}

func separator(data []byte) rune {
	header, _, _ := bytes.Cut(data, []byte("\n"))
	for _, c := range ",;\t" {
		if bytes.ContainsRune(header, c) {
			return c
		}
	}
	return ','
}

func rowOf(header, record []string) map[string]any {
	row := make(map[string]any, len(header))
	for i, name := range header {
		row[name] = strings.TrimSpace(record[i])
	}
	return row
}

// columns finds the key and value columns in the header, -1 for the whole row.
func (l *tableLoader) columns(header []string) (key, value int, ok bool) {
	for i, name := range header {
		header[i] = strings.TrimSpace(name)
	}
	key, value = l.column(".key", l.table.Key, header, 0), -1
	if l.table.Value == wholeRow {
		return key, value, key >= 0
	}
	value = l.column(".value", l.table.Value, header, 1)
	return key, value, key >= 0 && value >= 0
}

func (l *tableLoader) column(key, name string, header []string, otherwise int) int {
	if name == "" && otherwise < len(header) {
		return otherwise
	}
	i := slices.Index(header, name)
	if i < 0 && !l.v.failed[l.path+key] {
		l.v.report(Error{
			Pos: l.v.cfg.Pos(l.path + key), Path: l.path + key, Message: fmt.Sprintf("the table has no column %q", clip(name)),
			Suggestion: Nearest(name, header), Try: clip("one of " + strings.Join(header, ", ")),
		})
	}
	return i
}

// rows reads a tree: key to value, or a list of rows.
func (l *tableLoader) rows(tree Node) {
	switch tree.Kind {
	case NodeMap:
		for _, e := range tree.Map {
			value, ok := l.value(e.Value)
			if !ok || !l.add(e.Pos, e.Name, value) {
				return
			}
		}
	case NodeList:
		for _, row := range tree.List {
			if !l.row(row) {
				return
			}
		}
	default:
		l.v.wrong(l.path, "a table is a map of key to value, or a list of rows", "write rows: {CZ: 21, DE: 19}")
	}
}

// value is what a key of a map stands for: itself, or its column where one is named.
func (l *tableLoader) value(n Node) (any, bool) {
	if l.table.Value == "" || l.table.Value == wholeRow || n.Kind != NodeMap {
		return n.Value(), true
	}
	column, ok := n.Map.Get(l.table.Value)
	if !ok {
		l.fail(n.Pos, fmt.Sprintf("a row without %q", clip(l.table.Value)), "add it")
	}
	return column.Value(), ok
}

func (l *tableLoader) row(n Node) bool {
	if n.Kind != NodeMap || len(n.Map) == 0 {
		l.fail(n.Pos, "a row is a map of columns", "write - {code: CZ, rate: 21}")
		return false
	}
	header := names(n.Map)
	keyColumn, valueColumn, ok := l.columns(header)
	if !ok {
		return false
	}
	value := n.Value()
	if valueColumn >= 0 {
		value = n.Map[valueColumn].Value.Value()
	}
	return l.add(n.Pos, n.Map[keyColumn].Value.Text, value)
}

// add indexes one row; false ends the loading.
func (l *tableLoader) add(pos Pos, key string, value any) bool {
	_, double := l.table.index[key]
	switch {
	case key == "":
		l.fail(pos, "an empty key", "remove the row")
	case double:
		l.fail(pos, fmt.Sprintf("duplicate key %q", clip(key)), "keep one of the rows")
	case len(l.table.index) == maxTableRows:
		l.fail(pos, fmt.Sprintf("more than %d rows", maxTableRows), "split the table")
		return false
	}
	l.table.index[key] = value
	return true
}
