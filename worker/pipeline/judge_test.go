package pipeline_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
	"github.com/rossum-relay/rossum-relay/worker/target"
)

// answer is a response with the transport's own classification, as httptarget gives it.
func answer(status int, body string, headers ...string) (*target.Response, outcome.Outcome) {
	resp := &target.Response{Status: status, Header: http.Header{}, Body: []byte(body)}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		resp.Header.Add(name, value)
	}
	o := outcome.Outcome{Status: status, Excerpt: body, Message: "erp answered"}
	switch {
	case status/100 == 2:
		o.Kind = outcome.OK
	case status == 503:
		o.Kind = outcome.Retry
	case status/100 == 5:
		o.Kind = outcome.Uncertain
	case status == 401:
		o.Kind = outcome.Reauth
	default:
		o.Kind = outcome.Rejected
	}
	return resp, o
}

func TestJudge(t *testing.T) {
	const create = `
steps:
  - s:
      send: erp
      post: /a
      ok: response.status == 201 and response.body.id
      keep: {id: hit.id, where: "response.headers['location']"}
      outcomes:
        - {status: 409, outcome: throttled, after: 90s}
        - {if: "'taken' in response.text", outcome: rejected, message: "Coupa has {{ field.document_id }}: {{ response.json.why }}", field: document_id}
        - {status: 5xx, if: response.json.sure, outcome: retry}
        - {status: 200, if: response.json.known, outcome: duplicate}
`
	loc := "Location: /a/7"
	for name, test := range map[string]struct {
		status  int
		body    string
		headers []string
		partial bool
		kind    outcome.Kind
		reason  string
		kept    string
	}{
		"created":              {201, `{"id": 12345678901234567}`, []string{loc}, false, outcome.OK, "", `{"id":12345678901234567,"where":"/a/7"}`},
		"created with a text":  {201, `{"id": "A\"1"}`, []string{loc}, false, outcome.OK, "", `{"id":"A\"1","where":"/a/7"}`},
		"created with decimal": {201, `{"id": 1.50}`, []string{loc}, false, outcome.OK, "", `{"id":1.50,"where":"/a/7"}`},
		"not ok":               {200, `{"id": 1}`, []string{loc}, false, outcome.Uncertain, "body_not_ok", ""},
		"an error in a 2xx":    {201, `{"error": "x"}`, []string{loc}, false, outcome.Uncertain, "body_not_ok", ""},
		"empty":                {201, ``, []string{loc}, false, outcome.Uncertain, "body_not_ok", ""},
		"broken":               {201, `{"id": `, []string{loc, "Content-Type: application/json"}, false, outcome.Uncertain, "body_unreadable", ""},
		"html":                 {201, `<html>`, []string{loc, "Content-Type: text/html"}, false, outcome.Uncertain, "body_not_ok", ""},
		"cut":                  {201, `{"id": 1}`, []string{loc}, true, outcome.Uncertain, "body_cut", ""},
		"lacks a kept value":   {201, `{"id": 1}`, nil, false, outcome.Uncertain, "kept_missing", ""},
		"kept value is null":   {201, `{"id": 1}`, []string{"Location: "}, false, outcome.Uncertain, "kept_missing", ""},
		"rule by status":       {409, ``, nil, false, outcome.Throttled, "rule", ""},
		"rule by text":         {400, `{"errors": "taken", "why": "same"}`, nil, false, outcome.Rejected, "rule", ""},
		"rule by both":         {502, `{"sure": true}`, nil, false, outcome.Retry, "rule", ""},
		"rule does not match":  {502, `{"sure": false}`, nil, false, outcome.Uncertain, "", ""},
		"rule cannot be asked": {502, `bad gateway`, nil, false, outcome.Uncertain, "", ""},
		"duplicate":            {200, `{"known": true, "id": 3}`, []string{loc}, false, outcome.Duplicate, "rule", `{"id":3,"where":"/a/7"}`},
		"duplicate without":    {200, `{"known": true}`, []string{loc}, false, outcome.Uncertain, "kept_missing", ""},
		"refused":              {422, `{"errors": {}}`, nil, false, outcome.Rejected, "", ""},
		"credentials":          {401, ``, nil, false, outcome.Reauth, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			send := mustPrepare(t, create, nil)
			resp, o := answer(test.status, test.body, test.headers...)
			resp.Partial = test.partial
			got, kept := send.Judge(t.Context(), resp, o)
			if got.Kind != test.kind || got.Reason != test.reason || got.Status != test.status {
				t.Errorf("got %s %q (%s), want %s %q", got.Kind, got.Reason, got.Message, test.kind, test.reason)
			}
			if text := keptText(kept); text != test.kept {
				t.Errorf("kept %s, want %s", text, test.kept)
			}
		})
	}
	send := mustPrepare(t, create, nil)
	resp, o := answer(400, `{"errors": "taken", "why": "same"}`)
	got, _ := send.Judge(t.Context(), resp, o)
	if got.Message != "Coupa has INV-2026-004417: same" || len(got.Fields) != 1 || got.Fields[0].SchemaID != "document_id" || got.Fields[0].Datapoint == 0 {
		t.Errorf("got %+v", got)
	}
	resp, o = answer(409, ``)
	if got, _ = send.Judge(t.Context(), resp, o); got.After.Seconds() != 90 {
		t.Errorf("after %s", got.After)
	}
	if got, _ = send.Judge(t.Context(), nil, outcome.Outcome{Kind: outcome.Retry}); got.Kind != outcome.Retry {
		t.Errorf("no response: %s", got.Kind)
	}
}

