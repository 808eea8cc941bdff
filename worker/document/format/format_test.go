package format_test

import (
	"strings"
	"testing"

	"github.com/rossum-relay/rossum-relay/worker/document/format"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice/invoicetest"
)

// TestFormats encodes an invoice in every format there is.
func TestFormats(t *testing.T) {
	inv, _ := invoicetest.Read(t, invoicetest.Payloads[0])
	for _, name := range format.Names() {
		encode, err := format.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		doc, problems, err := encode(inv, invoice.Options{})
		if err != nil || len(doc.Body) == 0 || doc.ContentType == "" || doc.Filename == "" {
			t.Errorf("%s: %v %v", name, err, problems)
		}
	}
	if _, err := format.Find("edifact"); err == nil || !strings.Contains(err.Error(), "cii, ubl") {
		t.Error(err)
	}
}
