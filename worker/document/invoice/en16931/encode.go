package en16931

import (
	"strconv"

	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
	"github.com/rossum-relay/rossum-relay/worker/document/xml"
)

// Syntax makes the tree of a prepared invoice in one of the standard's two syntaxes.
type Syntax func(prepared *invoice.Invoice, p Profile, attached []invoice.Attachment) document.Map

// Encode prepares, checks and writes an invoice. One that breaks a rule of the profile is refused: the problems say
// where, and the document is empty.
func Encode(inv *invoice.Invoice, p Profile, o invoice.Options, syntax Syntax) (document.Document, []invoice.Problem, error) {
	prepared, notes := Prepare(inv, p)
	problems := Check(prepared, p, o.Attachments)
	if invoice.Blocks(problems) {
		return document.Document{}, problems, nil
	}
	doc, err := xml.Encode(syntax(prepared, p, o.Attachments), xml.Options{Indent: true, ContentType: o.ContentType})
	if err != nil {
		return document.Document{}, problems, err
	}
	doc.Filename = invoice.SafeName(inv.Number) + ".xml"
	doc.Notes = append(notes, doc.Notes...)
	return doc, problems, nil
}

// Element is a map with one child, empty if the text is.
func Element(name, text string) document.Map {
	var m document.Map
	m.Add(name, text)
	return m
}

// Identifier is the value of an element that names its scheme in an attribute.
func Identifier(id invoice.Identifier) any {
	if id.Value == "" || id.Scheme == "" {
		return id.Value
	}
	return document.Map{{Key: "@schemeID", Value: id.Scheme}, {Key: "#text", Value: id.Value}}
}

// Indicator tells a charge (true) from an allowance.
func Indicator(c invoice.Charge) string { return strconv.FormatBool(!c.Allowance) }

// Measure is the value of an element that names its unit in an attribute.
func Measure(line *invoice.Line, quantity decimal.Decimal) document.Map {
	return document.Map{{Key: "@unitCode", Value: line.Unit}, {Key: "#text", Value: Number(quantity)}}
}

// Price returns a line's price as it is written, with the quantity it is for: none where that is one.
func Price(line *invoice.Line) (price string, per document.Map) {
	if one := decimal.NewFromInt(1); line.PriceQuantity.IsPositive() && !line.PriceQuantity.Equal(one) {
		per = Measure(line, line.PriceQuantity)
	}
	return Number(line.UnitPrice.Decimal), per
}
