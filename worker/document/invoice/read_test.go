package invoice_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
)

// content builds a datapoint tree of a short notation: header fields, then
// tables. A value "text|normalized" has both, numbers and dates need them;
// "=x" stands for "x|x".
type content struct {
	header map[string]string
	tables map[string][]map[string]string
}

func (c content) tree(t testing.TB) rossumapi.Tree {
	t.Helper()
	id := 0
	cell := func(schemaID, value string) map[string]any {
		id++
		text, normalized, found := strings.Cut(value, "|")
		if rest, same := strings.CutPrefix(value, "="); same {
			text, normalized, found = rest, rest, true
		}
		held := map[string]any{"value": text}
		if found {
			held["normalized_value"] = normalized
		}
		return map[string]any{"id": id, "schema_id": schemaID, "category": "datapoint", "content": held}
	}
	var children []any
	for schemaID, value := range c.header {
		children = append(children, cell(schemaID, value))
	}
	for table, rows := range c.tables {
		var tuples []any
		for _, row := range rows {
			var cells []any
			for schemaID, value := range row {
				cells = append(cells, cell(schemaID, value))
			}
			tuples = append(tuples, map[string]any{"category": "tuple", "schema_id": "row", "children": cells})
		}
		children = append(children, map[string]any{"category": "multivalue", "schema_id": table, "children": tuples})
	}
	body, err := json.Marshal([]any{map[string]any{"category": "section", "schema_id": "s", "children": children}})
	if err != nil {
		t.Fatal(err)
	}
	tree, err := rossumapi.DecodeContent(body)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func (c content) read(t testing.TB) *invoice.Invoice {
	t.Helper()
	inv, problems, err := invoice.Read(c.tree(t), invoice.Mapping{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if p.Rule != invoice.RuleMissing || p.Field == "line.net" {
			t.Errorf("%s %s: %s", p.Field, p.Rule, p.Message)
		}
	}
	return inv
}

// show writes what the tests below look at.
func show(inv *invoice.Invoice) string {
	var b strings.Builder
	text := func(d decimal.NullDecimal) string {
		if !d.Valid {
			return "-"
		}
		return d.Decimal.String()
	}
	t := inv.Totals
	fmt.Fprintf(&b, "%s net %s tax %s gross %s due %s\n", inv.Type, text(t.Net), text(t.Tax), text(t.Gross), text(t.Due))
	for _, l := range inv.Lines {
		fmt.Fprintf(&b, "line %s x %s/%s = %s %s %s\n", text(l.Quantity), text(l.UnitPrice), l.PriceQuantity, text(l.Net), l.TaxCategory, text(l.TaxRate))
	}
	for _, c := range inv.Charges {
		fmt.Fprintf(&b, "charge %s %s %s\n", c.Signed(), c.TaxCategory, text(c.TaxRate))
	}
	for _, tax := range inv.Taxes {
		fmt.Fprintf(&b, "tax %s %s of %s is %s %s\n", tax.Category, text(tax.Rate), text(tax.Base), text(tax.Amount), tax.ExemptionCode)
	}
	return strings.ReplaceAll(b.String(), " \n", "\n")
}

type (
	header = map[string]string
	rows   = []map[string]string
	tables = map[string][]map[string]string
)

// TestDerive covers the rules by which an invoice is completed.
func TestDerive(t *testing.T) {
	for _, test := range []struct {
		name string
		content
		want string
	}{
		{
			"rate of the totals, net of quantity and price",
			content{header{"currency": "eur", "amount_total_base": "=100", "amount_total": "=119"},
				tables{"line_items": rows{{"item_description": "a", "item_quantity": "=4", "item_amount_base": "=25"}}}},
			"380 net 100 tax 19 gross 119 due 119\nline 4 x 25/1 = 100 S 19\ntax S 19 of 100 is 19\n",
		}, {
			"net of gross lines",
			content{header{"currency": "eur", "amount_total": "=119"},
				tables{"line_items": rows{{"item_description": "a", "item_quantity": "=2", "item_amount_total": "=119", "item_rate": "=19"}}}},
			"380 net 100 tax 19 gross 119 due 119\nline 2 x 50/1 = 100 S 19\ntax S 19 of 100 is 19\n",
		}, {
			"a price that is not exact is that of the whole quantity",
			content{header{"currency": "eur", "amount_total_base": "=10", "amount_total_tax": "=1.9"},
				tables{"line_items": rows{{"item_description": "a", "item_quantity": "=3", "item_total_base": "=10"}}}},
			"380 net 10 tax 1.9 gross 11.9 due 11.9\nline 3 x 10/3 = 10 S 19\ntax S 19 of 10 is 1.9\n",
		}, {
			"positive credit note stays as it is",
			content{header{"currency": "eur", "document_type": "credit_note", "amount_total_base": "=10", "amount_total": "=11.9"},
				tables{"line_items": rows{{"item_description": "a", "item_quantity": "=1", "item_total_base": "=10"}}}},
			"381 net 10 tax 1.9 gross 11.9 due 11.9\nline 1 x 10/1 = 10 S 19\ntax S 19 of 10 is 1.9\n",
		}, {
			"negative invoice is a credit note",
			content{header{"currency": "eur", "document_type": "tax_invoice", "amount_total_base": "=-10", "amount_total": "=-11.9"},
				tables{"line_items": rows{
					{"item_description": "a", "item_quantity": "=1", "item_amount_base": "=-12", "item_total_base": "=-12"},
					{"item_description": "fee", "item_quantity": "=1", "item_amount_base": "=2", "item_total_base": "=2"},
				}}},
			"381 net 10 tax 1.9 gross 11.9 due 11.9\nline 1 x 12/1 = 12 S 19\nline -1 x 2/1 = -2 S 19\ntax S 19 of 10 is 1.9\n",
		}, {
			"negative totals, positive rows",
			content{header{"currency": "eur", "document_type": "credit_note", "amount_total_base": "=-10", "amount_total_tax": "=-1.9"},
				tables{"line_items": rows{{"item_description": "a", "item_quantity": "=5", "item_amount_base": "=2"}}, "tax_details": rows{{"tax_detail_rate": "=19", "tax_detail_base": "=10"}}}},
			"381 net 10 tax 1.9 gross 11.9 due 11.9\nline 5 x 2/1 = 10 S 19\ntax S 19 of 10 is 1.9\n",
		}, {
			"negative line of an invoice",
			content{header{"currency": "eur", "amount_total_base": "=90", "amount_total_tax": "=17.1"},
				tables{"line_items": rows{
					{"item_description": "a", "item_quantity": "=1", "item_total_base": "=100"},
					{"item_description": "returned", "item_quantity": "=1", "item_amount_base": "=10", "item_total_base": "=-10"},
				}}},
			"380 net 90 tax 17.1 gross 107.1 due 107.1\nline 1 x 100/1 = 100 S 19\nline -1 x 10/1 = -10 S 19\ntax S 19 of 90 is 17.1\n",
		}, {
			"reverse charge by the tax code",
			content{header{"currency": "eur", "amount_total_base": "=100", "amount_total_tax": "=0", "tax_code": "DE 0% reverse charge"}, nil},
			"380 net 100 tax 0 gross 100 due 100\ntax AE 0 of 100 is 0 VATEX-EU-AE\n",
		}, {
			"exempt by the tax code of the lines",
			content{header{"currency": "eur", "amount_total_base": "=100", "amount_total_tax": "=0"},
				tables{"line_items": rows{{"item_description": "a", "item_total_base": "=100", "item_rate": "=0", "item_tax_code": "exempt, art. 132"}},
					"tax_details": rows{{"tax_detail_rate": "=0", "tax_detail_base": "=100"}}}},
			"380 net 100 tax 0 gross 100 due 100\nline 1 x 100/1 = 100 E 0\ntax E 0 of 100 is 0\n",
		}, {
			"zero rated without a word",
			content{header{"currency": "eur", "amount_total_base": "=100", "amount_total": "=100"},
				tables{"line_items": rows{{"item_description": "a", "item_total_base": "=100"}}}},
			"380 net 100 tax 0 gross 100 due 100\nline 1 x 100/1 = 100 Z 0\ntax Z 0 of 100 is 0\n",
		}, {
			"shipping and discount of the header",
			content{header{"currency": "eur", "amount_total_base": "=105", "amount_total_tax": "=19.95", "shipping_charge": "=15", "amount_discount": "=-10"},
				tables{"line_items": rows{{"item_description": "a", "item_total_base": "=100"}}}},
			"380 net 105 tax 19.95 gross 124.95 due 124.95\nline 1 x 100/1 = 100 S 19\ncharge 15 S 19\ncharge -10 S 19\ntax S 19 of 105 is 19.95\n",
		}, {
			"tax rounded line by line agrees with the tax total",
			content{header{"currency": "eur", "amount_total_base": "=0.99", "amount_total_tax": "=0.18"},
				tables{"line_items": rows{
					{"item_description": "a", "item_total_base": "=0.33", "item_rate": "=19"}, {"item_description": "b", "item_total_base": "=0.33", "item_rate": "=19"},
					{"item_description": "c", "item_total_base": "=0.33", "item_rate": "=19"},
				}}},
			"380 net 0.99 tax 0.18 gross 1.17 due 1.17\nline 1 x 0.33/1 = 0.33 S 19\nline 1 x 0.33/1 = 0.33 S 19\nline 1 x 0.33/1 = 0.33 S 19\ntax S 19 of 0.99 is 0.18\n",
		}, {
			"prepaid and rounding",
			content{header{"currency": "czk", "amount_total_base": "=100", "amount_total_tax": "=21.3", "amount_paid": "=-50", "amount_rounding": "=-0.3"}, nil},
			"380 net 100 tax 21.3 gross 121.3 due 71\ntax S 21.3 of 100 is 21.3\n",
		}, {
			"a total that has the rounding in it",
			content{header{"currency": "czk", "amount_total_base": "=100", "amount_total_tax": "=21.3", "amount_total": "=121", "amount_rounding": "=-0.3"}, nil},
			"380 net 100 tax 21.3 gross 121.3 due 121\ntax S 21.3 of 100 is 21.3\n",
		}, {
			"line discount",
			content{header{"currency": "eur", "amount_total_base": "=90", "amount_total_tax": "=17.1"},
				tables{"line_items": rows{{"item_description": "a", "item_quantity": "=10", "item_amount_base": "=10", "item_discount": "=10"}}}},
			"380 net 90 tax 17.1 gross 107.1 due 107.1\nline 10 x 10/1 = 90 S 19\ntax S 19 of 90 is 17.1\n",
		}, {
			"line discount in percent",
			content{header{"currency": "eur", "amount_total_base": "=180", "amount_total_tax": "=34.2"},
				tables{"line_items": rows{{"item_description": "a", "item_quantity": "=10", "item_amount_base": "=20", "item_discount": "=10", "item_total_base": "=180"}}}},
			"380 net 180 tax 34.2 gross 214.2 due 214.2\nline 10 x 20/1 = 180 S 19\ntax S 19 of 180 is 34.2\n",
		}, {
			"line discount that the price has in it",
			content{header{"currency": "eur", "amount_total_base": "=200", "amount_total_tax": "=38"},
				tables{"line_items": rows{{"item_description": "a", "item_quantity": "=10", "item_amount_base": "=20", "item_discount": "=10", "item_total_base": "=200"}}}},
			"380 net 200 tax 38 gross 238 due 238\nline 10 x 20/1 = 200 S 19\ntax S 19 of 200 is 38\n",
		}, {
			"tax rows of rates that are not used",
			content{header{"currency": "czk", "amount_total_base": "=100", "amount_total_tax": "=21"},
				tables{"tax_details": rows{{"tax_detail_rate": "=21", "tax_detail_base": "=100", "tax_detail_tax": "=21"}, {"tax_detail_rate": "=12", "tax_detail_base": "=0", "tax_detail_tax": "=0"}}}},
			"380 net 100 tax 21 gross 121 due 121\ntax S 21 of 100 is 21\n",
		}, {
			"yen has no decimal places",
			content{header{"currency": "jpy", "amount_total": "=110"},
				tables{"line_items": rows{{"item_description": "a", "item_amount_total": "=110", "item_rate": "=8"}}}},
			"380 net 102 tax 8 gross 110 due 110\nline 1 x 102/1 = 102 S 8\ntax S 8 of 102 is 8\n",
		}, {
			"dinar has three",
			content{header{"currency": "kwd", "amount_total_base": "=1.111", "tax_rate": "=5"}, nil},
			"380 net 1.111 tax 0.056 gross 1.167 due 1.167\ntax S 5 of 1.111 is 0.056\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := show(test.read(t)); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

// TestMapping replaces fields by other schema ids, expressions and nothing.
func TestMapping(t *testing.T) {
	tree := content{header{"document_id": "wrong", "my_number": "F-1", "date_issue": "=2026-01-02", "currency": "usd", "amount_total": "=5", "notes": "secret"},
		tables{"my_lines": rows{{"what": "a", "amount": "=5", "unit": "PKT"}}}}.tree(t)
	inv, problems, err := invoice.Read(tree, invoice.Mapping{
		Fields: map[string]invoice.Source{
			"number":         {SchemaIDs: []string{"absent", "my_number"}},
			"note":           {},
			"lines":          {SchemaIDs: []string{"my_lines"}},
			"line.name":      {Expression: "name of row"},
			"line.net":       {SchemaIDs: []string{"amount"}},
			"line.unit":      {SchemaIDs: []string{"unit"}},
			"seller.country": {Expression: "country"},
			"total.prepaid":  {Expression: "one"},
			"due_date":       {Expression: "date"},
		},
		Units: map[string]string{"pkt": "XPK"},
		Evaluate: func(expression string, row *rossumapi.Node) (any, error) {
			switch expression {
			case "name of row":
				return strings.ToUpper(row.First("what").Value()), nil
			case "one":
				return decimal.NewFromInt(1), nil
			case "date":
				return document.Date("2026-02-02"), nil
			}
			return "DE", nil
		},
	})
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	l := inv.Lines[0]
	got := []string{inv.Number, inv.Seller.Address.Country, string(inv.DueDate), l.Name, l.Unit, l.Net.Decimal.String(), inv.Totals.Due.Decimal.String(), fmt.Sprint(inv.Notes)}
	if want := []string{"F-1", "DE", "2026-02-02", "A", "XPK", "5", "4", "[]"}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestMappingErrors(t *testing.T) {
	for name, m := range map[string]invoice.Mapping{
		"unknown field": {Fields: map[string]invoice.Source{"numbr": {}}},
		"no evaluator":  {Fields: map[string]invoice.Source{"number": {Expression: "x"}}},
		"unknown unit":  {Units: map[string]string{"pkt": "PAKET"}},
		"failing": {Fields: map[string]invoice.Source{"number": {Expression: "x"}},
			Evaluate: func(string, *rossumapi.Node) (any, error) { return nil, errors.New("no such name") }},
		"no number": {Fields: map[string]invoice.Source{"total.net": {Expression: "x"}},
			Evaluate: func(string, *rossumapi.Node) (any, error) { return "12 EUR", nil }},
		"no date": {Fields: map[string]invoice.Source{"due_date": {Expression: "x"}},
			Evaluate: func(string, *rossumapi.Node) (any, error) { return "1.2.2026", nil }},
	} {
		if _, _, err := invoice.Read(nil, m); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestManyRates must not take time in the square of the rows.
func TestManyRates(t *testing.T) {
	c := content{header{"currency": "eur"}, tables{}}
	for i := range 3000 {
		c.tables["tax_details"] = append(c.tables["tax_details"], map[string]string{"tax_detail_rate": fmt.Sprintf("=%d", i), "tax_detail_base": "=1"})
		c.tables["line_items"] = append(c.tables["line_items"], map[string]string{"item_total_base": "=1", "item_rate": fmt.Sprintf("=%d", i)})
	}
	inv, problems, err := invoice.Read(c.tree(t), invoice.Mapping{})
	if err != nil || !invoice.Blocks(problems) || len(inv.Taxes) > 100 {
		t.Errorf("%d tax rows, %d problems, %v", len(inv.Taxes), len(problems), err)
	}
}

// TestReasonCodes: codes of charges and of allowances are of different lists; one on the wrong side is refused by the
// standard (BR-CL-19 and 20), and its words say enough.
func TestReasonCodes(t *testing.T) {
	inv := content{header{"currency": "eur", "amount_total_base": "=100", "amount_total_tax": "=0", "shipping_charge": "=-5", "handling_charge": "=3"},
		tables{
			"line_items":        rows{{"item_description": "a", "item_quantity": "=1", "item_amount_base": "=100"}},
			"line_item_charges": rows{{"charge_type": "Discount", "charge_amount": "=2"}, {"charge_type": "Discount", "charge_amount": "=-2"}},
		}}.read(t)
	var got []string
	for _, c := range inv.Charges {
		got = append(got, strings.TrimSpace(fmt.Sprint(c.Signed(), " ", c.Reason, " ", c.ReasonCode)))
	}
	if want := "2 Discount, -2 Discount 95, -5 Shipping, 3 Handling HD"; strings.Join(got, ", ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, ", "), want)
	}
}
