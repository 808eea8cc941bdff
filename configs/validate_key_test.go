package configs_test

import (
	"strings"
	"testing"

	"github.com/rossum-relay/rossum-relay/configs"
)

// TestSharedKeys: two pipelines whose sends are one delivery to the ledger, where that is hardly meant.
func TestSharedKeys(t *testing.T) {
	const create = "{create: {send: erp, post: /invoices, find: {get: /invoices, hit: response.body}}}"
	first := "hook: a, events: [annotation_content.export], key: [field.document_id], steps: [" + create + "]"
	for name, c := range map[string]struct {
		second string
		warned bool
	}{
		"the invoice by another hook": {strings.Replace(first, "hook: a", "hook: b", 1), false},
		"another queue":               {"queues: [7], " + first, true}, // the first takes all
		"another event":               {strings.Replace(first, "_content.export", "_status.changed", 1), false},
		"the same events":             {first, true},
		"some of the same events":     {"when: value.amount_total < 0, " + first, true},
		"another request":             {strings.NewReplacer("hook: a", "hook: b", "post: /invoices", "post: /archive").Replace(first), true},
		"another step name":           {strings.Replace(first, "create:", "archive:", 1), false},
		"another key":                 {strings.Replace(first, "key: [field.document_id]", "key: [field.document_id, queue.id]", 1), false},
		"a key of its own":            {strings.Replace(first, "send: erp", "send: erp, key: [field.document_id, queue.id]", 1), false},
		"no ledger":                   {strings.Replace(first, "send: erp", "send: erp, repeatable: true", 1), false},
	} {
		t.Run(name, func(t *testing.T) { sharedKeys(t, first, c.second, c.warned) })
	}
	t.Run("split by a condition", func(t *testing.T) {
		sharedKeys(t, "when: value.amount_total >= 0, "+first, "when: value.amount_total < 0, "+first, false)
	})
}

func sharedKeys(t *testing.T, first, second string, want bool) {
	t.Helper()
	cfg, err := configs.Parse("relay.yaml", []byte(`
rossum: {acme: {base_url: "https://acme.rossum.app"}}
hooks: {a: {rossum: acme, signing_secrets: ["file:a"]}, b: {rossum: acme, signing_secrets: ["file:b"]}}
targets: {erp: {http: {base_url: "https://erp.example"}}}
ingest: {public_url: "https://relay.example"}
pipelines:
  first: {`+first+`}
  second: {`+second+"}\n"))
	if err != nil {
		t.Fatal(err)
	}
	warned := strings.Contains(cfg.Warnings.Error(), "under the same key and step name")
	if warned != want || warned && !strings.Contains(cfg.Warnings.Error(), "pipelines.second.steps.create: pipeline first") {
		t.Errorf("warned %v: %v", warned, cfg.Warnings)
	}
}
