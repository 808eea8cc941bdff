package format_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"testing"

	"pgregory.net/rapid"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/document/format"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
)

// schemaIDs are fields that the mapping knows, header and rows.
var (
	headerIDs = []string{
		"document_id", "document_type", "date_issue", "date_due", "currency", "amount_total", "amount_total_base", "amount_total_tax", "amount_due",
		"amount_paid", "amount_rounding", "tax_rate", "tax_code", "iban", "payment_method", "sender_vat_id", "sender_name", "sender_address",
		"sender_country", "recipient_vat_id", "recipient_name", "recipient_address", "shipping_charge", "amount_discount", "terms",
	}
	lineIDs = []string{
		"item_description", "item_quantity", "item_uom", "item_amount_base", "item_amount", "item_total_base", "item_amount_total", "item_rate",
		"item_tax", "item_tax_code", "item_discount", "item_price_quantity",
	}
	taxIDs    = []string{"tax_detail_rate", "tax_detail_base", "tax_detail_tax", "tax_detail_total", "tax_detail_code"}
	chargeIDs = []string{"charge_type", "charge_amount", "charge_tax_rate", "charge_tax"}
)

// value draws what documents hold and what they should not.
func value() *rapid.Generator[map[string]any] {
	texts := []string{
		"", " ", "x", "<&>", "\x00\x07", "\u200b", "credit_note", "reverse charge", "exempt", "eur", "jpy", "kwd", "DE111111125", "DE12", "BE0", "ITX",
		"CHE116281710", "DE89370400440532013000", "2026-01-02", "Street 1\n12345 City", "〒", "42", "-1", "SEPA", "]]>",
	}
	normalized := []string{
		"0", "1", "-1", "2", "19", "100", "119", "0.01", "-0.01", "12.345", "1e50", "-1e99", "1e-99", "0.000000001", "99999999999999999999",
		"2026-01-02", "2025-12-31", "x", "",
	}
	return rapid.Custom(func(t *rapid.T) map[string]any {
		held := map[string]any{"value": rapid.SampledFrom(texts).Draw(t, "value")}
		if rapid.Bool().Draw(t, "is normalized") {
			held["normalized_value"] = rapid.SampledFrom(normalized).Draw(t, "normalized")
			held["value"] = "x"
		}
		return held
	})
}

// tree draws the content of an annotation.
func tree(t *rapid.T) rossumapi.Tree {
	cells := func(ids []string) []any {
		var all []any
		for _, id := range ids {
			if rapid.IntRange(0, 3).Draw(t, "has "+id) > 0 {
				all = append(all, map[string]any{"id": len(all) + 1, "schema_id": id, "category": "datapoint", "content": value().Draw(t, id)})
			}
		}
		return all
	}
	children := cells(headerIDs)
	for _, table := range []struct {
		name string
		ids  []string
	}{{"line_items", lineIDs}, {"tax_details", taxIDs}, {"charges", chargeIDs}} {
		var rows []any
		for range rapid.IntRange(0, 4).Draw(t, table.name) {
			rows = append(rows, map[string]any{"category": "tuple", "schema_id": "row", "children": cells(table.ids)})
		}
		children = append(children, map[string]any{"category": "multivalue", "schema_id": table.name, "children": rows})
	}
	body, err := json.Marshal([]any{map[string]any{"category": "section", "schema_id": "s", "children": children}})
	if err != nil {
		t.Fatal(err)
	}
	content, err := rossumapi.DecodeContent(body)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// TestAnyTree reads, checks and encodes whatever a tree holds: nothing panics,
// what is refused says why, what is written is well-formed.
func TestAnyTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inv, _, err := invoice.Read(tree(t), invoice.Mapping{})
		if err != nil {
			t.Fatal(err)
		}
		(invoice.Gate{}).Check(inv)
		inv.Tree()
		for _, name := range format.Names() {
			encode, _ := format.Find(name)
			for _, profile := range []string{"", "en16931", "xrechnung"} {
				doc, problems, err := encode(inv, invoice.Options{Profile: profile})
				if err != nil {
					t.Fatal(err)
				}
				if (len(doc.Body) == 0) != invoice.Blocks(problems) {
					t.Fatalf("%s %s: %d bytes, problems %v", name, profile, len(doc.Body), problems)
				}
				wellFormed(t, doc.Body)
			}
		}
	})
}

func wellFormed(t *rapid.T, body []byte) {
	for d := xml.NewDecoder(bytes.NewReader(body)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%v\n%s", err, body)
		}
	}
}
