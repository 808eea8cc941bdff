package cii

import (
	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice/en16931"
)

func (w *writer) party(p invoice.Party, seller bool) document.Map {
	var m document.Map
	m.Add(partyID(p.ID))
	legalName, tradingName := p.Name, ""
	if p.LegalName != "" {
		legalName, tradingName = p.LegalName, p.Name
	}
	m.Add("ram:Name", legalName)
	var legal document.Map
	legal.Add("ram:ID", identifier(p.LegalID))
	legal.Add("ram:TradingBusinessName", tradingName)
	m.Add("ram:SpecifiedLegalOrganization", legal)
	m.Add("ram:DefinedTradeContact", contact(p.Contact))
	m.Add("ram:PostalTradeAddress", address(p.Address))
	if p.Endpoint.Value != "" {
		m.Add("ram:URIUniversalCommunication", document.Map{{Key: "ram:URIID", Value: identifier(p.Endpoint)}})
	}
	m.Add("ram:SpecifiedTaxRegistration", registrations(p, seller))
	return m
}

// registrations are the VAT id and the seller's tax number. The standard has no
// place for the buyer's.
func registrations(p invoice.Party, seller bool) document.List {
	var all document.List
	add := func(id, scheme string) {
		if id != "" {
			all = append(all, document.Map{{Key: "ram:ID", Value: identifier(invoice.Identifier{Value: id, Scheme: scheme})}})
		}
	}
	add(p.VATID, "VA")
	if seller {
		add(p.TaxNumber, "FC")
	}
	return all
}

// partyID is the element for a party's id, which depends on its scheme.
func partyID(id invoice.Identifier) (name string, value any) {
	if id.Scheme == "" {
		return "ram:ID", id.Value
	}
	return "ram:GlobalID", identifier(id)
}

func identifier(id invoice.Identifier) any { return en16931.Identifier(id) }

func contact(c invoice.Contact) document.Map {
	m := text("ram:PersonName", c.Name)
	m.Add("ram:TelephoneUniversalCommunication", text("ram:CompleteNumber", c.Phone))
	m.Add("ram:EmailURIUniversalCommunication", text("ram:URIID", c.Email))
	return m
}

func address(a invoice.Address) document.Map {
	first, second, third := a.ThreeLines()
	m := text("ram:PostcodeCode", a.Postcode)
	m.Add("ram:LineOne", first)
	m.Add("ram:LineTwo", second)
	m.Add("ram:LineThree", third)
	m.Add("ram:CityName", a.City)
	m.Add("ram:CountryID", a.Country)
	m.Add("ram:CountrySubDivisionName", a.Region)
	return m
}
