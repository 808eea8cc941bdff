package cii

import (
	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice/en16931"
)

func (w *writer) lines() document.List {
	all := make(document.List, 0, len(w.inv.Lines))
	for i := range w.inv.Lines {
		all = append(all, w.line(&w.inv.Lines[i]))
	}
	return all
}

func (w *writer) line(l *invoice.Line) document.Map {
	head := text("ram:LineID", l.ID)
	head.Add("ram:IncludedNote", text("ram:Content", l.Note))
	return document.Map{
		{Key: "ram:AssociatedDocumentLineDocument", Value: head},
		{Key: "ram:SpecifiedTradeProduct", Value: product(l)},
		{Key: "ram:SpecifiedLineTradeAgreement", Value: agreement(l)},
		{Key: "ram:SpecifiedLineTradeDelivery", Value: document.Map{{Key: "ram:BilledQuantity", Value: en16931.Measure(l, l.Quantity.Decimal)}}},
		{Key: "ram:SpecifiedLineTradeSettlement", Value: w.lineSettlement(l)},
	}
}

func product(l *invoice.Line) document.Map {
	m := make(document.Map, 0, 5)
	if l.GTIN != "" {
		m.Add("ram:GlobalID", identifier(invoice.Identifier{Value: l.GTIN, Scheme: "0160"}))
	}
	m.Add("ram:SellerAssignedID", l.SellerItemID)
	m.Add("ram:BuyerAssignedID", l.BuyerItemID)
	m.Add("ram:Name", l.Name)
	m.Add("ram:Description", l.Description)
	return m
}

// agreement holds the price, which has any number of decimal places.
func agreement(l *invoice.Line) document.Map {
	amount, per := en16931.Price(l)
	price := text("ram:ChargeAmount", amount)
	price.Add("ram:BasisQuantity", per)
	var m document.Map
	m.Add("ram:BuyerOrderReferencedDocument", text("ram:LineID", l.OrderLine))
	m.Add("ram:NetPriceProductTradePrice", price)
	return m
}

func (w *writer) lineSettlement(l *invoice.Line) document.Map {
	m := document.Map{{Key: "ram:ApplicableTradeTax", Value: category(l.TaxCategory, l.TaxRate)}}
	m.Add("ram:BillingSpecifiedPeriod", period(l.Period))
	m.Add("ram:SpecifiedTradeAllowanceCharge", w.charges(l.Charges, false))
	m.Add("ram:SpecifiedTradeSettlementLineMonetarySummation", text("ram:LineTotalAmount", w.amount(l.Net.Decimal)))
	m.Add("ram:ReceivableSpecifiedTradeAccountingAccount", text("ram:ID", l.Account))
	return m
}
