package charset_test

import (
	"testing"

	"golang.org/x/text/encoding/charmap"
	"pgregory.net/rapid"

	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/document/charset"
	"github.com/rossum-relay/rossum-relay/worker/document/documenttest"
)

func read(t *testing.T, name string, transliterate bool) charset.Encoding {
	t.Helper()
	policy := "fail"
	if transliterate {
		policy = "transliterate"
	}
	r := document.ReadOptions(documenttest.Options("encoding", name, "unmappable", policy))
	e := charset.ReadOptions(r)
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestTransliterate(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
		replaced         int
	}{
		{"utf-8", "žluť 請 €", "žluť 請 €", 0},
		{"utf-8", "broken \xff", "broken \uFFFD", 1},
		{"windows-1250", "žluť ł € ő „x“", "žluť ł € ő „x“", 0},
		{"windows-1250", "ñ ø 請 é", "n o ? é", 3},
		{"windows-1252", "ž ő ł Œ", "ž o l Œ", 2},
		{"iso-8859-1", "ž € “x” – … ß", "z EUR \"x\" - ... ß", 6},
		{"iso-8859-2", "ž ł € à", "ž ł EUR a", 2},
		{"iso-8859-15", "ž € ő", "ž € o", 1},
		{"iso-8859-1", "e\u0301 zero\u200bwidth ﬁ ²", "é zerowidth fi ²", 2},
		{"windows-1252", "broken \xff\xfe", "broken ?", 2},
	} {
		fit, replaced, err := read(t, c.name, true).Fit(c.text)
		if err != nil || fit != c.want || replaced != c.replaced {
			t.Errorf("%s %q: %q, %d replaced, %v; want %q, %d", c.name, c.text, fit, replaced, err, c.want, c.replaced)
		}
	}
}

func TestUnmappableFails(t *testing.T) {
	_, _, err := read(t, "iso-8859-1", false).Fit("Dvořák")
	documenttest.WantError(t, err, `'ř' (U+0159) is not in iso-8859-1`)
	if fit, _, err := read(t, "iso-8859-2", false).Fit("Dvořák"); err != nil || fit != "Dvořák" {
		t.Errorf("%q, %v", fit, err)
	}
}

func TestBytes(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"utf-8", "ž", "ž"}, {"utf-8-bom", "ž", "\uFEFFž"}, {"windows-1250", "ž€", "\x9e\x80"}, {"iso-8859-15", "€", "\xa4"},
	} {
		if got, err := read(t, c.name, false).Bytes(c.text, true); err != nil || string(got) != c.want {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
	if got, _ := read(t, "utf-8-bom", false).Bytes("x", false); string(got) != "x" {
		t.Errorf("a mark belongs to the beginning only: %q", got)
	}
}

// TestWhatFitsCanBeWritten: whatever the text, transliterated it can be written and read back.
func TestWhatFitsCanBeWritten(t *testing.T) {
	for name, table := range map[string]*charmap.Charmap{"windows-1250": charmap.Windows1250, "windows-1252": charmap.Windows1252,
		"iso-8859-1": charmap.ISO8859_1, "iso-8859-2": charmap.ISO8859_2, "iso-8859-15": charmap.ISO8859_15} {
		e := read(t, name, true)
		rapid.Check(t, func(t *rapid.T) {
			fit, _, err := e.Fit(documenttest.Text(t, "text"))
			if err != nil {
				t.Fatal(err)
			}
			data, err := e.Bytes(fit, true)
			if err != nil {
				t.Fatalf("%s: %q: %v", name, fit, err)
			}
			if back, err := table.NewDecoder().Bytes(data); err != nil || string(back) != fit {
				t.Fatalf("%s: %q came back as %q, %v", name, fit, back, err)
			}
		})
	}
}
