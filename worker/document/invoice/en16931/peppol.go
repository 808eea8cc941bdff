package en16931

import (
	"strings"

	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
)

// peppol checks the rules of Peppol BIS Billing 3 that XRechnung shares, and
// those it does not.
func (c *checker) peppol() {
	c.require(c.Seller.Endpoint.Value != "", "PEPPOL-EN16931-R020", at("seller.endpoint"), "the seller's electronic address is missing")
	c.require(c.Buyer.Endpoint.Value != "", "PEPPOL-EN16931-R010", at("buyer.endpoint"), "the buyer's electronic address is missing")
	signs := c.Totals.Tax.Decimal.Sign() * c.Totals.TaxInTaxCurrency.Decimal.Sign()
	c.require(c.TaxCurrency == "" || signs >= 0, "PEPPOL-EN16931-R055", at("total.tax_in_tax_currency"), "the tax totals in the two currencies differ in their sign")
	c.require(!IsDebit(c.Payment.Means) || c.Payment.Mandate != "", "PEPPOL-EN16931-R061", at("payment.method"), "a direct debit needs the mandate's reference")
	for i, l := range c.Lines {
		c.linePrice(l, i+1)
	}
	for _, party := range []struct {
		role string
		invoice.Party
	}{{"seller", c.Seller}, {"buyer", c.Buyer}} {
		c.identifier(at(party.role+".endpoint"), party.Endpoint)
		c.identifier(at(party.role+".id"), party.ID)
		c.identifier(at(party.role+".legal_id"), party.LegalID)
		if c.profile == Peppol && party.Endpoint.Scheme != "" {
			c.require(oneOf(peppolEAS, party.Endpoint.Scheme), "PEPPOL-EN16931-CL008", at(party.role+".endpoint_scheme"),
				"%q is no scheme of electronic addresses in Peppol", party.Endpoint.Scheme)
		}
	}
	if c.profile != Peppol {
		return
	}
	c.require(c.BuyerReference != "" || c.Order != "", "PEPPOL-EN16931-R003", at("order"), "a purchase order or a buyer reference is needed")
	if c.Credit {
		c.require(oneOf(peppolCreditTypes, c.Type), "PEPPOL-EN16931-P0101", at("type"), "Peppol has no credit notes of type %s", c.Type)
	} else {
		c.require(oneOf(peppolInvoiceTypes, c.Type), "PEPPOL-EN16931-P0100", at("type"), "Peppol has no invoices of type %s", c.Type)
	}
}

func (c *checker) linePrice(l invoice.Line, row int) {
	exact := l.Amount().Sub(l.Net.Decimal).Abs().LessThanOrEqual(slack)
	c.require(exact, "PEPPOL-EN16931-R120", invoice.Place{Field: "line.net", Row: row},
		"line %d: quantity times price must be the net amount to 0.02", row)
	c.require(l.PriceQuantity.IsPositive(), "PEPPOL-EN16931-R121", invoice.Place{Field: "line.price_quantity", Row: row},
		"line %d: the quantity the price is for must be above zero", row)
	inside := (c.Period.Start == "" || l.Period.Start == "" || l.Period.Start >= c.Period.Start) &&
		(c.Period.End == "" || l.Period.End == "" || l.Period.End <= c.Period.End)
	c.require(inside, "PEPPOL-EN16931-R110", invoice.Place{Field: "line.period_start", Row: row}, "line %d: its period is not within the invoice's", row)
}

// identifier checks the ids whose form Peppol demands (PEPPOL-COMMON-R040 to
// R050).
func (c *checker) identifier(place invoice.Place, id invoice.Identifier) {
	v := id.Value
	switch id.Scheme {
	case "0088":
		c.require(isDigits(v) && gln(v), "PEPPOL-COMMON-R040", place, "this is no GLN")
	case "0192":
		c.require(isDigits(v) && len(v) == 9 && mod11(v), "PEPPOL-COMMON-R041", place, "this is no Norwegian organization number")
	case "0184":
		c.require(len(v) == 10 && strings.HasPrefix(v, "DK") && isDigits(v[2:]), "PEPPOL-COMMON-R042", place, "this is no Danish CVR number")
	case "0208":
		c.require(isDigits(v) && len(v) == 10 && mod97(v), "PEPPOL-COMMON-R043", place, "this is no Belgian enterprise number")
	case "0007":
		c.require(isDigits(v) && len(v) == 10 && luhn(v), "PEPPOL-COMMON-R049", place, "this is no Swedish organization number")
	case "0151":
		c.require(isDigits(v) && len(v) == 11 && abn(v), "PEPPOL-COMMON-R050", place, "this is no Australian business number")
	}
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// gln checks a GS1 check digit: weights 3 and 1 from the right.
func gln(s string) bool {
	sum, last := 0, len(s)-1
	for i := range last {
		sum += int(s[last-1-i]-'0') * (3 - i%2*2)
	}
	return (10-sum%10)%10 == int(s[last]-'0')
}

func mod11(s string) bool {
	sum, last := 0, len(s)-1
	for i := range last {
		sum += int(s[last-1-i]-'0') * (i%6 + 2)
	}
	return (11-sum%11)%11 == int(s[last]-'0')
}

func mod97(s string) bool {
	n, err := decimal.NewFromString(s)
	if err != nil {
		return false
	}
	base := n.Shift(-2).Floor()
	const modulus = 97
	return modulus-base.Mod(decimal.NewFromInt(modulus)).IntPart() == n.Sub(base.Shift(2)).IntPart()
}

func luhn(s string) bool {
	sum := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		if i%2 == 1 {
			d = d*2/10 + d*2%10
		}
		sum += d
	}
	return sum%10 == 0
}

func abn(s string) bool {
	sum := (int(s[0]-'0') - 1) * 10
	for i := 1; i < len(s); i++ {
		sum += int(s[i]-'0') * (i*2 - 1)
	}
	return sum%89 == 0
}
