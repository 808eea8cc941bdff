package pipeline_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
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

// built computes all steps of a pipeline for a payload and returns the last one's document with all messages.
func built(t *testing.T, below, payload string, change func(*pipeline.ScopeInput)) (document.Document, []rossumapi.Message, error) {
	t.Helper()
	p, cfg := compile(t, below)
	in := input(t, cfg, payload)
	if change != nil {
		change(&in)
	}
	s := pipeline.NewScope(in)
	var all []rossumapi.Message
	for i, step := range p.Steps {
		messages, err := step.Compute(t.Context(), s)
		all = append(all, messages...)
		if err != nil {
			return document.Document{}, all, err
		}
		if i == len(p.Steps)-1 {
			doc, err := step.Document(t.Context(), s)
			return doc, all, err
		}
	}
	return document.Document{}, all, nil
}

// normalized puts a value that Rossum could read into a field of a payload.
func normalized(in *pipeline.ScopeInput, schemaID, value string) {
	content := in.Payload.Content.First(schemaID).Content
	content.Value, content.NormalizedValue = &value, &value
}

func TestInvoiceMapping(t *testing.T) {
	doc, _, err := built(t, `
steps:
  - codes: {set: {project: P-7}}
  - inv:
      invoice:
        fields:
          number: [nope, customer_id]
          order: sender_order_id
          sales_order:
          project: "{{ steps.codes.project }}"
          contract: "{{ field.iban }}"
          issue_date: "{{ value.date_due }}"
          total.net: "{{ value.amount_total - value.amount_total_tax }}"
          line.account: "{{ row.item_rate | lookup('tax_codes', 'none') }}"
          line.quantity: "{{ (row.item_quantity | number) * 1 }}"
          line.name: "{{ row.item_code }} {{ field.currency | upper }}"
        units: {CS: XCT}
  - jmes: {set: {codes: {jmespath: "steps.inv.lines[].account"}}}
  - out:
      map:
        header: "{{ [steps.inv.number, steps.inv.order, steps.inv.sales_order, steps.inv.project, steps.inv.contract, steps.inv.issue_date] }}"
        net: "{{ steps.inv.totals.net }}"
        vat: "{{ steps.inv.seller.vat_id }}"
        preceding: "{{ steps.inv.preceding }}"
        lines: {$for: "line in steps.inv.lines[:2]", n: "{{ line.name }}", q: "{{ line.quantity }}", u: "{{ line.unit }}", none: "{{ line.gtin }}"}
        accounts: "{{ steps.jmes.codes }}"
`, us, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"header":["BLU-0091","SO-77120",null,"P-7",null,"2026-04-08"],"net":3189.97,"vat":null,"preceding":[],` +
		`"lines":[{"n":"PAP-20LB-LTR USD","q":40,"u":"XCT","none":null},{"n":"TNR-80X USD","q":12,"u":"EA","none":null}],` +
		`"accounts":["none","none","none","none"]}`
	if string(doc.Body) != want {
		t.Errorf("got  %s\nwant %s", doc.Body, want)
	}
}

func TestInvoiceGate(t *testing.T) {
	off := func(in *pipeline.ScopeInput) { normalized(in, "amount_total", "3449.47") } // by 0.04
	for gate, want := range map[string]outcome.Kind{
		"": outcome.Rejected, "gate: {gross: block}": outcome.Rejected, "gate: {gross: warn, due: warn}": outcome.OK, "gate: {gross: off, due: off}": "",
		"gate: {tolerance: {USD: 0.05}}": "", "gate: {tolerance: {EUR: 0.05}}": outcome.Rejected,
	} {
		_, messages, err := built(t, "steps: [{inv: {invoice: {"+gate+"}}}]", us, off)
		total := payload(t, us).Content.First("amount_total").ID
		switch want {
		case outcome.Rejected:
			o := wantKind(t, err, want)
			if len(o.Fields) == 0 || o.Fields[0].Datapoint != total || o.Reason != "invoice" || strings.Contains(o.Message, "3449") {
				t.Errorf("%s: got %+v", gate, o)
			}
		case outcome.OK:
			if err != nil || len(messages) == 0 || messages[0].ID != total || messages[0].Type != rossumapi.TypeWarning {
				t.Errorf("%s: got %v, %v, want a warning", gate, messages, err)
			}
		default:
			if err != nil || len(messages) != 0 {
				t.Errorf("%s: got %v, %v, want nothing", gate, messages, err)
			}
		}
	}
}

func TestInvoiceExpressionsFailAtTheirFields(t *testing.T) {
	const missing = "07-export-missing-values.json"
	_, _, err := built(t, `steps: [{inv: {invoice: {fields: {total.tax: "{{ value.amount_total_tax }}", line.net: "{{ row.item_amount_total | number }}"}}}}]`, missing, nil)
	o := wantKind(t, err, outcome.Rejected)
	var ids []string
	for _, f := range o.Fields {
		ids = append(ids, f.SchemaID)
	}
	if !slices.Contains(ids, "amount_total_tax") || !slices.Contains(ids, "date_issue") {
		t.Errorf("got %v, want the field of the expression and those of the invoice", ids)
	}
	for field, want := range map[string]string{
		`number: "{{ field.nope }}"`: "field.nope is undefined", `line.name: "{{ row.nope }}"`: "column nope is undefined", `total.net: "{{ field.sender_name }}"`: "does not give a number",
		`due_date: "{{ field.sender_name }}"`: "does not give a date", `number: "{{ field.line_items }}"`: "where a single value belongs",
	} {
		_, _, err := built(t, "steps: [{inv: {invoice: {fields: {"+field+"}}}}]", us, nil)
		if o := wantKind(t, err, outcome.Misconfigured); !strings.Contains(o.Message, want) {
			t.Errorf("%s: got %s, want %s", field, o.Message, want)
		}
	}
}

func TestInvoiceStopsWithItsContext(t *testing.T) {
	p, cfg := compile(t, `steps: [{inv: {invoice: {fields: {line.name: "{{ row.item_code }}"}}}}]`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Steps[0].Compute(ctx, scope(t, cfg, us)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestCompileTellsWhatIsWrongWithInvoices(t *testing.T) {
	for steps, want := range map[string]string{
		`{inv: {invoice: {fields: {numbr: document_id}}}}`:                                                  "1:35: steps.inv.invoice.fields.numbr: unknown field of the invoice numbr (number)",
		`{inv: {invoice: {fields: {number: {a: b}}}}}`:                                                      "expected a schema id, a list of them, or a template, got a map",
		`{inv: {invoice: {fields: {number: [a, "{{ b }}"]}}}}`:                                              "a list names schema ids",
		`{inv: {invoice: {fields: {lines: "{{ field.line_items }}"}}}}`:                                     "a table is named by its schema id",
		`{inv: {invoice: {fields: {number: "{{ row.x }}"}}}}`:                                               "unknown name row",
		`{inv: {invoice: {fields: {line.net: "{{ rwo.x }}"}}}}`:                                             "unknown name rwo (row)",
		`{inv: {invoice: {units: {ks: PIECES}}}}`:                                                           "not a unit of UN/ECE recommendation 20: PIECES",
		`{inv: {invoice: {gate: {grosss: warn}}}}`:                                                          "unknown rule grosss (gross)",
		`{inv: {invoice: {gate: {gross: maybe}}}}`:                                                          "steps.inv.invoice.gate.gross: expected block, warn or off",
		`{inv: {invoice: {gate: {tolerance: {EURO: 1}}}}}`:                                                  "not a currency of ISO 4217: EURO",
		`{inv: {invoice: {gate: {tolerance: {EUR: -1}}}}}`:                                                  "expected an amount such as 0.05",
		`{inv: {invoice: {}, format: {type: ubl, profile: pepol}}}`:                                         `unknown profile "pepol"`,
		`{inv: {invoice: {}, format: {type: cii, profile: peppol}}}`:                                        `unknown profile "peppol"`,
		`{inv: {invoice: {}, format: {type: ubl, atach: document.original}}}`:                               "unknown option atach",
		`{inv: {invoice: {}, format: {type: ubl, attach: documnt.original}}}`:                               "unknown name documnt (document)",
		`{inv: {invoice: {}, format: xml}}`:                                                                 "an invoice has no xml of its own",
		`{s: {send: erp, post: /a, files: {f: document.original}, format: ubl}}`:                            "ubl writes invoices",
		`{doc: {render: order.xml.j2, format: ubl}}`:                                                        "ubl writes invoices",
		`{doc: {map: {a: 1}, format: ubl}}`:                                                                 "ubl writes invoices",
		`{doc: {map: {a: 1}}}, {s: {send: erp, post: /a, body: steps.doc, format: cii}}`:                    "cii writes invoices",
		`{doc: {render: order.xml.j2}}, {s: {send: erp, post: /a, body: steps.doc, format: json}}`:          "a rendered text is sent as it is",
		`{inv: {invoice: {}}}, {s: {send: erp, post: /a, map: {a: "{{ steps.inv.numbre }}"}}}`:              "the invoice of step inv has no value numbre (number)",
		`{inv: {invoice: {}}}, {s: {send: erp, post: /a, map: {a: "{{ steps.inv.seller.address.citi }}"}}}`: "the invoice of step inv has no value seller.address.citi (city)",
	} {
		if got := strings.Join(problems(t, "steps: ["+steps+"]"), "\n"); !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", steps, got, want)
		}
	}
	if got := problems(t, `steps: [{inv: {invoice: {}}}, {doc: {map: {a: "{{ steps.inv.text }}{{ steps.inv.seller.get('x') }}"}}}]`); got != nil {
		t.Errorf("got %v, want no problem", got)
	}
}

const pdf = "https://example-us.rossum.app/api/v1/documents/21990230/content"

// sent is the body of a send that is streamed.
func sent(t *testing.T, send *pipeline.Send) string {
	t.Helper()
	if len(send.Request.Files) != 1 || send.Request.Files[0].Part != "" || send.Request.Body != nil {
		t.Fatalf("not streamed: %+v", send.Request)
	}
	body, err := send.Request.Files[0].Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	whole, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(whole)
}

func TestSendWritesInvoice(t *testing.T) {
	withPDF := func(content string) func(*pipeline.ScopeInput) {
		return func(in *pipeline.ScopeInput) { in.Resources = resources{pdf: content} }
	}
	const below = `
steps:
  - inv: {invoice: {}}
  - write: {rossum: {set: {notes: x}}}
  - s: {send: erp, post: /a, body: steps.inv, format: {type: ubl, attach: document.original}}
`
	send := mustPrepare(t, below, withPDF("%PDF-1.7 scan"))
	body := sent(t, send)
	for _, want := range []string{`filename="harbor-pine_INV-2026-004417.pdf"`, `mimeCode="application/pdf"`, ">JVBERi0xLjcgc2Nhbg==<", "<cbc:ID>INV-2026-004417</cbc:ID>"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
	if send.Document.Filename != "INV-2026-004417.xml" || send.Request.Files[0].ContentType != "application/xml" {
		t.Errorf("got %s, %s", send.Document.Filename, send.Request.Files[0].ContentType)
	}

	same := map[string]*pipeline.Send{
		"another scan":   mustPrepare(t, below, withPDF("%PDF-1.7 another")),
		"nothing to get": mustPrepare(t, below, nil),
		"exported again": mustPrepare(t, below, func(in *pipeline.ScopeInput) { withPDF("%PDF-1.7 scan")(in); again(in) }),
	}
	for name, other := range same {
		if other.Fingerprint != send.Fingerprint {
			t.Errorf("%s: another fingerprint", name)
		}
	}
	changed := mustPrepare(t, below, func(in *pipeline.ScopeInput) { withPDF("%PDF-1.7 scan")(in); *in = with(*in, "order_id", "4711") })
	if changed.Fingerprint == send.Fingerprint {
		t.Error("another invoice has the same fingerprint")
	}
	if notes := strings.Join(same["nothing to get"].Notes, "\n"); !strings.Contains(notes, "files are embedded while the document is sent (1)") {
		t.Errorf("notes %q", notes)
	}
}

// TestInvoiceTextInFingerprint: the text of an invoice counts where it is part of another document.
func TestInvoiceTextInFingerprint(t *testing.T) {
	const below = `
steps:
  - inv: {invoice: {}, format: ubl}
  - write: {rossum: {set: {notes: x}}}
  - s: {send: erp, post: /a, map: {xml: "{{ steps.inv.text }}"}}
`
	send := mustPrepare(t, below, nil)
	if other := mustPrepare(t, below, again); other.Fingerprint != send.Fingerprint {
		t.Error("exported again, another fingerprint")
	}
	if other := mustPrepare(t, below, func(in *pipeline.ScopeInput) { *in = with(*in, "order_id", "4711") }); other.Fingerprint == send.Fingerprint {
		t.Error("another invoice has the same fingerprint")
	}
}

func TestBodiesInAnotherFormat(t *testing.T) {
	for steps, want := range map[string]string{
		`{inv: {invoice: {}, format: ubl}}, {s: {send: erp, post: /a, body: steps.inv}}`:                                      "application/xml",
		`{inv: {invoice: {}, format: ubl}}, {s: {send: erp, post: /a, body: steps.inv, format: json}}`:                        "application/json",
		`{inv: {invoice: {}}}, {s: {send: erp, post: /a, body: steps.inv, format: {type: cii, profile: facturx}}}`:            "application/xml",
		`{inv: {invoice: {}}}, {s: {send: erp, post: /a, body: steps.inv, format: {type: csv, columns: [number]}}}`:           "text/csv; charset=utf-8",
		`{inv: {invoice: {}}}, {s: {send: erp, post: /a, body: steps.inv.lines, format: {type: csv, columns: [name]}}}`:       "text/csv; charset=utf-8",
		`{doc: {map: [{a: 1}]}}, {s: {send: erp, post: /a, body: steps.doc, format: csv}}`:                                    "text/csv; charset=utf-8",
		`{inv: {invoice: {}, format: ubl}}, {s: {send: erp, post: /a, files: {invoice: steps.inv, scan: document.original}}}`: "",
	} {
		send := mustPrepare(t, "steps: ["+steps+"]", nil)
		if send.Request.ContentType != want || (want == "") != (len(send.Request.Body) == 0) {
			t.Errorf("%s: got %s, want %s", steps, send.Request.ContentType, want)
		}
		if want == "" && send.Request.Files[0].Name != "INV-2026-004417.xml" {
			t.Errorf("got %+v", send.Request.Files)
		}
	}
	_, err := prepared(t, `steps: [{doc: {map: {a: 1}}}, {s: {send: erp, post: /a, body: "[steps.doc][0]", format: ubl}}]`, nil)
	if o := wantKind(t, err, outcome.Misconfigured); !strings.Contains(o.Message, "body must be the value of an invoice step") {
		t.Errorf("got %s", o.Message)
	}
}

func TestProfileRefusesAtTheField(t *testing.T) {
	_, err := prepared(t, `steps: [{inv: {invoice: {}}}, {s: {send: erp, post: /a, body: steps.inv, format: {type: ubl, profile: peppol}}}]`, nil)
	o := wantKind(t, err, outcome.Rejected)
	if o.Reason != "ubl" || len(o.Fields) == 0 || !strings.Contains(o.Message, "PEPPOL") {
		t.Errorf("got %+v", o)
	}
}

func TestAttachedFiles(t *testing.T) {
	const below = `steps: [{inv: {invoice: {}, format: {type: ubl, attach: document.original}}}]`
	_, _, err := built(t, strings.Replace(below, "document.original", "field.document_id", 1), us, nil)
	if o := wantKind(t, err, outcome.Misconfigured); o.Reason != "not_a_file" {
		t.Errorf("got %s", o.Reason)
	}
	doc, _, err := built(t, strings.Replace(below, "document.original", "none", 1), us, nil)
	if err != nil || strings.Contains(string(doc.Body), "EmbeddedDocument") || doc.Inserts != nil {
		t.Errorf("null: got %v in %s", err, doc.Body)
	}
	_, err = prepared(t, strings.TrimSuffix(below, "]")+`, {s: {send: erp, post: /a, map: {xml: "{{ steps.inv.text }}"}}}]`, nil)
	if o := wantKind(t, err, outcome.Misconfigured); o.Reason != "embedded_files" {
		t.Errorf("got %s: a streamed document has no text", o.Reason)
	}
}

// TestSendNotes: what was dropped and derived in a document stands in the timeline, also of one sent as a file.
func TestSendNotes(t *testing.T) {
	send := mustPrepare(t, `
steps:
  - inv: {invoice: {}, format: ubl}
  - s: {send: erp, post: /a, files: {invoice: steps.inv, scan: document.original}}
`, nil)
	if notes := strings.Join(send.Notes, "\n"); !strings.Contains(notes, "seller.country: US, from the form of the address (1)") {
		t.Errorf("notes %q", notes)
	}
}
