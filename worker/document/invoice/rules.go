package invoice

import (
	"github.com/shopspring/decimal"
)

// lineAmounts allows for a price that was rounded to the places it is shown
// with: 1,000 pieces at 0.33 may cost 333.33.
func (a *audit) lineAmounts() {
	for i, l := range a.inv.Lines {
		if !l.Net.Valid || !l.Quantity.Valid || !l.UnitPrice.Valid {
			continue
		}
		computed := l.Amount()
		if difference := computed.Sub(l.Net.Decimal).Abs(); difference.GreaterThan(a.tolerance.Add(l.priceRounding())) {
			a.fail(Place{"line.net", i + 1}, "line %d: %s times %s makes %s, but the net amount is %s", i+1,
				l.Quantity.Decimal, l.UnitPrice.Decimal, a.money(a.inv.Round(computed)), a.money(l.Net.Decimal))
		}
	}
}

// Amount returns quantity x price + charges, not rounded.
func (l Line) Amount() decimal.Decimal {
	const places = 10
	amount := l.Quantity.Decimal.Mul(l.UnitPrice.Decimal)
	if one := decimal.NewFromInt(1); !l.PriceQuantity.Equal(one) && l.PriceQuantity.IsPositive() {
		amount = amount.DivRound(l.PriceQuantity, places)
	}
	for _, c := range l.Charges {
		amount = amount.Add(c.Signed())
	}
	return amount
}

// priceRounding returns how much the amount may be off because the price is
// shown with so many places.
func (l Line) priceRounding() decimal.Decimal {
	half := decimal.New(5, min(l.UnitPrice.Decimal.Exponent(), 0)-1)
	return l.Quantity.Decimal.Abs().Mul(half)
}

func (a *audit) net() {
	t := a.inv.Totals
	sum := t.Lines.Add(t.Charges).Sub(t.Allowances)
	for _, l := range a.inv.Lines {
		if !l.Net.Valid {
			return // told by Read
		}
	}
	if t.Net.Valid && !a.equal(sum, t.Net.Decimal) {
		a.fail(Place{Field: "total.net"}, "the lines and charges add up to %s, but the net total is %s (difference %s)",
			a.money(sum), a.money(t.Net.Decimal), a.money(t.Net.Decimal.Sub(sum)))
	}
}

// taxRates allows for tax that was rounded line by line.
func (a *audit) taxRates() {
	for i, tax := range a.inv.Taxes {
		if !tax.Base.Valid || !tax.Amount.Valid || !tax.Rate.Valid {
			continue
		}
		computed := a.inv.taxOf(tax.Base.Decimal, tax.Rate.Decimal)
		lines := 0
		for _, l := range a.inv.Lines {
			if sameRate(l.TaxRate, tax.Rate) {
				lines++
			}
		}
		byLine := decimal.Min(a.inv.minor().Mul(decimal.NewFromInt(int64(lines))).Div(decimal.NewFromInt(2)), decimal.NewFromInt(1))
		if computed.Sub(tax.Amount.Decimal).Abs().GreaterThan(a.tolerance.Add(byLine)) {
			a.fail(Place{"tax.amount", i + 1}, "%s %% of %s is %s, but the tax is %s",
				tax.Rate.Decimal, a.money(tax.Base.Decimal), a.money(computed), a.money(tax.Amount.Decimal))
		}
	}
}

func (a *audit) taxBases() {
	sum := zero
	for _, tax := range a.inv.Taxes {
		if !tax.Base.Valid {
			return
		}
		sum = sum.Add(tax.Base.Decimal)
	}
	if net := a.inv.Totals.Net; len(a.inv.Taxes) > 0 && net.Valid && !a.equal(sum, net.Decimal) {
		a.fail(Place{"tax.base", 1}, "the bases of the tax table add up to %s, but the net total is %s", a.money(sum), a.money(net.Decimal))
	}
}

func (a *audit) taxTotal() {
	sum := zero
	for _, tax := range a.inv.Taxes {
		if !tax.Amount.Valid {
			return
		}
		sum = sum.Add(tax.Amount.Decimal)
	}
	if total := a.inv.Totals.Tax; len(a.inv.Taxes) > 0 && total.Valid && !a.equal(sum, total.Decimal) {
		a.fail(Place{Field: "total.tax"}, "the tax table adds up to %s, but the tax total is %s", a.money(sum), a.money(total.Decimal))
	}
}

func (a *audit) gross() {
	t := a.inv.Totals
	if !t.Net.Valid || !t.Tax.Valid || !t.Gross.Valid {
		return
	}
	if sum := t.Net.Decimal.Add(t.Tax.Decimal); !a.equal(sum, t.Gross.Decimal) {
		a.fail(Place{Field: "total.gross"}, "net and tax add up to %s, but the total amount is %s", a.money(sum), a.money(t.Gross.Decimal))
	}
}

