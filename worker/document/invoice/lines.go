package invoice

import (
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// lines reads the rows of the invoice. Rows without any content are dropped:
// Rossum's tables often end in such.
func (r *reader) lines() {
	defer r.inRow(nil, 0)
	rows := r.inv.source.rows(tableLines)
	r.inv.Lines = make([]Line, 0, len(rows))
	for _, row := range rows {
		if r.emptyRow(row, "line.name", "line.seller_item_id", "line.quantity", "line.unit_price", "line.gross_price", "line.net", "line.gross") {
			continue
		}
		r.inRow(row, len(r.inv.Lines)+1)
		r.inv.Lines = append(r.inv.Lines, r.line())
	}
}

func (r *reader) emptyRow(row *rossumapi.Node, fields ...string) bool {
	for _, field := range fields {
		if len(r.inv.source.all(field, row)) > 0 {
			return false
		}
	}
	return true
}

func (r *reader) line() Line {
	l := Line{
		row:           r.row,
		ID:            r.text("line.id"),
		Name:          r.text("line.name"),
		Note:          r.text("line.note"),
		SellerItemID:  r.text("line.seller_item_id"),
		BuyerItemID:   r.text("line.buyer_item_id"),
		GTIN:          r.text("line.gtin"),
		Quantity:      r.number("line.quantity"),
		UnitPrice:     r.number("line.unit_price"),
		PriceQuantity: decimal.NewFromInt(1),
		Net:           r.number("line.net"),
		Tax:           r.number("line.tax"),
		TaxCategory:   strings.ToUpper(r.text("line.tax_category")),
		TaxRate:       r.number("line.tax_rate"),
		TaxCode:       r.label("line.tax_code"),
		Order:         r.text("line.order"),
		OrderLine:     r.text("line.order_line"),
		Account:       r.text("line.account"),
		Period:        Period{Start: r.date("line.period_start"), End: r.date("line.period_end")},
		gross:         r.number("line.gross"),
		grossPrice:    r.number("line.gross_price"),
	}
	if l.ID == "" {
		l.ID = strconv.Itoa(r.rowIndex)
	}
	if per := r.number("line.price_quantity"); per.Valid && per.Decimal.IsPositive() {
		l.PriceQuantity = per.Decimal
	}
	l.Charges = r.lineCharges()
	l.Unit = r.unit(r.text("line.unit"))
	if l.Name == "" {
		r.lineName(&l)
	}
	return l
}

// lineName names a line that has no description after its item or its number.
func (r *reader) lineName(l *Line) {
	for _, name := range []string{l.SellerItemID, l.BuyerItemID, l.GTIN, l.Note} {
		if name != "" {
			l.Name = name
			r.derived(r.place("line.name"), "from the item's id, as there is no description")
			return
		}
	}
}

func (r *reader) lineCharges() []Charge {
	var charges []Charge
	if d := r.number("line.discount"); d.Valid && !d.Decimal.IsZero() {
		charges = append(charges, Charge{Allowance: true, Amount: d.Decimal.Abs(), Reason: "Discount", ReasonCode: "95"})
	}
	if c := r.number("line.charge"); c.Valid && !c.Decimal.IsZero() {
		charges = append(charges, Charge{Allowance: c.Decimal.IsNegative(), Amount: c.Decimal.Abs(), Reason: "Charge"})
	}
	return charges
}

// unit turns a unit of measure into its code. A line without one counts
// pieces; a text that is not known is told.
func (r *reader) unit(text string) string {
	if text == "" {
		r.derived(r.place("line.unit"), "pieces, as there is no unit")
		return unitOne
	}
	code, ok := r.mapping.Units[strings.ToLower(text)]
	if !ok {
		code, ok = unitCode(text)
	}
	if !ok {
		r.derived(r.place("line.unit"), "%q is no known unit: counted as %s", shorten(text), unitOne)
		return unitOne
	}
	return code
}

// signOfLine makes the price positive and gives the quantity the sign of the
// net amount.
func (r *reader) signOfLine(l *Line, row int) {
	if l.UnitPrice.Decimal.IsNegative() {
		l.UnitPrice.Decimal = l.UnitPrice.Decimal.Neg()
		l.Quantity.Decimal = l.Quantity.Decimal.Neg()
	}
	l.grossPrice.Decimal = l.grossPrice.Decimal.Abs()
	amount := l.Net
	if !amount.Valid {
		amount = l.gross
	}
	if !amount.Valid || amount.Decimal.IsZero() || !l.Quantity.Valid || l.Quantity.Decimal.IsZero() {
		return
	}
	if l.Quantity.Decimal.Sign() != amount.Decimal.Sign() {
		l.Quantity.Decimal = l.Quantity.Decimal.Neg()
		if !r.inv.Credit {
			r.derived(Place{"line.quantity", row}, "its sign, from the net amount")
		}
	}
}

// charges reads the charges of the document: a table, or single fields.
func (r *reader) charges() {
	defer r.inRow(nil, 0)
	for _, row := range r.inv.source.rows(tableCharges) {
		r.inRow(row, len(r.inv.Charges)+1)
		amount := r.number("charge.amount")
		if !amount.Valid || amount.Decimal.IsZero() {
			continue
		}
		c := Charge{
			row: row, Amount: amount.Decimal.Abs(), Allowance: amount.Decimal.IsNegative(),
			TaxRate: r.number("charge.tax_rate"), TaxCode: r.label("charge.tax_code"), tax: r.number("charge.tax"),
		}
		c.Reason, c.ReasonCode = chargeReason(r.inv.source.find("charge.reason", row).Value(), r.label("charge.reason"))
		r.inv.Charges = append(r.inv.Charges, c)
	}
	r.inRow(nil, 0)
	for _, field := range []string{"shipping", "handling", "other_charge", "discount"} {
		amount := r.number(field)
		if !amount.Valid || amount.Decimal.IsZero() {
			continue
		}
		c := Charge{Amount: amount.Decimal.Abs(), Allowance: amount.Decimal.IsNegative() || field == "discount"}
		c.Reason, c.ReasonCode = chargeReason(field, "")
		r.inv.Charges = append(r.inv.Charges, c)
	}
}

// chargeReason returns the words for a kind of charge and its code of UNTDID
// 7161 or 5189. Values such as InvoiceShippingCharge are told by their label.
func chargeReason(kind, label string) (reason, code string) {
	lower := strings.ToLower(kind + " " + label)
	for _, known := range chargeKinds {
		if strings.Contains(lower, known.word) {
			return known.reason, known.code
		}
	}
	if kind = trim(kind); kind != "" {
		return kind, ""
	}
	return "Charge", ""
}

// chargeKinds are parts of the names of charges; constant.
var chargeKinds = []struct{ word, reason, code string }{
	{"discount", "Discount", "95"}, {"rabatt", "Discount", "95"},
	{"shipping", "Shipping", "FC"}, {"freight", "Freight", "FC"}, {"fracht", "Freight", "FC"},
	{"handling", "Handling", "HD"}, {"pack", "Packing", "PC"}, {"insurance", "Insurance", ""},
	{"misc", "Miscellaneous", "ABK"}, {"other", "Miscellaneous", "ABK"},
}

// reasonCodes drops codes of the other list: freight that is given back has none. Codes of allowances (UNTDID 5189) are
// numbers, those of charges (UNTDID 7161) begin with a letter.
func (r *reader) reasonCodes() {
	all := [][]Charge{r.inv.Charges}
	for _, l := range r.inv.Lines {
		all = append(all, l.Charges)
	}
	for _, charges := range all {
		for i := range charges {
			if c := &charges[i]; c.ReasonCode != "" && c.Allowance != (c.ReasonCode[0] <= '9') {
				c.ReasonCode = ""
			}
		}
	}
}

// maxTaxes bounds the tax rates of a document, which every line is compared
// with.
const maxTaxes = 100

// taxes reads the tax table.
func (r *reader) taxes() {
	defer r.inRow(nil, 0)
	for _, row := range r.inv.source.rows(tableTaxes) {
		if r.emptyRow(row, "tax.rate", "tax.base", "tax.amount", "tax.gross") {
			continue
		}
		r.inRow(row, len(r.inv.Taxes)+1)
		if r.rowIndex > maxTaxes {
			r.complain(r.inv.Problem(RuleUnreadable, Block, []Place{r.place("tax.rate")}, "the tax table has more than %d rows", maxTaxes))
			return
		}
		r.inv.Taxes = append(r.inv.Taxes, Tax{
			row:       row,
			Category:  strings.ToUpper(r.text("tax.category")),
			Rate:      r.number("tax.rate"),
			Base:      r.number("tax.base"),
			Amount:    r.number("tax.amount"),
			Code:      r.label("tax.code"),
			Exemption: r.text("tax.exemption"),
			gross:     r.number("tax.gross"),
		})
	}
}
