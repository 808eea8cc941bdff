package ubl

import (
	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice/en16931"
)

func (w *writer) lines() document.List {
	quantity := "cbc:InvoicedQuantity"
	if w.inv.Credit {
		quantity = "cbc:CreditedQuantity"
	}
	all := make(document.List, 0, len(w.inv.Lines))
	for i := range w.inv.Lines {
		all = append(all, w.line(&w.inv.Lines[i], quantity))
	}
	return all
}

func (w *writer) line(l *invoice.Line, quantity string) document.Map {
	m := make(document.Map, 0, 10)
	m.Add("cbc:ID", l.ID)
	m.Add("cbc:Note", l.Note)
	if l.Quantity.Valid {
		m.Add(quantity, en16931.Measure(l, l.Quantity.Decimal))
	}
	m.Add("cbc:LineExtensionAmount", w.amount(l.Net.Decimal))
	m.Add("cbc:AccountingCost", l.Account)
	m.Add("cac:InvoicePeriod", period(l.Period))
	m.Add("cac:OrderLineReference", w.orderLine(l))
	m.Add("cac:AllowanceCharge", w.charges(l.Charges, false))
	m.Add("cac:Item", item(l))
	m.Add("cac:Price", w.price(l))
	return m
}

// orderLine names the order too in the plain profile: the standard has no place
// for it.
func (w *writer) orderLine(l *invoice.Line) document.Map {
	if l.OrderLine == "" && (w.profile != en16931.Plain || l.Order == "") {
		return nil
	}
	m := text("cbc:LineID", l.OrderLine)
	if l.OrderLine == "" {
		m = text("cbc:LineID", "NA") // mandatory
	}
	if w.profile == en16931.Plain {
		m.Add("cac:OrderReference", text("cbc:ID", l.Order))
	}
	return m
}

func item(l *invoice.Line) document.Map {
	m := make(document.Map, 0, 6)
	m.Add("cbc:Description", l.Description)
	m.Add("cbc:Name", l.Name)
	m.Add("cac:BuyersItemIdentification", text("cbc:ID", l.BuyerItemID))
	m.Add("cac:SellersItemIdentification", text("cbc:ID", l.SellerItemID))
	if l.GTIN != "" {
		m.Add("cac:StandardItemIdentification", document.Map{{Key: "cbc:ID", Value: identifier(invoice.Identifier{Value: l.GTIN, Scheme: "0160"})}})
	}
	m.Add("cac:ClassifiedTaxCategory", vat(taxCategory(l.TaxCategory, l.TaxRate)))
	return m
}

// price has any number of decimal places.
func (w *writer) price(l *invoice.Line) document.Map {
	if !l.UnitPrice.Valid {
		return nil
	}
	amount, per := en16931.Price(l)
	m := document.Map{{Key: "cbc:PriceAmount", Value: document.Map{
		{Key: "@currencyID", Value: w.inv.Currency}, {Key: "#text", Value: amount},
	}}}
	m.Add("cbc:BaseQuantity", per)
	return m
}
