package invoice

import (
	"strings"

	"github.com/shopspring/decimal"
)

func (r *reader) header() {
	inv := r.inv
	inv.Number = r.text("number")
	inv.IssueDate = r.date("issue_date")
	inv.DueDate = r.date("due_date")
	inv.TaxPointDate = r.date("tax_point_date")
	inv.Currency = currencyCode(r.text("currency"))
	inv.TaxCurrency = currencyCode(r.text("tax_currency"))
	inv.Description = oneLine(r.text("description"))
	inv.BuyerReference = r.text("buyer_reference")
	inv.Order = r.text("order")
	inv.SalesOrder = r.text("sales_order")
	inv.Contract = r.text("contract")
	inv.Project = r.text("project")
	inv.Despatch = r.text("despatch")
	inv.Receipt = r.text("receipt")
	inv.Account = r.text("account")
	if number := r.text("preceding.number"); number != "" {
		inv.Preceding = []Reference{{Number: number, Date: r.date("preceding.date")}}
	}
	inv.Notes = r.texts("note")
	inv.Period = Period{Start: r.date("period.start"), End: r.date("period.end")}
	r.documentType()
}

// documentType turns the document type into a code. An unknown type is an
// invoice: tax_invoice is Rossum's word for most of them.
func (r *reader) documentType() {
	text := strings.ToLower(r.text("type"))
	inv := r.inv
	inv.Type = typeInvoice
	switch {
	case text == "":
		r.derived(Place{Field: "type"}, "an invoice, as the document type is not given")
	case isTypeCode(text):
		inv.Type = text
	default:
		for _, known := range typeWords {
			if strings.Contains(text, known.word) {
				inv.Type = known.code
				break
			}
		}
	}
	inv.Credit = strings.Contains(creditTypes, " "+inv.Type+" ")
}

// Codes of UNTDID 1001.
const (
	typeInvoice = "380"
	typeCredit  = "381"
	// creditTypes are those that EN 16931 binds to a credit note.
	creditTypes = " 81 83 261 262 296 308 381 396 420 458 502 503 532 "
)

// typeWords are parts of document types with their code, the first match
// counts; constant.
var typeWords = []struct{ word, code string }{
	{"credit", typeCredit}, {"gutschrift", typeCredit}, {"dobropis", typeCredit}, {"avoir", typeCredit},
	{"debit", "383"}, {"proforma", "325"}, {"prepay", "386"}, {"advance", "386"}, {"deposit", "386"},
	{"correct", "384"}, {"self", "389"}, {"partial", "326"},
}

func isTypeCode(s string) bool {
	return len(s) >= 2 && len(s) <= 3 && strings.Trim(s, "0123456789") == ""
}

func (r *reader) totals() {
	t := &r.inv.Totals
	t.Net = r.number("total.net")
	t.Tax = r.number("total.tax")
	t.TaxInTaxCurrency = r.number("total.tax_in_tax_currency")
	t.Gross = r.number("total.gross")
	t.Due = r.number("total.due")
	t.Prepaid = r.number("total.prepaid")
	t.Rounding = r.number("total.rounding")
}

// signs makes amounts positive. A credit note may have negative amounts, or
// negative quantities; an invoice whose total is negative is a credit note.
func (r *reader) signs() {
	inv := r.inv
	total := inv.Totals.Gross
	if !total.Valid {
		total = inv.Totals.Due
	}
	if !total.Valid {
		total = inv.Totals.Net
	}
	if !inv.Credit && total.Decimal.IsNegative() {
		inv.Credit, inv.Type = true, typeCredit
		r.derived(Place{Field: "type"}, "a credit note, as the total is negative")
	}
	if inv.Credit {
		inv.flipTotals()
		inv.flipRows()
	}
	if prepaid := &inv.Totals.Prepaid; prepaid.Decimal.IsNegative() {
		prepaid.Decimal = prepaid.Decimal.Neg()
		r.derived(Place{Field: "total.prepaid"}, "positive: the document shows what was paid as a deduction")
	}
	for i := range inv.Lines {
		r.signOfLine(&inv.Lines[i], i+1)
	}
}

// flipTotals makes the totals of a credit note positive.
func (inv *Invoice) flipTotals() {
	t := &inv.Totals
	if t.Gross.Decimal.IsNegative() || t.Due.Decimal.IsNegative() {
		t.Rounding.Decimal = t.Rounding.Decimal.Neg()
	}
	t.Net.Decimal = t.Net.Decimal.Abs()
	t.Tax.Decimal = t.Tax.Decimal.Abs()
	t.TaxInTaxCurrency.Decimal = t.TaxInTaxCurrency.Decimal.Abs()
	t.Gross.Decimal = t.Gross.Decimal.Abs()
	t.Due.Decimal = t.Due.Decimal.Abs()
	t.Prepaid.Decimal = t.Prepaid.Decimal.Abs()
}

// flipRows negates the rows of a credit note whose tables sum up to less than
// nothing. The rows keep their signs among each other.
func (inv *Invoice) flipRows() {
	sum := some(zero)
	for _, line := range inv.Lines {
		sum.Decimal = sum.Decimal.Add(line.value())
	}
	for _, c := range inv.Charges {
		sum.Decimal = sum.Decimal.Add(c.Signed())
	}
	if sum.Decimal.IsNegative() {
		for i := range inv.Lines {
			inv.Lines[i].negate()
		}
		for i := range inv.Charges {
			c := &inv.Charges[i]
			c.Allowance = !c.Allowance
			c.tax.Decimal = c.tax.Decimal.Neg()
		}
	}
	sum.Decimal = zero
	for _, tax := range inv.Taxes {
		sum.Decimal = sum.Decimal.Add(tax.Base.Decimal).Add(tax.Amount.Decimal)
	}
	if !sum.Decimal.IsNegative() {
		return
	}
	for i := range inv.Taxes {
		tax := &inv.Taxes[i]
		tax.Base.Decimal = tax.Base.Decimal.Neg()
		tax.Amount.Decimal = tax.Amount.Decimal.Neg()
		tax.gross.Decimal = tax.gross.Decimal.Neg()
	}
}

// negate turns the amounts of a line around; quantity and price follow in
// signOfLine.
func (l *Line) negate() {
	if !l.Net.Valid && !l.gross.Valid {
		l.Quantity.Decimal = l.Quantity.Decimal.Neg()
	}
	l.Net.Decimal = l.Net.Decimal.Neg()
	l.gross.Decimal = l.gross.Decimal.Neg()
	l.Tax.Decimal = l.Tax.Decimal.Neg()
	for i := range l.Charges {
		l.Charges[i].Allowance = !l.Charges[i].Allowance
	}
}

// value is what is known of a line's worth, for its sign.
func (l Line) value() decimal.Decimal {
	switch {
	case l.Net.Valid:
		return l.Net.Decimal
	case l.gross.Valid:
		return l.gross.Decimal
	}
	return l.Quantity.Decimal.Mul(l.UnitPrice.Decimal)
}
