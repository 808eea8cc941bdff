package invoice_test

import (
	"testing"

	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice/invoicetest"
)

// names lists the keys of a tree with their paths, those of lists once.
func names(prefix string, v any, found map[string]bool) {
	switch v := v.(type) {
	case document.Map:
		for _, e := range v {
			names(prefix+"."+e.Key, e.Value, found)
		}
	case document.List:
		for _, item := range v {
			names(prefix+"[]", item, found)
		}
	default:
		found[prefix] = true
	}
}

// TestValuesAreWhole: a name means the same in every invoice, whatever the document has.
func TestValuesAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, payload := range invoicetest.Payloads {
		inv, _ := invoicetest.Read(t, payload)
		names("", inv.Tree(), seen)
	}
	whole := map[string]bool{}
	filled := invoice.Invoice{
		Preceding: make([]invoice.Reference, 1), Notes: make([]string, 1), Lines: make([]invoice.Line, 1), Charges: make([]invoice.Charge, 1), Taxes: make([]invoice.Tax, 1),
	}
	for _, address := range []*invoice.Address{&filled.Seller.Address, &filled.Buyer.Address, &filled.Payee.Address, &filled.Delivery.Address} {
		address.Lines = []string{"x"}
	}
	names("", filled.Values(), whole)
	for name := range seen {
		if !whole[name] {
			t.Errorf("%s is in a tree, but not in the values of an invoice without it", name)
		}
	}
}

func TestRows(t *testing.T) {
	inv, _ := invoicetest.Read(t, invoicetest.Payloads[0])
	rows := inv.Rows()
	if len(rows) != len(inv.Lines) {
		t.Fatalf("got %d rows, want %d", len(rows), len(inv.Lines))
	}
	empty := (&invoice.Invoice{}).Rows()
	if len(empty) != 1 {
		t.Fatalf("got %d rows of an invoice without lines, want 1", len(empty))
	}
	first, bare := rows[0].(document.Map), empty[0].(document.Map)
	if len(first) != len(bare) {
		t.Errorf("%d columns with lines, %d without", len(first), len(bare))
	}
	for i := range first {
		if first[i].Key != bare[i].Key {
			t.Errorf("column %d is %s with lines, %s without", i, first[i].Key, bare[i].Key)
		}
	}
	for key, want := range map[string]any{"number": inv.Number, "seller.name": inv.Seller.Name, "line.name": inv.Lines[0].Name} {
		if got, _ := first.Get(key); got != want {
			t.Errorf("%s is %v, want %v", key, got, want)
		}
	}
}
