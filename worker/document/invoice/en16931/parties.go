package en16931

import (
	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
)

func (c *checker) parties() {
	c.require(c.Seller.Name != "" || c.Seller.LegalName != "", "BR-06", at("seller.name"), "the seller's name is missing")
	c.require(c.Buyer.Name != "" || c.Buyer.LegalName != "", "BR-07", at("buyer.name"), "the buyer's name is missing")
	c.require(c.Seller.Address.Country != "", "BR-09", at("seller.country"), "the seller's country is missing")
	c.require(c.Buyer.Address.Country != "", "BR-11", at("buyer.country"), "the buyer's country is missing")
	s := c.Seller
	c.require(s.ID.Value != "" || s.LegalID.Value != "" || s.VATID != "", "BR-CO-26", at("seller.vat_id"),
		"nothing identifies the seller: an id, a registration or a VAT id is needed")
	c.party("seller", c.Seller)
	c.party("buyer", c.Buyer)
	if c.Payee.Name != "" {
		differs := c.Payee.Name != s.Name && c.Payee.Name != s.LegalName && (c.Payee.ID.Value == "" || c.Payee.ID.Value != s.ID.Value) &&
			(c.Payee.LegalID.Value == "" || c.Payee.LegalID.Value != s.LegalID.Value)
		c.require(differs, "BR-17", at("payee.name"), "a payee is only named if it is not the seller")
		c.scheme("BR-CL-10", c.Payee.ID, at("payee.id_scheme"))
	} else {
		c.require(c.Payee.ID.Value == "" && c.Payee.LegalID.Value == "", "BR-17", at("payee.name"), "the payee's name is missing")
	}
	c.country("delivery.country", c.Delivery.Address.Country)
	c.scheme("BR-CL-26", c.Delivery.Location, at("delivery.location"))
}

func (c *checker) party(role string, p invoice.Party) {
	c.country(role+".country", p.Address.Country)
	c.scheme("BR-CL-10", p.ID, at(role+".id_scheme"))
	c.scheme("BR-CL-11", p.LegalID, at(role+".legal_id_scheme"))
	prefix := len(p.VATID) > 2 && (invoice.IsCountry(p.VATID[:2]) || p.VATID[:2] == "EL")
	c.require(p.VATID == "" || prefix, "BR-CO-09", at(role+".vat_id"), "the VAT id does not begin with a country")
	if p.Endpoint.Value == "" {
		return
	}
	rule := "BR-62"
	if role == "buyer" {
		rule = "BR-63"
	}
	place := at(role + ".endpoint_scheme")
	if p.Endpoint.Scheme == "" {
		c.require(false, rule, place, "the %s's electronic address has no scheme", role)
		return
	}
	c.require(oneOf(eas, p.Endpoint.Scheme), "BR-CL-25", place, "%q is no scheme of electronic addresses", p.Endpoint.Scheme)
}

func (c *checker) country(field, code string) {
	c.require(code == "" || invoice.IsCountry(code), "BR-CL-14", at(field), "%q is no country of ISO 3166-1", code)
}

func (c *checker) scheme(rule string, id invoice.Identifier, place invoice.Place) {
	sepa := id.Scheme == "SEPA" && rule == "BR-CL-10"
	c.require(id.Scheme == "" || sepa || isICD(id.Scheme), rule, place, "%q is no scheme of ISO 6523", id.Scheme)
}

// payment checks the payment instructions. Codes are those of UNTDID 4461.
func (c *checker) payment() {
	p := c.Payment
	c.require(p.Means == "" || oneOf(paymentMeans, p.Means), "BR-CL-16", at("payment.method"), "%q is no payment method of the standard", p.Means)
	account := p.IBAN != "" || p.Account != ""
	c.require(!IsTransfer(p.Means) || account, "BR-61", at("payment.iban"), "a credit transfer needs the seller's account")
	due := c.Totals.Due.Decimal.IsPositive()
	c.require(!due || c.DueDate != "" || p.Terms != "", "BR-CO-25", at("due_date"), "a due date or payment terms are needed")
}

// IsTransfer reports a payment by credit transfer.
func IsTransfer(means string) bool { return means == "30" || means == "58" }

// IsDebit reports a payment by direct debit, in which the seller's account is
// not used.
func IsDebit(means string) bool { return means == "49" || means == "59" }