func keptText(kept map[string]json.RawMessage) string {
	if kept == nil {
		return ""
	}
	raw, err := json.Marshal(kept)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

func TestJudgeOfWhatMayBeRepeated(t *testing.T) {
	send := mustPrepare(t, `steps: [{s: {send: erp, put: /a, ok: response.json.ok}}]`, nil)
	resp, o := answer(200, `{"ok": false}`)
	if got, _ := send.Judge(t.Context(), resp, o); got.Kind != outcome.Retry || got.Reason != "body_not_ok" {
		t.Errorf("put: got %s %s, want retry", got.Kind, got.Reason)
	}
	plain := mustPrepare(t, `steps: [{s: {send: erp, post: /a}}]`, nil)
	resp, o = answer(204, ``)
	if got, kept := plain.Judge(t.Context(), resp, o); got.Kind != outcome.OK || len(kept) != 0 {
		t.Errorf("plain: got %s", got.Kind)
	}
	resp.Partial = true
	if got, _ := plain.Judge(t.Context(), resp, o); got.Kind != outcome.Uncertain || got.Reason != "body_cut" {
		t.Errorf("cut: got %s %s", got.Kind, got.Reason)
	}
	tolerant := mustPrepare(t, `steps: [{s: {send: erp, post: /a, ok: "response.status in [200, 302]"}}]`, nil)
	resp, o = answer(302, ``)
	if got, _ := tolerant.Judge(t.Context(), resp, o); got.Kind != outcome.OK {
		t.Errorf("ok of a 302: got %s", got.Kind)
	}
}

func TestResponseXML(t *testing.T) {
	send := mustPrepare(t, `
steps:
  - s:
      send: erp
      post: /a
      ok: response.xml('.//{*}Status') == 'OK'
      keep: {id: "response.xml('{urn:e}Body/ID')", all: "response.xml('.//{*}ID', all=true)", type: "response.headers['content-type']"}
`, nil)
	resp, o := answer(200, `<?xml version="1.0" encoding="ISO-8859-1"?><e:Envelope xmlns:e="urn:e"><e:Body><Status> OK </Status><ID>Pr`+"\xfc"+`f-7</ID></e:Body></e:Envelope>`, "Content-Type: text/xml")
	got, kept := send.Judge(t.Context(), resp, o)
	if want := `{"all":["Prüf-7"],"id":"Prüf-7","type":"text/xml"}`; got.Kind != outcome.OK || keptText(kept) != want {
		t.Errorf("got %s %s %s, want %s", got.Kind, got.Message, keptText(kept), want)
	}
	resp, o = answer(200, `<a><Status>OK`)
	if got, _ := send.Judge(t.Context(), resp, o); got.Kind != outcome.Uncertain || got.Reason != "body_unreadable" {
		t.Errorf("broken XML: got %s %s", got.Kind, got.Reason)
	}
}

func TestComplaintsReachTheirFields(t *testing.T) {
	const below = `
fields:
  invoice-number: document_id
  invoice-lines.*.price: item_amount_base
  to_Item/SupplierInvoiceItemAmount: amount_total
  entity: sender_name
steps: [{s: {send: erp, post: /a}}]
`
	send := mustPrepare(t, below, nil)
	rows := payload(t, us).Content.First("line_items").Rows()
	second, document := rows[1].First("item_amount_base").ID, payload(t, us).Content.First("document_id").ID
	for name, test := range map[string]struct {
		body string
		want []outcome.Field
	}{
		"coupa": {`{"errors":{"invoice-number":["has already been taken","is too long"],"other":["x"]}}`, []outcome.Field{
			{SchemaID: "document_id", Datapoint: document, Type: "error", Text: "has already been taken"},
			{SchemaID: "document_id", Datapoint: document, Type: "error", Text: "is too long"}}},
		"coupa line":          {`{"errors":{"invoice-lines":[{},{"price":["must be positive"]}]}}`, []outcome.Field{{SchemaID: "item_amount_base", Datapoint: second, Type: "error", Text: "must be positive"}}},
		"odata":               {`{"error":{"code":"x","message":"top","details":[{"target":"/to_Item/SupplierInvoiceItemAmount","message":"balance not zero"}]}}`, []outcome.Field{{SchemaID: "amount_total", Datapoint: payload(t, us).Content.First("amount_total").ID, Type: "error", Text: "balance not zero"}}},
		"problem+json":        {`{"title":"Bad","o:errorDetails":[{"detail":"Invalid reference key","o:errorCode":"INVALID_KEY_OR_REF","o:errorPath":"entity"}]}`, []outcome.Field{{SchemaID: "sender_name", Datapoint: payload(t, us).Content.First("sender_name").ID, Type: "error", Text: "Invalid reference key"}}},
		"line beyond the end": {`{"invoice-lines":{"99":{"price":"x"}}}`, []outcome.Field{{SchemaID: "item_amount_base", Datapoint: rows[0].First("item_amount_base").ID, Type: "error", Text: "x"}}},
		"credential masked":   {`{"invoice-number":"Bearer abcdefghijkl"}`, []outcome.Field{{SchemaID: "document_id", Datapoint: document, Type: "error", Text: "Bearer [redacted]"}}},
		"nothing":             {`{"a":[1,null,true]}`, nil},
		"no json":             {`<error/>`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			resp, o := answer(422, test.body)
			got, _ := send.Judge(t.Context(), resp, o)
			if diff := cmp.Diff(test.want, got.Fields); diff != "" {
				t.Error(diff)
			}
		})
	}
	resp, o := answer(422, `{"invoice-number":["`+strings.Repeat(`x","y`, 1000)+`"],"deep":`+strings.Repeat("[", 150)+strings.Repeat("]", 150)+`}`)
	if got, _ := send.Judge(t.Context(), resp, o); len(got.Fields) > 20 {
		t.Errorf("%d complaints", len(got.Fields))
	}
}

