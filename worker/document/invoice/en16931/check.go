package en16931

import (
	"time"

	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
)

// Check returns the rules of the profile that a prepared invoice breaks, each
// at the field of the document. Those that block are fatal in the official
// schematron; an encoded invoice without them is accepted by it.
func Check(inv *invoice.Invoice, p Profile, attached []invoice.Attachment) []invoice.Problem {
	c := checker{Invoice: inv, profile: p}
	c.syntax()
	if p == Plain {
		return c.problems
	}
	c.header()
	c.parties()
	c.lines()
	c.charges()
	c.taxes()
	c.totals()
	c.payment()
	c.attachments(attached)
	if p == Peppol || p == XRechnung {
		c.peppol()
	}
	if p == Peppol {
		c.national()
	}
	if p == XRechnung {
		c.german(deRules)
	}
	return c.problems
}

// checker is one check of one invoice.
type checker struct {
	*invoice.Invoice
	profile  Profile
	problems []invoice.Problem
}

// maxProblems bounds the complaints about one invoice.
const maxProblems = 200

// at is the place of a header field.
func at(field string) invoice.Place { return invoice.Place{Field: field} }

// require notes a problem unless the rule holds.
func (c *checker) require(holds bool, rule string, place invoice.Place, format string, args ...any) {
	c.note(holds, rule, invoice.Block, place, format, args...)
}

// advise notes what the schematron only warns of.
func (c *checker) advise(holds bool, rule string, place invoice.Place, format string, args ...any) {
	c.note(holds, rule, invoice.Warn, place, format, args...)
}

func (c *checker) note(holds bool, rule string, severity invoice.Severity, place invoice.Place, format string, args ...any) {
	if holds || len(c.problems) >= maxProblems {
		return
	}
	c.problems = append(c.problems, c.Problem(rule, severity, []invoice.Place{place}, format, args...))
}

// syntax demands what the schemas of UBL and CII demand of any document.
func (c *checker) syntax() {
	c.require(c.Number != "", "BR-02", at("number"), "the invoice number is missing")
	c.require(c.IssueDate != "", "BR-03", at("issue_date"), "the date of issue is missing")
	c.require(invoice.IsCurrency(c.Currency), "BR-05", at("currency"), "the currency is missing or no code of ISO 4217")
	c.require(c.Totals.Due.Valid, "BR-15", at("total.due"), "the amount due is missing")
	c.require(len(c.Lines) > 0, "BR-16", at("lines"), "there is no line, nor a total to make one of")
	for i, l := range c.Lines {
		place := invoice.Place{Field: "line.net", Row: i + 1}
		c.require(l.Net.Valid, "BR-24", place, "line %d has no net amount", i+1)
	}
	for _, date := range []struct {
		field string
		value document.Date
	}{
		{"issue_date", c.IssueDate}, {"due_date", c.DueDate}, {"tax_point_date", c.TaxPointDate}, {"delivery.date", c.Delivery.Date},
		{"period.start", c.Period.Start}, {"period.end", c.Period.End},
	} {
		_, err := time.Parse(time.DateOnly, string(date.value))
		c.require(date.value == "" || err == nil, "PEPPOL-EN16931-F001", at(date.field), "%s is no date YYYY-MM-DD", date.field)
	}
}

func (c *checker) header() {
	types := invoiceTypes
	if c.Credit {
		types = creditTypes
	}
	c.require(oneOf(types, c.Type), "BR-CL-01", at("type"), "%q is no document type of the standard", c.Type)
	c.require(c.TaxCurrency == "" || invoice.IsCurrency(c.TaxCurrency), "BR-CL-05", at("tax_currency"), "the tax currency is no code of ISO 4217")
	c.require(c.TaxCurrency == "" || c.TaxCurrency == c.Currency || c.Totals.TaxInTaxCurrency.Valid, "BR-53", at("total.tax_in_tax_currency"),
		"the tax total in the tax currency is missing")
	c.period("BR-29", c.Period, at("period.end"))
	for _, p := range c.Preceding {
		c.require(p.Number != "", "BR-55", at("preceding.number"), "the number of the preceding invoice is missing")
	}
}

func (c *checker) period(rule string, p invoice.Period, place invoice.Place) {
	c.require(p.Start == "" || p.End == "" || p.End >= p.Start, rule, place, "the period ends before it starts")
}

func (c *checker) attachments(attached []invoice.Attachment) {
	names := map[string]bool{}
	for _, a := range attached {
		c.require(oneOf(attachments, a.MediaType), "BR-CL-24", at("number"), "a file of type %s may not be attached", a.MediaType)
		c.require(!names[a.Filename], "BR-DE-22", at("number"), "two attached files have the same name")
		names[a.Filename] = true
	}
}

// places demands that an amount has no more than two decimal places.
func (c *checker) places(rule string, place invoice.Place, amount decimal.Decimal) {
	const most = 2
	if -amount.Exponent() > most {
		c.require(amount.Equal(amount.Truncate(most)), rule, place, "the standard allows amounts of two decimal places, this one has more")
	}
}
