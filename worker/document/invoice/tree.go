package invoice

import (
	"slices"

	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/worker/document"
)

// Tree returns the invoice for the generic formats, such as JSON and CSV. What
// is empty is left out; amounts have the currency's decimal places.
func (inv *Invoice) Tree() document.Map { return tree{Invoice: inv}.header() }

// Values returns the invoice for expressions: as Tree, but what is empty is null, an empty list or a map of such.
func (inv *Invoice) Values() document.Map { return tree{Invoice: inv, whole: true}.header() }

// Rows returns the invoice for formats of rows, such as CSV: a flat map for each line, with the header in each. Keys are
// those of Values joined by dots: number, seller.vat_id, line.net. An invoice without lines is one row.
func (inv *Invoice) Rows() document.List {
	var header document.Map
	flatten(&header, "", inv.Values())
	written := inv
	if len(inv.Lines) == 0 {
		written = &Invoice{Lines: []Line{{PriceQuantity: decimal.NewFromInt(1)}}}
	}
	lines := tree{Invoice: written, whole: true}.lines()
	rows := make(document.List, len(lines))
	for i, line := range lines {
		row := slices.Clone(header)
		flatten(&row, "line.", line.(document.Map)) // lines are maps
		rows[i] = row
	}
	return rows
}

// flatten appends the values of a map and of those below it. Lists have no place in a row.
func flatten(row *document.Map, prefix string, m document.Map) {
	for _, e := range m {
		switch value := e.Value.(type) {
		case document.Map:
			flatten(row, prefix+e.Key+".", value)
		case document.List:
		default:
			*row = append(*row, document.Entry{Key: prefix + e.Key, Value: value})
		}
	}
}

// tree builds trees of an invoice.
type tree struct {
	*Invoice
	whole bool // keep what is empty
}

func (t tree) add(m *document.Map, key string, value any) {
	before := len(*m)
	m.Add(key, value)
	if !t.whole || len(*m) > before {
		return
	}
	if _, ok := value.(document.List); ok {
		value = document.List{}
	} else {
		value = nil
	}
	*m = append(*m, document.Entry{Key: key, Value: value})
}

func (t tree) header() document.Map {
	inv := t.Invoice
	var m document.Map
	t.add(&m, "number", inv.Number)
	t.add(&m, "type", inv.Type)
	t.add(&m, "credit", inv.Credit)
	t.add(&m, "issue_date", inv.IssueDate)
	t.add(&m, "due_date", inv.DueDate)
	t.add(&m, "tax_point_date", inv.TaxPointDate)
	t.add(&m, "currency", inv.Currency)
	t.add(&m, "tax_currency", inv.TaxCurrency)
	t.add(&m, "description", inv.Description)
	t.add(&m, "buyer_reference", inv.BuyerReference)
	t.add(&m, "order", inv.Order)
	t.add(&m, "sales_order", inv.SalesOrder)
	t.add(&m, "contract", inv.Contract)
	t.add(&m, "project", inv.Project)
	t.add(&m, "despatch", inv.Despatch)
	t.add(&m, "receipt", inv.Receipt)
	t.add(&m, "account", inv.Account)
	var preceding, notes document.List
	for _, p := range inv.Preceding {
		var reference document.Map
		t.add(&reference, "number", p.Number)
		t.add(&reference, "date", p.Date)
		preceding = append(preceding, reference)
	}
	t.add(&m, "preceding", preceding)
	for _, note := range inv.Notes {
		notes = append(notes, note)
	}
	t.add(&m, "notes", notes)
	t.add(&m, "period", t.period(inv.Period))
	t.add(&m, "seller", t.party(inv.Seller))
	t.add(&m, "buyer", t.party(inv.Buyer))
	t.add(&m, "payee", t.party(inv.Payee))
	t.add(&m, "delivery", t.delivery(inv.Delivery))
	t.add(&m, "lines", t.lines())
	t.add(&m, "charges", t.charges(inv.Charges))
	t.add(&m, "taxes", t.taxes())
	t.add(&m, "totals", t.totals())
	t.add(&m, "payment", t.payment(inv.Payment))
	return m
}

// amount gives an amount the currency's decimal places, or more if it has them.
func (inv *Invoice) amount(d decimal.NullDecimal) any {
	if !d.Valid {
		return nil
	}
	if rounded := d.Decimal.Round(Decimals(inv.Currency)); rounded.Equal(d.Decimal) {
		return rounded
	}
	return d.Decimal
}

func plain(d decimal.NullDecimal) any {
	if !d.Valid {
		return nil
	}
	return d.Decimal
}

func (t tree) period(p Period) document.Map {
	var m document.Map
	t.add(&m, "start", p.Start)
	t.add(&m, "end", p.End)
	return m
}

func (t tree) party(p Party) document.Map {
	var m document.Map
	t.add(&m, "name", p.Name)
	t.add(&m, "legal_name", p.LegalName)
	for _, id := range []struct {
		name string
		Identifier
	}{{"id", p.ID}, {"legal_id", p.LegalID}, {"endpoint", p.Endpoint}} {
		t.add(&m, id.name, id.Value)
		t.add(&m, id.name+"_scheme", id.Scheme)
	}
	t.add(&m, "vat_id", p.VATID)
	t.add(&m, "tax_number", p.TaxNumber)
	t.add(&m, "address", t.address(p.Address))
	t.add(&m, "contact", p.Contact.Name)
	t.add(&m, "phone", p.Contact.Phone)
	t.add(&m, "email", p.Contact.Email)
	return m
}

