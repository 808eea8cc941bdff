package ubl_test

import (
	"bytes"
	"encoding/base64"
	stdxml "encoding/xml"
	"slices"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice/invoicetest"
	"github.com/rossum-relay/rossum-relay/worker/document/ubl"
)

const (
	invoiceSchema    = "ubl-2.1/maindoc/UBL-Invoice-2.1.xsd"
	creditNoteSchema = "ubl-2.1/maindoc/UBL-CreditNote-2.1.xsd"
)

var profiles = []string{"plain", "en16931", "peppol", "xrechnung"}

func schemaOf(inv *invoice.Invoice) string {
	if inv.Credit {
		return creditNoteSchema
	}
	return invoiceSchema
}

// TestPayloads encodes real documents: each profile gives a document or says
// at which fields it is refused.
func TestPayloads(t *testing.T) {
	invoicetest.Formats(t, ubl.Encode, profiles, func(t *testing.T, inv *invoice.Invoice, body []byte) {
		checkSums(t, body)
		invoicetest.Schema(t, schemaOf(inv), body)
	})
}

// TestComplete writes an invoice that keeps all rules in each profile.
func TestComplete(t *testing.T) {
	for _, profile := range profiles {
		t.Run(profile, func(t *testing.T) {
			doc, problems, err := ubl.Encode(invoicetest.Complete(t), invoice.Options{Profile: profile})
			if err != nil || len(problems) > 0 {
				t.Fatal(err, problems)
			}
			invoicetest.Golden(t, "complete."+profile+".xml", doc.Body)
			checkSums(t, doc.Body)
			invoicetest.Schema(t, invoiceSchema, doc.Body)
		})
	}
}

// TestHostileInvoices encodes invoices whose texts try to break out. The
// documents stay well-formed, valid, without empty elements, and add up.
func TestHostileInvoices(t *testing.T) {
	documents := map[string][][]byte{}
	rapid.Check(t, func(t *rapid.T) {
		inv := invoicetest.Draw(t)
		profile := rapid.SampledFrom(profiles).Draw(t, "profile")
		doc, problems, err := ubl.Encode(inv, invoice.Options{Profile: profile})
		if err != nil || invoice.Blocks(problems) {
			t.Fatalf("refused: %v\n%s", err, invoicetest.Report(problems))
		}
		checkSums(t, doc.Body)
		documents[schemaOf(inv)] = append(documents[schemaOf(inv)], doc.Body)
	})
	for schema, all := range documents {
		invoicetest.Schema(t, schema, all...)
	}
}

// sums are the parts of a document that must add up.
type sums struct {
	Currency   string `xml:"DocumentCurrencyCode"`
	TaxTotal   []taxTotal
	Charges    []charge `xml:"AllowanceCharge"`
	Total      totals   `xml:"LegalMonetaryTotal"`
	Invoiced   []line   `xml:"InvoiceLine"`
	Credited   []line   `xml:"CreditNoteLine"`
	Everything []byte   `xml:",innerxml"`
}

type taxTotal struct {
	Amount amount `xml:"TaxAmount"`
	Rows   []struct {
		Base   amount          `xml:"TaxableAmount"`
		Amount amount          `xml:"TaxAmount"`
		ID     string          `xml:"TaxCategory>ID"`
		Rate   decimal.Decimal `xml:"TaxCategory>Percent"`
	} `xml:"TaxSubtotal"`
}

type charge struct {
	Charge   bool            `xml:"ChargeIndicator"`
	Amount   amount          `xml:"Amount"`
	Category string          `xml:"TaxCategory>ID"`
	Rate     decimal.Decimal `xml:"TaxCategory>Percent"`
}

type line struct {
	Net      amount          `xml:"LineExtensionAmount"`
	Invoiced decimal.Decimal `xml:"InvoicedQuantity"`
	Credited decimal.Decimal `xml:"CreditedQuantity"`
	Price    amount          `xml:"Price>PriceAmount"`
	Per      string          `xml:"Price>BaseQuantity"`
	Category string          `xml:"Item>ClassifiedTaxCategory>ID"`
	Rate     decimal.Decimal `xml:"Item>ClassifiedTaxCategory>Percent"`
}

type totals struct {
	Lines      amount `xml:"LineExtensionAmount"`
	Net        amount `xml:"TaxExclusiveAmount"`
	Gross      amount `xml:"TaxInclusiveAmount"`
	Allowances amount `xml:"AllowanceTotalAmount"`
	Charges    amount `xml:"ChargeTotalAmount"`
	Prepaid    amount `xml:"PrepaidAmount"`
	Rounding   amount `xml:"PayableRoundingAmount"`
	Due        amount `xml:"PayableAmount"`
}

type amount struct {
	Value    decimal.Decimal `xml:",chardata"`
	Currency string          `xml:"currencyID,attr"`
}

