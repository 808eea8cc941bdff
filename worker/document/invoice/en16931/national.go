package en16931

import (
	"regexp"
	"strings"

	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
)

// deRules and peppolDERules are how XRechnung and Peppol name the same German
// rules; constant.
const (
	deRules       = "BR-DE-"
	peppolDERules = "DE-R-0"
)

// german checks the rules of XRechnung, which Peppol demands between German
// parties too.
func (c *checker) german(names string) {
	rule := func(number string) string {
		if names == peppolDERules {
			return names + number
		}
		return names + strings.TrimPrefix(number, "0")
	}
	p, s, b := c.Payment, c.Seller, c.Buyer
	c.require(p.Means != "", rule("01"), at("payment.method"), "the way of payment is missing")
	hasContact := s.Contact != invoice.Contact{}
	c.require(hasContact, rule("02"), at("seller.contact"), "the seller's contact is missing")
	c.require(s.Address.City != "", rule("03"), at("seller.city"), "the seller's city is missing")
	c.require(s.Address.Postcode != "", rule("04"), at("seller.postcode"), "the seller's postcode is missing")
	c.require(!hasContact || s.Contact.Name != "", rule("05"), at("seller.contact"), "the name of the seller's contact is missing")
	c.require(!hasContact || s.Contact.Phone != "", rule("06"), at("seller.phone"), "the telephone number of the seller's contact is missing")
	c.require(!hasContact || s.Contact.Email != "", rule("07"), at("seller.email"), "the e-mail address of the seller's contact is missing")
	c.require(b.Address.City != "", rule("08"), at("buyer.city"), "the buyer's city is missing")
	c.require(b.Address.Postcode != "", rule("09"), at("buyer.postcode"), "the buyer's postcode is missing")
	if d := c.Delivery.Address; !d.IsZero() {
		c.require(d.City != "", rule("10"), at("delivery.city"), "the city of delivery is missing")
		c.require(d.Postcode != "", rule("11"), at("delivery.postcode"), "the postcode of delivery is missing")
	}
	for i, tax := range c.Taxes {
		c.require(tax.Rate.Valid, rule("14"), invoice.Place{Field: "tax.rate", Row: i + 1}, "row %d of the tax table has no rate", i+1)
	}
	c.require(c.BuyerReference != "", rule("15"), at("buyer_reference"), "the buyer reference is missing: for German authorities the Leitweg-ID")
	c.advise(oneOf(" 326 380 384 389 381 875 876 877 ", c.Type), rule("17"), at("type"), "XRechnung does not expect documents of type %s", c.Type)
	c.require(skontoOK(p.Terms), rule("18"), at("payment.terms"), "lines of the payment terms that begin with # must read like #SKONTO#TAGE=14#PROZENT=2.00#")
	c.require(!IsTransfer(p.Means) || p.IBAN != "" || p.Account != "", rule("23")+"-a", at("payment.iban"), "a credit transfer needs the seller's account")
	c.require(!strings.Contains(" 48 54 55 ", " "+p.Means+" "), rule("24")+"-a", at("payment.method"), "a payment by card needs data of the card, which are not known")
	if p.Means == "59" || p.Mandate != "" {
		c.require(p.Mandate != "", rule("25")+"-a", at("payment.mandate"), "a direct debit needs the mandate's reference")
		c.require(p.CreditorID != "", rule("30"), at("payment.creditor_id"), "a direct debit needs the creditor identifier")
		c.require(p.DebitedIBAN != "", rule("31"), at("payment.debited_iban"), "a direct debit needs the account to be debited")
	}
}

// skonto is the form of a cash discount in payment terms (BR-DE-18); constant.
var skonto = regexp.MustCompile(`^#SKONTO#TAGE=[0-9]+#PROZENT=[0-9]+\.[0-9]{2}(#BASISBETRAG=-?[0-9]+\.[0-9]{2})?#$`)

func skontoOK(terms string) bool {
	for line := range strings.Lines(terms) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "#") && !skonto.MatchString(line) {
			return false
		}
	}
	return true
}

// vatCountry is how Peppol tells where a party is: by its VAT id, else by its address.
func vatCountry(p invoice.Party) string {
	if len(p.VATID) > 2 {
		return strings.Replace(p.VATID[:2], "EL", "GR", 1)
	}
	return p.Address.Country
}

// national checks the rules that Peppol has for sellers of some countries, some by the VAT id, others by the address.
func (c *checker) national() {
	switch seller := vatCountry(c.Seller); seller {
	case "DE":
		if vatCountry(c.Buyer) == "DE" {
			c.german(peppolDERules)
		}
	case "IT":
		c.street("IT-R-00", 2)
		n := c.Seller.TaxNumber
		c.require(n == "" || len(n) >= 11 && len(n) <= 16, "IT-R-001", at("seller.tax_number"), "an Italian tax number has 11 to 16 characters")
	case "NO":
		v := strings.TrimPrefix(c.Seller.VATID, "NO")
		ok := v == "" || len(v) == 12 && strings.HasSuffix(v, "MVA") && isDigits(v[:9]) && mod11(v[:9])
		c.require(ok, "NO-R-001", at("seller.vat_id"), "a Norwegian VAT id ends in MVA")
	case "GR":
		c.require(false, "GR-R-001", at("number"), "Greek sellers send invoices with a number and a MARK of myDATA, which cannot be made here")
	}
	switch c.Seller.Address.Country {
	case "NL":
		c.dutch()
	case "SE":
		c.swedish()
	case "DK":
		c.danish()
	case "IS":
		c.icelandic("IS-R-002", "IS-R-003", "seller", c.Seller)
		if c.Buyer.Address.Country == "IS" {
			c.icelandic("IS-R-004", "IS-R-005", "buyer", c.Buyer)
		}
	}
}

