package cii

import (
	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice/en16931"
)

func (w *writer) settlement() document.Map {
	inv, p := w.inv, w.inv.Payment
	var m document.Map
	if en16931.IsDebit(p.Means) {
		m.Add("ram:CreditorReferenceID", p.CreditorID)
	}
	m.Add("ram:PaymentReference", p.Reference)
	m.Add("ram:TaxCurrencyCode", inv.TaxCurrency)
	m.Add("ram:InvoiceCurrencyCode", inv.Currency)
	m.Add("ram:PayeeTradeParty", w.payee())
	m.Add("ram:SpecifiedTradeSettlementPaymentMeans", paymentMeans(p))
	m.Add("ram:ApplicableTradeTax", w.taxes())
	m.Add("ram:BillingSpecifiedPeriod", period(inv.Period))
	m.Add("ram:SpecifiedTradeAllowanceCharge", w.charges(inv.Charges, true))
	m.Add("ram:SpecifiedTradePaymentTerms", w.terms())
	m.Add("ram:SpecifiedTradeSettlementHeaderMonetarySummation", w.summation())
	var preceding document.List
	for _, p := range inv.Preceding {
		reference := text("ram:IssuerAssignedID", p.Number)
		reference.Add("ram:FormattedIssueDateTime", dateAs("qdt:DateTimeString", p.Date))
		preceding = append(preceding, reference)
	}
	m.Add("ram:InvoiceReferencedDocument", preceding)
	m.Add("ram:ReceivableSpecifiedTradeAccountingAccount", text("ram:ID", inv.Account))
	return m
}

func (w *writer) payee() document.Map {
	p := w.inv.Payee
	if p.Name == "" {
		return nil
	}
	var m document.Map
	m.Add(partyID(p.ID))
	m.Add("ram:Name", p.Name)
	if p.LegalID.Value != "" {
		m.Add("ram:SpecifiedLegalOrganization", document.Map{{Key: "ram:ID", Value: identifier(p.LegalID)}})
	}
	return m
}

// paymentMeans has no account of the seller for a direct debit.
func paymentMeans(p invoice.Payment) document.Map {
	m := text("ram:TypeCode", p.Means)
	if len(m) == 0 {
		return nil
	}
	m.Add("ram:Information", p.MeansText)
	if en16931.IsDebit(p.Means) {
		m.Add("ram:PayerPartyDebtorFinancialAccount", text("ram:IBANID", p.DebitedIBAN))
		return m
	}
	account := text("ram:IBANID", p.IBAN)
	if p.IBAN != "" || p.Account != "" {
		account.Add("ram:AccountName", p.AccountOwner)
	}
	if p.IBAN == "" {
		account.Add("ram:ProprietaryID", p.Account)
	}
	m.Add("ram:PayeePartyCreditorFinancialAccount", account)
	if len(account) > 0 {
		m.Add("ram:PayeeSpecifiedCreditorFinancialInstitution", text("ram:BICID", p.BIC))
	}
	return m
}

func (w *writer) terms() document.Map {
	m := text("ram:Description", w.inv.Payment.Terms)
	m.Add("ram:DueDateDateTime", date(w.inv.DueDate))
	if en16931.IsDebit(w.inv.Payment.Means) {
		m.Add("ram:DirectDebitMandateID", w.inv.Payment.Mandate)
	}
	return m
}

func (w *writer) taxes() document.List {
	var all document.List
	for _, tax := range w.inv.Taxes {
		m := document.Map{{Key: "ram:CalculatedAmount", Value: w.amount(tax.Amount.Decimal)}, {Key: "ram:TypeCode", Value: "VAT"}}
		m.Add("ram:ExemptionReason", tax.Exemption)
		m.Add("ram:BasisAmount", w.amount(tax.Base.Decimal))
		m.Add("ram:CategoryCode", tax.Category)
		m.Add("ram:ExemptionReasonCode", tax.ExemptionCode)
		m.Add("ram:TaxPointDate", dateAs("udt:DateString", w.inv.TaxPointDate))
		m.Add("ram:RateApplicablePercent", rate(tax.Category, tax.Rate))
		all = append(all, m)
	}
	return all
}

func rate(category string, rate decimal.NullDecimal) string {
	if !rate.Valid || category == "O" {
		return ""
	}
	return en16931.Number(rate.Decimal)
}

// charges of the document have a tax category, those of a line do not.
func (w *writer) charges(charges []invoice.Charge, taxed bool) document.List {
	var all document.List
	for _, c := range charges {
		m := document.Map{{Key: "ram:ChargeIndicator", Value: text("udt:Indicator", en16931.Indicator(c))}}
		if c.Percent.Valid {
			m.Add("ram:CalculationPercent", en16931.Number(c.Percent.Decimal))
		}
		if c.Base.Valid {
			m.Add("ram:BasisAmount", w.amount(c.Base.Decimal))
		}
		m.Add("ram:ActualAmount", w.amount(c.Amount))
		m.Add("ram:ReasonCode", c.ReasonCode)
		m.Add("ram:Reason", c.Reason)
		if taxed {
			m.Add("ram:CategoryTradeTax", category(c.TaxCategory, c.TaxRate))
		}
		all = append(all, m)
	}
	return all
}

func category(code string, percent decimal.NullDecimal) document.Map {
	m := text("ram:TypeCode", "VAT")
	m.Add("ram:CategoryCode", code)
	m.Add("ram:RateApplicablePercent", rate(code, percent))
	return m
}

func (w *writer) amount(d decimal.Decimal) string { return w.profile.Amount(d, w.inv.Currency) }

func (w *writer) summation() document.Map {
	t, currency := w.inv.Totals, w.inv.Currency
	var m document.Map
	add := func(name string, amount decimal.Decimal, always bool) {
		if always || !amount.IsZero() {
			m.Add(name, w.amount(amount))
		}
	}
	tax := func(amount decimal.Decimal, currency string) document.Map {
		return document.Map{{Key: "@currencyID", Value: currency}, {Key: "#text", Value: w.profile.Amount(amount, currency)}}
	}
	add("ram:LineTotalAmount", t.Lines, true)
	charges, allowances := w.inv.CountCharges()
	add("ram:ChargeTotalAmount", t.Charges, charges > 0)
	add("ram:AllowanceTotalAmount", t.Allowances, allowances > 0)
	add("ram:TaxBasisTotalAmount", t.Net.Decimal, true)
	totals := document.List{tax(t.Tax.Decimal, currency)}
	if w.inv.TaxCurrency != "" && t.TaxInTaxCurrency.Valid {
		totals = append(totals, tax(t.TaxInTaxCurrency.Decimal, w.inv.TaxCurrency))
	}
	m.Add("ram:TaxTotalAmount", totals)
	add("ram:RoundingAmount", t.Rounding.Decimal, false)
	add("ram:GrandTotalAmount", t.Gross.Decimal, true)
	add("ram:TotalPrepaidAmount", t.Prepaid.Decimal, false)
	add("ram:DuePayableAmount", t.Due.Decimal, true)
	return m
}
