package pipeline_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
)

// eval evaluates one template in a map step and returns the JSON of its value.
func eval(t *testing.T, template string, change func(*pipeline.ScopeInput), name string) (string, error) {
	t.Helper()
	quoted, err := json.Marshal(template)
	if err != nil {
		t.Fatal(err)
	}
	p, cfg := compile(t, "steps: [{doc: {map: ["+string(quoted)+"]}}]")
	in := input(t, cfg, name)
	if change != nil {
		change(&in)
	}
	doc, err := p.Steps[0].Document(t.Context(), pipeline.NewScope(in))
	return strings.TrimSuffix(strings.TrimPrefix(string(doc.Body), "["), "]"), err
}

func TestNames(t *testing.T) {
	const us, po, credit, ch, missing = "01-export-us-standard-ap.json", "02-export-po-backed-sideloads.json",
		"03-export-credit-note-czk.json", "04-export-header-only-chf.json", "07-export-missing-values.json"
	for _, test := range []struct{ payload, template, want string }{
		// field: normalized value where there is one, else the value, as Rossum's own templates see it
		{us, "{{ field.document_id }}", `"INV-2026-004417"`},
		{us, "{{ field.amount_total }}", `"3449.43"`},
		{us, "{{ field.date_issue }}", `"2026-03-09"`},
		{us, "{{ field.iban }}", `""`},
		{us, "{{ field['document_id'] ~ field.get('nope', '-') }}", `"INV-2026-004417-"`},
		{us, "{{ field.line_items | length }}", `4`},
		{us, "{{ field.line_items[0].item_code }}", `"PAP-20LB-LTR"`},
		{us, "{{ field.line_items[-1].item_code }}", `"FRT"`},
		{us, "{{ field.line_items | map(attribute='item_quantity') | map('int') | sum }}", `56`},
		{us, "{{ (field.line_items | selectattr('item_uom', 'equalto', 'EA') | list | first).item_code }}", `"TNR-80X"`},
		{us, "{{ field.line_items[0].keys() | first }}", `"item_code"`},
		{us, "{{ 'document_id' in field.keys() }}", `true`},
		{ch, "{{ field.amount_total_tax_ns }}", `["810.04","64.48"]`},
		{ch, "{{ field.shipping_charge_ns }}", `[]`},
		{ch, "{{ field.line_items | length }}", `0`},
		{missing, "{{ field.currency }}", `null`},
		{missing, "{{ field.lookup_vendor }}", `null`},
		{missing, "{{ field.date_issue }}", `"sometime in March"`},
		{missing, "{{ field.line_items[3] | length if false else (field.line_items | select | list | length) }}", `3`},
		// value: exact numbers, dates, null
		{us, "{{ value.amount_total }}", `3449.43`},
		{us, "{{ value.amount_total - value.amount_total_tax == value.amount_total_base }}", `true`},
		{us, "{{ value.date_due }}", `"2026-04-08"`},
		{us, "{{ (value.date_due - value.date_issue).days }}", `30`},
		{us, "{{ value.iban }}", `null`},
		{us, "{{ value.line_items | map(attribute='item_total_base') | sum }}", `3189.97`},
		{credit, "{{ value.amount_total }}", `-17916.00`},
		{ch, "{{ value.amount_total_tax_ns | sum }}", `874.52`},
		{missing, "{{ value.amount_due }}", `318.40`},
		{missing, "{{ value.date_issue or value.date_due or 'unknown' }}", `"unknown"`},
		// dp: the datapoint
		{us, "{{ dp.document_id.schema_id ~ dp.document_id.hidden ~ dp.document_id.page }}", `"document_idFalse1"`},
		{us, "{{ dp.document_id.confidence > 0.5 }}", `true`},
		{us, "{{ dp.amount_total.value ~ ' ' ~ dp.amount_total.normalized }}", `"3,449.43 3449.43"`},
		{po, "{{ dp.sender_match.label is string and dp.sender_match.options | length > 0 }}", `true`},
		{missing, "{{ dp.currency.value ~ dp.currency.normalized ~ dp.lookup_vendor.page }}", `"NoneNone"`},
		// what comes with the payload
		{us, "{{ payload.event ~ payload.annotation.id ~ payload['document'].id }}", `"annotation_content2144087121990230"`},
		{us, "{{ annotation.id }}", `21440871`},
		{us, "{{ document.original_file_name }} {{ document.original.name }} {{ document.original.content_type }}", `"harbor-pine_INV-2026-004417.pdf harbor-pine_INV-2026-004417.pdf application/pdf"`},
		{us, "{{ settings.company }} {{ settings.company_code }} {{ secrets.erp_client_id }} {{ secrets.portal }}", `"0100 US01 example-client not-a-real-secret"`},
		{us, "{{ tables.tax_codes['21'] }}", `"V1"`},
		{us, "{{ run.id }} {{ run.pipeline }} {{ run.generation }} {{ run.event }} {{ run.now | date('%Y-%m-%dT%H:%M') }}", `"bbbbbbbbbbbbbbbbbbbbbbbbbb p 2 annotation_content.export 2026-11-21T10:30"`},
		{"06-export-unicode-jpy.json", "{{ settings['備考'] }}{{ annotation.metadata['部署'] }}", `"設定経理"`},
		// sideloads
		{po, "{{ queue.name }} {{ schema.id }} {{ label('amount_total') }}", `"AP Documents - line level taxation 1302877 Amount total"`},
		{credit, "{{ queue.name }} {{ modifier.username }} {{ labels | map(attribute='name') | join(', ') }}", `"Přijaté faktury operator.one@example.com reklamace"`},
		{"09-status-failed-export-sideloads.json", "{{ queue.name }} {{ modifier.email }} {{ labels | map(attribute='name') | join(', ') }} {{ emails[0].subject }}",
			`"Přijaté faktury operator.two@example.com reklamace, urgent Faktura FV-2026-0144"`},
		{"05-export-einvoice-2000-lines.json", "{{ modifier is none }} {{ modifier.username if modifier else 'automation' }}", `"True automation"`},
		{us, "{{ null is none }}", `true`},
	} {
		t.Run(test.payload[:2]+" "+test.template, func(t *testing.T) {
			keepEmails := func(in *pipeline.ScopeInput) {
				in.Resources = resources{"https://example-eu.rossum.app/api/v1/emails/5720033": `{"subject":"Re"}`}
			}
			got, err := eval(t, test.template, keepEmails, test.payload)
			if err != nil || got != test.want {
				t.Errorf("got %s (%v), want %s", got, err, test.want)
			}
		})
	}
}