func (c *checker) danish() {
	c.require(c.Seller.LegalID.Value != "", "DK-R-002", at("seller.legal_id"), "a Danish seller's CVR number is missing")
	c.require(c.Seller.LegalID.Scheme == "0184", "DK-R-014", at("seller.legal_id_scheme"), "the scheme of a Danish CVR number is 0184")
	if c.Buyer.Address.Country != "DK" {
		return
	}
	c.require(!c.Credit || !c.Totals.Due.Decimal.IsNegative(), "DK-R-016", at("total.due"), "a Danish credit note has no negative total")
	for _, party := range []struct {
		role string
		id   invoice.Identifier
	}{{"seller", c.Seller.ID}, {"buyer", c.Buyer.ID}} {
		c.require(party.id.Value == "" || party.id.Scheme != "", "DK-R-013", at(party.role+".id_scheme"), "the id of the %s needs its scheme in Denmark", party.role)
	}
	if p := c.Payment; !c.Credit && p.Means != "" {
		c.require(oneOf(" 1 10 31 42 48 49 50 58 59 93 97 ", p.Means), "DK-R-005", at("payment.method"), "Danish sellers may not ask for this way of payment")
		account := (p.IBAN != "" || p.Account != "") && (p.BIC != "" || p.Bank != "")
		c.require(p.Means != "31" && p.Means != "42" || account, "DK-R-006", at("payment.bic"), "a Danish transfer needs account and bank")
	}
}

// icelandic demands an id of the national register and an address.
func (c *checker) icelandic(id, address, role string, p invoice.Party) {
	c.require(p.LegalID.Value != "" && p.LegalID.Scheme == "0196", id, at(role+".legal_id"), "the %s's Icelandic id (scheme 0196) is missing", role)
	c.require(len(p.Address.Lines) > 0 && p.Address.Postcode != "", address, at(role+".address"), "the %s's street or postcode is missing", role)
}

func (c *checker) dutch() {
	c.require(!c.Credit || len(c.Preceding) > 0, "NL-R-001", at("preceding.number"), "a Dutch credit note names the invoice it credits")
	a := c.Seller.Address
	c.require(len(a.Lines) > 0 && a.City != "" && a.Postcode != "", "NL-R-002", at("seller.address"), "the seller's street, city or postcode is missing")
	c.registered("NL-R-003", "seller", c.Seller.LegalID)
	if c.Buyer.Address.Country == "NL" {
		a := c.Buyer.Address
		c.require(len(a.Lines) > 0 && a.City != "" && a.Postcode != "", "NL-R-004", at("buyer.address"), "the buyer's street, city or postcode is missing")
		c.registered("NL-R-005", "buyer", c.Buyer.LegalID)
	}
	c.require(c.Credit || !c.Totals.Due.Decimal.IsPositive() || c.Payment.Means != "", "NL-R-007", at("payment.method"), "the way of payment is missing")
	c.require(c.Payment.Means == "" || oneOf(" 30 48 49 57 58 59 ", c.Payment.Means), "NL-R-008", at("payment.method"), "Dutch sellers may not ask for this way of payment")
	for i, l := range c.Lines {
		c.require(l.OrderLine == "" || c.Order != "", "NL-R-009", invoice.Place{Field: "line.order_line", Row: i + 1}, "line %d refers to an order, the invoice does not", i+1)
	}
}

func (c *checker) registered(rule, role string, id invoice.Identifier) {
	c.require(id.Value == "" || id.Scheme == "0106" || id.Scheme == "0190", rule, at(role+".legal_id_scheme"), "a Dutch registration is a KVK or OIN number (scheme 0106 or 0190)")
}

// street demands the parts of the seller's address, by rules with rising
// numbers.
func (c *checker) street(rules string, first int) {
	a := c.Seller.Address
	digit := func(i int) string { return string(rune('0' + first + i)) }
	c.require(len(a.Lines) > 0, rules+digit(0), at("seller.street"), "the seller's street is missing")
	c.require(a.City != "", rules+digit(1), at("seller.city"), "the seller's city is missing")
	c.require(a.Postcode != "", rules+digit(2), at("seller.postcode"), "the seller's postcode is missing")
}

func (c *checker) swedish() {
	if v := c.Seller.VATID; strings.HasPrefix(v, "SE") {
		c.require(len(v) == 14 && isDigits(v[2:]), "SE-R-001", at("seller.vat_id"), "a Swedish VAT id has twelve digits")
	}
	if n := c.Seller.TaxNumber; n != "" && c.Seller.LegalID.Value != "" {
		c.require(strings.EqualFold(n, "Godkänd för F-skatt"), "SE-R-005", at("seller.tax_number"), "the tax number of a Swedish seller reads Godkänd för F-skatt")
	}
	if !strings.HasPrefix(c.Seller.VATID, "SE") {
		return
	}
	for i, tax := range c.Taxes {
		ok := tax.Category != "S" || oneOf(" 6 12 25 ", tax.Rate.Decimal.String())
		c.require(ok, "SE-R-006", invoice.Place{Field: "tax.rate", Row: i + 1}, "Sweden has tax rates of 6, 12 and 25 %%")
	}
}
