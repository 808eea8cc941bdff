package ubl

import (
	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice/en16931"
)

// amount is an amount of money in the currency of the invoice.
func (w *writer) amount(d decimal.Decimal) document.Map {
	return document.Map{{Key: "@currencyID", Value: w.inv.Currency}, {Key: "#text", Value: w.profile.Amount(d, w.inv.Currency)}}
}

// taxCategory is nothing where the invoice does not say one, which only the
// plain profile lets pass.
func taxCategory(category string, rate decimal.NullDecimal) document.Map {
	if category == "" {
		return nil
	}
	m := document.Map{{Key: "cbc:ID", Value: category}}
	if rate.Valid && category != "O" {
		m.Add("cbc:Percent", en16931.Number(rate.Decimal))
	}
	return m
}

// vat closes a tax category.
func vat(m document.Map) document.Map {
	if len(m) > 0 {
		m.Add("cac:TaxScheme", text("cbc:ID", "VAT"))
	}
	return m
}

// charges of the document have a tax category, those of a line do not.
func (w *writer) charges(charges []invoice.Charge, taxed bool) document.List {
	var all document.List
	for _, c := range charges {
		m := document.Map{{Key: "cbc:ChargeIndicator", Value: en16931.Indicator(c)}}
		m.Add("cbc:AllowanceChargeReasonCode", c.ReasonCode)
		m.Add("cbc:AllowanceChargeReason", c.Reason)
		if c.Percent.Valid {
			m.Add("cbc:MultiplierFactorNumeric", en16931.Number(c.Percent.Decimal))
		}
		m.Add("cbc:Amount", w.amount(c.Amount))
		if c.Base.Valid {
			m.Add("cbc:BaseAmount", w.amount(c.Base.Decimal))
		}
		if taxed {
			m.Add("cac:TaxCategory", vat(taxCategory(c.TaxCategory, c.TaxRate)))
		}
		all = append(all, m)
	}
	return all
}

func (w *writer) taxTotals() document.List {
	inv := w.inv
	if !inv.Totals.Tax.Valid {
		return nil
	}
	total := document.Map{{Key: "cbc:TaxAmount", Value: w.amount(inv.Totals.Tax.Decimal)}}
	var rows document.List
	for _, tax := range inv.Taxes {
		category := taxCategory(tax.Category, tax.Rate)
		if len(category) == 0 || !tax.Amount.Valid {
			continue
		}
		category.Add("cbc:TaxExemptionReasonCode", tax.ExemptionCode)
		category.Add("cbc:TaxExemptionReason", tax.Exemption)
		var row document.Map
		if tax.Base.Valid {
			row.Add("cbc:TaxableAmount", w.amount(tax.Base.Decimal))
		}
		row.Add("cbc:TaxAmount", w.amount(tax.Amount.Decimal))
		row.Add("cac:TaxCategory", vat(category))
		rows = append(rows, row)
	}
	total.Add("cac:TaxSubtotal", rows)
	all := document.List{total}
	if inv.TaxCurrency != "" && inv.Totals.TaxInTaxCurrency.Valid {
		all = append(all, document.Map{{Key: "cbc:TaxAmount", Value: document.Map{
			{Key: "@currencyID", Value: inv.TaxCurrency},
			{Key: "#text", Value: w.profile.Amount(inv.Totals.TaxInTaxCurrency.Decimal, inv.TaxCurrency)},
		}}})
	}
	return all
}

func (w *writer) monetaryTotal() document.Map {
	t := w.inv.Totals
	var m document.Map
	add := func(name string, value decimal.NullDecimal) {
		if value.Valid {
			m.Add(name, w.amount(value.Decimal))
		}
	}
	unless := func(absent bool, d decimal.Decimal) decimal.NullDecimal {
		return decimal.NullDecimal{Decimal: d, Valid: !absent}
	}
	charges, allowances := w.inv.CountCharges()
	add("cbc:LineExtensionAmount", decimal.NewNullDecimal(t.Lines))
	add("cbc:TaxExclusiveAmount", t.Net)
	add("cbc:TaxInclusiveAmount", t.Gross)
	add("cbc:AllowanceTotalAmount", unless(allowances == 0, t.Allowances))
	add("cbc:ChargeTotalAmount", unless(charges == 0, t.Charges))
	add("cbc:PrepaidAmount", unless(t.Prepaid.Decimal.IsZero(), t.Prepaid.Decimal))
	add("cbc:PayableRoundingAmount", unless(t.Rounding.Decimal.IsZero(), t.Rounding.Decimal))
	add("cbc:PayableAmount", t.Due)
	return m
}
