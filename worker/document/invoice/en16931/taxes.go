package en16931

import (
	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
)

// prefix returns what the rules of a category begin with.
func prefix(category string) string {
	switch category {
	case "K":
		return "BR-IC"
	case "L":
		return "BR-AF"
	case "M":
		return "BR-AG"
	}
	return "BR-" + category
}

// taxed reports a category in which there is a rate: standard, and the taxes of
// the Canary Islands (L) and of Ceuta and Melilla (M).
func taxed(category string) bool { return category == "S" || category == "L" || category == "M" }

func (c *checker) taxes() {
	c.require(len(c.Taxes) > 0, "BR-CO-18", at("taxes"), "there is no tax table, nor can it be computed")
	seen := map[string]int{}
	for i, tax := range c.Taxes {
		c.tax(tax, i+1)
		seen[tax.Category]++
		key := tax.Category + tax.Rate.Decimal.String()
		seen[key]++
		once := seen[tax.Category] == 1 || taxed(tax.Category) && seen[key] == 1
		c.require(once, prefix(tax.Category)+"-01", invoice.Place{Field: "tax.rate", Row: i + 1}, "the tax table has a rate twice")
	}
	for i, l := range c.Lines {
		known := l.TaxCategory == "" || seen[l.TaxCategory] > 0
		c.require(known, prefix(l.TaxCategory)+"-01", invoice.Place{Field: "line.tax_rate", Row: i + 1},
			"the tax table has no row for the tax rate of line %d", i+1)
	}
	for i, charge := range c.Charges {
		known := charge.TaxCategory == "" || seen[charge.TaxCategory] > 0
		c.require(known, prefix(charge.TaxCategory)+"-01", invoice.Place{Field: "charge.tax_rate", Row: i + 1},
			"the tax table has no row for the tax rate of charge %d", i+1)
	}
	c.sellerTaxIDs(seen)
	c.require(seen["O"] == 0 || len(c.Taxes) == 1, "BR-O-11", at("taxes"), "what is outside the scope of tax needs an invoice of its own")
}

// tax checks one row of the tax table.
func (c *checker) tax(tax invoice.Tax, row int) {
	place := func(field string) invoice.Place { return invoice.Place{Field: "tax." + field, Row: row} }
	c.require(tax.Category != "", "BR-47", place("rate"), "row %d of the tax table has no category", row)
	c.category("BR-CL-17", tax.Category, tax.Rate, place("rate"))
	c.require(tax.Base.Valid, "BR-45", place("base"), "row %d of the tax table has no base", row)
	c.require(tax.Amount.Valid, "BR-46", place("amount"), "row %d of the tax table has no tax", row)
	c.require(tax.Rate.Valid || tax.Category == "O", "BR-48", place("rate"), "row %d of the tax table has no rate", row)
	c.places("BR-DEC-19", place("base"), tax.Base.Decimal)
	c.places("BR-DEC-20", place("amount"), tax.Amount.Decimal)

	rule := prefix(tax.Category)
	base, used := c.base(tax)
	off := tax.Base.Decimal.Sub(base).Abs()
	agrees := off.IsZero() || taxed(tax.Category) && used && off.LessThan(decimal.NewFromInt(1))
	c.require(agrees, rule+"-08", place("base"), "lines and charges of this tax rate add up to %s, but the tax table says %s",
		base.StringFixed(2), tax.Base.Decimal.StringFixed(2))

	computed := tax.Base.Decimal.Abs().Mul(tax.Rate.Decimal).Shift(-2).Round(2)
	near := computed.Sub(tax.Amount.Decimal.Abs()).Abs().LessThan(decimal.NewFromInt(1))
	if !taxed(tax.Category) {
		near = tax.Amount.Decimal.IsZero()
	}
	c.require(near, rule+"-09", place("amount"), "base times rate is %s, but the tax is %s", computed.StringFixed(2), tax.Amount.Decimal.StringFixed(2))

	// below half a percent the rate counts as none
	untaxed := !tax.Rate.Decimal.Round(0).IsZero() || tax.Amount.Decimal.Round(0).IsZero()
	c.require(untaxed, "BR-CO-17", place("amount"), "the standard knows no tax at rates below half a percent")

	reason := tax.Exemption != "" || tax.ExemptionCode != ""
	if taxed(tax.Category) || tax.Category == "Z" {
		c.require(!reason, rule+"-10", place("exemption"), "in category %s there is no reason for an exemption", tax.Category)
	} else if tax.Category != "" {
		c.require(reason, rule+"-10", place("exemption"), "the reason for the exemption from tax is missing")
	}
}

