package pipeline_test

import (
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
)

const us = "01-export-us-standard-ap.json"

// prepared prepares the last step of a pipeline, after computing those before.
func prepared(t *testing.T, below string, change func(*pipeline.ScopeInput)) (*pipeline.Send, error) {
	t.Helper()
	p, cfg := compile(t, below)
	in := input(t, cfg, us)
	if change != nil {
		change(&in)
	}
	s := pipeline.NewScope(in)
	for _, step := range p.Steps[:len(p.Steps)-1] {
		if _, err := step.Compute(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	return p.Steps[len(p.Steps)-1].PrepareSend(t.Context(), s)
}

func mustPrepare(t *testing.T, below string, change func(*pipeline.ScopeInput)) *pipeline.Send {
	t.Helper()
	send, err := prepared(t, below, change)
	if err != nil {
		t.Fatal(err)
	}
	return send
}

func TestPrepareSend(t *testing.T) {
	send := mustPrepare(t, `
key: [field.sender_name, field.document_id]
steps:
  - create:
      send: erp
      post: /api/{{ field.document_id }}/x?fields=id&name={{ field.sender_name }}
      query: {q: "{{ value.amount_total }}", list: "{{ [1, 'b'] }}", none: "{{ none }}", flag: "{{ true }}"}
      headers: {X-Total: "{{ value.amount_total }}", X-None: "{{ none }}"}
      map: {n: "{{ field.document_id }}"}
      filename: "{{ field.document_id }}/x.json"
      idempotency_header: Idempotency-Key
`, nil)
	req := send.Request
	query := url.Values{"fields": {"id"}, "name": {"Harbor & Pine Office Supply, Inc."}, "q": {"3449.43"}, "list": {"1", "b"}, "flag": {"true"}}
	if req.Method != "POST" || req.Path != "/api/INV-2026-004417/x" || !cmp.Equal(req.Query, query) || req.Safe || req.Timeout.String() != "7s" {
		t.Errorf("got %s %s %v safe=%v %s", req.Method, req.Path, req.Query, req.Safe, req.Timeout)
	}
	if send.BaseURL != "https://erp.example.com/base" || send.Headers.Get("Accept") != "application/json" || req.Header.Get("X-Total") != "3449.43" || len(req.Header) != 2 {
		t.Errorf("got %s %v %v", send.BaseURL, send.Headers, req.Header)
	}
	if id := req.Header.Get("Idempotency-Key"); len(id) != 36 || id[14] != '8' || id != "1c53b1d7-feb1-88b1-8512-289c977aa726" {
		t.Errorf("idempotency key %s", id)
	}
	if string(req.Body) != `{"n":"INV-2026-004417"}` || req.ContentType != "application/json" || send.Document.Filename != "INV-2026-004417_x.json" {
		t.Errorf("got %s %s %s", req.Body, req.ContentType, send.Document.Filename)
	}
	if want := []string{"Harbor & Pine Office Supply, Inc.", "INV-2026-004417", "create"}; !cmp.Equal(send.Key, want) || send.Repeatable {
		t.Errorf("key %v, want %v", send.Key, want)
	}
}

func TestPrepareSendShapes(t *testing.T) {
	for name, test := range map[string]struct {
		step  string
		check func(*pipeline.Send) bool
	}{
		"own key":     {`send: erp, post: /a, key: [field.document_id, value.amount_total]`, func(s *pipeline.Send) bool { return cmp.Equal(s.Key, []string{"INV-2026-004417", "3449.43"}) }},
		"default key": {`send: erp, post: /a`, func(s *pipeline.Send) bool { return cmp.Equal(s.Key, []string{"annotation", "21440871", "s"}) }},
		"repeatable":  {`send: erp, post: /a, repeatable: true`, func(s *pipeline.Send) bool { return s.Repeatable && s.Key == nil && s.Request.Safe }},
		"get":         {`send: erp, get: /a`, func(s *pipeline.Send) bool { return s.Repeatable && s.Request.Safe }},
		"put":         {`send: erp, put: /a`, func(s *pipeline.Send) bool { return !s.Repeatable && s.Request.Safe }},
		"patch":       {`send: erp, patch: /a`, func(s *pipeline.Send) bool { return !s.Request.Safe }},
		"timeout":     {`send: erp, post: /a, timeout: 3s`, func(s *pipeline.Send) bool { return s.Request.Timeout.Seconds() == 3 }},
		"form":        {`send: erp, post: /a, form: {a: "{{ value.amount_total }}", b: x}`, func(s *pipeline.Send) bool { return s.Request.Form.Encode() == "a=3449.43&b=x" }},
		"text body":   {`send: erp, post: /a, body: "field.document_id ~ '!'"`, func(s *pipeline.Send) bool { return string(s.Request.Body) == "INV-2026-004417!" }},
		"tree body":   {`send: erp, post: /a, body: "{'a': value.amount_total}"`, func(s *pipeline.Send) bool { return string(s.Request.Body) == `{"a":3449.43}` }},
		"the original as body": {`send: erp, post: /a, body: document.original`, func(s *pipeline.Send) bool {
			files := s.Request.Files
			return len(files) == 1 && files[0].Part == "" && files[0].Name == "harbor-pine_INV-2026-004417.pdf" && s.Request.Body == nil
		}},
		"file name": {`send: archive, path: "in/{{ field.document_id }} {{ field.sender_name }}.json", map: {a: 1}`, func(s *pipeline.Send) bool {
			return s.Request.Path == "in/INV-2026-004417 Harbor & Pine Office Supply, Inc.json" && s.Request.Method == "PUT" && s.BaseURL == ""
		}},
		"path as written": {`send: erp, post: "/a b/ü/%2F(n='{{ field.document_id }}')?$filter=n eq '{{ field.currency }}'&$top=1"`, func(s *pipeline.Send) bool {
			return s.Request.Path == "/a%20b/%C3%BC/%2F(n='INV-2026-004417')" && s.Request.Query.Get("$filter") == "n eq 'usd'" && s.Request.Query.Get("$top") == "1"
		}},
		"braces in a path":  {`send: erp, post: "/a/{{ {'a': '}}'}['a'] }}/{{- field.currency -}}"`, func(s *pipeline.Send) bool { return s.Request.Path == "/a/%7D%7D/usd" }},
		"hostile file name": {`send: archive, path: "in/{{ '../..' }}/{{ 'a/b' }}.json", map: {a: 1}`, func(s *pipeline.Send) bool { return s.Request.Path == "in/_/a_b.json" }},
		"base URL from settings": {`send: tenant, post: /a`, func(s *pipeline.Send) bool {
			return s.BaseURL == "https://erp-a.example.com" && s.Headers.Get("X-Company") == "0100"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if send := mustPrepare(t, "steps: [{s: {"+test.step+"}}]", nil); !test.check(send) {
				t.Errorf("got %+v with key %q to %s", send.Request, send.Key, send.BaseURL)
			}
		})
	}
}

// TestIdempotencyKeysDiffer: an ERP would take two invoices with one key for the same.
func TestIdempotencyKeysDiffer(t *testing.T) {
	seen := map[string]string{}
	for _, more := range []string{"", "repeatable: true, key: [field.currency], ", "key: [field.document_id], "} {
		send := mustPrepare(t, "steps: [{s: {send: erp, post: /a, "+more+"idempotency_header: K}}]", nil)
		id := send.Request.Header.Get("K")
		if other, ok := seen[id]; ok || len(id) != 36 {
			t.Errorf("%q and %q have the key %q", more, other, id)
		}
		seen[id] = more
		if again := mustPrepare(t, "steps: [{s: {send: erp, post: /a, "+more+"idempotency_header: K}}]", again); again.Request.Header.Get("K") != id {
			t.Errorf("%q has another key when repeated", more)
		}
	}
}

func TestFiles(t *testing.T) {
	send := mustPrepare(t, `
steps:
  - doc: {map: {a: 1}, format: {type: json}, filename: invoice.json}
  - text: {set: {a: 1}}
  - s: {send: erp, post: /a, files: {file: document.original, doc: steps.doc, none: none}}
`, func(in *pipeline.ScopeInput) {
		in.Resources = resources{"https://example-us.rossum.app/api/v1/documents/21990230/content": "%PDF"}
	})
	var got []string
	for _, f := range send.Request.Files {
		body, err := f.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, f.Part+" "+f.Name+" "+f.ContentType+" "+string(content))
	}
	want := []string{"file harbor-pine_INV-2026-004417.pdf application/pdf %PDF", `doc invoice.json application/json {"a":1}`}
	if !cmp.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	_, err := prepared(t, `steps: [{s: {send: erp, post: /a, files: {file: field.document_id}}}]`, nil)
	wantKind(t, err, outcome.Misconfigured)
}

func TestPrepareSendRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		below, field, text string
		kind               outcome.Kind
		reason             string
	}{
		"empty key part":      {`{key: [field.document_id], steps: [{s: {send: erp, post: /a}}]}`, "document_id", "  ", outcome.Rejected, "empty_key"},
		"empty settings part": {`{key: [settings.nothing | default('')], steps: [{s: {send: erp, post: /a}}]}`, "", "", outcome.Misconfigured, "empty_key"},
		"empty path part":     {`{steps: [{s: {send: erp, post: "/a/{{ field.document_id }}/b"}}]}`, "document_id", "", outcome.Rejected, "empty_path_part"},
		"dots":                {`{steps: [{s: {send: erp, post: "/a/{{ field.document_id }}/b"}}]}`, "document_id", "..", outcome.Rejected, "path_traversal"},
		"dots in parts":       {`{steps: [{s: {send: erp, post: "/a/.{{ field.document_id }}/b"}}]}`, "document_id", ".", outcome.Rejected, "path_traversal"},
		"header injection":    {`{steps: [{s: {send: erp, post: /a, headers: {X-A: "{{ field.document_id }}"}}}]}`, "document_id", "a\r\nX-Evil: 1", outcome.Misconfigured, "header"},
		"list as a header":    {`{steps: [{s: {send: erp, post: /a, headers: {X-A: "{{ [1] }}"}}}]}`, "", "", outcome.Misconfigured, "header"},
		"map as a query":      {`{steps: [{s: {send: erp, post: /a, query: {a: "{{ {} }}"}}}]}`, "", "", outcome.Misconfigured, "not_text"},
	} {
		t.Run(name, func(t *testing.T) {
			below := strings.TrimSuffix(strings.TrimPrefix(test.below, "{"), "}")
			lines := strings.Replace(below, "], steps:", "]\nsteps:", 1)
			_, err := prepared(t, lines, func(in *pipeline.ScopeInput) {
				if test.field != "" {
					*in = with(*in, test.field, test.text)
				}
			})
			o := wantKind(t, err, test.kind)
			if o.Reason != test.reason || test.kind == outcome.Rejected && (len(o.Fields) != 1 || o.Fields[0].SchemaID != test.field) {
				t.Errorf("got %s %+v, want %s at %s", o.Reason, o.Fields, test.reason, test.field)
			}
		})
	}
}