// checkSums recomputes what the official rules compute, from the document
// alone.
func checkSums(t invoicetest.Failer, body []byte) {
	t.Helper()
	var d sums
	if err := stdxml.Unmarshal(body, &d); err != nil {
		t.Fatalf("not well-formed: %v\n%s", err, body)
	}
	if bytes.Contains(body, []byte("/>")) || bytes.Contains(body, []byte("<!--")) || bytes.Contains(body, []byte("></c")) {
		t.Errorf("empty element or comment in\n%s", body)
	}
	lines := slices.Concat(d.Invoiced, d.Credited)
	sum := decimal.Zero
	for i, l := range lines {
		sum = sum.Add(l.Net.Value)
		per := decimal.NewFromInt(1)
		if l.Per != "" {
			per = decimal.RequireFromString(l.Per)
		}
		computed := l.Invoiced.Add(l.Credited).Mul(l.Price.Value).Div(per)
		if computed.Sub(l.Net.Value).Abs().GreaterThan(decimal.New(2, -2)) {
			t.Errorf("PEPPOL-EN16931-R120: line %d: %s, expected %s", i+1, computed, l.Net.Value)
		}
		if l.Price.Value.IsNegative() {
			t.Errorf("BR-27: line %d", i+1)
		}
	}
	invoicetest.Equal(t, "BR-CO-10", d.Total.Lines.Value, sum)
	invoicetest.Equal(t, "BR-CO-13", d.Total.Net.Value, sum.Add(d.Total.Charges.Value).Sub(d.Total.Allowances.Value))
	invoicetest.Equal(t, "BR-CO-15", d.Total.Gross.Value, d.Total.Net.Value.Add(d.TaxTotal[0].Amount.Value))
	invoicetest.Equal(t, "BR-CO-16", d.Total.Due.Value, d.Total.Gross.Value.Sub(d.Total.Prepaid.Value).Add(d.Total.Rounding.Value))
	tax := decimal.Zero
	for _, row := range d.TaxTotal[0].Rows {
		tax = tax.Add(row.Amount.Value)
		base := decimal.Zero
		for _, l := range lines {
			if l.Category == row.ID && l.Rate.Equal(row.Rate) {
				base = base.Add(l.Net.Value)
			}
		}
		for _, c := range d.Charges {
			if c.Category == row.ID && c.Rate.Equal(row.Rate) && c.Charge {
				base = base.Add(c.Amount.Value)
			} else if c.Category == row.ID && c.Rate.Equal(row.Rate) {
				base = base.Sub(c.Amount.Value)
			}
		}
		invoicetest.Equal(t, "BR-"+row.ID+"-08", row.Base.Value, base)
		if off := row.Base.Value.Mul(row.Rate).Shift(-2).Sub(row.Amount.Value).Abs(); off.GreaterThanOrEqual(decimal.NewFromInt(1)) {
			t.Errorf("BR-%s-09: off by %s", row.ID, off)
		}
	}
	invoicetest.Equal(t, "BR-CO-14", d.TaxTotal[0].Amount.Value, tax)
}

// TestAttachment finds the file again in the document, in broken lines and
// with a harmless name.
func TestAttachment(t *testing.T) {
	inv, _ := invoicetest.Read(t, invoicetest.Payloads[1])
	content := bytes.Repeat([]byte("%PDF drop table \x00\xff"), 100)
	doc, problems, err := ubl.Encode(inv, invoice.Options{Profile: "en16931", Attachments: []invoice.Attachment{
		{Filename: `../Rechnung or "1=1" ž.pdf`, MediaType: "application/pdf", Content: invoicetest.Embedded(content)},
	}})
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	body := invoicetest.Bytes(t, doc)
	var d struct {
		File struct {
			Name string `xml:"filename,attr"`
			Type string `xml:"mimeCode,attr"`
			Text string `xml:",chardata"`
		} `xml:"AdditionalDocumentReference>Attachment>EmbeddedDocumentBinaryObject"`
	}
	if err := stdxml.Unmarshal(body, &d); err != nil {
		t.Fatal(err)
	}
	if d.File.Name != "Rechnung_or_1_1.pdf" || d.File.Type != "application/pdf" {
		t.Errorf("name %q, type %q", d.File.Name, d.File.Type)
	}
	for line := range strings.Lines(d.File.Text) {
		if len(line) > 77 {
			t.Fatalf("a line of %d characters", len(line))
		}
	}
	got, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(d.File.Text, "\n", ""))
	if err != nil || !bytes.Equal(got, content) {
		t.Error("the content changed", err)
	}
	invoicetest.Schema(t, invoiceSchema, body)
}

// TestDecimals writes amounts with the places of their currency.
func TestDecimals(t *testing.T) {
	for _, test := range []struct{ currency, profile, want string }{
		{"JPY", "plain", ">1235</cbc:PayableAmount>"},
		{"EUR", "plain", ">1234.57</cbc:PayableAmount>"},
		{"KWD", "plain", ">1234.567</cbc:PayableAmount>"},
	} {
		inv, _ := invoicetest.Read(t, invoicetest.Payloads[0])
		inv.Currency = test.currency
		inv.Totals.Due.Decimal = decimal.RequireFromString("1234.567")
		doc, problems, err := ubl.Encode(inv, invoice.Options{Profile: test.profile})
		if err != nil || !bytes.Contains(doc.Body, []byte(test.want)) {
			t.Errorf("%s: no %s (%v %v)", test.currency, test.want, err, problems)
		}
	}
	inv, _ := invoicetest.Read(t, invoicetest.Payloads[0])
	inv.Currency = "KWD"
	inv.Totals.Due.Decimal = decimal.RequireFromString("3449.431")
	_, problems, _ := ubl.Encode(inv, invoice.Options{Profile: "en16931"})
	if !invoice.Blocks(problems) || problems[0].Rule != "BR-DEC-18" {
		t.Errorf("the third decimal place of KWD must be refused by EN 16931: %v", problems)
	}
}

func TestUnknownProfile(t *testing.T) {
	if _, _, err := ubl.Encode(&invoice.Invoice{}, invoice.Options{Profile: "facturx"}); err == nil {
		t.Error("facturx is no profile of UBL")
	}
}
