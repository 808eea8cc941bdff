package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const renderPayloads = "../../rossumapi/testdata/"

const renderConfig = `
rossum: {acme: {base_url: https://acme.rossum.app}}
hooks: {exports: {rossum: acme, insecure: true, secrets: {portal: "${UNSET_PORTAL_SECRET}"}}}
targets: {erp: {http: {base_url: https://erp.example.com, bearer: "${UNSET_ERP_TOKEN}"}}}
pipelines:
  invoice:
    hook: exports
    events: [annotation_content.export]
    answer: accept
    key: [field.sender_name, field.document_id]
    steps:
      - total: {check: [{that: value.amount_total < 1000, warning: Much money., field: amount_total}]}
      - codes: {set: {kind: "{{ field.document_type }}"}}
      - create:
          send: erp
          post: /invoices
          query: {client: "{{ secrets.erp_client_id | default(null) }}", x-token: literal-token}
          headers: {X-Portal: "{{ secrets.portal }}", Authorization: Bearer literal-token}
          map: {number: "{{ field.document_id }}", kind: "{{ steps.codes.kind }}", total: "{{ value.amount_total }}"}
          find: {get: /invoices, query: {number: "{{ field.document_id }}"}, hit: "response.body[0]"}
          keep: {id: hit.id}
      - scan: {send: erp, put: "/invoices/{{ steps.create.id }}/scan", files: {file: document.original}}
      - tell: {rossum: {metadata: {erp_id: "{{ steps.create.id }}"}, note: "In the ERP as {{ steps.create.id }}."}}
`

type runner interface {
	Run(ctx context.Context, stdout io.Writer) error
}

// output runs a command and returns what it prints, then its error.
func output(t *testing.T, c runner) string {
	t.Helper()
	var out bytes.Buffer
	if err := c.Run(t.Context(), &out); err != nil {
		out.WriteString("error: " + err.Error() + "\n")
	}
	return out.String()
}

