package configs

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseYAML(t *testing.T) {
	tests := []struct {
		name, text string
		want       any
	}{
		{"scalars", "a: 1\nb: 1.50\nc: true\nd: ~\ne: text\nf: 'it''s'\ng: \"a\\tb\"", map[string]any{
			"a": int64(1), "b": 1.5, "c": true, "d": nil, "e": "text", "f": "it's", "g": "a\tb"}},
		{"codes stay text", "a: 0100\nb: 1_000\nc: 0x1F\nd: 2026-01-31\ne: 12:30\nf: yes\ng: !!str 5", map[string]any{
			"a": "0100", "b": "1_000", "c": "0x1F", "d": "2026-01-31", "e": "12:30", "f": "yes", "g": "5"}},
		{"numbers beyond int64", "a: 12345678901234567890\nb: 1e400", map[string]any{"a": 12345678901234567890.0, "b": "1e400"}},
		{"alias", "a: &x {k: 1}\nb: *x", map[string]any{"a": map[string]any{"k": int64(1)}, "b": map[string]any{"k": int64(1)}}},
		{"merge", "a: &x {k: 1, l: 2}\nb:\n  k: 3\n  <<: *x", map[string]any{
			"a": map[string]any{"k": int64(1), "l": int64(2)}, "b": map[string]any{"k": int64(3), "l": int64(2)}}},
		{"first merge wins", "a: &x {k: 1}\nb: &y {k: 2, l: 3}\nc: {<<: [*x, *y]}", map[string]any{
			"a": map[string]any{"k": int64(1)}, "b": map[string]any{"k": int64(2), "l": int64(3)}, "c": map[string]any{"k": int64(1), "l": int64(3)}}},
		{"blocks", "a: |\n  x\n  y\nb: >-\n  x\n  y", map[string]any{"a": "x\ny\n", "b": "x y"}},
		{"byte order mark", "\ufeffa: 1", map[string]any{"a": int64(1)}},
		{"one explicit document", "---\na: 1\n...\n", map[string]any{"a": int64(1)}},
		{"nothing", "# only a comment\n", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tree, errs := parseYAML("a.yaml", []byte(test.text))
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			if diff := cmp.Diff(test.want, tree.Value()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMergeKeepsTheOrderOfTheFile(t *testing.T) {
	tree, errs := parseYAML("a.yaml", []byte("x: &x {b: 1, c: 2}\ny:\n  a: 0\n  <<: *x\n  c: 3\n  d: 4\n"))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	merged, _ := tree.Map.Get("y")
	if got := names(merged.Map); cmp.Diff([]string{"a", "b", "c", "d"}, got) != "" {
		t.Errorf("got %v", got)
	}
}

func TestPositionsOfScalars(t *testing.T) {
	tree, errs := parseYAML("a.yaml", []byte("a: plain\nb: \"quoted\"\nc: |\n\n    block\n    more\nd: [1, 'é', x]\n"))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	want := []string{"a.yaml:1:4", "a.yaml:2:5", "a.yaml:4:5", "a.yaml:7:4"}
	for i, e := range tree.Map {
		if got := e.Value.Pos.String(); got != want[i] {
			t.Errorf("%s is at %s, want %s", e.Name, got, want[i])
		}
	}
	if got := tree.Map[2].Value.Pos.At(2, 3).String(); got != "a.yaml:5:7" {
		t.Errorf("inside the block: %s", got)
	}
	if got := tree.Map[3].Value.List[2].Pos.String(); got != "a.yaml:7:13" {
		t.Errorf("after a letter of two bytes: %s", got)
	}
}

func TestScalars(t *testing.T) {
	durations := map[string]int64{"0": 0, "250ms": 250e6, "30s": 30e9, "1h30m": 5400e9, "90d": 90 * 86400e9}
	for text, want := range durations {
		if got, ok := parseDuration(text); !ok || int64(got) != want {
			t.Errorf("%s = %d, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "1", "-1s", "1.5h", "1 s", "s", "1w", "9999999999999999999d", "200000d"} {
		if got, ok := parseDuration(text); ok {
			t.Errorf("%q is a duration of %d", text, got)
		}
	}
	sizes := map[string]Size{"0": 0, "12B": 12, "2KB": 2000, "512KiB": 512 << 10, "64MiB": 64 << 20, "2GiB": 2 << 30, "1TiB": 1 << 40}
	for text, want := range sizes {
		if got, ok := parseSize(text); !ok || got != want {
			t.Errorf("%s = %d, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "1", "-1B", "1.5GiB", "1 GiB", "1K", "9999999TiB", "99999999999999999999B"} {
		if got, ok := parseSize(text); ok {
			t.Errorf("%q is a size of %d", text, got)
		}
	}
	if got, ok := parseRate("600/m"); !ok || got.N != 600 || got.Per.Seconds() != 60 {
		t.Errorf("600/m = %v, %v", got, ok)
	}
	for _, text := range []string{"", "5", "/s", "-1/s", "1/w", "99999999999/s"} {
		if got, ok := parseRate(text); ok {
			t.Errorf("%q is a rate of %v", text, got)
		}
	}
}