func TestBaseURLKeepsToItsHosts(t *testing.T) {
	for host, allowed := range map[string]bool{
		"erp-a.example.com": true, "ERP-A.example.com": true, "x.b.example.com": true, "erp-a.example.com:8443": true,
		"b.example.com": false, "evil.com": false, "evil.com/erp-a.example.com": false, "erp-a.example.com@evil.com": false, "erp-a.example.com.evil.com": false,
		"evil.com#erp-a.example.com": false, "evil.com?.b.example.com": false, "xb.example.com": false, `evil.com\.b.example.com`: false, "": false,
	} {
		_, err := prepared(t, `steps: [{s: {send: tenant, post: /a}}]`, func(in *pipeline.ScopeInput) {
			raw, _ := json.Marshal(map[string]string{"erp_host": host})
			in.Payload.Settings = raw
		})
		if allowed != (err == nil) {
			t.Errorf("%q: %v", host, err)
		}
	}
}

// TestHostileTexts puts a text that is syntax everywhere into every format and into path and query.
func TestHostileTexts(t *testing.T) {
	hostile := `"}],{{ 7*7 }}<x a='1'>]]>&amp;;,` + "\x00\x1b\r\n" + `../../%2e%2e/?a=b#c'; drop table--` + "\u202e"
	change := func(in *pipeline.ScopeInput) { *in = with(*in, "document_id", hostile) }
	send := func(step string) *pipeline.Send {
		return mustPrepare(t, "steps: [{s: {send: erp, post: \"/a/{{ field.document_id }}/b?q={{ field.document_id }}\", "+step+"}}]", change)
	}
	asJSON := send(`map: {a: "{{ field.document_id }}"}, query: {p: "{{ field.document_id }}"}`)
	var object map[string]string
	if err := json.Unmarshal(asJSON.Request.Body, &object); err != nil || object["a"] != hostile {
		t.Errorf("JSON: %q, %v", object, err)
	}
	path, err := url.PathUnescape(strings.TrimSuffix(strings.TrimPrefix(asJSON.Request.Path, "/a/"), "/b"))
	if err != nil || path != hostile || strings.Count(asJSON.Request.Path, "/") != 3 {
		t.Errorf("path: %s", asJSON.Request.Path)
	}
	if q := asJSON.Request.Query; q.Get("q") != hostile || q.Get("p") != hostile || len(q) != 2 {
		t.Errorf("query: %v", q)
	}

	asXML := send(`map: {r: {"@a": "{{ field.document_id }}", b: "{{ field.document_id }}", c: {"#cdata": "{{ field.document_id }}"}}}, format: {type: xml}`)
	var element struct {
		A string `xml:"a,attr"`
		B string `xml:"b"`
		C string `xml:"c"`
	}
	clean := strings.NewReplacer("\x00", "", "\x1b", "").Replace(hostile)
	if err := xml.Unmarshal(asXML.Request.Body, &element); err != nil || strings.ReplaceAll(element.B, "\r\n", "\n") != strings.ReplaceAll(clean, "\r\n", "\n") || len(asXML.Document.Notes) == 0 {
		t.Errorf("XML: %q, %v in %s", element, err, asXML.Request.Body)
	}

	asCSV := send(`map: [{a: "{{ field.document_id }}", b: 1}], format: {type: csv}`)
	records, err := csv.NewReader(strings.NewReader(string(asCSV.Request.Body))).ReadAll()
	if err != nil || len(records) != 2 || records[1][1] != "1" {
		t.Errorf("CSV: %q, %v", records, err)
	}
}

func TestOnlyTarget(t *testing.T) {
	const (
		erp    = "steps: [{a: {send: erp, post: /x, map: {n: 1}}}"
		tenant = "steps: [{a: {send: tenant, post: /x, map: {n: 1}}}"
	)
	for _, c := range []struct{ below, name, base string }{
		{erp + "]", "erp", "https://erp.example.com/base"},
		{erp + ", {b: {send: erp, post: /y, map: {n: 1}}}]", "erp", "https://erp.example.com/base"},
		{erp + ", {b: {send: archive, path: x.json, map: {n: 1}}}]", "", ""},
		{"steps: [{b: {send: archive, path: x.json, map: {n: 1}}}]", "archive", ""},
		{tenant + "]", "", ""}, // its host depends on the run
		{"steps: [{a: {set: {n: 1}}}]", "", ""},
	} {
		p, _ := compile(t, c.below)
		name, base, ok := p.OnlyTarget()
		if name != c.name || base != c.base || ok != (c.name != "") {
			t.Errorf("%s: %q %q %v", c.below, name, base, ok)
		}
	}
}
