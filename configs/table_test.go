package configs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rossum-relay/rossum-relay/configs"
)

func loadTable(t *testing.T, file, content, table string) (configs.Table, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := configs.Parse(filepath.Join(dir, "relay.yaml"), []byte("tables: {t: "+table+"}"))
	if err != nil {
		return configs.Table{}, err
	}
	loaded, _ := cfg.Tables.Get("t")
	return loaded, nil
}

func TestTables(t *testing.T) {
	const units = "code,uom,name\nC62,EA,\"piece, each\"\nHUR, HR ,hour\n"
	tests := []struct {
		name, file, content, table string
		want                       any
	}{
		{"second column", "a.csv", units, "{file: a.csv}", "EA"},
		{"named column", "a.csv", units, "{file: a.csv, value: name}", "piece, each"},
		{"whole row", "a.csv", units, "{file: a.csv, value: row}", map[string]any{"code": "C62", "uom": "EA", "name": "piece, each"}},
		{"other key", "a.csv", "uom,code\nEA,C62\n", "{file: a.csv, key: code, value: uom}", "EA"},
		{"semicolons, as Excel writes them", "a.csv", "\ufeffcode;uom\r\nC62;EA\r\n", "{file: a.csv}", "EA"},
		{"tabs", "a.csv", "code\tuom\nC62\tEA\n", "{file: a.csv}", "EA"},
		{"YAML map", "a.yaml", "C62: EA", "{file: a.yaml}", "EA"},
		{"YAML rows", "a.yaml", "- {code: C62, uom: {a: 1}}", "{file: a.yaml}", map[string]any{"a": int64(1)}},
		{"inline", "x", "", "{rows: {C62: 7}}", int64(7)},
		{"inline column", "x", "", "{value: uom, rows: {C62: {uom: EA, name: x}}}", "EA"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			table, err := loadTable(t, test.file, test.content, test.table)
			if err != nil {
				t.Fatal(err)
			}
			got, ok := table.Lookup("C62")
			if diff := cmp.Diff(test.want, got); !ok || diff != "" {
				t.Errorf("found %v: %s", ok, diff)
			}
			if got, ok := table.Lookup("nothing"); ok {
				t.Errorf("found %v", got)
			}
		})
	}
}

func TestTableMistakes(t *testing.T) {
	tests := []struct{ name, file, content, table, want string }{
		{"duplicate key", "a.csv", "k,v\n1,a\n2,b\n1,c\n", "{file: a.csv}", `a.csv:4:1: tables.t: duplicate key "1"`},
		{"empty key", "a.csv", "k,v\n,a\n", "{file: a.csv}", "a.csv:2:1: tables.t: an empty key"},
		{"short row", "a.csv", "k,v\n1\n", "{file: a.csv}", "a.csv:2:1: tables.t: not CSV: wrong number of fields"},
		{"open quote", "a.csv", "k,v\n1,\"a\n", "{file: a.csv}", "not CSV"},
		{"no header", "a.csv", "", "{file: a.csv}", "tables.t.file: the table has no header line"},
		{"no second column", "a.csv", "k\n1\n", "{file: a.csv}", `tables.t.value: the table has no column ""`},
		{"no such column", "a.csv", "code,uom\n1,a\n", "{file: a.csv, value: uon}", `the table has no column "uon"; did you mean "uom"?`},
		{"not UTF-8", "a.csv", "k,v\n1,\xe9\n", "{file: a.csv}", "the table is not UTF-8"},
		{"not YAML", "a.yaml", "a: [", "{file: a.yaml}", "a.yaml:1:4: tables.t: not YAML"},
		{"other file", "a.txt", "", "{file: a.txt}", "a table is a .csv or .yaml file"},
		{"too long", "a.csv", "k,v\n" + strings.Repeat("x", 16<<20), "{file: a.csv}", "larger than 16 MiB"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := loadTable(t, test.file, test.content, test.table)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}
