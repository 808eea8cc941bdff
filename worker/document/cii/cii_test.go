package cii_test

import (
	"bytes"
	stdxml "encoding/xml"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/rossum-relay/rossum-relay/worker/document/cii"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice/invoicetest"
)

const schema = "cii-en16931/Factur-X_EN16931.xsd"

var profiles = []string{"en16931", "xrechnung", "facturx"}

// TestPayloads encodes real documents: each profile gives a document or says
// at which fields it is refused.
func TestPayloads(t *testing.T) {
	invoicetest.Formats(t, cii.Encode, profiles, func(t *testing.T, _ *invoice.Invoice, body []byte) {
		checkSums(t, body)
		invoicetest.Schema(t, schema, body)
	})
}

// TestComplete writes an invoice that keeps all rules in each profile, with a
// file in it.
func TestComplete(t *testing.T) {
	for _, profile := range profiles {
		t.Run(profile, func(t *testing.T) {
			doc, problems, err := cii.Encode(invoicetest.Complete(t), invoice.Options{Profile: profile, Attachments: []invoice.Attachment{
				{Filename: "RE-2026 10934.pdf", MediaType: "application/pdf", Content: invoicetest.Embedded(bytes.Repeat([]byte("%PDF"), 50))},
			}})
			if err != nil || len(problems) > 0 {
				t.Fatal(err, problems)
			}
			body := invoicetest.Bytes(t, doc)
			invoicetest.Golden(t, "complete."+profile+".xml", body)
			checkSums(t, body)
			invoicetest.Schema(t, schema, body)
		})
	}
}

// TestHostileInvoices encodes invoices whose texts try to break out. The
// documents stay well-formed, valid, and add up.
func TestHostileInvoices(t *testing.T) {
	var documents [][]byte
	rapid.Check(t, func(t *rapid.T) {
		inv := invoicetest.Draw(t)
		doc, problems, err := cii.Encode(inv, invoice.Options{Profile: rapid.SampledFrom(profiles).Draw(t, "profile")})
		if err != nil || invoice.Blocks(problems) {
			t.Fatalf("refused: %v\n%s", err, invoicetest.Report(problems))
		}
		checkSums(t, doc.Body)
		documents = append(documents, doc.Body)
	})
	invoicetest.Schema(t, schema, documents...)
}

// sums are the parts of a document that must add up.
type sums struct {
	Lines []struct {
		Net      decimal.Decimal `xml:"SpecifiedLineTradeSettlement>SpecifiedTradeSettlementLineMonetarySummation>LineTotalAmount"`
		Price    decimal.Decimal `xml:"SpecifiedLineTradeAgreement>NetPriceProductTradePrice>ChargeAmount"`
		Quantity decimal.Decimal `xml:"SpecifiedLineTradeDelivery>BilledQuantity"`
	} `xml:"SupplyChainTradeTransaction>IncludedSupplyChainTradeLineItem"`
	Settlement struct {
		Taxes []struct {
			Amount decimal.Decimal `xml:"CalculatedAmount"`
			Base   decimal.Decimal `xml:"BasisAmount"`
		} `xml:"ApplicableTradeTax"`
		Total struct {
			Lines      decimal.Decimal `xml:"LineTotalAmount"`
			Charges    money           `xml:"ChargeTotalAmount"`
			Allowances money           `xml:"AllowanceTotalAmount"`
			Net        decimal.Decimal `xml:"TaxBasisTotalAmount"`
			Tax        decimal.Decimal `xml:"TaxTotalAmount"`
			Rounding   money           `xml:"RoundingAmount"`
			Gross      decimal.Decimal `xml:"GrandTotalAmount"`
			Prepaid    money           `xml:"TotalPrepaidAmount"`
			Due        decimal.Decimal `xml:"DuePayableAmount"`
		} `xml:"SpecifiedTradeSettlementHeaderMonetarySummation"`
	} `xml:"SupplyChainTradeTransaction>ApplicableHeaderTradeSettlement"`
}

type money struct {
	Value decimal.Decimal `xml:",chardata"`
}

// checkSums recomputes what the official rules compute, from the document
// alone.
func checkSums(t invoicetest.Failer, body []byte) {
	t.Helper()
	var d sums
	if err := stdxml.Unmarshal(body, &d); err != nil {
		t.Fatalf("not well-formed: %v\n%s", err, body)
	}
	total := d.Settlement.Total
	lines, base, tax := decimal.Zero, decimal.Zero, decimal.Zero
	for i, l := range d.Lines {
		lines = lines.Add(l.Net)
		if l.Price.IsNegative() {
			t.Errorf("BR-27: line %d", i+1)
		}
	}
	for _, row := range d.Settlement.Taxes {
		base, tax = base.Add(row.Base), tax.Add(row.Amount)
	}
	invoicetest.Equal(t, "BR-CO-10", total.Lines, lines)
	invoicetest.Equal(t, "BR-CO-13", total.Net, lines.Add(total.Charges.Value).Sub(total.Allowances.Value))
	invoicetest.Equal(t, "BR-CO-14", total.Tax, tax)
	invoicetest.Equal(t, "BR-CO-15", total.Gross, total.Net.Add(total.Tax))
	invoicetest.Equal(t, "BR-CO-16", total.Due, total.Gross.Sub(total.Prepaid.Value).Add(total.Rounding.Value))
	invoicetest.Equal(t, "bases", base, total.Net)
}

func TestUnknownProfile(t *testing.T) {
	if _, _, err := cii.Encode(&invoice.Invoice{}, invoice.Options{Profile: "peppol"}); err == nil {
		t.Error("peppol is no profile of CII")
	}
}
