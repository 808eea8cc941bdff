package en16931_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice/en16931"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice/invoicetest"
)

func dec(s string) decimal.Decimal { return decimal.RequireFromString(s) }

func some(s string) decimal.NullDecimal { return decimal.NewNullDecimal(dec(s)) }

// retax gives all lines and charges of an invoice one category at no rate.
func retax(inv *invoice.Invoice, category string) {
	for i := range inv.Lines {
		inv.Lines[i].TaxCategory, inv.Lines[i].TaxRate = category, some("0")
	}
	inv.Charges[0].TaxCategory, inv.Charges[0].TaxRate = category, some("0")
	inv.Taxes = []invoice.Tax{{Category: category, Rate: some("0"), Base: inv.Totals.Net, Amount: some("0"), Exemption: "because"}}
	inv.Totals.Tax, inv.Totals.Gross, inv.Totals.Due = some("0"), inv.Totals.Net, inv.Totals.Net
	if category == "Z" {
		inv.Taxes[0].Exemption = ""
	}
}

func check(inv *invoice.Invoice, p en16931.Profile, files ...invoice.Attachment) []invoice.Problem {
	prepared, _ := en16931.Prepare(inv, p)
	return en16931.Check(prepared, p, files)
}

func TestCompleteInvoice(t *testing.T) {
	for _, p := range []en16931.Profile{en16931.Plain, en16931.Core, en16931.FacturX, en16931.Peppol, en16931.XRechnung} {
		if problems := check(invoicetest.Complete(t), p); len(problems) > 0 {
			t.Errorf("%s: %v", p, problems)
		}
	}
	for _, category := range []string{"Z", "E", "AE", "K", "G"} {
		inv := invoicetest.Complete(t)
		retax(inv, category)
		if problems := check(inv, en16931.Core); len(problems) > 0 {
			t.Errorf("category %s: %v", category, problems)
		}
	}
	inv := invoicetest.Complete(t)
	retax(inv, "O")
	inv.Seller.VATID, inv.Buyer.VATID = "", ""
	if problems := check(inv, en16931.Core); len(problems) > 0 {
		t.Errorf("category O: %v", problems)
	}
}

// broken is a change to a complete invoice that breaks a rule.
type broken struct {
	rule   string
	change func(*invoice.Invoice)
}

func testRules(t *testing.T, p en16931.Profile, all []broken) {
	t.Helper()
	for _, test := range all {
		inv := invoicetest.Complete(t)
		test.change(inv)
		var rules []string
		for _, problem := range check(inv, p) {
			rules = append(rules, problem.Rule)
			if problem.Message == "" || problem.Field == "" {
				t.Errorf("%s: %+v", test.rule, problem)
			}
		}
		if !slices.Contains(rules, test.rule) {
			t.Errorf("%s is not found broken, but %v", test.rule, rules)
		}
	}
}

