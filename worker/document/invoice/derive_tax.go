package invoice

import (
	"strings"

	"github.com/shopspring/decimal"
)

// completeTaxes computes what is missing in the rows of the tax table. The only
// row speaks for the whole document.
func (r *reader) completeTaxes() {
	t := r.inv.Totals
	for i := range r.inv.Taxes {
		tax, row := &r.inv.Taxes[i], i+1
		if len(r.inv.Taxes) == 1 {
			r.fill(&tax.Base, "tax.base", row, t.Net, "the net total")
			r.fill(&tax.Amount, "tax.amount", row, t.Tax, "the tax total")
		}
		if tax.gross.Valid && tax.Amount.Valid {
			r.fill(&tax.Base, "tax.base", row, some(tax.gross.Decimal.Sub(tax.Amount.Decimal)), "the row's gross less tax")
		}
		if tax.gross.Valid && tax.Rate.Valid {
			r.fill(&tax.Base, "tax.base", row, some(r.inv.Round(withoutTax(tax.gross.Decimal, tax.Rate.Decimal))), "the row's gross without tax")
		}
		if tax.gross.Valid && tax.Base.Valid {
			r.fill(&tax.Amount, "tax.amount", row, some(tax.gross.Decimal.Sub(tax.Base.Decimal)), "the row's gross less base")
		}
		if tax.Base.Valid && tax.Rate.Valid {
			r.fill(&tax.Amount, "tax.amount", row, some(r.inv.taxOf(tax.Base.Decimal, tax.Rate.Decimal)), "base times rate")
		}
		if tax.Base.Valid && tax.Amount.Valid && tax.Category != "O" {
			r.fill(&tax.Rate, "tax.rate", row, r.inv.rateOf(tax.Base.Decimal, tax.Amount.Decimal), "tax by base")
		}
	}
}

// fill sets a value that was not read.
func (r *reader) fill(value *decimal.NullDecimal, field string, row int, with decimal.NullDecimal, how string) {
	place := Place{field, row}
	if value.Valid || !with.Valid || r.unread[place] {
		return
	}
	*value = with
	r.derived(place, how)
}

// taxOf returns the tax on an amount.
func (inv *Invoice) taxOf(base, rate decimal.Decimal) decimal.Decimal {
	return inv.Round(base.Mul(rate).Shift(-2))
}

// rateOf returns the rate with the fewest decimal places that gives the tax to
// two of the currency's smallest amounts, at most four places.
func (inv *Invoice) rateOf(base, tax decimal.Decimal) decimal.NullDecimal {
	if base.IsZero() {
		return decimal.NullDecimal{}
	}
	const most = 4
	exact := tax.Shift(2).DivRound(base, most+2)
	for places := range int32(most) {
		rate := exact.Round(places)
		if inv.near(inv.taxOf(base, rate), tax) {
			return some(rate)
		}
	}
	return some(exact.Round(most))
}

// near compares amounts that may have been rounded differently.
func (inv *Invoice) near(a, b decimal.Decimal) bool {
	return a.Sub(b).Abs().LessThanOrEqual(inv.minor().Mul(decimal.NewFromInt(2)))
}

// singleRate returns the rate of the whole document, if there is but one: of
// the tax table's only row, of the header, or of the totals.
func (r *reader) singleRate() decimal.NullDecimal {
	t := r.inv.Totals
	if len(r.inv.Taxes) == 1 {
		return r.inv.Taxes[0].Rate
	}
	if len(r.inv.Taxes) > 1 {
		return decimal.NullDecimal{}
	}
	header := r.number("total.tax_rate")
	if header.Valid && (!t.Net.Valid || !t.Tax.Valid || r.inv.near(r.inv.taxOf(t.Net.Decimal, header.Decimal), t.Tax.Decimal)) {
		return header
	}
	for _, l := range r.inv.Lines {
		if l.TaxRate.Valid { // more than one rate, or the totals are wrong
			return decimal.NullDecimal{}
		}
	}
	if t.Net.Valid && t.Tax.Valid {
		return r.inv.rateOf(t.Net.Decimal, t.Tax.Decimal)
	}
	return decimal.NullDecimal{}
}

// lineRate computes the rate of a line from its own amounts, else it is that of
// the document.
func (r *reader) lineRate(l *Line, row int, single decimal.NullDecimal) {
	if l.TaxCategory == "O" {
		return
	}
	if !l.Tax.Valid && l.gross.Valid && l.Net.Valid {
		l.Tax = some(l.gross.Decimal.Sub(l.Net.Decimal))
	}
	net := l.Net
	if !net.Valid && l.gross.Valid && l.Tax.Valid {
		net = some(l.gross.Decimal.Sub(l.Tax.Decimal))
	}
	if net.Valid && l.Tax.Valid && !l.TaxRate.Valid {
		r.fill(&l.TaxRate, "line.tax_rate", row, r.rateAmong(net.Decimal, l.Tax.Decimal), "the line's tax by its net amount")
	}
	r.fill(&l.TaxRate, "line.tax_rate", row, single, "the document's only rate")
}