func (a *audit) due() {
	t := a.inv.Totals
	if !t.Gross.Valid || !t.Due.Valid {
		return
	}
	computed := t.Gross.Decimal.Sub(t.Prepaid.Decimal).Add(t.Rounding.Decimal)
	if !a.equal(computed, t.Due.Decimal) {
		a.fail(Place{Field: "total.due"}, "the total less what was paid is %s, but the amount due is %s", a.money(computed), a.money(t.Due.Decimal))
	}
}

func (a *audit) dueDate() {
	if inv := a.inv; inv.IssueDate != "" && inv.DueDate != "" && inv.DueDate < inv.IssueDate {
		a.fail(Place{Field: "due_date"}, "the due date %s is before the date of issue %s", inv.DueDate, inv.IssueDate)
	}
}

func (a *audit) iban() {
	p := a.inv.Payment
	if p.IBAN != "" && !validIBAN(p.IBAN) {
		a.fail(Place{Field: "payment.iban"}, "the IBAN is not valid: check it letter by letter")
	}
	if p.DebitedIBAN != "" && !validIBAN(p.DebitedIBAN) {
		a.fail(Place{Field: "payment.debited_iban"}, "the IBAN to be debited is not valid: check it letter by letter")
	}
}

func (a *audit) vatIDs() {
	for _, p := range a.vatHolders() {
		if !vatFormOK(p.vatID) {
			a.fail(p.place, "%s does not have the form of a VAT id of %s", shorten(p.vatID), vatCountry(p.vatID))
		}
	}
}

func (a *audit) vatChecks() {
	for _, p := range a.vatHolders() {
		if vatFormOK(p.vatID) && !vatChecksumOK(p.vatID) {
			a.fail(p.place, "the check digit of the VAT id %s is wrong: check it digit by digit", p.vatID)
		}
	}
}

type vatHolder struct {
	place Place
	vatID string
}

func (a *audit) vatHolders() []vatHolder {
	var all []vatHolder
	for _, p := range []vatHolder{
		{Place{Field: "seller.vat_id"}, a.inv.Seller.VATID},
		{Place{Field: "buyer.vat_id"}, a.inv.Buyer.VATID},
	} {
		if isVATID(p.vatID) {
			all = append(all, p)
		}
	}
	return all
}

func (a *audit) currency() {
	if inv := a.inv; inv.Currency != "" && !IsCurrency(inv.Currency) {
		a.fail(Place{Field: "currency"}, "%q is no currency code of ISO 4217", shorten(inv.Currency))
	}
}

// decimals finds amounts that cannot be paid in the currency. Prices may have
// any number of places.
func (a *audit) decimals() {
	t := a.inv.Totals
	for _, amount := range []struct {
		field string
		value decimal.NullDecimal
	}{
		{"total.net", t.Net}, {"total.tax", t.Tax}, {"total.gross", t.Gross},
		{"total.prepaid", t.Prepaid}, {"total.rounding", t.Rounding}, {"total.due", t.Due},
	} {
		a.places(Place{Field: amount.field}, amount.value.Decimal)
	}
	for i, l := range a.inv.Lines {
		a.places(Place{"line.net", i + 1}, l.Net.Decimal)
	}
	for i, c := range a.inv.Charges {
		a.places(Place{"charge.amount", i + 1}, c.Amount)
	}
	for i, tax := range a.inv.Taxes {
		a.places(Place{"tax.base", i + 1}, tax.Base.Decimal)
		a.places(Place{"tax.amount", i + 1}, tax.Amount.Decimal)
	}
}

func (a *audit) places(place Place, amount decimal.Decimal) {
	if places := Decimals(a.inv.Currency); IsCurrency(a.inv.Currency) && -amount.Exponent() > places && !amount.Equal(amount.Truncate(places)) {
		a.fail(place, "%s has more than the %d decimal places of %s", amount, places, a.inv.Currency)
	}
}

func (a *audit) credit() {
	if a.inv.Credit && len(a.inv.Preceding) == 0 {
		a.fail(Place{Field: "preceding.number"}, "the credit note does not say which invoice it credits")
	}
}

// rateGuess tells that the document states taxes but no rate.
func (a *audit) rateGuess() {
	for _, d := range a.inv.Derived {
		if d.Field == "tax.rate" && d.Row <= len(a.inv.Taxes) {
			a.fail(Place{Field: "total.tax"}, "the document names no tax rate: %s %% was computed from its amounts", a.inv.Taxes[d.Row-1].Rate.Decimal)
			return
		}
	}
}
