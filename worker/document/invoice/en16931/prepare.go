package en16931

import (
	"slices"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
)

// Prepare returns a copy of the invoice with what the profile demands and the
// invoice implies, and says what it did.
func Prepare(inv *invoice.Invoice, p Profile) (prepared *invoice.Invoice, notes []string) {
	out := *inv
	if len(out.Lines) == 0 {
		out.Lines = linesOfTaxes(inv)
		notes = append(notes, "the document has no lines: one was written for each tax rate")
	}
	if p == Plain {
		return &out, notes
	}
	if out.TaxCurrency == out.Currency { // BR-CO-15 wants one tax total in the invoice's currency
		out.TaxCurrency, out.Totals.TaxInTaxCurrency = "", decimal.NullDecimal{}
	}
	if lines := strings.Split(out.Payment.Terms, "\n"); p == XRechnung && strings.HasPrefix(lines[len(lines)-1], "#") {
		out.Payment.Terms += "\n" // BR-DE-18 demands the end of the line
	}
	if exactPrices(&out) {
		notes = append(notes, "prices that are rounded on the document were written as net amount for the whole quantity")
	}
	if s := &out.Seller; s.VATID == "" && s.LegalID.Value == "" && s.ID.Value == "" && s.TaxNumber != "" {
		s.LegalID.Value = s.TaxNumber
		notes = append(notes, "the seller's tax number stands for its registration too, as nothing else identifies it")
	}
	if delivered(&out) {
		notes = append(notes, "the intra-community supply was delivered to the buyer, at the tax point date")
	}
	if pay := &out.Payment; p == Peppol && pay.Means == "30" && inv.Seller.Address.Country == "DK" && inv.Buyer.Address.Country == "DK" {
		pay.Means = "31" // DK-R-005
	}
	if a := &out.Delivery.Address; !a.IsZero() && a.Country == "" {
		*a = invoice.Address{}
		notes = append(notes, "the delivery address was left out, as its country is not known")
	}
	for _, party := range []struct {
		role string
		*invoice.Party
	}{{"seller", &out.Seller}, {"buyer", &out.Buyer}} {
		if party.Endpoint.Value == "" && p != Core && p != FacturX {
			party.Endpoint = endpointOf(*party.Party, p)
			if party.Endpoint.Value != "" {
				notes = append(notes, "the "+party.role+"'s electronic address was made from its VAT id or e-mail address")
			}
		}
		party.Endpoint.Scheme = schemeOf(party.Endpoint)
	}
	return &out, notes
}

// delivered says where and when the goods of an intra-community supply went,
// which the standard wants to know (BR-IC-11 and 12): to the buyer, at the date
// of supply, unless the document says otherwise.
func delivered(inv *invoice.Invoice) (changed bool) {
	if !slices.ContainsFunc(inv.Taxes, func(t invoice.Tax) bool { return t.Category == "K" }) {
		return false
	}
	if d := &inv.Delivery; d.Date == "" && inv.Period == (invoice.Period{}) && inv.TaxPointDate != "" {
		d.Date, changed = inv.TaxPointDate, true
	}
	if d := &inv.Delivery; d.Address.Country == "" && inv.Buyer.Address.Country != "" {
		d.Address, changed = inv.Buyer.Address, true
	}
	return changed
}

// linesOfTaxes makes a line for each row of the tax table: the standard
// demands lines (BR-16), and the bases must be their sums.
func linesOfTaxes(inv *invoice.Invoice) []invoice.Line {
	name := inv.Description
	if name == "" {
		name = "Invoice " + inv.Number
	}
	lines := make([]invoice.Line, 0, len(inv.Taxes)+1)
	add := func(net decimal.NullDecimal, category string, rate decimal.NullDecimal) {
		one := decimal.NewFromInt(1)
		quantity := one
		if net.Decimal.IsNegative() {
			quantity = one.Neg()
		}
		lines = append(lines, invoice.Line{
			ID: strconv.Itoa(len(lines) + 1), Name: name, Unit: "C62",
			Quantity: decimal.NewNullDecimal(quantity), PriceQuantity: one,
			UnitPrice: decimal.NewNullDecimal(net.Decimal.Abs()), Net: net, TaxCategory: category, TaxRate: rate,
		})
	}
	for _, tax := range inv.Taxes {
		for _, c := range inv.Charges {
			if c.TaxCategory == tax.Category && c.TaxRate.Decimal.Equal(tax.Rate.Decimal) {
				tax.Base.Decimal = tax.Base.Decimal.Sub(c.Signed())
			}
		}
		add(tax.Base, tax.Category, tax.Rate)
	}
	if len(lines) == 0 && inv.Totals.Net.Valid {
		add(decimal.NewNullDecimal(inv.Totals.Lines), "", decimal.NullDecimal{})
	}
	return lines
}

// slack is how far quantity x price may be off the net amount
// (PEPPOL-EN16931-R120); constant.
var slack = decimal.New(2, -2)

// exactPrices gives lines whose price was rounded on the document the net
// amount as price of the whole quantity. A price that is simply wrong stays.
func exactPrices(inv *invoice.Invoice) (changed bool) {
	for i, l := range inv.Lines {
		if !l.Net.Valid || !l.Quantity.Valid || !l.UnitPrice.Valid || l.Quantity.Decimal.IsZero() {
			continue
		}
		off := l.Amount().Sub(l.Net.Decimal).Abs()
		rounding := l.Quantity.Decimal.Abs().Mul(decimal.New(5, min(l.UnitPrice.Decimal.Exponent(), 0)-1))
		if off.LessThanOrEqual(slack) || off.GreaterThan(rounding.Add(slack)) {
			continue
		}
		if !changed {
			inv.Lines = append([]invoice.Line(nil), inv.Lines...)
		}
		changed = true
		price := l.Net.Decimal
		for _, c := range l.Charges {
			price = price.Sub(c.Signed())
		}
		inv.Lines[i].UnitPrice.Decimal = price.Abs()
		inv.Lines[i].PriceQuantity = l.Quantity.Decimal.Abs()
	}
	return changed
}

// endpointOf makes an electronic address: of the VAT id for Peppol, which
// knows no e-mail addresses; XRechnung takes both.
func endpointOf(p invoice.Party, profile Profile) invoice.Identifier {
	if len(p.VATID) > 2 {
		if scheme := vatScheme(p.VATID[:2]); scheme != "" {
			return invoice.Identifier{Value: p.VATID, Scheme: scheme}
		}
	}
	if p.Contact.Email != "" && profile == XRechnung {
		return invoice.Identifier{Value: p.Contact.Email, Scheme: "EM"}
	}
	return invoice.Identifier{}
}

// schemeOf completes the scheme of addresses that cannot be anything else.
func schemeOf(endpoint invoice.Identifier) string {
	if endpoint.Scheme == "" && isEmail(endpoint.Value) {
		return "EM"
	}
	return endpoint.Scheme
}
