package invoice

import (
	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/worker/document"
)

// Tree returns the invoice for the generic formats, such as JSON and CSV. What
// is empty is left out; amounts have the currency's decimal places.
func (inv *Invoice) Tree() document.Map {
	var m document.Map
	m.Add("number", inv.Number)
	m.Add("type", inv.Type)
	m.Add("credit", inv.Credit)
	m.Add("issue_date", inv.IssueDate)
	m.Add("due_date", inv.DueDate)
	m.Add("tax_point_date", inv.TaxPointDate)
	m.Add("currency", inv.Currency)
	m.Add("tax_currency", inv.TaxCurrency)
	m.Add("description", inv.Description)
	m.Add("buyer_reference", inv.BuyerReference)
	m.Add("order", inv.Order)
	m.Add("sales_order", inv.SalesOrder)
	m.Add("contract", inv.Contract)
	m.Add("project", inv.Project)
	m.Add("despatch", inv.Despatch)
	m.Add("receipt", inv.Receipt)
	m.Add("account", inv.Account)
	var preceding, notes document.List
	for _, p := range inv.Preceding {
		var reference document.Map
		reference.Add("number", p.Number)
		reference.Add("date", p.Date)
		preceding = append(preceding, reference)
	}
	m.Add("preceding", preceding)
	for _, note := range inv.Notes {
		notes = append(notes, note)
	}
	m.Add("notes", notes)
	m.Add("period", inv.Period.tree())
	m.Add("seller", inv.Seller.tree())
	m.Add("buyer", inv.Buyer.tree())
	m.Add("payee", inv.Payee.tree())
	m.Add("delivery", inv.Delivery.tree())
	m.Add("lines", inv.linesTree())
	m.Add("charges", inv.chargesTree(inv.Charges))
	m.Add("taxes", inv.taxesTree())
	m.Add("totals", inv.totalsTree())
	m.Add("payment", inv.Payment.tree())
	return m
}

// amount gives an amount the currency's decimal places, or more if it has them.
func (inv *Invoice) amount(d decimal.NullDecimal) any {
	if !d.Valid {
		return nil
	}
	places := Decimals(inv.Currency)
	if -d.Decimal.Exponent() >= places {
		return d.Decimal
	}
	return d.Decimal.Add(decimal.New(0, -places))
}

func plain(d decimal.NullDecimal) any {
	if !d.Valid {
		return nil
	}
	return d.Decimal
}

func (p Period) tree() document.Map {
	var m document.Map
	m.Add("start", p.Start)
	m.Add("end", p.End)
	return m
}

func (p Party) tree() document.Map {
	var m document.Map
	m.Add("name", p.Name)
	m.Add("legal_name", p.LegalName)
	for _, id := range []struct {
		name string
		Identifier
	}{{"id", p.ID}, {"legal_id", p.LegalID}, {"endpoint", p.Endpoint}} {
		m.Add(id.name, id.Value)
		m.Add(id.name+"_scheme", id.Scheme)
	}
	m.Add("vat_id", p.VATID)
	m.Add("tax_number", p.TaxNumber)
	m.Add("address", p.Address.tree())
	m.Add("contact", p.Contact.Name)
	m.Add("phone", p.Contact.Phone)
	m.Add("email", p.Contact.Email)
	return m
}

func (a Address) tree() document.Map {
	var m document.Map
	var lines document.List
	for _, line := range a.Lines {
		lines = append(lines, line)
	}
	m.Add("lines", lines)
	m.Add("city", a.City)
	m.Add("postcode", a.Postcode)
	m.Add("region", a.Region)
	m.Add("country", a.Country)
	return m
}

func (d Delivery) tree() document.Map {
	var m document.Map
	m.Add("name", d.Name)
	m.Add("location", d.Location.Value)
	m.Add("address", d.Address.tree())
	m.Add("date", d.Date)
	return m
}

func (inv *Invoice) linesTree() document.List {
	all := make(document.List, 0, len(inv.Lines))
	for _, l := range inv.Lines {
		m := make(document.Map, 0, 12)
		m.Add("id", l.ID)
		m.Add("name", l.Name)
		m.Add("description", l.Description)
		m.Add("note", l.Note)
		m.Add("seller_item_id", l.SellerItemID)
		m.Add("buyer_item_id", l.BuyerItemID)
		m.Add("gtin", l.GTIN)
		m.Add("quantity", plain(l.Quantity))
		m.Add("unit", l.Unit)
		m.Add("unit_price", plain(l.UnitPrice))
		if !l.PriceQuantity.Equal(decimal.NewFromInt(1)) {
			m.Add("price_quantity", l.PriceQuantity)
		}
		m.Add("charges", inv.chargesTree(l.Charges))
		m.Add("net", inv.amount(l.Net))
		m.Add("tax", inv.amount(l.Tax))
		m.Add("tax_category", l.TaxCategory)
		m.Add("tax_rate", plain(l.TaxRate))
		m.Add("tax_code", l.TaxCode)
		m.Add("order", l.Order)
		m.Add("order_line", l.OrderLine)
		m.Add("account", l.Account)
		m.Add("period", l.Period.tree())
		all = append(all, m)
	}
	return all
}

func (inv *Invoice) chargesTree(charges []Charge) document.List {
	var all document.List
	for _, c := range charges {
		var m document.Map
		m.Add("allowance", c.Allowance)
		m.Add("amount", inv.amount(some(c.Amount)))
		m.Add("reason", c.Reason)
		m.Add("reason_code", c.ReasonCode)
		m.Add("tax_category", c.TaxCategory)
		m.Add("tax_rate", plain(c.TaxRate))
		m.Add("tax_code", c.TaxCode)
		all = append(all, m)
	}
	return all
}

func (inv *Invoice) taxesTree() document.List {
	var all document.List
	for _, tax := range inv.Taxes {
		var m document.Map
		m.Add("category", tax.Category)
		m.Add("rate", plain(tax.Rate))
		m.Add("base", inv.amount(tax.Base))
		m.Add("amount", inv.amount(tax.Amount))
		m.Add("code", tax.Code)
		m.Add("exemption", tax.Exemption)
		m.Add("exemption_code", tax.ExemptionCode)
		all = append(all, m)
	}
	return all
}

func (inv *Invoice) totalsTree() document.Map {
	t := inv.Totals
	var m document.Map
	m.Add("lines", inv.amount(some(t.Lines)))
	m.Add("charges", inv.amount(some(t.Charges)))
	m.Add("allowances", inv.amount(some(t.Allowances)))
	m.Add("net", inv.amount(t.Net))
	m.Add("tax", inv.amount(t.Tax))
	m.Add("tax_in_tax_currency", plain(t.TaxInTaxCurrency))
	m.Add("gross", inv.amount(t.Gross))
	m.Add("prepaid", inv.amount(t.Prepaid))
	m.Add("rounding", inv.amount(t.Rounding))
	m.Add("due", inv.amount(t.Due))
	return m
}

func (p Payment) tree() document.Map {
	var m document.Map
	m.Add("means", p.Means)
	m.Add("means_text", p.MeansText)
	m.Add("iban", p.IBAN)
	m.Add("bic", p.BIC)
	m.Add("account", p.Account)
	m.Add("account_owner", p.AccountOwner)
	m.Add("bank", p.Bank)
	m.Add("terms", p.Terms)
	m.Add("reference", p.Reference)
	m.Add("mandate", p.Mandate)
	m.Add("creditor_id", p.CreditorID)
	m.Add("debited_iban", p.DebitedIBAN)
	return m
}
