package ubl_test

import (
	"testing"

	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice/invoicetest"
	"github.com/rossum-relay/rossum-relay/worker/document/ubl"
)

// BenchmarkTwoThousandLines goes from the datapoint tree to UBL, gate included.
// The goal is under 60 ms and under 64 MB on one core.
func BenchmarkTwoThousandLines(b *testing.B) {
	tree := invoicetest.Tree(b, invoicetest.Payloads[4])
	b.ReportAllocs()
	for b.Loop() {
		inv, problems, err := invoice.Read(tree, invoice.Mapping{})
		if err != nil || len(problems) > 0 {
			b.Fatal(err, problems)
		}
		if invoice.Blocks((invoice.Gate{}).Check(inv)) {
			b.Fatal("blocked by the gate")
		}
		doc, _, err := ubl.Encode(inv, invoice.Options{Profile: "en16931"})
		if err != nil || len(doc.Body) == 0 {
			b.Fatal(err)
		}
	}
}
