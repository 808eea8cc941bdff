package invoice

import (
	"github.com/shopspring/decimal"
)

// breakdown makes Taxes the complete tax table: one row for each category and
// rate of lines and charges.
func (r *reader) breakdown() {
	groups, complete := r.groups()
	switch {
	case len(r.inv.Taxes) == 0 && complete:
		r.inv.Taxes = groups
		r.spread()
		for i := range r.inv.Taxes {
			r.derived(Place{"tax.base", i + 1}, "the sum of the lines and charges of this rate")
		}
	case len(r.inv.Taxes) == 0:
		r.fromTotals()
	default:
		r.mergeTaxes()
		r.dropUnusedTaxes()
		if complete {
			r.addGroups(groups)
		}
	}
	for i := range r.inv.Taxes {
		r.exemption(&r.inv.Taxes[i], i+1)
	}
}

// groups sums up lines and charges by category and rate; complete is false if
// one has neither, or there are more rates than any invoice has.
func (r *reader) groups() (groups []Tax, complete bool) {
	complete = len(r.inv.Lines)+len(r.inv.Charges) > 0
	stated := []bool{} // all members of a group state their tax
	add := func(category string, rate decimal.NullDecimal, net decimal.Decimal, tax decimal.NullDecimal, code string) {
		complete = complete && category != ""
		for i := range groups {
			g := &groups[i]
			if g.Category == category && sameRate(g.Rate, rate) {
				g.Base.Decimal = g.Base.Decimal.Add(net)
				g.Amount.Decimal = g.Amount.Decimal.Add(tax.Decimal)
				stated[i] = stated[i] && tax.Valid
				return
			}
		}
		if len(groups) == maxTaxes {
			complete = false
			return
		}
		groups = append(groups, Tax{Category: category, Rate: rate, Base: some(net), Amount: some(tax.Decimal), Code: code})
		stated = append(stated, tax.Valid)
	}
	for _, l := range r.inv.Lines {
		add(l.TaxCategory, l.TaxRate, l.Net.Decimal, l.Tax, l.TaxCode)
	}
	for _, c := range r.inv.Charges {
		tax := c.tax
		if c.Allowance {
			tax.Decimal = tax.Decimal.Abs().Neg()
		}
		add(c.TaxCategory, c.TaxRate, c.Signed(), tax, c.TaxCode)
	}
	for i := range groups {
		g := &groups[i]
		if computed := r.inv.taxOf(g.Base.Decimal, g.Rate.Decimal); !stated[i] || !r.inv.near(computed, g.Amount.Decimal) {
			g.Amount = some(computed)
		}
	}
	return groups, complete
}

func sameRate(a, b decimal.NullDecimal) bool {
	return a.Valid == b.Valid && a.Decimal.Equal(b.Decimal)
}

// spread puts a difference to the tax total, which comes from rounding line by
// line, on the largest computed row.
func (r *reader) spread() {
	total := r.inv.Totals.Tax
	if !total.Valid {
		return
	}
	difference, largest := total.Decimal, 0
	for i, tax := range r.inv.Taxes {
		difference = difference.Sub(tax.Amount.Decimal)
		if tax.Base.Decimal.GreaterThan(r.inv.Taxes[largest].Base.Decimal) {
			largest = i
		}
	}
	allowed := r.inv.minor().Mul(decimal.NewFromInt(int64(len(r.inv.Taxes) + len(r.inv.Lines)/2)))
	if difference.IsZero() || difference.Abs().GreaterThan(decimal.Min(allowed, decimal.NewFromInt(1))) {
		return
	}
	tax := &r.inv.Taxes[largest]
	if tax.Rate.Decimal.IsZero() {
		return
	}
	tax.Amount.Decimal = tax.Amount.Decimal.Add(difference)
	r.derived(Place{"tax.amount", largest + 1}, "base times rate, made to agree with the tax total")
}

