package invoice

import (
	"github.com/shopspring/decimal"
)

// derive computes what the document implies, in the order in which one thing
// follows from another. Nothing that was read is changed.
func (r *reader) derive() {
	r.completeTotals()
	r.completeTaxes()
	single := r.singleRate()
	for i := range r.inv.Lines {
		l := &r.inv.Lines[i]
		r.lineRate(l, i+1, single)
		r.lineDiscount(l, i+1)
		r.lineNet(l, i+1)
		r.linePrice(l, i+1)
	}
	for i := range r.inv.Charges {
		r.chargeRate(&r.inv.Charges[i], i+1, single)
	}
	r.sums()
	r.completeTotals()
	r.categories()
	r.breakdown()
	r.finishTotals()
}

// completeTotals computes the third of net, tax and gross.
func (r *reader) completeTotals() {
	t := &r.inv.Totals
	if !t.Gross.Valid && t.Due.Valid && !(t.Net.Valid && t.Tax.Valid) {
		t.Gross = some(t.Due.Decimal.Add(t.Prepaid.Decimal).Sub(t.Rounding.Decimal))
		r.derived(Place{Field: "total.gross"}, "the amount due plus what was paid")
	}
	switch {
	case t.Net.Valid && t.Tax.Valid && !t.Gross.Valid:
		t.Gross = some(t.Net.Decimal.Add(t.Tax.Decimal))
		r.derived(Place{Field: "total.gross"}, "net and tax")
	case t.Net.Valid && t.Gross.Valid && !t.Tax.Valid && !r.unread[Place{Field: "total.tax"}]:
		t.Tax = some(t.Gross.Decimal.Sub(t.Net.Decimal))
		r.derived(Place{Field: "total.tax"}, "gross less net")
	case t.Gross.Valid && t.Tax.Valid && !t.Net.Valid && !r.unread[Place{Field: "total.net"}]:
		t.Net = some(t.Gross.Decimal.Sub(t.Tax.Decimal))
		r.derived(Place{Field: "total.net"}, "gross less tax")
	}
}

// sums adds up lines and charges; they are the net total if the document does
// not say one.
func (r *reader) sums() {
	t := &r.inv.Totals
	complete := len(r.inv.Lines) > 0
	for _, l := range r.inv.Lines {
		t.Lines = t.Lines.Add(l.Net.Decimal)
		complete = complete && l.Net.Valid
	}
	for _, c := range r.inv.Charges {
		if c.Allowance {
			t.Allowances = t.Allowances.Add(c.Amount)
		} else {
			t.Charges = t.Charges.Add(c.Amount)
		}
	}
	if !t.Net.Valid && complete && !r.unread[Place{Field: "total.net"}] {
		t.Net = some(t.Lines.Add(t.Charges).Sub(t.Allowances))
		r.derived(Place{Field: "total.net"}, "lines and charges")
	}
	if len(r.inv.Lines) == 0 && t.Net.Valid {
		t.Lines = t.Net.Decimal.Sub(t.Charges).Add(t.Allowances)
	}
}

// finishTotals settles tax, rounding and what is due.
func (r *reader) finishTotals() {
	t := &r.inv.Totals
	if sum := r.taxSum(); !t.Tax.Valid && sum.Valid && !r.unread[Place{Field: "total.tax"}] {
		t.Tax = sum
		r.derived(Place{Field: "total.tax"}, "the sum of the tax table")
		r.completeTotals()
	}
	plain := t.Net.Decimal.Add(t.Tax.Decimal)
	if t.Net.Valid && t.Tax.Valid && t.Gross.Valid && !t.Rounding.Decimal.IsZero() &&
		!plain.Equal(t.Gross.Decimal) && plain.Add(t.Rounding.Decimal).Equal(t.Gross.Decimal) {
		if !t.Due.Valid {
			t.Due = some(t.Gross.Decimal.Sub(t.Prepaid.Decimal))
		}
		t.Gross = some(plain)
		r.derived(Place{Field: "total.gross"}, "net and tax: the document's total has the rounding in it")
	}
	if !t.Due.Valid && t.Gross.Valid && !r.unread[Place{Field: "total.due"}] {
		t.Due = some(t.Gross.Decimal.Sub(t.Prepaid.Decimal).Add(t.Rounding.Decimal))
		r.derived(Place{Field: "total.due"}, "gross less what was paid, plus rounding")
	}
}

// taxSum adds up the tax table, if it is complete.
func (r *reader) taxSum() decimal.NullDecimal {
	sum := zero
	for _, tax := range r.inv.Taxes {
		if !tax.Amount.Valid {
			return decimal.NullDecimal{}
		}
		sum = sum.Add(tax.Amount.Decimal)
	}
	return decimal.NullDecimal{Decimal: sum, Valid: len(r.inv.Taxes) > 0}
}