func writeCase(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestRenderShowsEveryRequestWithoutSecrets(t *testing.T) {
	file := filepath.Join(t.TempDir(), "relay.yaml")
	writeCase(t, file, renderConfig)
	got := output(t, &renderCmd{configFlag: configFlag{file}, Payload: renderPayloads + "01-export-us-standard-ap.json"})
	want := `key: Harbor & Pine Office Supply, Inc. / INV-2026-004417

--- total (check)
warning: Much money.

--- codes (set)
{"kind":"tax_invoice"}

--- create (send)
POST https://erp.example.com/invoices?client=••••••&x-token=••••••
Authorization: ••••••
Content-Type: application/json
X-Portal: ••••••
key: Harbor & Pine Office Supply, Inc. / INV-2026-004417 / create

{"number":"INV-2026-004417","kind":"tax_invoice","total":3449.43}

look-up:
GET https://erp.example.com/invoices?number=INV-2026-004417

--- scan (send)
PUT https://erp.example.com/invoices/kept.create.id/scan
file file: harbor-pine_INV-2026-004417.pdf (application/pdf)
key: Harbor & Pine Office Supply, Inc. / INV-2026-004417 / scan

--- tell (rossum)
metadata: {"erp_id":"kept.create.id"}
note: In the ERP as kept.create.id.
`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestRenderShowsInvoices(t *testing.T) {
	const send = `- create: {send: erp, post: /invoices, body: steps.inv, format: {type: ubl, attach: document.original}}`
	before, _, _ := strings.Cut(renderConfig, "      - total:")
	file := filepath.Join(t.TempDir(), "relay.yaml")
	before = strings.Replace(before, "key: [field.sender_name, field.document_id]", "key: [annotation.id]", 1)
	writeCase(t, file, before+"      - inv: {invoice: {}}\n      "+send+"\n")
	got := output(t, &renderCmd{configFlag: configFlag{file}, Payload: renderPayloads + "03-export-credit-note-czk.json"})
	for _, want := range []string{
		"--- inv (invoice)\n\n{\"number\":\"DB26-0031\",\"type\":\"381\",\"credit\":true,", "note: seller.country: CZ, from the VAT id (1)\n",
		"--- create (send)\nPOST https://erp.example.com/invoices\n", "\n<CreditNote xmlns=", "  <cbc:ID>DB26-0031</cbc:ID>\n", "</CreditNote>\nnote: files are embedded while the document is sent (1)",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got:\n%s\nwithout:\n%s", got, want)
		}
	}
	got = output(t, &renderCmd{configFlag: configFlag{file}, Payload: renderPayloads + "07-export-missing-values.json"})
	want := "refused: the invoice cannot be delivered: issue_date (unreadable), line.unit_price (unreadable), line.gross (unreadable), total.tax (unreadable), " +
		"number (missing) and 2 more\n  date_issue: \"sometime in March\" is not a date\n"
	if !strings.Contains(got, want) {
		t.Errorf("got:\n%s\nwithout:\n%s", got, want)
	}
}

func TestRenderChooses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "relay.yaml")
	writeCase(t, file, renderConfig)
	for name, test := range map[string]struct {
		cmd  renderCmd
		want string
	}{
		"one step":         {renderCmd{Step: "codes", Payload: renderPayloads + "01-export-us-standard-ap.json"}, "--- codes (set)\n{\"kind\":\"tax_invoice\"}\n"},
		"unknown step":     {renderCmd{Step: "x", Payload: renderPayloads + "01-export-us-standard-ap.json"}, "error: pipeline invoice has no step \"x\"\n"},
		"unknown pipeline": {renderCmd{Pipeline: "x", Payload: renderPayloads + "01-export-us-standard-ap.json"}, "error: no pipeline \"x\"\n"},
		"no pipeline":      {renderCmd{Payload: renderPayloads + "08-status-to-review.json"}, "error: annotation_status.changed is taken by 0 pipelines\n"},
		"refused":          {renderCmd{Pipeline: "invoice", Payload: renderPayloads + "07-export-missing-values.json"}, "refused: the field document_id is empty, but part of the key that names the invoice\n"},
		"no payload":       {renderCmd{Payload: file}, "error: " + file + ": payload"},
	} {
		t.Run(name, func(t *testing.T) {
			test.cmd.configFlag = configFlag{file}
			if got := output(t, &test.cmd); !strings.Contains(got, test.want) {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// TestTest goes the way of a user: update, pass, change the configuration, see the difference.
func TestTest(t *testing.T) {
	dir := t.TempDir()
	writeCase(t, filepath.Join(dir, "relay.yaml"), renderConfig)
	writeCase(t, filepath.Join(dir, "cases/config"), "../relay.yaml\n")
	for _, name := range []string{"01-export-us-standard-ap", "03-export-credit-note-czk", "07-export-missing-values"} {
		body, err := os.ReadFile(renderPayloads + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		writeCase(t, filepath.Join(dir, "cases", name, "payload.json"), string(body))
	}
	cases := filepath.Join(dir, "cases")
	if got, want := output(t, &testCmd{Dir: cases, Update: true}), "3 passed, 0 failed\n"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	document, err := os.ReadFile(filepath.Join(cases, "03-export-credit-note-czk/expected/create.json"))
	if want := `{"number":"DB26-0031","kind":"credit_note","total":-17916.00}`; err != nil || string(document) != want {
		t.Fatalf("got %s (%v), want %s", document, err, want)
	}
	if got, want := output(t, &testCmd{Dir: cases}), "3 passed, 0 failed\n"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}

	writeCase(t, filepath.Join(dir, "relay.yaml"), strings.Replace(renderConfig, "total: \"{{ value.amount_total }}\"", "gross: \"{{ value.amount_total }}\"", 1))
	writeCase(t, filepath.Join(cases, "07-export-missing-values/expected/more.json"), "{}")
	got := output(t, &testCmd{Dir: cases})
	for _, want := range []string{
		"FAIL 03-export-credit-note-czk\n  create.json differs:\n    line 1\n    -{\"number\":\"DB26-0031\",\"kind\":\"credit_note\",\"total\":-17916.00}\n    +{\"number\":\"DB26-0031\",\"kind\":\"credit_note\",\"gross\":-17916.00}\n",
		"FAIL 07-export-missing-values\n  more.json: expected, but not made\n", "0 passed, 3 failed\nerror: 3 cases failed\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got:\n%s\nwithout:\n%s", got, want)
		}
	}
}

func TestTestNeedsCasesAndConfig(t *testing.T) {
	dir := t.TempDir()
	if got := output(t, &testCmd{Dir: dir}); !strings.HasPrefix(got, "error: no cases in ") {
		t.Error(got)
	}
	writeCase(t, filepath.Join(dir, "a/payload.json"), "{}")
	if got := output(t, &testCmd{Dir: dir}); !strings.HasPrefix(got, "error: which configuration?") {
		t.Error(got)
	}
}