// fromTotals makes the tax table of a document that has only totals.
func (r *reader) fromTotals() {
	t := r.inv.Totals
	rate := r.singleRate()
	if len(r.inv.Lines) > 0 || !t.Net.Valid || !rate.Valid {
		return
	}
	tax := Tax{Rate: rate, Base: t.Net, Amount: t.Tax, Code: r.label("total.tax_code")}
	if !t.Tax.Valid {
		tax.Amount = some(r.inv.taxOf(t.Net.Decimal, rate.Decimal))
		r.derived(Place{"tax.amount", 1}, "net times the document's rate")
	}
	if header := r.number("total.tax_rate"); !header.Valid || !header.Decimal.Equal(rate.Decimal) {
		r.derived(Place{"tax.rate", 1}, "tax by net of the whole document")
	}
	r.category(&tax.Category, rate, Place{"tax.category", 1}, tax.Code)
	r.inv.Taxes = []Tax{tax}
	for i := range r.inv.Charges {
		if c := &r.inv.Charges[i]; c.TaxCategory == "" {
			c.TaxRate, c.TaxCategory = rate, tax.Category
		}
	}
}

// mergeTaxes joins rows of the same category and rate.
func (r *reader) mergeTaxes() {
	merged := r.inv.Taxes[:0]
next:
	for _, tax := range r.inv.Taxes {
		for i := range merged {
			m := &merged[i]
			if m.Category == tax.Category && sameRate(m.Rate, tax.Rate) {
				m.Base.Decimal = m.Base.Decimal.Add(tax.Base.Decimal)
				m.Amount.Decimal = m.Amount.Decimal.Add(tax.Amount.Decimal)
				r.derived(Place{"tax.base", i + 1}, "the sum of the rows of this rate")
				continue next
			}
		}
		merged = append(merged, tax)
	}
	r.inv.Taxes = merged
}

// dropUnusedTaxes drops rows of the tax table at which nothing is taxed: some
// documents print all rates there are.
func (r *reader) dropUnusedTaxes() {
	used := r.inv.Taxes[:0:0]
	for _, tax := range r.inv.Taxes {
		empty := tax.Base.Valid && tax.Base.Decimal.IsZero() && tax.Amount.Decimal.IsZero()
		for _, l := range r.inv.Lines {
			empty = empty && !(l.TaxCategory == tax.Category && sameRate(l.TaxRate, tax.Rate))
		}
		if !empty {
			used = append(used, tax)
		}
	}
	if len(used) > 0 && len(used) < len(r.inv.Taxes) {
		r.inv.Taxes = used
		r.derived(Place{Field: "taxes"}, "without the rows at which nothing is taxed")
	}
}

// addGroups adds the rates of lines and charges that the document's table
// leaves out, zero rates above all, if the bases then sum up to the net total.
func (r *reader) addGroups(groups []Tax) {
	sum := zero
	for _, tax := range r.inv.Taxes {
		sum = sum.Add(tax.Base.Decimal)
	}
	var absent []Tax
next:
	for _, g := range groups {
		for _, tax := range r.inv.Taxes {
			if tax.Category == g.Category && sameRate(tax.Rate, g.Rate) {
				continue next
			}
		}
		absent = append(absent, g)
		sum = sum.Add(g.Base.Decimal)
	}
	if !r.inv.Totals.Net.Valid || !sum.Equal(r.inv.Totals.Net.Decimal) {
		return
	}
	for _, g := range absent {
		r.inv.Taxes = append(r.inv.Taxes, g)
		r.derived(Place{"tax.base", len(r.inv.Taxes)}, "the sum of the lines and charges of this rate, which the tax table leaves out")
	}
}

// exemption says why there is no tax, where the category itself does.
func (r *reader) exemption(tax *Tax, row int) {
	switch tax.Category {
	case "AE", "K", "G", "O", "E":
	default:
		if tax.Exemption != "" {
			tax.Exemption = ""
			r.derived(Place{"tax.exemption", row}, "left out, as the row is not exempt")
		}
		return
	}
	if tax.Exemption != "" {
		return
	}
	if tax.Exemption = r.text("total.exemption"); tax.Exemption != "" {
		return
	}
	switch tax.Category {
	case "AE":
		tax.Exemption, tax.ExemptionCode = "Reverse charge", "VATEX-EU-AE"
	case "K":
		tax.Exemption, tax.ExemptionCode = "Intra-community supply", "VATEX-EU-IC"
	case "G":
		tax.Exemption, tax.ExemptionCode = "Export outside the EU", "VATEX-EU-G"
	case "O":
		tax.Exemption, tax.ExemptionCode = "Not subject to VAT", "VATEX-EU-O"
	case "E":
		tax.Exemption = tax.Code
	}
	if tax.Exemption != "" {
		r.derived(Place{"tax.exemption", row}, "from the tax category or code")
	}
}