func TestCoreRules(t *testing.T) {
	testRules(t, en16931.Core, []broken{
		{"BR-02", func(i *invoice.Invoice) { i.Number = "" }},
		{"BR-03", func(i *invoice.Invoice) { i.IssueDate = "" }},
		{"PEPPOL-EN16931-F001", func(i *invoice.Invoice) { i.DueDate = "2026-02-30" }},
		{"BR-05", func(i *invoice.Invoice) { i.Currency = "EURO" }},
		{"BR-06", func(i *invoice.Invoice) { i.Seller.Name = "" }},
		{"BR-07", func(i *invoice.Invoice) { i.Buyer.Name = "" }},
		{"BR-09", func(i *invoice.Invoice) { i.Seller.Address.Country = "" }},
		{"BR-11", func(i *invoice.Invoice) { i.Buyer.Address.Country = "" }},
		{"BR-13", func(i *invoice.Invoice) { i.Totals.Net.Valid = false }},
		{"BR-14", func(i *invoice.Invoice) { i.Totals.Gross.Valid = false }},
		{"BR-15", func(i *invoice.Invoice) { i.Totals.Due.Valid = false }},
		{"BR-16", func(i *invoice.Invoice) { i.Lines, i.Taxes, i.Totals.Net.Valid = nil, nil, false }},
		{"BR-17", func(i *invoice.Invoice) { i.Payee.Name = i.Seller.Name }},
		{"BR-17", func(i *invoice.Invoice) { i.Payee.Name, i.Seller.LegalName = "Bergmann Holding", "Bergmann Holding" }},
		{"BR-17", func(i *invoice.Invoice) { i.Payee.ID.Value = "1" }},
		{"BR-21", func(i *invoice.Invoice) { i.Lines[0].ID = "" }},
		{"BR-22", func(i *invoice.Invoice) { i.Lines[0].Quantity.Valid = false }},
		{"BR-24", func(i *invoice.Invoice) { i.Lines[0].Net.Valid = false }},
		{"BR-25", func(i *invoice.Invoice) { i.Lines[0].Name = "" }},
		{"BR-26", func(i *invoice.Invoice) { i.Lines[0].UnitPrice.Valid = false }},
		{"BR-27", func(i *invoice.Invoice) { i.Lines[0].UnitPrice = some("-1") }},
		{"BR-29", func(i *invoice.Invoice) { i.Period = invoice.Period{Start: "2026-02-01", End: "2026-01-01"} }},
		{"BR-30", func(i *invoice.Invoice) { i.Lines[0].Period = invoice.Period{Start: "2026-02-01", End: "2026-01-01"} }},
		{"BR-33", func(i *invoice.Invoice) { i.Charges[0] = invoice.Charge{Allowance: true} }},
		{"BR-32", func(i *invoice.Invoice) { i.Charges[0] = invoice.Charge{Allowance: true} }},
		{"BR-37", func(i *invoice.Invoice) { i.Charges[0].TaxCategory = "" }},
		{"BR-38", func(i *invoice.Invoice) { i.Charges[0].Reason, i.Charges[0].ReasonCode = "", "" }},
		{"BR-42", func(i *invoice.Invoice) { i.Lines[0].Charges = []invoice.Charge{{Allowance: true, Amount: dec("1")}} }},
		{"BR-44", func(i *invoice.Invoice) { i.Lines[0].Charges = []invoice.Charge{{Amount: dec("1")}} }},
		{"BR-45", func(i *invoice.Invoice) { i.Taxes[0].Base.Valid = false }},
		{"BR-46", func(i *invoice.Invoice) { i.Taxes[0].Amount.Valid = false }},
		{"BR-47", func(i *invoice.Invoice) { i.Taxes[0].Category = "" }},
		{"BR-48", func(i *invoice.Invoice) { i.Taxes[0].Rate.Valid = false }},
		{"BR-53", func(i *invoice.Invoice) { i.TaxCurrency = "CZK" }},
		{"BR-55", func(i *invoice.Invoice) { i.Preceding = []invoice.Reference{{}} }},
		{"BR-61", func(i *invoice.Invoice) { i.Payment.IBAN = "" }},
		{"BR-62", func(i *invoice.Invoice) { i.Seller.Endpoint.Value = "x" }},
		{"BR-63", func(i *invoice.Invoice) { i.Buyer.Endpoint.Value = "x" }},
		{"BR-CO-04", func(i *invoice.Invoice) { i.Lines[0].TaxCategory = "" }},
		{"BR-CO-09", func(i *invoice.Invoice) { i.Seller.VATID = "123456789" }},
		{"BR-CO-10", func(i *invoice.Invoice) { i.Totals.Lines = i.Totals.Lines.Add(dec("0.01")) }},
		{"BR-CO-13", func(i *invoice.Invoice) { i.Totals.Net = some("4026.87") }},
		{"BR-CO-14", func(i *invoice.Invoice) { i.Totals.Tax = some("741.56") }},
		{"BR-CO-15", func(i *invoice.Invoice) { i.Totals.Gross = some("4768.42") }},
		{"BR-CO-16", func(i *invoice.Invoice) { i.Totals.Prepaid = some("1") }},
		{"BR-CO-18", func(i *invoice.Invoice) { i.Taxes = nil }},
		{"BR-CO-25", func(i *invoice.Invoice) { i.DueDate, i.Payment.Terms = "", "" }},
		{"BR-CO-26", func(i *invoice.Invoice) { i.Seller.VATID, i.Seller.ID.Value = "", "" }},
		{"BR-CL-01", func(i *invoice.Invoice) { i.Type = "381" }},
		{"BR-CL-05", func(i *invoice.Invoice) { i.TaxCurrency = "KCS" }},
		{"BR-CL-10", func(i *invoice.Invoice) { i.Seller.ID = invoice.Identifier{Value: "1", Scheme: "9999"} }},
		{"BR-CL-11", func(i *invoice.Invoice) { i.Buyer.LegalID = invoice.Identifier{Value: "1", Scheme: "HRB"} }},
		{"BR-CL-26", func(i *invoice.Invoice) { i.Delivery.Location = invoice.Identifier{Value: "1", Scheme: "9999"} }},
		{"BR-CL-14", func(i *invoice.Invoice) { i.Delivery.Address.Country = "QQ" }},
		{"BR-CL-16", func(i *invoice.Invoice) { i.Payment.Means = "99" }},
		{"BR-CL-17", func(i *invoice.Invoice) { i.Taxes[0].Category = "X" }},
		{"BR-CL-18", func(i *invoice.Invoice) { i.Lines[0].TaxCategory = "X" }},
		{"BR-CL-23", func(i *invoice.Invoice) { i.Lines[0].Unit = "Stk" }},
		{"BR-CL-25", func(i *invoice.Invoice) { i.Seller.Endpoint = invoice.Identifier{Value: "x", Scheme: "1234"} }},
		{"BR-DEC-12", func(i *invoice.Invoice) { i.Totals.Net = some("4026.861") }},
		{"BR-DEC-19", func(i *invoice.Invoice) { i.Taxes[0].Base = some("3830.601") }},
		{"BR-DEC-20", func(i *invoice.Invoice) { i.Taxes[0].Amount = some("727.811") }},
		{"BR-DEC-23", func(i *invoice.Invoice) { i.Lines[0].Net = some("1722.001") }},
		{"PEPPOL-EN16931-R041", func(i *invoice.Invoice) { i.Charges[0].Percent = some("1") }},
	})
}

