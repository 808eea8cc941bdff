package en16931

import (
	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
)

func (c *checker) lines() {
	for i, l := range c.Lines {
		row := i + 1
		place := func(field string) invoice.Place { return invoice.Place{Field: "line." + field, Row: row} }
		c.require(l.ID != "", "BR-21", place("id"), "line %d has no number", row)
		c.require(l.Quantity.Valid, "BR-22", place("quantity"), "line %d has no quantity", row)
		c.require(invoice.IsUnit(l.Unit), "BR-CL-23", place("unit"), "line %d has no unit of UN/ECE recommendation 20", row)
		c.require(l.Name != "", "BR-25", place("name"), "line %d has no description", row)
		c.require(l.UnitPrice.Valid, "BR-26", place("unit_price"), "line %d has no price", row)
		c.require(!l.UnitPrice.Decimal.IsNegative(), "BR-27", place("unit_price"), "the price of line %d is negative", row)
		c.period("BR-30", l.Period, place("period_end"))
		c.places("BR-DEC-23", place("net"), l.Net.Decimal)
		for _, charge := range l.Charges {
			c.lineCharge(charge, row)
		}
		c.require(l.TaxCategory != "", "BR-CO-04", place("tax_rate"), "line %d has no tax rate", row)
		c.category("BR-CL-18", l.TaxCategory, l.TaxRate, place("tax_rate"))
	}
}

func (c *checker) lineCharge(charge invoice.Charge, row int) {
	field, reason, places := "line.charge", "BR-44", "BR-DEC-27"
	if charge.Allowance {
		field, reason, places = "line.discount", "BR-42", "BR-DEC-24"
	}
	place := invoice.Place{Field: field, Row: row}
	c.require(charge.Reason != "" || charge.ReasonCode != "", reason, place, "the charge of line %d has no reason", row)
	c.places(places, place, charge.Amount)
}

func (c *checker) charges() {
	for i, charge := range c.Charges {
		place := invoice.Place{Field: "charge.amount", Row: i + 1}
		reason, category, places := "BR-38", "BR-37", "BR-DEC-05"
		if charge.Allowance {
			reason, category, places = "BR-33", "BR-32", "BR-DEC-01"
		}
		c.require(charge.Reason != "" || charge.ReasonCode != "", reason, place, "charge %d has no reason", i+1)
		c.require(charge.TaxCategory != "", category, place, "charge %d has no tax rate", i+1)
		c.places(places, place, charge.Amount)
		c.category("BR-CL-18", charge.TaxCategory, charge.TaxRate, invoice.Place{Field: "charge.tax_rate", Row: i + 1})
		if charge.Percent.Valid || charge.Base.Valid {
			c.require(charge.Percent.Valid && charge.Base.Valid, "PEPPOL-EN16931-R041", place, "charge %d has a percentage without a base, or the reverse", i+1)
		}
	}
}

// category checks that the rate fits the category (BR-S-05 to 07 and their
// likes for the other categories).
func (c *checker) category(list, category string, rate decimal.NullDecimal, place invoice.Place) {
	if category == "" {
		return
	}
	c.require(oneOf(taxCategories, category), list, place, "%q is no tax category", category)
	switch category {
	case "S":
		c.require(rate.Valid && rate.Decimal.IsPositive(), "BR-S-05", place, "the standard rate must be above zero")
	case "Z", "E", "AE", "G":
		c.require(rate.Valid && rate.Decimal.IsZero(), "BR-"+category+"-05", place, "the tax rate in category %s is zero", category)
	case "K":
		c.require(rate.Valid && rate.Decimal.IsZero(), "BR-IC-05", place, "the tax rate of an intra-community supply is zero")
	case "O":
		c.require(!rate.Valid || rate.Decimal.IsZero(), "BR-O-05", place, "outside the scope of tax there is no rate")
	}
}
