package format_test

import (
	"bytes"
	stdcsv "encoding/csv"
	stdjson "encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/document/csv"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice/invoicetest"
	"github.com/rossum-relay/rossum-relay/worker/document/json"
)

// TestGenericFormats writes invoices whose texts try to break out as JSON and as rows: a reader gets each value back in its
// place, amounts with the places of the currency, and those of a credit note positive like those of an invoice.
func TestGenericFormats(t *testing.T) {
	opts, err := csv.ParseOptions(configs.Node{})
	if err != nil {
		t.Fatal(err)
	}
	places := map[string]int{"EUR": 2, "CZK": 2, "JPY": 0, "KWD": 3}
	rapid.Check(t, func(t *rapid.T) {
		inv := invoicetest.Draw(t)
		doc, err := json.Encode(inv.Tree(), json.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var read struct {
			Number string
			Credit bool
			Lines  []struct{ Name string }
			Totals struct{ Gross stdjson.Number }
		}
		if err := stdjson.Unmarshal(doc.Body, &read); err != nil {
			t.Fatalf("%v\n%s", err, doc.Body)
		}
		valid := string([]rune(inv.Number)) // bytes that are no UTF-8 become U+FFFD
		if read.Number != valid || read.Credit != inv.Credit || len(read.Lines) != len(inv.Lines) {
			t.Fatalf("got %+v of %q with %d lines", read, inv.Number, len(inv.Lines))
		}
		_, decimals, _ := strings.Cut(read.Totals.Gross.String(), ".")
		if len(decimals) != places[inv.Currency] {
			t.Fatalf("%s has %d places: %s", inv.Currency, places[inv.Currency], read.Totals.Gross)
		}
		rows, err := csv.Encode(inv.Rows(), opts)
		if err != nil {
			t.Fatal(err)
		}
		table, err := stdcsv.NewReader(bytes.NewReader(rows.Body)).ReadAll() // all rows have as many cells
		if err != nil || len(table) != 1+len(inv.Lines) {
			t.Fatalf("%d rows of %d lines, %v\n%s", len(table), len(inv.Lines), err, rows.Body)
		}
	})
}