func TestFind(t *testing.T) {
	const below = `
steps:
  - s:
      send: erp
      post: /a
      find: {get: "/a/{{ field.document_id }}", query: {n: "{{ field.document_id }}"}, headers: {X-A: b}, hit: "response.body[0]", same: hit.total == value.amount_total}
      keep: {id: hit.id}
`
	send := mustPrepare(t, below, nil)
	req, err := send.FindRequest(t.Context())
	if err != nil || req.Method != "GET" || req.Path != "/a/INV-2026-004417" || req.Query.Get("n") != "INV-2026-004417" || req.Header.Get("X-A") != "b" || !req.Safe || !send.CanFind() {
		t.Fatalf("got %+v (%v)", req, err)
	}
	for name, test := range map[string]struct {
		status  int
		body    string
		partial bool
		kind    pipeline.FindingKind
		outcome outcome.Kind
		kept    string
	}{
		"hit":               {200, `[{"id": 7, "total": 3449.43}]`, false, pipeline.Hit, outcome.Duplicate, `{"id":7}`},
		"other scale":       {200, `[{"id": 7, "total": 3449.430}]`, false, pipeline.Hit, outcome.Duplicate, `{"id":7}`},
		"miss":              {200, `[]`, false, pipeline.Miss, outcome.OK, ""},
		"null":              {200, `[null]`, false, pipeline.Miss, outcome.OK, ""},
		"not found":         {404, `{"error": "no"}`, false, pipeline.Miss, outcome.OK, ""},
		"different":         {200, `[{"id": 7, "total": 1}]`, false, pipeline.Different, outcome.Rejected, ""},
		"error in a 200":    {200, `{"error": "no"}`, false, pipeline.Failed, outcome.Retry, ""},
		"not JSON":          {200, `login page`, false, pipeline.Failed, outcome.Retry, ""},
		"broken":            {200, `[{"id"`, false, pipeline.Failed, outcome.Retry, ""},
		"cut":               {200, `[]`, true, pipeline.Failed, outcome.Retry, ""},
		"not comparable":    {200, `[{"id": 7}]`, false, pipeline.Failed, outcome.Retry, ""},
		"without its id":    {200, `[{"total": 3449.43}]`, false, pipeline.Failed, outcome.Retry, ""},
		"unavailable":       {503, ``, false, pipeline.Failed, outcome.Retry, ""},
		"credentials":       {401, ``, false, pipeline.Failed, outcome.Reauth, ""},
		"no content at all": {204, ``, false, pipeline.Failed, outcome.Retry, ""},
	} {
		t.Run(name, func(t *testing.T) {
			resp, o := answer(test.status, test.body)
			resp.Partial = test.partial
			got := send.JudgeFind(t.Context(), resp, o)
			if got.Kind != test.kind || got.Outcome.Kind != test.outcome || keptText(got.Kept) != test.kept {
				t.Errorf("got %s %s %s (%s), want %s %s %s", got.Kind, got.Outcome.Kind, keptText(got.Kept), got.Outcome.Message, test.kind, test.outcome, test.kept)
			}
		})
	}
	if got := send.JudgeFind(t.Context(), nil, outcome.Outcome{Kind: outcome.Retry, Reason: "timeout"}); got.Kind != pipeline.Failed || got.Outcome.Reason != "timeout" {
		t.Errorf("no response: %+v", got)
	}
}