func (t tree) address(a Address) document.Map {
	var m document.Map
	var lines document.List
	for _, line := range a.Lines {
		lines = append(lines, line)
	}
	t.add(&m, "lines", lines)
	t.add(&m, "city", a.City)
	t.add(&m, "postcode", a.Postcode)
	t.add(&m, "region", a.Region)
	t.add(&m, "country", a.Country)
	return m
}

func (t tree) delivery(d Delivery) document.Map {
	var m document.Map
	t.add(&m, "name", d.Name)
	t.add(&m, "location", d.Location.Value)
	t.add(&m, "address", t.address(d.Address))
	t.add(&m, "date", d.Date)
	return m
}

func (t tree) lines() document.List {
	all := make(document.List, 0, len(t.Lines))
	for _, l := range t.Lines {
		m := make(document.Map, 0, 12)
		t.add(&m, "id", l.ID)
		t.add(&m, "name", l.Name)
		t.add(&m, "description", l.Description)
		t.add(&m, "note", l.Note)
		t.add(&m, "seller_item_id", l.SellerItemID)
		t.add(&m, "buyer_item_id", l.BuyerItemID)
		t.add(&m, "gtin", l.GTIN)
		t.add(&m, "quantity", plain(l.Quantity))
		t.add(&m, "unit", l.Unit)
		t.add(&m, "unit_price", plain(l.UnitPrice))
		if t.whole || !l.PriceQuantity.Equal(decimal.NewFromInt(1)) {
			t.add(&m, "price_quantity", l.PriceQuantity)
		}
		t.add(&m, "charges", t.charges(l.Charges))
		t.add(&m, "net", t.amount(l.Net))
		t.add(&m, "tax", t.amount(l.Tax))
		t.add(&m, "tax_category", l.TaxCategory)
		t.add(&m, "tax_rate", plain(l.TaxRate))
		t.add(&m, "tax_code", l.TaxCode)
		t.add(&m, "order", l.Order)
		t.add(&m, "order_line", l.OrderLine)
		t.add(&m, "account", l.Account)
		t.add(&m, "period", t.period(l.Period))
		all = append(all, m)
	}
	return all
}

func (t tree) charges(charges []Charge) document.List {
	var all document.List
	for _, c := range charges {
		var m document.Map
		t.add(&m, "allowance", c.Allowance)
		t.add(&m, "amount", t.amount(some(c.Amount)))
		t.add(&m, "reason", c.Reason)
		t.add(&m, "reason_code", c.ReasonCode)
		t.add(&m, "tax_category", c.TaxCategory)
		t.add(&m, "tax_rate", plain(c.TaxRate))
		t.add(&m, "tax_code", c.TaxCode)
		all = append(all, m)
	}
	return all
}

func (t tree) taxes() document.List {
	var all document.List
	for _, tax := range t.Taxes {
		var m document.Map
		t.add(&m, "category", tax.Category)
		t.add(&m, "rate", plain(tax.Rate))
		t.add(&m, "base", t.amount(tax.Base))
		t.add(&m, "amount", t.amount(tax.Amount))
		t.add(&m, "code", tax.Code)
		t.add(&m, "exemption", tax.Exemption)
		t.add(&m, "exemption_code", tax.ExemptionCode)
		all = append(all, m)
	}
	return all
}

func (t tree) totals() document.Map {
	totals := t.Totals
	var m document.Map
	t.add(&m, "lines", t.amount(some(totals.Lines)))
	t.add(&m, "charges", t.amount(some(totals.Charges)))
	t.add(&m, "allowances", t.amount(some(totals.Allowances)))
	t.add(&m, "net", t.amount(totals.Net))
	t.add(&m, "tax", t.amount(totals.Tax))
	t.add(&m, "tax_in_tax_currency", plain(totals.TaxInTaxCurrency))
	t.add(&m, "gross", t.amount(totals.Gross))
	t.add(&m, "prepaid", t.amount(totals.Prepaid))
	t.add(&m, "rounding", t.amount(totals.Rounding))
	t.add(&m, "due", t.amount(totals.Due))
	return m
}

func (t tree) payment(p Payment) document.Map {
	var m document.Map
	t.add(&m, "means", p.Means)
	t.add(&m, "means_text", p.MeansText)
	t.add(&m, "iban", p.IBAN)
	t.add(&m, "bic", p.BIC)
	t.add(&m, "account", p.Account)
	t.add(&m, "account_owner", p.AccountOwner)
	t.add(&m, "bank", p.Bank)
	t.add(&m, "terms", p.Terms)
	t.add(&m, "reference", p.Reference)
	t.add(&m, "mandate", p.Mandate)
	t.add(&m, "creditor_id", p.CreditorID)
	t.add(&m, "debited_iban", p.DebitedIBAN)
	return m
}