// TestCategoryRules breaks the rules of each tax category.
func TestCategoryRules(t *testing.T) {
	in := func(category string, change func(*invoice.Invoice)) func(*invoice.Invoice) {
		return func(i *invoice.Invoice) {
			retax(i, category)
			change(i)
		}
	}
	noIDs := func(i *invoice.Invoice) { i.Seller.VATID, i.Buyer.VATID = "", "" }
	testRules(t, en16931.Core, []broken{
		{"BR-S-01", func(i *invoice.Invoice) { i.Taxes = append(i.Taxes, i.Taxes[0]) }},
		{"BR-Z-01", func(i *invoice.Invoice) { i.Lines[0].TaxCategory, i.Lines[0].TaxRate = "Z", some("0") }},
		{"BR-Z-01", func(i *invoice.Invoice) { i.Charges[0].TaxCategory, i.Charges[0].TaxRate = "Z", some("0") }},
		{"BR-S-08", func(i *invoice.Invoice) {
			i.Taxes = append(i.Taxes, invoice.Tax{Category: "S", Rate: some("12"), Base: some("0.50"), Amount: some("0.06")})
		}},
		{"BR-CO-17", func(i *invoice.Invoice) { i.Taxes[0].Rate = some("0.4") }},
		{"BR-S-02", noIDs},
		{"BR-S-05", func(i *invoice.Invoice) { i.Lines[0].TaxRate = some("0") }},
		{"BR-S-08", func(i *invoice.Invoice) { i.Taxes[0].Base = some("3829.60") }},
		{"BR-S-09", func(i *invoice.Invoice) { i.Taxes[0].Amount = some("728.90") }},
		{"BR-S-10", func(i *invoice.Invoice) { i.Taxes[0].Exemption = "because" }},
		{"BR-Z-02", in("Z", noIDs)},
		{"BR-Z-05", in("Z", func(i *invoice.Invoice) { i.Lines[0].TaxRate = some("1") })},
		{"BR-Z-08", in("Z", func(i *invoice.Invoice) { i.Taxes[0].Base = some("4026.85") })},
		{"BR-Z-09", in("Z", func(i *invoice.Invoice) { i.Taxes[0].Amount = some("0.01") })},
		{"BR-Z-10", in("Z", func(i *invoice.Invoice) { i.Taxes[0].Exemption = "because" })},
		{"BR-E-02", in("E", noIDs)},
		{"BR-E-10", in("E", func(i *invoice.Invoice) { i.Taxes[0].Exemption = "" })},
		{"BR-AE-02", in("AE", func(i *invoice.Invoice) { i.Buyer.VATID = "" })},
		{"BR-AE-10", in("AE", func(i *invoice.Invoice) { i.Taxes[0].Exemption = "" })},
		{"BR-IC-02", in("K", func(i *invoice.Invoice) { i.Buyer.VATID = "" })},
		{"BR-IC-05", in("K", func(i *invoice.Invoice) { i.Lines[0].TaxRate = some("1") })},
		{"BR-IC-11", in("K", func(i *invoice.Invoice) { i.Delivery.Date = "" })},
		{"BR-IC-12", in("K", func(i *invoice.Invoice) { i.Delivery.Address.Country, i.Buyer.Address.Country = "", "" })},
		{"BR-G-02", in("G", func(i *invoice.Invoice) { i.Seller.VATID = "" })},
		{"BR-O-02", in("O", func(*invoice.Invoice) {})},
		{"BR-O-05", in("O", func(i *invoice.Invoice) { i.Lines[0].TaxRate = some("1") })},
		{"BR-O-11", func(i *invoice.Invoice) { i.Taxes[0].Category = "O" }},
	})
}

