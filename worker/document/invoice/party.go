package invoice

import (
	"strings"
)

func (r *reader) parties() {
	inv := r.inv
	inv.Seller = r.party("seller")
	inv.Buyer = r.party("buyer")
	inv.Payee = r.party("payee")
	inv.Delivery = Delivery{
		Name:     r.text("delivery.name"),
		Location: Identifier{Value: r.text("delivery.location")},
		Address:  r.address("delivery"),
		Date:     r.date("delivery.date"),
	}
	r.country("seller", &inv.Seller.Address, inv.Seller.VATID)
	r.country("buyer", &inv.Buyer.Address, inv.Buyer.VATID)
	r.country("delivery", &inv.Delivery.Address, "")
	r.domestic("seller", &inv.Seller.Address, inv.Buyer.Address.Country)
	r.domestic("buyer", &inv.Buyer.Address, inv.Seller.Address.Country)
	r.domestic("delivery", &inv.Delivery.Address, inv.Buyer.Address.Country)
	r.vatPrefix("seller", &inv.Seller)
	r.vatPrefix("buyer", &inv.Buyer)
}

// domestic completes the country of an address by the one thing left: people
// leave out the country where the letter does not cross a border.
func (r *reader) domestic(role string, a *Address, other string) {
	if a.Country != "" || a.IsZero() || other == "" {
		return
	}
	a.Country = other
	r.derived(Place{Field: role + ".country"}, "%s, that of the other party, as the address names none", other)
}

// vatPrefix makes a VAT id of a tax number that stands where one is expected
// and has the form and check digit of the party's country, but no prefix.
func (r *reader) vatPrefix(role string, p *Party) {
	place := Place{Field: role + ".vat_id"}
	if p.VATID != "" || p.TaxNumber == "" || p.TaxNumber != r.text(place.Field) {
		return
	}
	prefix := p.Address.Country
	if prefix == "GR" {
		prefix = "EL"
	}
	if id := prefix + normalizeVATID(p.TaxNumber); isVATID(id) && vatFormOK(id) && vatChecksumOK(id) {
		p.VATID, p.TaxNumber = id, ""
		r.derived(place, "with the prefix of the party's country")
	}
}

func (r *reader) party(role string) Party {
	p := Party{
		Name:      oneLine(r.text(role + ".name")),
		LegalName: oneLine(r.text(role + ".legal_name")),
		ID:        Identifier{r.text(role + ".id"), r.text(role + ".id_scheme")},
		LegalID:   Identifier{r.text(role + ".legal_id"), r.text(role + ".legal_id_scheme")},
		TaxNumber: r.text(role + ".tax_number"),
		Address:   r.address(role),
		Contact:   Contact{oneLine(r.text(role + ".contact")), oneLine(r.text(role + ".phone")), r.text(role + ".email")},
		Endpoint:  Identifier{r.text(role + ".endpoint"), r.text(role + ".endpoint_scheme")},
	}
	switch text := r.text(role + ".vat_id"); {
	case text == "":
	case isVATID(normalizeVATID(text)):
		p.VATID = normalizeVATID(text)
	case p.TaxNumber == "":
		p.TaxNumber = text
		r.derived(Place{Field: role + ".tax_number"}, "from %s.vat_id, whose value is no VAT id", role)
	}
	return p
}

// address reads an address: its parts where the document has fields for them,
// the rest from the text.
func (r *reader) address(role string) Address {
	text := r.text(role + ".address")
	a := parseAddress(text)
	if text != "" && (a.City != "" || a.Postcode != "") {
		r.derived(Place{Field: role + ".address"}, "city and postcode, from the text of the address")
	}
	if street := r.text(role + ".street"); street != "" {
		a.Lines = splitLines(street)
	}
	for _, part := range []struct {
		field string
		value *string
	}{{"city", &a.City}, {"postcode", &a.Postcode}, {"region", &a.Region}} {
		if v := oneLine(r.text(role + "." + part.field)); v != "" {
			*part.value = v
		}
	}
	if country := r.text(role + ".country"); country != "" {
		a.Country = countryCode(country)
		if a.Country == "" {
			place := []Place{{Field: role + ".country"}}
			r.complain(r.inv.Problem(RuleUnreadable, Block, place, "%q is no country", shorten(country)))
		}
	}
	return a
}