// base sums up what lines and charges put into a row of the tax table; used tells whether any does.
func (c *checker) base(tax invoice.Tax) (sum decimal.Decimal, used bool) {
	same := func(category string, rate decimal.NullDecimal) bool {
		return category == tax.Category && (!taxed(category) || rate.Decimal.Equal(tax.Rate.Decimal))
	}
	for _, l := range c.Lines {
		if same(l.TaxCategory, l.TaxRate) {
			sum, used = sum.Add(l.Net.Decimal), true
		}
	}
	for _, charge := range c.Charges {
		if same(charge.TaxCategory, charge.TaxRate) {
			sum, used = sum.Add(charge.Signed()), true
		}
	}
	return sum, used
}

// sellerTaxIDs demands the ids that each category needs (rules 02 to 04 of the
// categories).
func (c *checker) sellerTaxIDs(used map[string]int) {
	registered := c.Seller.VATID != "" || c.Seller.TaxNumber != ""
	for _, category := range []string{"S", "L", "M", "Z", "E", "AE"} {
		c.require(used[category] == 0 || registered, prefix(category)+"-02", at("seller.vat_id"), "the seller's VAT id or tax number is missing")
	}
	for _, category := range []string{"K", "G"} {
		c.require(used[category] == 0 || c.Seller.VATID != "", prefix(category)+"-02", at("seller.vat_id"), "the seller's VAT id is missing")
	}
	buyer := c.Buyer.VATID != ""
	c.require(used["K"] == 0 || buyer, "BR-IC-02", at("buyer.vat_id"), "an intra-community supply needs the buyer's VAT id")
	c.require(used["AE"] == 0 || buyer || c.Buyer.LegalID.Value != "", "BR-AE-02", at("buyer.vat_id"), "reverse charge needs the buyer's VAT id")
	delivered := c.Delivery.Date != "" || c.Period.Start != "" || c.Period.End != ""
	c.require(used["K"] == 0 || delivered, "BR-IC-11", at("delivery.date"), "an intra-community supply needs the date of delivery")
	c.require(used["K"] == 0 || c.Delivery.Address.Country != "", "BR-IC-12", at("delivery.country"), "an intra-community supply needs the country of delivery")
	c.require(used["O"] == 0 || c.Seller.VATID == "" && c.Buyer.VATID == "", "BR-O-02", at("seller.vat_id"),
		"outside the scope of tax no VAT id may be named: is it exempt or zero rated instead?")
}

func (c *checker) totals() {
	t := c.Totals
	for _, total := range []struct {
		rule, places, field, name string
		amount                    decimal.NullDecimal
		required                  bool
	}{
		{"BR-13", "BR-DEC-12", "total.net", "net total", t.Net, true},
		{"BR-CO-15", "BR-DEC-13", "total.tax", "tax total", t.Tax, true},
		{"BR-14", "BR-DEC-14", "total.gross", "total amount", t.Gross, true},
		{"", "BR-DEC-16", "total.prepaid", "", t.Prepaid, false},
		{"", "BR-DEC-17", "total.rounding", "", t.Rounding, false},
		{"", "BR-DEC-18", "total.due", "", t.Due, false},
	} {
		c.require(total.amount.Valid || !total.required, total.rule, at(total.field), "the %s is missing", total.name)
		c.places(total.places, at(total.field), total.amount.Decimal)
	}
	c.sum("BR-CO-10", "lines", "the sum of the lines", c.lineSum(), t.Lines)
	c.sum("BR-CO-13", "total.net", "lines and charges", t.Lines.Add(t.Charges).Sub(t.Allowances), t.Net.Decimal)
	taxes := decimal.Zero
	for _, tax := range c.Taxes {
		taxes = taxes.Add(tax.Amount.Decimal)
	}
	c.sum("BR-CO-14", "total.tax", "the tax table", taxes, t.Tax.Decimal)
	c.sum("BR-CO-15", "total.gross", "net and tax", t.Net.Decimal.Add(t.Tax.Decimal), t.Gross.Decimal)
	c.sum("BR-CO-16", "total.due", "gross less what was paid, plus rounding,", t.Gross.Decimal.Sub(t.Prepaid.Decimal).Add(t.Rounding.Decimal), t.Due.Decimal)
}

func (c *checker) lineSum() decimal.Decimal {
	sum := decimal.Zero
	for _, l := range c.Lines {
		sum = sum.Add(l.Net.Decimal)
	}
	return sum
}

// sum demands equality: the standard knows no tolerance for totals.
func (c *checker) sum(rule, field, what string, sum, total decimal.Decimal) {
	c.require(sum.Equal(total), rule, at(field), "%s must be exactly the total: %s is not %s", what, sum.StringFixed(2), total.StringFixed(2))
}
