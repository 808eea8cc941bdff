// Package ubl writes invoices as UBL 2.1 (ISO/IEC 19845): Invoice or
// CreditNote, whose amounts are positive, in the order the schemas demand.
package ubl

import (
	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice/en16931"
)

const (
	invoiceNamespace    = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
	creditNoteNamespace = "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2"
	aggregateNamespace  = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
	basicNamespace      = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
)

// Encode writes an invoice in the profile plain, en16931, peppol or xrechnung.
// An invoice that breaks a rule of the profile is refused: the problems say
// where, and the document is empty.
func Encode(inv *invoice.Invoice, o invoice.Options) (document.Document, []invoice.Problem, error) {
	profile, err := en16931.ParseProfile(o.Profile, en16931.Plain, en16931.Core, en16931.Peppol, en16931.XRechnung)
	if err != nil {
		return document.Document{}, nil, err
	}
	return en16931.Encode(inv, profile, o, root)
}

// writer turns one invoice into a tree. Add leaves out what is empty: Peppol
// refuses empty elements.
type writer struct {
	inv     *invoice.Invoice
	profile en16931.Profile
}

func root(inv *invoice.Invoice, p en16931.Profile, attached []invoice.Attachment) document.Map {
	w := writer{inv: inv, profile: p}
	name, namespace := "Invoice", invoiceNamespace
	if inv.Credit {
		name, namespace = "CreditNote", creditNoteNamespace
	}
	m := document.Map{
		{Key: "@xmlns", Value: namespace},
		{Key: "@xmlns:cac", Value: aggregateNamespace},
		{Key: "@xmlns:cbc", Value: basicNamespace},
	}
	m.Add("cbc:CustomizationID", w.profile.Specification())
	m.Add("cbc:ProfileID", w.profile.Process())
	m.Add("cbc:ID", inv.Number)
	m.Add("cbc:IssueDate", inv.IssueDate)
	if inv.Credit {
		m.Add("cbc:TaxPointDate", inv.TaxPointDate)
		m.Add("cbc:CreditNoteTypeCode", inv.Type)
		m.Add("cbc:Note", w.notes())
	} else {
		m.Add("cbc:DueDate", inv.DueDate)
		m.Add("cbc:InvoiceTypeCode", inv.Type)
		m.Add("cbc:Note", w.notes())
		m.Add("cbc:TaxPointDate", inv.TaxPointDate)
	}
	m.Add("cbc:DocumentCurrencyCode", inv.Currency)
	m.Add("cbc:TaxCurrencyCode", inv.TaxCurrency)
	m.Add("cbc:AccountingCost", inv.Account)
	m.Add("cbc:BuyerReference", inv.BuyerReference)
	w.references(&m, attached)
	m.Add("cac:AccountingSupplierParty", document.Map{{Key: "cac:Party", Value: w.party(inv.Seller, true)}})
	m.Add("cac:AccountingCustomerParty", document.Map{{Key: "cac:Party", Value: w.party(inv.Buyer, false)}})
	m.Add("cac:PayeeParty", w.payee())
	m.Add("cac:Delivery", w.delivery())
	m.Add("cac:PaymentMeans", w.paymentMeans())
	m.Add("cac:PaymentTerms", text("cbc:Note", w.terms()))
	m.Add("cac:AllowanceCharge", w.charges(inv.Charges, true))
	m.Add("cac:TaxTotal", w.taxTotals())
	m.Add("cac:LegalMonetaryTotal", w.monetaryTotal())
	m.Add("cac:"+name+"Line", w.lines())
	return document.Map{{Key: name, Value: m}}
}

// terms of a credit note repeat its due date where there are none: the
// schematron looks for one of the two, but not where a credit note has its due
// date (BR-CO-25).
func (w *writer) terms() string {
	if inv := w.inv; inv.Payment.Terms == "" && inv.Credit && inv.DueDate != "" {
		return "Due " + string(inv.DueDate)
	}
	return w.inv.Payment.Terms
}

// notes are one in Peppol (R002).
func (w *writer) notes() any {
	var all document.List
	for _, note := range w.inv.Notes {
		all = append(all, note)
	}
	if w.profile == en16931.Plain || len(all) < 2 {
		return all
	}
	joined := ""
	for i, note := range w.inv.Notes {
		if i > 0 {
			joined += "\n"
		}
		joined += note
	}
	return joined
}

func (w *writer) references(m *document.Map, attached []invoice.Attachment) {
	inv := w.inv
	m.Add("cac:InvoicePeriod", period(inv.Period))
	order := text("cbc:ID", inv.Order)
	if inv.SalesOrder != "" {
		if inv.Order == "" { // cbc:ID is mandatory; NA is what EN 16931's syntax binding puts there
			order.Add("cbc:ID", "NA")
		}
		order.Add("cbc:SalesOrderID", inv.SalesOrder)
	}
	m.Add("cac:OrderReference", order)
	var billing document.List
	for _, p := range inv.Preceding {
		reference := text("cbc:ID", p.Number)
		reference.Add("cbc:IssueDate", p.Date)
		billing = append(billing, document.Map{{Key: "cac:InvoiceDocumentReference", Value: reference}})
	}
	m.Add("cac:BillingReference", billing)
	m.Add("cac:DespatchDocumentReference", text("cbc:ID", inv.Despatch))
	m.Add("cac:ReceiptDocumentReference", text("cbc:ID", inv.Receipt))
	m.Add("cac:ContractDocumentReference", text("cbc:ID", inv.Contract))
	m.Add("cac:AdditionalDocumentReference", w.attachments(attached))
	if !inv.Credit {
		m.Add("cac:ProjectReference", text("cbc:ID", inv.Project))
	}
}

// attachments are the files, and the project of a credit note, which has no
// element of its own.
func (w *writer) attachments(attached []invoice.Attachment) document.List {
	var all document.List
	if w.inv.Credit && w.inv.Project != "" {
		all = append(all, document.Map{{Key: "cbc:ID", Value: w.inv.Project}, {Key: "cbc:DocumentTypeCode", Value: "50"}})
	}
	for _, a := range attached {
		name := invoice.SafeName(a.Filename)
		all = append(all, document.Map{
			{Key: "cbc:ID", Value: name},
			{Key: "cac:Attachment", Value: document.Map{{Key: "cbc:EmbeddedDocumentBinaryObject", Value: document.Map{
				{Key: "@mimeCode", Value: a.MediaType},
				{Key: "@filename", Value: name},
				{Key: "#text", Value: a.Content},
			}}}},
		})
	}
	return all
}

// text is an element with one child, none if the text is empty.
func text(name, value string) document.Map { return en16931.Element(name, value) }

func period(p invoice.Period) document.Map {
	var m document.Map
	m.Add("cbc:StartDate", p.Start)
	m.Add("cbc:EndDate", p.End)
	return m
}