func inDenmark(change func(*invoice.Invoice)) func(*invoice.Invoice) {
	return func(i *invoice.Invoice) {
		i.Seller.VATID, i.Seller.Address.Country, i.Buyer.VATID, i.Buyer.Address.Country = "", "DK", "", "DK"
		change(i)
	}
}

func TestPeppolRules(t *testing.T) {
	testRules(t, en16931.Peppol, []broken{
		{"PEPPOL-EN16931-R003", func(i *invoice.Invoice) { i.BuyerReference, i.Order = "", "" }},
		{"PEPPOL-EN16931-R055", func(i *invoice.Invoice) { i.TaxCurrency, i.Totals.TaxInTaxCurrency = "CZK", some("-18000") }},
		{"IS-R-002", func(i *invoice.Invoice) { i.Seller.VATID, i.Seller.Address.Country = "", "IS" }},
		{"IS-R-005", func(i *invoice.Invoice) {
			i.Seller.VATID, i.Seller.Address.Country, i.Buyer.Address = "", "IS", invoice.Address{Country: "IS"}
		}},
		{"GR-R-001", func(i *invoice.Invoice) { i.Seller.VATID = "EL094259216" }},
		{"IT-R-001", func(i *invoice.Invoice) { i.Seller.VATID, i.Seller.TaxNumber = "IT00743110157", "123" }},
		{"DK-R-005", inDenmark(func(i *invoice.Invoice) { i.Payment.Means = "57" })},
		{"DK-R-006", inDenmark(func(i *invoice.Invoice) { i.Payment.Means, i.Payment.BIC, i.Payment.Bank = "30", "", "" })},
		{"DK-R-013", inDenmark(func(i *invoice.Invoice) { i.Buyer.ID = invoice.Identifier{Value: "301"} })},
		{"SE-R-005", func(i *invoice.Invoice) {
			i.Seller.Address.Country, i.Seller.TaxNumber, i.Seller.LegalID.Value = "SE", "556188-8404", "5561888404"
		}},
		{"PEPPOL-EN16931-R010", func(i *invoice.Invoice) { i.Buyer.VATID = "" }},
		{"PEPPOL-EN16931-R020", func(i *invoice.Invoice) { i.Seller.VATID = "" }},
		{"PEPPOL-EN16931-R061", func(i *invoice.Invoice) { i.Payment.Means = "59" }},
		{"PEPPOL-EN16931-R110", func(i *invoice.Invoice) {
			i.Period.Start, i.Lines[0].Period.Start = "2026-02-01", "2026-01-01"
		}},
		{"PEPPOL-EN16931-R120", func(i *invoice.Invoice) { i.Lines[0].Quantity = some("1") }},
		{"PEPPOL-EN16931-R121", func(i *invoice.Invoice) { i.Lines[0].PriceQuantity = dec("0") }},
		{"PEPPOL-EN16931-P0100", func(i *invoice.Invoice) { i.Type = "389" }},
		{"PEPPOL-EN16931-CL008", func(i *invoice.Invoice) { i.Seller.Endpoint.Value = "a@example.org" }},
		{"PEPPOL-COMMON-R040", func(i *invoice.Invoice) { i.Buyer.ID = invoice.Identifier{Value: "4006381333932", Scheme: "0088"} }},
		{"PEPPOL-COMMON-R041", func(i *invoice.Invoice) { i.Buyer.ID = invoice.Identifier{Value: "974760674", Scheme: "0192"} }},
		{"PEPPOL-COMMON-R043", func(i *invoice.Invoice) { i.Buyer.ID = invoice.Identifier{Value: "0403019262", Scheme: "0208"} }},
		{"PEPPOL-COMMON-R049", func(i *invoice.Invoice) { i.Buyer.ID = invoice.Identifier{Value: "5561888405", Scheme: "0007"} }},
		{"DE-R-002", func(i *invoice.Invoice) { i.Seller.Contact = invoice.Contact{} }},
		{"DE-R-015", func(i *invoice.Invoice) { i.BuyerReference = "" }},
		{"NL-R-003", func(i *invoice.Invoice) {
			i.Seller.VATID, i.Seller.Address.Country = "NL123456789B01", "NL"
			i.Seller.LegalID.Value = "1"
		}},
		{"IT-R-002", func(i *invoice.Invoice) { i.Seller.VATID, i.Seller.Address.Lines = "IT00743110157", nil }},
		{"SE-R-006", func(i *invoice.Invoice) { i.Seller.VATID, i.Seller.Address.Country = "SE556188840401", "SE" }},
		{"NO-R-001", func(i *invoice.Invoice) { i.Seller.VATID = "NO974760673" }},
		{"DK-R-014", func(i *invoice.Invoice) { i.Seller.VATID, i.Seller.Address.Country = "DK13585628", "DK" }},
	})
	inv := invoicetest.Complete(t)
	for scheme, value := range map[string]string{"0088": "4006381333931", "0192": "974760673", "0208": "0403019261", "0007": "5561888404", "0184": "DK13585628", "0151": "51824753556"} {
		inv.Buyer.ID = invoice.Identifier{Value: value, Scheme: scheme}
		if problems := check(inv, en16931.Peppol); len(problems) > 0 {
			t.Errorf("%s of scheme %s: %v", value, scheme, problems)
		}
	}
}

