package pipeline_test

import (
	"testing"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
)

// TestInvoices writes the invoice of every export but the largest. What cannot be written shows where it was refused.
func TestInvoices(t *testing.T) {
	cfg, err := configs.Load("testdata/invoices.yaml")
	if err != nil {
		t.Fatal(err)
	}
	set, err := pipeline.Compile(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range set.All() {
		for _, name := range exports() {
			if name[:2] == "05" {
				continue
			}
			t.Run(p.Name+"/"+name[:2], func(t *testing.T) {
				golden(t, "invoice/"+name[:2]+"."+p.Name, made(t, p.Steps[0], scope(t, cfg, name)))
			})
		}
	}
}