func TestCredentialsAreOutOfReach(t *testing.T) {
	for _, template := range []string{
		"{{ payload.rossum_authorization_token | default('') }}", "{{ payload['secrets'] | default('') }}", "{{ payload.get('rossum_authorization_token', '') }}",
		"{{ payload.items() | map('first') | select('in', ['secrets', 'rossum_authorization_token']) | join }}",
		"{{ payload | list | select('in', ['secrets', 'rossum_authorization_token']) | join }}",
	} {
		got, err := eval(t, template, nil, "01-export-us-standard-ap.json")
		if err != nil || got != `""` {
			t.Errorf("%s: got %s (%v)", template, got, err)
		}
	}
	p, cfg := compile(t, `steps: [{x: {set: {all: {jmespath: "[secrets, rossum_authorization_token, event]"}}}}, {doc: {map: {all: "{{ steps.x.all }}"}}}]`)
	s := scope(t, cfg, "01-export-us-standard-ap.json")
	if _, err := p.Steps[0].Compute(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	doc, err := p.Steps[1].Document(t.Context(), s)
	if want := `{"all":[null,null,"annotation_content"]}`; err != nil || string(doc.Body) != want {
		t.Errorf("got %s (%v), want %s", doc.Body, err, want)
	}
}

func TestMissingNamesAreMisconfigured(t *testing.T) {
	for template, want := range map[string]string{
		"{{ field.nope }}":                       "field.nope is undefined",
		"{{ field.nope + 'x' }}":                 "field.nope is undefined",
		"{{ field.nope | money }}":               "field.nope is undefined",
		"{{ field.line_items[0].nope }}":         "column nope is undefined",
		"{{ settings.nope.x }}":                  "undefined",
		"{{ secrets.nope }}":                     "secrets.nope is undefined",
		"{{ tables.tax_codes.nope }}":            "tables.tax_codes.nope is undefined",
		"{{ field.document_id + 1 }}":            "(testdata/relay.yaml:",
		"{{ queue.name }}":                       "queue is neither in the payload nor can it be fetched",
		"{{ label('document_id') }}":             "no label of the field",
		"{{ field }}":                            "cannot stand in a document",
		"{{ document.original }}":                "a file cannot stand in a document",
		"{{ range(100000000) | list | length }}": "limit",
	} {
		_, err := eval(t, template, nil, "01-export-us-standard-ap.json")
		o := wantKind(t, err, outcome.Misconfigured)
		if !strings.Contains(o.Message, want) && !strings.Contains(o.Reason, want) || !strings.HasPrefix(o.Message, "pipelines.p.steps.doc.map") && want != "queue is neither in the payload nor can it be fetched" && !strings.HasPrefix(want, "no label") {
			t.Errorf("%s: got %s %s, want %s", template, o.Reason, o.Message, want)
		}
	}
}

func TestUnreadableValuesAreRefusedAtTheirField(t *testing.T) {
	const missing = "07-export-missing-values.json"
	for template, want := range map[string]string{
		"{{ value.date_issue }}":                                            "date_issue",
		"{{ value.date_issue | iso_date }}":                                 "date_issue",
		"from {{ value.date_issue }}":                                       "date_issue",
		"{{ value.amount_due + value.amount_total_tax }}":                   "amount_total_tax",
		"{{ value.amount_due + value.date_due }}":                           "date_due", // empty where a number is needed
		"{{ field.amount_total_tax | number }}":                             "amount_total_tax",
		"{{ field.date_issue | date('%Y') }}":                               "date_issue",
		"{{ value.line_items[0].item_amount_base }}":                        "item_amount_base",
		"{{ field.line_items[1].item_amount_total | number }}":              "item_amount_total",
		"{{ field.line_items[0].item_gl_code | lookup('tax_codes') }}":      "item_gl_code",
		"{{ field.sender_name | fixed(5) }}":                                "sender_name",
		"{{ field.sender_name | currency_minor }}":                          "sender_name",
		"{{ field.currency | upper }}":                                      "currency", // null is not NONE
		"{{ field.currency }}-{{ field.document_id }}":                      "currency",
		"{{ field.currency.upper() }}":                                      "currency",
		"{{ field.currency + 'x' }}":                                        "currency",
		"due {{ value.date_due }}":                                          "date_due",
		"{{ field.currency or 'none' }}":                                    "",
		"{{ (field.currency or 'eur') | upper }}":                           "",
		"{{ (field.sender_name ~ field.line_items[0].item_desc) | upper }}": "",
	} {
		_, err := eval(t, template, nil, missing)
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", template, err)
			}
			continue
		}
		o := wantKind(t, err, outcome.Rejected)
		if len(o.Fields) != 1 || o.Fields[0].SchemaID != want || o.Fields[0].Datapoint == 0 {
			t.Errorf("%s: got %+v, want a complaint at %s", template, o.Fields, want)
		}
		if strings.Contains(o.Message, "March") || strings.Contains(o.Message, "approx") {
			t.Errorf("%s: the message holds a value of the document: %s", template, o.Message)
		}
	}
}