func TestXRechnungRules(t *testing.T) {
	testRules(t, en16931.XRechnung, []broken{
		{"BR-DE-1", func(i *invoice.Invoice) { i.Payment.Means = "" }},
		{"BR-DE-2", func(i *invoice.Invoice) { i.Seller.Contact = invoice.Contact{} }},
		{"BR-DE-3", func(i *invoice.Invoice) { i.Seller.Address.City = "" }},
		{"BR-DE-4", func(i *invoice.Invoice) { i.Seller.Address.Postcode = "" }},
		{"BR-DE-5", func(i *invoice.Invoice) { i.Seller.Contact.Name = "" }},
		{"BR-DE-6", func(i *invoice.Invoice) { i.Seller.Contact.Phone = "" }},
		{"BR-DE-7", func(i *invoice.Invoice) { i.Seller.Contact.Email = "" }},
		{"BR-DE-8", func(i *invoice.Invoice) { i.Buyer.Address.City = "" }},
		{"BR-DE-9", func(i *invoice.Invoice) { i.Buyer.Address.Postcode = "" }},
		{"BR-DE-10", func(i *invoice.Invoice) { i.Delivery.Address.City = "" }},
		{"BR-DE-11", func(i *invoice.Invoice) { i.Delivery.Address.Postcode = "" }},
		{"BR-DE-14", func(i *invoice.Invoice) { i.Taxes[0].Rate.Valid = false }},
		{"BR-DE-15", func(i *invoice.Invoice) { i.BuyerReference = "" }},
		{"BR-DE-17", func(i *invoice.Invoice) { i.Type = "386" }},
		{"BR-DE-18", func(i *invoice.Invoice) { i.Payment.Terms = "30 Tage\n#SKONTO#TAGE=14#PROZENT=2#" }},
		{"BR-DE-23-a", func(i *invoice.Invoice) { i.Payment.IBAN = "" }},
		{"BR-DE-24-a", func(i *invoice.Invoice) { i.Payment.Means = "48" }},
		{"BR-DE-25-a", func(i *invoice.Invoice) { i.Payment.Means = "59" }},
		{"BR-DE-30", func(i *invoice.Invoice) { i.Payment.Means, i.Payment.Mandate = "59", "M1" }},
		{"BR-DE-31", func(i *invoice.Invoice) { i.Payment.Means, i.Payment.Mandate = "59", "M1" }},
	})
	inv := invoicetest.Complete(t)
	inv.Payment.Terms = "30 Tage\n#SKONTO#TAGE=14#PROZENT=2.00#\n"
	if problems := check(inv, en16931.XRechnung); len(problems) > 0 {
		t.Errorf("Skonto: %v", problems)
	}
}