// country completes the country of an address that does not name one: from the
// VAT id, else for the seller from the IBAN.
func (r *reader) country(role string, a *Address, vatID string) {
	text := r.text(role + ".country")
	switch {
	case text != "":
		return
	case a.Country != "":
		r.derived(Place{Field: role + ".country"}, "%s, from the form of the address", a.Country)
	case vatID != "":
		a.Country = vatCountry(vatID)
		r.derived(Place{Field: role + ".country"}, "%s, from the VAT id", a.Country)
	case role == "seller" && validIBAN(normalizeIBAN(r.text("payment.iban"))):
		a.Country = normalizeIBAN(r.text("payment.iban"))[:2]
		r.derived(Place{Field: role + ".country"}, "%s, from the IBAN", a.Country)
	}
}

func (r *reader) payment() {
	p := &r.inv.Payment
	*p = Payment{
		MeansText:    r.text("payment.method"),
		IBAN:         normalizeIBAN(r.text("payment.iban")),
		BIC:          strings.ToUpper(strings.ReplaceAll(r.text("payment.bic"), " ", "")),
		Account:      r.text("payment.account"),
		Bank:         r.text("payment.bank"),
		Terms:        r.text("payment.terms"),
		Reference:    r.text("payment.reference"),
		Mandate:      r.text("payment.mandate"),
		CreditorID:   r.text("payment.creditor_id"),
		DebitedIBAN:  normalizeIBAN(r.text("payment.debited_iban")),
		AccountOwner: r.text("payment.account_owner"),
	}
	p.Means = meansCode(strings.ToLower(p.MeansText))
	if p.Means == "" && (p.IBAN != "" || p.Account != "") {
		p.Means = "30"
		if r.inv.Currency == "EUR" && inSEPA(p.IBAN) {
			p.Means = "58"
		}
		r.derived(Place{Field: "payment.method"}, "credit transfer, as there is an account")
	}
}

// meansCode turns a payment method into a code of UNTDID 4461, "" if it says
// nothing known.
func meansCode(text string) string {
	if len(text) <= 2 && strings.Trim(text, "0123456789") == "" {
		return text
	}
	for _, known := range meansWords {
		if strings.Contains(text, known.word) {
			return known.code
		}
	}
	return ""
}

// meansWords are parts of payment methods, the first match counts; constant.
var meansWords = []struct{ word, code string }{
	{"lastschrift", "59"}, {"direct debit", "59"}, {"inkaso", "59"}, {"sepa dd", "59"}, {"prélèvement", "59"},
	{"ach", "2"}, {"sepa", "58"}, {"transfer", "30"}, {"überweisung", "30"}, {"převod", "30"}, {"wire", "30"},
	{"przelew", "30"}, {"virement", "30"}, {"bonifico", "30"}, {"card", "48"}, {"karte", "48"}, {"kart", "48"},
	{"cash", "10"}, {"bar", "10"}, {"hotov", "10"}, {"cheque", "20"}, {"check", "20"}, {"scheck", "20"},
}

// oneLine joins the lines of a text.
func oneLine(s string) string { return strings.Join(splitLines(s), " ") }

// splitLines splits a text at line breaks of any kind and drops empty lines.
func splitLines(s string) []string {
	var lines []string
	for _, line := range strings.FieldsFunc(s, func(c rune) bool {
		return c == '\n' || c == '\r' || c == '\v' || c == '\f' || c == 0x2028 || c == 0x2029
	}) {
		if line = trim(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}