// lineDiscount settles what the discount of a line means, by what makes its net
// amount: an amount, a percentage, or nothing, as the price has it in it.
func (r *reader) lineDiscount(l *Line, row int) {
	if len(l.Charges) != 1 || !l.Net.Valid || !l.Quantity.Valid || !l.UnitPrice.Valid || r.inv.near(l.Amount(), l.Net.Decimal) {
		return
	}
	c, full := l.Charges[0], *l
	full.Charges = nil
	base := full.Amount()
	if r.inv.near(base, l.Net.Decimal) {
		l.Charges = nil
		r.derived(Place{"line.discount", row}, "left out, as the price has it in it")
		return
	}
	c.Percent, c.Base = some(c.Amount), some(r.inv.Round(base.Abs()))
	c.Amount = r.inv.taxOf(base.Abs(), c.Percent.Decimal)
	if r.inv.near(base.Add(c.Signed()), l.Net.Decimal) {
		// currencies of few places round the amount more than electronic invoices allow beside a percentage
		if exact := c.Base.Decimal.Mul(c.Percent.Decimal).Shift(-2); exact.Sub(c.Amount).Abs().GreaterThan(decimal.New(2, -2)) {
			c.Percent, c.Base = decimal.NullDecimal{}, decimal.NullDecimal{}
		}
		l.Charges = []Charge{c}
		r.derived(Place{"line.discount", row}, "from a percentage")
	}
}

// lineNet computes the net amount of a line from quantity and price, else from
// the gross amount.
func (r *reader) lineNet(l *Line, row int) {
	place := Place{"line.net", row}
	if l.Net.Valid || r.unread[place] {
		return
	}
	switch {
	case l.Quantity.Valid && l.UnitPrice.Valid:
		net := l.Quantity.Decimal.Mul(l.UnitPrice.Decimal).Div(l.PriceQuantity)
		for _, c := range l.Charges {
			net = net.Add(c.Signed())
		}
		l.Net = some(r.inv.Round(net))
		r.derived(place, "quantity times price")
	case l.gross.Valid && l.Tax.Valid:
		l.Net = some(l.gross.Decimal.Sub(l.Tax.Decimal))
		r.derived(place, "the line's gross amount less tax")
	case l.gross.Valid && l.TaxRate.Valid:
		l.Net = some(r.inv.Round(withoutTax(l.gross.Decimal, l.TaxRate.Decimal)))
		r.derived(place, "the line's gross amount without tax")
	}
}

// linePrice completes quantity and price from the net amount. A price that
// would not be exact is given for the whole quantity.
func (r *reader) linePrice(l *Line, row int) {
	if !l.Net.Valid {
		return
	}
	gross := l.Net.Decimal // before the line's own charges
	for _, c := range l.Charges {
		gross = gross.Sub(c.Signed())
	}
	if l.Quantity.Decimal.IsZero() && !r.unread[Place{"line.quantity", row}] && !(l.Quantity.Valid && gross.IsZero()) {
		l.Quantity = some(decimal.NewFromInt(int64(sign(gross))))
		if l.UnitPrice.Valid && !l.UnitPrice.Decimal.IsZero() {
			l.Quantity = some(gross.Mul(l.PriceQuantity).DivRound(l.UnitPrice.Decimal, 4))
		}
		r.derived(Place{"line.quantity", row}, "the net amount by the price")
	}
	if l.UnitPrice.Valid || r.unread[Place{"line.unit_price", row}] || !l.Quantity.Valid {
		return
	}
	if l.Quantity.Decimal.IsZero() {
		l.UnitPrice = some(zero)
		return
	}
	const places = 4
	price := gross.DivRound(l.Quantity.Decimal, places)
	if price.Mul(l.Quantity.Decimal).Equal(gross) {
		l.UnitPrice, l.PriceQuantity = some(price), decimal.NewFromInt(1)
	} else {
		l.UnitPrice, l.PriceQuantity = some(gross.Abs()), l.Quantity.Decimal.Abs()
	}
	r.derived(Place{"line.unit_price", row}, "the net amount by the quantity")
}

func sign(d decimal.Decimal) int {
	if d.IsNegative() {
		return -1
	}
	return 1
}

// withoutTax takes the tax out of a gross amount.
func withoutTax(gross, rate decimal.Decimal) decimal.Decimal {
	hundred := decimal.NewFromInt(100)
	if divisor := hundred.Add(rate); !divisor.IsZero() {
		return gross.Mul(hundred).Div(divisor)
	}
	return gross
}