func TestAttachments(t *testing.T) {
	pdf := invoice.Attachment{Filename: "a.pdf", MediaType: "application/pdf"}
	for rule, files := range map[string][]invoice.Attachment{
		"":         {pdf, {Filename: "b.pdf", MediaType: "application/pdf"}},
		"BR-CL-24": {{Filename: "a.tif", MediaType: "image/tiff"}},
		"BR-DE-22": {pdf, pdf},
	} {
		problems := check(invoicetest.Complete(t), en16931.XRechnung, files...)
		if rule == "" && len(problems) > 0 || rule != "" && (len(problems) != 1 || problems[0].Rule != rule) {
			t.Errorf("%q: %v", rule, problems)
		}
	}
}

// TestPrepare covers what is made of an invoice for a profile.
func TestPrepare(t *testing.T) {
	inv := invoicetest.Complete(t)
	inv.Lines[0].Quantity, inv.Lines[0].UnitPrice, inv.Lines[0].Net = some("1000"), some("1.72"), some("1722")
	inv.Delivery.Address.Country = ""
	before := *inv
	prepared, notes := en16931.Prepare(inv, en16931.Peppol)
	if l := prepared.Lines[0]; l.UnitPrice.Decimal.String() != "1722" || l.PriceQuantity.String() != "1000" {
		t.Errorf("price %s per %s", l.UnitPrice.Decimal, l.PriceQuantity)
	}
	if prepared.Seller.Endpoint != (invoice.Identifier{Value: "DE987654321", Scheme: "9930"}) {
		t.Errorf("endpoint %v", prepared.Seller.Endpoint)
	}
	if !prepared.Delivery.Address.IsZero() || len(notes) != 4 {
		t.Errorf("address %v, notes %q", prepared.Delivery.Address, notes)
	}
	if inv.Lines[0].PriceQuantity != before.Lines[0].PriceQuantity || inv.Delivery.Address.City != "Kempten" || inv.Seller.Endpoint.Value != "" {
		t.Error("the invoice itself was changed")
	}
	terms := "30 days\n#SKONTO#TAGE=14#PROZENT=2.00#"
	inv.Payment.Terms = terms
	if prepared, _ = en16931.Prepare(inv, en16931.XRechnung); prepared.Payment.Terms != terms+"\n" {
		t.Errorf("terms %q", prepared.Payment.Terms)
	}
	inv.Lines = nil
	prepared, _ = en16931.Prepare(inv, en16931.Core)
	if problems := en16931.Check(prepared, en16931.Core, nil); len(prepared.Lines) != 2 || len(problems) > 0 {
		t.Errorf("%d lines of %d tax rates: %v", len(prepared.Lines), len(inv.Taxes), problems)
	}
}

// TestDelivered completes an intra-community supply.
func TestDelivered(t *testing.T) {
	inv := invoicetest.Complete(t)
	retax(inv, "K")
	inv.Delivery, inv.TaxPointDate = invoice.Delivery{}, "2026-05-16"
	prepared, _ := en16931.Prepare(inv, en16931.Core)
	if d := prepared.Delivery; d.Date != "2026-05-16" || d.Address.City != inv.Buyer.Address.City {
		t.Errorf("delivered %+v", d)
	}
	if problems := en16931.Check(prepared, en16931.Core, nil); len(problems) > 0 {
		t.Error(problems)
	}
}

func TestParseProfile(t *testing.T) {
	if p, err := en16931.ParseProfile("", en16931.Peppol); p != en16931.Plain || err != nil {
		t.Error(p, err)
	}
	_, err := en16931.ParseProfile("xrechnung", en16931.Core, en16931.Peppol)
	if err == nil || !strings.Contains(err.Error(), "en16931, peppol") {
		t.Error(err)
	}
}

// TestTaxCurrency: a tax currency that is the invoice's own is none.
func TestTaxCurrency(t *testing.T) {
	inv := invoicetest.Complete(t)
	inv.TaxCurrency, inv.Totals.TaxInTaxCurrency = inv.Currency, inv.Totals.Tax
	prepared, _ := en16931.Prepare(inv, en16931.Core)
	if prepared.TaxCurrency != "" || prepared.Totals.TaxInTaxCurrency.Valid {
		t.Error("two tax totals in one currency break BR-CO-15")
	}
}