func TestFindWithOKAndBody(t *testing.T) {
	send := mustPrepare(t, `
steps:
  - s:
      send: erp
      post: /a
      find: {post: /search, body: {number: "{{ field.document_id }}"}, ok: response.json.success, hit: "response.json['items'][0]"}
`, nil)
	req, err := send.FindRequest(t.Context())
	if err != nil || req.Method != "POST" || string(req.Body) != `{"number":"INV-2026-004417"}` || req.ContentType != "application/json" {
		t.Fatalf("got %+v (%v)", req, err)
	}
	for body, want := range map[string]pipeline.FindingKind{
		`{"success": true, "items": []}`: pipeline.Miss, `{"success": true, "items": [{"a": 1}]}`: pipeline.Hit, `{"success": false, "items": []}`: pipeline.Failed, `{"success": true}`: pipeline.Failed,
	} {
		resp, o := answer(200, body)
		if got := send.JudgeFind(t.Context(), resp, o); got.Kind != want {
			t.Errorf("%s: got %s, want %s", body, got.Kind, want)
		}
	}
	file := mustPrepare(t, `steps: [{s: {send: archive, path: "{{ field.document_id }}.json", map: {a: 1}, find: {hit: "true"}}}]`, nil)
	if req, err := file.FindRequest(t.Context()); err != nil || req.Method != "HEAD" || req.Path != "INV-2026-004417.json" {
		t.Errorf("file: got %+v (%v)", req, err)
	}
}
