package ubl

import (
	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice/en16931"
)

func (w *writer) party(p invoice.Party, seller bool) document.Map {
	var m document.Map
	m.Add("cbc:EndpointID", identifier(p.Endpoint))
	m.Add("cac:PartyIdentification", w.identifications(p, seller))
	m.Add("cac:PartyName", text("cbc:Name", p.Name))
	m.Add("cac:PostalAddress", address(p.Address))
	m.Add("cac:PartyTaxScheme", w.taxSchemes(p, seller))
	name := p.LegalName
	if name == "" {
		name = p.Name
	}
	legal := text("cbc:RegistrationName", name)
	legal.Add("cbc:CompanyID", identifier(p.LegalID))
	m.Add("cac:PartyLegalEntity", legal)
	contact := text("cbc:Name", p.Contact.Name)
	contact.Add("cbc:Telephone", p.Contact.Phone)
	contact.Add("cbc:ElectronicMail", p.Contact.Email)
	m.Add("cac:Contact", contact)
	return m
}

// identifications are the party's id, and the seller's as a creditor of direct
// debits (BT-90).
func (w *writer) identifications(p invoice.Party, seller bool) document.List {
	ids := []invoice.Identifier{p.ID}
	if seller && w.inv.Payment.Means == "59" {
		ids = append(ids, invoice.Identifier{Value: w.inv.Payment.CreditorID, Scheme: "SEPA"})
	}
	var all document.List
	for _, id := range ids {
		if id.Value != "" {
			all = append(all, document.Map{{Key: "cbc:ID", Value: identifier(id)}})
		}
	}
	return all
}

// taxSchemes are the VAT id and the seller's tax number. The standard has no
// place for the buyer's.
func (w *writer) taxSchemes(p invoice.Party, seller bool) document.List {
	var all document.List
	add := func(id, scheme string) {
		if id != "" {
			all = append(all, document.Map{{Key: "cbc:CompanyID", Value: id}, {Key: "cac:TaxScheme", Value: text("cbc:ID", scheme)}})
		}
	}
	add(p.VATID, "VAT")
	if seller || w.profile == en16931.Plain {
		add(p.TaxNumber, "TAX")
	}
	return all
}

func identifier(id invoice.Identifier) any { return en16931.Identifier(id) }

// address has room for three lines; the rest shares the third.
func address(a invoice.Address) document.Map {
	var m document.Map
	street, additional, third := a.ThreeLines()
	m.Add("cbc:StreetName", street)
	m.Add("cbc:AdditionalStreetName", additional)
	m.Add("cbc:CityName", a.City)
	m.Add("cbc:PostalZone", a.Postcode)
	m.Add("cbc:CountrySubentity", a.Region)
	m.Add("cac:AddressLine", text("cbc:Line", third))
	m.Add("cac:Country", text("cbc:IdentificationCode", a.Country))
	return m
}

func (w *writer) payee() document.Map {
	p := w.inv.Payee
	var m document.Map
	if p.ID.Value != "" {
		m.Add("cac:PartyIdentification", document.Map{{Key: "cbc:ID", Value: identifier(p.ID)}})
	}
	m.Add("cac:PartyName", text("cbc:Name", p.Name))
	if p.LegalID.Value != "" {
		m.Add("cac:PartyLegalEntity", document.Map{{Key: "cbc:CompanyID", Value: identifier(p.LegalID)}})
	}
	return m
}

func (w *writer) delivery() document.Map {
	d := w.inv.Delivery
	var location, m document.Map
	if d.Location.Value != "" {
		location.Add("cbc:ID", identifier(d.Location))
	}
	location.Add("cac:Address", address(d.Address))
	m.Add("cbc:ActualDeliveryDate", d.Date)
	m.Add("cac:DeliveryLocation", location)
	if d.Name != "" {
		m.Add("cac:DeliveryParty", document.Map{{Key: "cac:PartyName", Value: text("cbc:Name", d.Name)}})
	}
	return m
}

// paymentMeans carries the due date of a credit note, which has no element of
// its own: without a means of payment that is code 1, not defined.
func (w *writer) paymentMeans() document.Map {
	p := w.inv.Payment
	means := p.Means
	if means == "" && w.inv.Credit && w.inv.DueDate != "" {
		means = "1"
	}
	if means == "" {
		return nil
	}
	code := document.Map{{Key: "#text", Value: means}}
	code.Add("@name", p.MeansText)
	m := document.Map{{Key: "cbc:PaymentMeansCode", Value: code}}
	if w.inv.Credit {
		m.Add("cbc:PaymentDueDate", w.inv.DueDate)
	}
	m.Add("cbc:PaymentID", p.Reference)
	if en16931.IsDebit(means) {
		mandate := text("cbc:ID", p.Mandate)
		mandate.Add("cac:PayerFinancialAccount", text("cbc:ID", p.DebitedIBAN))
		m.Add("cac:PaymentMandate", mandate)
		return m
	}
	account := text("cbc:ID", p.IBAN)
	if p.IBAN == "" {
		account = text("cbc:ID", p.Account)
	}
	if len(account) > 0 {
		bank := p.BIC
		if bank == "" {
			bank = p.Bank
		}
		account.Add("cbc:Name", p.AccountOwner)
		account.Add("cac:FinancialInstitutionBranch", text("cbc:ID", bank))
	}
	m.Add("cac:PayeeFinancialAccount", account)
	return m
}
