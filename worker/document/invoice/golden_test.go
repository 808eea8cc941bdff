package invoice_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice/invoicetest"
	"github.com/rossum-relay/rossum-relay/worker/document/json"
)

// TestReadPayloads shows what is made of real documents: the canonical invoice,
// what was derived and what is wrong, by Read and by the gate.
func TestReadPayloads(t *testing.T) {
	for _, name := range invoicetest.Payloads {
		t.Run(name, func(t *testing.T) {
			inv, problems := invoicetest.Read(t, name)
			tree, err := json.Encode(inv.Tree(), json.Options{Indent: true})
			if err != nil {
				t.Fatal(err)
			}
			invoicetest.Golden(t, name+".json", tree.Body)

			var report bytes.Buffer
			for _, p := range append(problems, (invoice.Gate{}).Check(inv)...) {
				fmt.Fprintf(&report, "%s %s: %s\n\tat %s row %d: %s %d\n", p.Severity, p.Rule, p.Message, p.Field, p.Row, p.SchemaID, p.Datapoint)
			}
			for _, d := range inv.Derived {
				fmt.Fprintf(&report, "derived %s row %d: %s\n", d.Field, d.Row, d.How)
			}
			invoicetest.Golden(t, name+".txt", report.Bytes())
		})
	}
}