// rateAmong returns the rate of the tax table that gives the tax, else the one
// that the amounts have.
func (r *reader) rateAmong(base, tax decimal.Decimal) decimal.NullDecimal {
	for _, known := range r.inv.Taxes {
		if known.Rate.Valid && r.inv.near(r.inv.taxOf(base, known.Rate.Decimal), tax) {
			return known.Rate
		}
	}
	return r.inv.rateOf(base, tax)
}

func (r *reader) chargeRate(c *Charge, row int, single decimal.NullDecimal) {
	if c.tax.Valid {
		r.fill(&c.TaxRate, "charge.tax_rate", row, r.rateAmong(c.Amount, c.tax.Decimal.Abs()), "the charge's tax by its amount")
	}
	r.fill(&c.TaxRate, "charge.tax_rate", row, single, "the document's only rate")
}

// categories gives lines, charges and the tax table their tax categories.
func (r *reader) categories() {
	inv := r.inv
	header := r.label("total.tax_code")
	for i := range inv.Taxes {
		tax := &inv.Taxes[i]
		if categoryOf(tax.Code) == "" {
			tax.Code = inv.codeOfLines(tax.Rate, tax.Code)
		}
		r.category(&tax.Category, tax.Rate, Place{"tax.category", i + 1}, tax.Code, header)
	}
	ofTable := func(rate decimal.NullDecimal) string {
		for _, tax := range inv.Taxes {
			if tax.Rate.Valid == rate.Valid && tax.Rate.Decimal.Equal(rate.Decimal) {
				return tax.Category
			}
		}
		return ""
	}
	for i := range inv.Lines {
		l := &inv.Lines[i]
		if l.TaxCategory == "" && categoryOf(l.TaxCode) == "" {
			l.TaxCategory = ofTable(l.TaxRate)
		}
		r.category(&l.TaxCategory, l.TaxRate, Place{"line.tax_category", i + 1}, l.TaxCode, header)
	}
	for i := range inv.Charges {
		c := &inv.Charges[i]
		if c.TaxCategory == "" && categoryOf(c.TaxCode) == "" {
			c.TaxCategory = ofTable(c.TaxRate)
		}
		r.category(&c.TaxCategory, c.TaxRate, Place{"charge.tax_category", i + 1}, c.TaxCode, header)
	}
}

// codeOfLines returns the tax code of lines of a rate that says its category,
// code if none does.
func (inv *Invoice) codeOfLines(rate decimal.NullDecimal, code string) string {
	for _, l := range inv.Lines {
		if sameRate(l.TaxRate, rate) && categoryOf(l.TaxCode) != "" {
			return l.TaxCode
		}
	}
	return code
}

// category is S for a rate above zero. At zero the words of the tax code
// decide; without such it is zero rated, which is told.
func (r *reader) category(category *string, rate decimal.NullDecimal, place Place, codes ...string) {
	if *category != "" {
		return
	}
	if rate.Valid && !rate.Decimal.IsZero() {
		*category = "S"
		return
	}
	for _, code := range codes {
		if *category = categoryOf(code); *category != "" {
			r.derived(place, "%s, from the tax code", *category)
			return
		}
	}
	if rate.Valid {
		*category = "Z"
		r.derived(place, "Z: the rate is zero and no tax code says why")
	}
}

// categoryOf tells the category that the words of a tax code mean, "" if none.
func categoryOf(code string) string {
	code = strings.ToLower(code)
	for _, known := range categoryWords {
		if strings.Contains(code, known.word) {
			return known.category
		}
	}
	return ""
}

// categoryWords are parts of tax codes with the category, the first match
// counts; constant.
var categoryWords = []struct{ word, category string }{
	{"reverse", "AE"}, {"13b", "AE"}, {"přenes", "AE"}, {"autoliquid", "AE"}, {"inversione", "AE"}, {"odwrotne", "AE"},
	{"intra-comm", "K"}, {"intracomm", "K"}, {"innergemeinschaft", "K"}, {"intra-eu", "K"},
	{"export", "G"}, {"ausfuhr", "G"}, {"vývoz", "G"},
	{"exempt", "E"}, {"steuerfrei", "E"}, {"befreit", "E"}, {"osvoboz", "E"}, {"exonér", "E"}, {"zwolni", "E"},
	{"outside", "O"}, {"out of scope", "O"}, {"not subject", "O"}, {"nicht steuerbar", "O"},
	{"zero", "Z"},
}