func TestResourcesAreAskedOnceAndTheirErrorsPassThrough(t *testing.T) {
	in := func(r pipeline.Resources) func(*pipeline.ScopeInput) {
		return func(in *pipeline.ScopeInput) { in.Resources = r }
	}
	counting := &countingResources{resources: resources{
		"https://example-us.rossum.app/api/v1/queues/812044":  `{"name":"AP US"}`,
		"https://example-us.rossum.app/api/v1/schemas/923311": `{"content":[{"category":"section","id":"s","children":[{"category":"datapoint","id":"document_id","label":"Invoice no."}]}]}`,
	}}
	got, err := eval(t, "{{ queue.name }}{{ queue.name }} {{ label('document_id') }} {{ label('document_id') }}", in(counting), "01-export-us-standard-ap.json")
	if want := `"AP USAP US Invoice no. Invoice no."`; err != nil || got != want || counting.asked != 2 {
		t.Errorf("got %s (%v) with %d requests, want %s with 2", got, err, counting.asked, want)
	}
	_, err = eval(t, "{{ queue.name }}", in(resources{}), "01-export-us-standard-ap.json")
	var refused *rossumapi.APIError
	if !errors.As(err, &refused) || refused.Status != 404 {
		t.Errorf("got %v, want Rossum's 404", err)
	}
	got, err = eval(t, "{{ field.document_id }}", in(resources{"https://example-eu.rossum.app/api/v1/annotations/23119004/content": `{"content":[{"id":1,"category":"section","schema_id":"s","children":[{"id":2,"category":"datapoint","schema_id":"document_id","content":{"value":"F-1"}}]}]}`}),
		"09-status-failed-export-sideloads.json")
	if err != nil || got != `"F-1"` {
		t.Errorf("fetched content: got %s (%v)", got, err)
	}
	_, err = eval(t, "{{ field.document_id }}", nil, "09-status-failed-export-sideloads.json")
	wantKind(t, err, outcome.Misconfigured)
}

func TestEventsWithoutAnnotation(t *testing.T) {
	for name, test := range map[string]struct{ template, want, key string }{
		"10-upload-created-from-email.json":  {"{{ annotation is none }}{{ document is none }}{{ modifier is none }} {{ payload.files | length }} {{ field | length }}", `"TrueTrueTrue 4 0"`, "upload"},
		"11-email-received-attachments.json": {"{{ annotation is none }} {{ payload.files | map(attribute='filename') | first }}", `"True `, "email"},
		"12-invocation-scheduled.json":       {"{{ queue is none }} {{ payload.event }} {{ settings | length > 0 }}", `"True invocation True"`, "run"},
		"08-status-to-review.json":           {"{{ annotation.status }} {{ annotation.previous_status }} {{ document.original.name != '' }}", `"to_review importing True"`, "annotation"},
	} {
		got, err := eval(t, test.template, nil, name)
		if err != nil || !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: got %s (%v), want %s", name, got, err, test.want)
		}
		p, cfg := compile(t, "steps: [{s: {set: {a: 1}}}]")
		key, err := p.Key(t.Context(), scope(t, cfg, name))
		if err != nil || len(key) != 2 || key[0] != test.key || key[1] == "" {
			t.Errorf("%s: key %q (%v)", name, key, err)
		}
	}
}
