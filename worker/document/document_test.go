package document_test

import (
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/document/documenttest"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

func TestText(t *testing.T) {
	for _, c := range []struct {
		leaf any
		want string
	}{
		{nil, ""}, {"a", "a"}, {true, "true"}, {int64(-5), "-5"}, {big.NewInt(7), "7"}, {0.1, "0.1"}, {1e20, "100000000000000000000"},
		{documenttest.Dec("12.50"), "12.50"}, {documenttest.Dec("1e3"), "1000"}, {documenttest.Dec("-0.00"), "0.00"},
		{documenttest.Dec("0.1000000000000000000000001"), "0.1000000000000000000000001"}, {document.Date("2026-01-02"), "2026-01-02"},
	} {
		if got, err := document.Text(c.leaf); err != nil || got != c.want {
			t.Errorf("%v: %q, %v; want %q", c.leaf, got, err, c.want)
		}
	}
	for _, bad := range []any{math.NaN(), math.Inf(1), decimal.New(1, 1_000_000), decimal.New(1, -1_000_000), document.List{}, document.Map{}, []byte("x"), 5} {
		_, err := document.Text(bad)
		var known *outcome.Error
		if !errors.As(err, &known) || !known.Outcome.Final() {
			t.Errorf("%T: %v", bad, err)
		}
	}
}

func TestDateFormat(t *testing.T) {
	d := document.Date("2026-04-08")
	for mask, want := range map[string]string{"%Y-%m-%d": "2026-04-08", "%d.%m.%y": "08.04.26", "%Y%j": "2026098", "%d-%b-%Y": "08-Apr-2026",
		"%A, %a %B %%": "Wednesday, Wed April %", "plain": "plain", "%": "%", "2006": "2006"} {
		if got, err := d.Format(mask); err != nil || got != want {
			t.Errorf("%s: %q, %v", mask, got, err)
		}
	}
	for d, mask := range map[document.Date]string{"2026-04-08": "%H", "8.4.2026": "%Y", "2026-02-30": "%Y"} {
		if got, err := d.Format(mask); err == nil {
			t.Errorf("%s %s: %q", d, mask, got)
		}
	}
}

func TestOptionReader(t *testing.T) {
	r := document.ReadOptions(documenttest.Options("flag", "yes", "choice", "c", "size", 99, "char", "ab", "texts", "a", "mask", "%Q", "odd", 1))
	if r.Flag("flag", true) != true || r.Choice("choice", "a", "b") != "a" || r.Int("size", 5, 1, 9) != 5 || r.Character("char", ';') != ';' {
		t.Error("what is wrong must give the default")
	}
	r.Texts("texts")
	r.Mask("mask", "%Y")
	var errs configs.Errors
	if !errors.As(r.Err(), &errs) || len(errs) != 7 {
		t.Fatalf("got %v", r.Err())
	}
	for i, e := range errs { // one a line, in order
		if e.Pos.Line != i+2 || e.Pos.File != "test.yaml" {
			t.Errorf("problem %d at %s: %s", i, e.Pos, e.Message)
		}
	}
	if last := errs[6]; !strings.Contains(last.Error(), "unknown option odd") || !strings.Contains(last.Try, "flag, choice, size, char, texts, mask") {
		t.Errorf("got %+v", last)
	}
	if err := document.ReadOptions(documenttest.Node("text")).Err(); err == nil {
		t.Error("options that are no map must be refused")
	}
	if err := document.ReadOptions(configs.Node{}).Err(); err != nil {
		t.Error(err)
	}
}

func TestTallyIsBounded(t *testing.T) {
	var tally document.Tally
	if tally.Add(0, "nothing"); tally.Notes() != nil {
		t.Errorf("got %q", tally.Notes())
	}
	for i := range 100 {
		tally.Add(2, "kind %d", i)
		tally.Add(1, "kind %d", 0)
	}
	if notes := tally.Notes(); len(notes) != 20 || notes[0] != "kind 0 (102)" || notes[19] != "kind 19 (2)" {
		t.Errorf("got %q", notes)
	}
}
