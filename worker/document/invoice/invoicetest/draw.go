package invoicetest

import (
	"strconv"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
)

// text draws what breaks documents: markup, control characters, bytes that are
// no UTF-8, lone surrogates as JSON decoders leave them. It begins with a
// letter, so that something is left when the rest is dropped.
func text() *rapid.Generator[string] {
	pieces := rapid.SampledFrom([]string{
		"<", ">", "&", "&amp;", "]]>", "<!--", "-->", "<?xml?>", `"`, "'", "\x00", "\x07", "\x0b", "\x1b", "\r\n", "\t", "\n",
		"\u200b", "\ufeff", "\ufffe", "\uffff", "\u202e", "é", "€", "漢字", "👩🏽\u200d💻", "\xff", "\xed\xa0\x80", " or 1=1; drop table--", "{{ 7*7 }}", "${x}",
	})
	return rapid.Custom(func(t *rapid.T) string {
		s := "A"
		for range rapid.IntRange(0, 6).Draw(t, "pieces") {
			s += pieces.Draw(t, "piece") + rapid.StringN(0, 8, 30).Draw(t, "text")
		}
		return s
	})
}

// Draw returns an invoice that keeps all rules of EN 16931, Peppol and
// XRechnung, whatever stands in its texts.
func Draw(t *rapid.T) *invoice.Invoice {
	inv := &invoice.Invoice{
		Number: text().Draw(t, "number"), Type: "380", IssueDate: "2026-02-03", DueDate: "2026-03-05",
		Currency:       rapid.SampledFrom([]string{"EUR", "JPY", "CZK", "KWD"}).Draw(t, "currency"),
		BuyerReference: text().Draw(t, "reference"), Order: text().Draw(t, "order"),
		Notes: []string{text().Draw(t, "note"), text().Draw(t, "note")},
	}
	if rapid.Bool().Draw(t, "credit") {
		inv.Credit, inv.Type = true, "381"
		inv.Preceding = []invoice.Reference{{Number: text().Draw(t, "preceding"), Date: "2026-01-02"}}
	}
	inv.Seller = party(t, "DE111111125")
	inv.Buyer = party(t, "CZ12345679")
	inv.Payment = invoice.Payment{
		Means: "30", MeansText: text().Draw(t, "means"), IBAN: "DE89370400440532013000", BIC: "COBADEFFXXX", Terms: "net 30 days", Reference: text().Draw(t, "payment"),
	}
	categories := []string{"S", "Z"}
	rates := []decimal.Decimal{decimal.NewFromInt(19), decimal.Zero}
	for i := range rapid.IntRange(1, 8).Draw(t, "lines") {
		kind := rapid.IntRange(0, 1).Draw(t, "kind")
		inv.Lines = append(inv.Lines, line(t, inv, i+1, categories[kind], rates[kind]))
	}
	if rapid.Bool().Draw(t, "charge") {
		inv.Charges = append(inv.Charges, invoice.Charge{
			Allowance: rapid.Bool().Draw(t, "allowance"), Amount: inv.Round(decimal.New(rapid.Int64Range(0, 99999).Draw(t, "amount"), -2)).Round(2),
			Reason: text().Draw(t, "reason"), TaxCategory: "S", TaxRate: decimal.NewNullDecimal(rates[0]),
		})
	}
	total(inv, categories, rates)
	return inv
}

func party(t *rapid.T, vatID string) invoice.Party {
	return invoice.Party{
		Name: text().Draw(t, "name"), LegalName: text().Draw(t, "legal name"), VATID: vatID, ID: invoice.Identifier{Value: text().Draw(t, "id")},
		Address: invoice.Address{
			Lines: []string{text().Draw(t, "street"), text().Draw(t, "street"), text().Draw(t, "street"), text().Draw(t, "street")},
			City:  text().Draw(t, "city"), Postcode: text().Draw(t, "postcode"), Country: vatID[:2],
		},
		Contact:  invoice.Contact{Name: text().Draw(t, "contact"), Phone: "+49 30 5550000", Email: "a@example.org"},
		Endpoint: invoice.Identifier{Value: vatID, Scheme: "9930"},
	}
}

func line(t *rapid.T, inv *invoice.Invoice, number int, category string, rate decimal.Decimal) invoice.Line {
	quantity := decimal.New(rapid.Int64Range(-9999, 99999).Draw(t, "quantity"), -2)
	price := decimal.New(rapid.Int64Range(0, 999999).Draw(t, "price"), -3)
	net := inv.Round(quantity.Mul(price)).Round(2)
	if !net.Equal(quantity.Mul(price)) { // as linePrice does it
		price, quantity = net.Abs(), decimal.NewFromInt(1)
		if net.IsNegative() {
			quantity = quantity.Neg()
		}
	}
	return invoice.Line{
		ID: strconv.Itoa(number), Name: text().Draw(t, "item"), Note: text().Draw(t, "line note"), SellerItemID: text().Draw(t, "item id"),
		Quantity: decimal.NewNullDecimal(quantity), Unit: "H87", UnitPrice: decimal.NewNullDecimal(price), PriceQuantity: decimal.NewFromInt(1),
		Net: decimal.NewNullDecimal(net), TaxCategory: category, TaxRate: decimal.NewNullDecimal(rate),
		Period: invoice.Period{Start: document.Date("2026-01-01"), End: document.Date("2026-01-31")},
	}
}

// total makes tax table and totals of lines and charges.
func total(inv *invoice.Invoice, categories []string, rates []decimal.Decimal) {
	some := decimal.NewNullDecimal
	net, tax := decimal.Zero, decimal.Zero
	for i, category := range categories {
		base, used := decimal.Zero, false
		for _, l := range inv.Lines {
			if l.TaxCategory == category {
				base, used = base.Add(l.Net.Decimal), true
			}
		}
		for _, c := range inv.Charges {
			if c.TaxCategory == category {
				base, used = base.Add(c.Signed()), true
			}
		}
		if !used {
			continue
		}
		amount := inv.Round(base.Mul(rates[i]).Shift(-2)).Round(2)
		inv.Taxes = append(inv.Taxes, invoice.Tax{Category: category, Rate: some(rates[i]), Base: some(base), Amount: some(amount)})
		net, tax = net.Add(base), tax.Add(amount)
	}
	for _, l := range inv.Lines {
		inv.Totals.Lines = inv.Totals.Lines.Add(l.Net.Decimal)
	}
	for _, c := range inv.Charges {
		if c.Allowance {
			inv.Totals.Allowances = inv.Totals.Allowances.Add(c.Amount)
		} else {
			inv.Totals.Charges = inv.Totals.Charges.Add(c.Amount)
		}
	}
	inv.Totals.Net, inv.Totals.Tax = some(net), some(tax)
	inv.Totals.Gross, inv.Totals.Due = some(net.Add(tax)), some(net.Add(tax))
}
