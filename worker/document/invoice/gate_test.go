package invoice_test

import (
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice/invoicetest"
)

// TestGateRules breaks one rule after the other in an invoice that balances.
func TestGateRules(t *testing.T) {
	dec := decimal.RequireFromString
	for _, test := range []struct {
		rule, field, words string
		change             func(*invoice.Invoice)
	}{
		{"line_amount", "line.net", "makes 2900.00 CZK, but the net amount is 11600.00 CZK", func(i *invoice.Invoice) { i.Lines[0].Quantity.Decimal = dec("1") }},
		{"net", "total.net", "difference 0.10 CZK", func(i *invoice.Invoice) {
			i.Totals.Net.Decimal, i.Totals.Tax.Decimal = dec("15000.10"), dec("2915.90")
			i.Taxes[0].Base.Decimal = dec("12400.10")
			i.Taxes[0].Amount.Decimal, i.Taxes[0].Rate.Decimal = dec("2603.90"), dec("20.9990")
		}},
		{"tax_rate", "tax.amount", "21 % of 12400.00 CZK is 2604.00 CZK, but the tax is 2600.00 CZK", func(i *invoice.Invoice) {
			i.Taxes[0].Amount.Decimal, i.Taxes[1].Amount.Decimal, i.Taxes[1].Rate.Decimal = dec("2600"), dec("316"), dec("12.1538")
		}},
		{"tax_base", "tax.base", "but the net total is 15000.00", func(i *invoice.Invoice) {
			i.Taxes = append(i.Taxes, invoice.Tax{Base: decimal.NewNullDecimal(dec("1"))})
		}},
		{"tax_total", "total.tax", "the tax table adds up to 2604.00", func(i *invoice.Invoice) {
			i.Taxes[1].Amount.Decimal, i.Taxes[1].Rate.Decimal = dec("0"), dec("0")
		}},
		{"gross", "total.gross", "net and tax add up to 17916.00 CZK, but the total amount is 17915.00 CZK", func(i *invoice.Invoice) {
			i.Totals.Gross.Decimal, i.Totals.Due.Decimal = dec("17915"), dec("17915")
		}},
		{"due", "total.due", "the total less what was paid is 17816.00", func(i *invoice.Invoice) { i.Totals.Prepaid = decimal.NewNullDecimal(dec("100")) }},
		{"due_date", "due_date", "before the date of issue", func(i *invoice.Invoice) { i.DueDate = "2026-02-26" }},
		{"iban", "payment.iban", "letter by letter", func(i *invoice.Invoice) { i.Payment.IBAN = "CZ6508000000192000145398" }},
		{"vat_id", "seller.vat_id", "does not have the form of a VAT id of CZ", func(i *invoice.Invoice) { i.Seller.VATID = "CZ123" }},
		{"vat_check", "buyer.vat_id", "check digit", func(i *invoice.Invoice) { i.Buyer.VATID = "DE111111126" }},
		{"currency", "currency", "no currency code", func(i *invoice.Invoice) { i.Currency = "KCS" }},
		{"decimals", "total.due", "more than the 2 decimal places of CZK", func(i *invoice.Invoice) { i.Totals.Due.Decimal = dec("17916.001") }},
		{"credit", "preceding.number", "which invoice it credits", func(i *invoice.Invoice) { i.Preceding = nil }},
	} {
		t.Run(test.rule, func(t *testing.T) {
			inv, _ := invoicetest.Read(t, invoicetest.Payloads[2])
			if problems := (invoice.Gate{}).Check(inv); len(problems) > 0 {
				t.Fatalf("before: %v", problems)
			}
			test.change(inv)
			problems := (invoice.Gate{}).Check(inv)
			if len(problems) != 1 || problems[0].Rule != test.rule || problems[0].Field != test.field || !strings.Contains(problems[0].Message, test.words) {
				t.Fatalf("got %+v", problems)
			}
			if want := invoice.Rules()[test.rule]; problems[0].Severity != want {
				t.Errorf("severity %s, want %s", problems[0].Severity, want)
			}
			if test.rule != "credit" && problems[0].Datapoint == 0 {
				t.Errorf("%s is not located", problems[0].Field)
			}
			for _, severity := range []invoice.Severity{invoice.Off, invoice.Warn, invoice.Block} {
				gate := invoice.Gate{Severities: map[string]invoice.Severity{test.rule: severity}}
				problems := gate.Check(inv)
				if (len(problems) > 0) != (severity != invoice.Off) || invoice.Blocks(problems) != (severity == invoice.Block) {
					t.Errorf("%s: %v", severity, problems)
				}
			}
		})
	}
}

func TestGateTolerance(t *testing.T) {
	inv, _ := invoicetest.Read(t, invoicetest.Payloads[2])
	inv.Totals.Due.Decimal = decimal.RequireFromString("17916.50")
	if problems := (invoice.Gate{}).Check(inv); len(problems) != 1 {
		t.Errorf("half a crown passes: %v", problems)
	}
	gate := invoice.Gate{Tolerance: map[string]decimal.Decimal{"CZK": decimal.NewFromInt(1), "EUR": decimal.Zero}}
	if problems := gate.Check(inv); len(problems) > 0 {
		t.Errorf("within tolerance: %v", problems)
	}
}

// TestRoundedPrice lets pass what was rounded for printing.
func TestRoundedPrice(t *testing.T) {
	inv, _ := invoicetest.Read(t, invoicetest.Payloads[2])
	l := &inv.Lines[0]
	l.Quantity.Decimal, l.UnitPrice.Decimal = decimal.NewFromInt(35000), decimal.RequireFromString("0.33")
	if problems := (invoice.Gate{}).Check(inv); len(problems) > 0 {
		t.Errorf("35,000 x 0.33 may be 11,600.00: %v", problems)
	}
}

func TestGateValidate(t *testing.T) {
	for _, gate := range []invoice.Gate{
		{Severities: map[string]invoice.Severity{"no_such": invoice.Block}},
		{Severities: map[string]invoice.Severity{"net": "error"}},
		{Tolerance: map[string]decimal.Decimal{"EURO": decimal.NewFromInt(1)}},
		{Tolerance: map[string]decimal.Decimal{"EUR": decimal.NewFromInt(-1)}},
	} {
		if gate.Validate() == nil {
			t.Errorf("%+v is valid", gate)
		}
	}
	if err := (invoice.Gate{}).Validate(); err != nil {
		t.Error(err)
	}
}
