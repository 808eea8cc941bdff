// Package cii writes invoices as UN/CEFACT Cross Industry Invoice D16B, the
// syntax of ZUGFeRD, Factur-X and one of the two of XRechnung.
package cii

import (
	"strings"

	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice/en16931"
)

const (
	rsmNamespace = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
	ramNamespace = "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
	udtNamespace = "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100"
	qdtNamespace = "urn:un:unece:uncefact:data:standard:QualifiedDataType:100"
)

// Encode writes an invoice in the profile en16931, which is the default,
// xrechnung or facturx. An invoice that breaks a rule of the profile is
// refused: the problems say where, and the document is empty.
func Encode(inv *invoice.Invoice, o invoice.Options) (document.Document, []invoice.Problem, error) {
	profile := en16931.Core
	if o.Profile != "" {
		var err error
		if profile, err = en16931.ParseProfile(o.Profile, en16931.Core, en16931.XRechnung, en16931.FacturX); err != nil {
			return document.Document{}, nil, err
		}
	}
	return en16931.Encode(inv, profile, o, root)
}

// writer turns one invoice into a tree. Add leaves out what is empty.
type writer struct {
	inv     *invoice.Invoice
	profile en16931.Profile
}

func root(inv *invoice.Invoice, p en16931.Profile, attached []invoice.Attachment) document.Map {
	w := writer{inv: inv, profile: p}
	var context document.Map
	context.Add("ram:BusinessProcessSpecifiedDocumentContextParameter", text("ram:ID", w.profile.Process()))
	context.Add("ram:GuidelineSpecifiedDocumentContextParameter", text("ram:ID", w.profile.Specification()))
	header := text("ram:ID", inv.Number)
	header.Add("ram:TypeCode", inv.Type)
	header.Add("ram:IssueDateTime", date(inv.IssueDate))
	var notes document.List
	for _, note := range inv.Notes {
		notes = append(notes, text("ram:Content", note))
	}
	header.Add("ram:IncludedNote", notes)
	transaction := document.Map{
		{Key: "ram:IncludedSupplyChainTradeLineItem", Value: w.lines()},
		{Key: "ram:ApplicableHeaderTradeAgreement", Value: w.agreement(attached)},
		{Key: "ram:ApplicableHeaderTradeDelivery", Value: w.delivery()},
		{Key: "ram:ApplicableHeaderTradeSettlement", Value: w.settlement()},
	}
	return document.Map{{Key: "rsm:CrossIndustryInvoice", Value: document.Map{
		{Key: "@xmlns:rsm", Value: rsmNamespace},
		{Key: "@xmlns:ram", Value: ramNamespace},
		{Key: "@xmlns:udt", Value: udtNamespace},
		{Key: "@xmlns:qdt", Value: qdtNamespace},
		{Key: "rsm:ExchangedDocumentContext", Value: context},
		{Key: "rsm:ExchangedDocument", Value: header},
		{Key: "rsm:SupplyChainTradeTransaction", Value: transaction},
	}}}
}

func (w *writer) agreement(attached []invoice.Attachment) document.Map {
	inv := w.inv
	m := text("ram:BuyerReference", inv.BuyerReference)
	m.Add("ram:SellerTradeParty", w.party(inv.Seller, true))
	m.Add("ram:BuyerTradeParty", w.party(inv.Buyer, false))
	m.Add("ram:SellerOrderReferencedDocument", text("ram:IssuerAssignedID", inv.SalesOrder))
	m.Add("ram:BuyerOrderReferencedDocument", text("ram:IssuerAssignedID", inv.Order))
	m.Add("ram:ContractReferencedDocument", text("ram:IssuerAssignedID", inv.Contract))
	var files document.List
	for _, a := range attached {
		name := invoice.SafeName(a.Filename)
		const supporting = "916" // UNTDID 1001, related document
		files = append(files, document.Map{
			{Key: "ram:IssuerAssignedID", Value: name},
			{Key: "ram:TypeCode", Value: supporting},
			{Key: "ram:AttachmentBinaryObject", Value: document.Map{
				{Key: "@mimeCode", Value: a.MediaType}, {Key: "@filename", Value: name}, {Key: "#text", Value: a.Content},
			}},
		})
	}
	m.Add("ram:AdditionalReferencedDocument", files)
	if inv.Project != "" {
		m.Add("ram:SpecifiedProcuringProject", document.Map{{Key: "ram:ID", Value: inv.Project}, {Key: "ram:Name", Value: "Project reference"}})
	}
	return m
}

func (w *writer) delivery() document.Map {
	d := w.inv.Delivery
	var to, m document.Map
	to.Add(partyID(d.Location))
	to.Add("ram:Name", d.Name)
	to.Add("ram:PostalTradeAddress", address(d.Address))
	m.Add("ram:ShipToTradeParty", to)
	if d.Date != "" {
		m.Add("ram:ActualDeliverySupplyChainEvent", document.Map{{Key: "ram:OccurrenceDateTime", Value: date(d.Date)}})
	}
	m.Add("ram:DespatchAdviceReferencedDocument", text("ram:IssuerAssignedID", w.inv.Despatch))
	m.Add("ram:ReceivingAdviceReferencedDocument", text("ram:IssuerAssignedID", w.inv.Receipt))
	return m
}

// text is an element with one child, none if the text is empty.
func text(name, value string) document.Map { return en16931.Element(name, value) }

// date is a date in format 102 of UNTDID 2379: YYYYMMDD.
func date(d document.Date) document.Map { return dateAs("udt:DateTimeString", d) }

func dateAs(name string, d document.Date) document.Map {
	if d == "" {
		return nil
	}
	return document.Map{{Key: name, Value: document.Map{
		{Key: "@format", Value: "102"}, {Key: "#text", Value: strings.ReplaceAll(string(d), "-", "")},
	}}}
}

func period(p invoice.Period) document.Map {
	var m document.Map
	m.Add("ram:StartDateTime", date(p.Start))
	m.Add("ram:EndDateTime", date(p.End))
	return m
}
