package pipeline_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
)

// again is the same document exported once more: another run, another call, and what the relay wrote back meanwhile.
func again(in *pipeline.ScopeInput) {
	in.Run.ID, in.Run.Generation = "cccccccccccccccccccccccccc", 3
	in.Run.Now, in.Run.Received = in.Run.Now.Add(time.Hour), in.Run.Received.Add(time.Hour)
	set := func(o rossumapi.Object, key, raw string) {
		for i := range o {
			if o[i].Key == key {
				o[i].Value = json.RawMessage(raw)
			}
		}
	}
	set(in.Payload.All, "request_id", `"another"`)
	set(in.Payload.All, "timestamp", `"2026-12-01T00:00:00Z"`)
	set(in.Payload.AnnotationObject, "modified_at", `"2026-12-01T00:00:00Z"`)
	set(in.Payload.AnnotationObject, "exported_at", `"2026-12-01T00:00:00Z"`)
	set(in.Payload.AnnotationObject, "previous_status", `"failed_export"`)
	set(in.Payload.AnnotationObject, "modifier", `"https://example-us.rossum.app/api/v1/users/1"`)
	set(in.Payload.AnnotationObject, "metadata", `{"rossum_relay": {"erp_id": 7}}`)
	annotation, _ := in.Payload.AnnotationObject.MarshalJSON() // of members that were JSON
	set(in.Payload.All, "annotation", string(annotation))
	in.Payload.Annotation.Modifier = "https://example-us.rossum.app/api/v1/users/1"
	*in = with(*in, "notes", "ERP number 7")
}

func TestFingerprint(t *testing.T) {
	users := resources{"https://example-us.rossum.app/api/v1/users/402113": `{"username":"a"}`, "https://example-us.rossum.app/api/v1/users/1": `{"username":"b"}`}
	for name, test := range map[string]struct {
		step   string
		stable bool // the same when the document is exported once more
	}{
		"fields":                   {`map: {n: "{{ field.document_id }}", t: "{{ value.amount_total }}"}`, true},
		"run":                      {`map: {n: "{{ run.id }}{{ run.generation }}", at: "{{ run.now | date('%Y%m%d') }}"}`, true},
		"run in a row":             {`map: {l: {$for: r in field.line_items, $let: {x: "{{ run.now }}"}, n: "{{ r.item_code }}{{ x | iso_date }}"}}`, true},
		"call":                     {`map: {n: "{{ payload.request_id }}{{ payload['timestamp'] }}"}`, true},
		"annotation":               {`map: {n: "{{ annotation.modified_at }}{{ payload.annotation.previous_status }}{{ annotation.metadata }}{{ annotation.id }}"}`, true},
		"who confirmed":            {`map: {n: "{{ modifier.username if modifier else '' }}"}`, true},
		"own fields":               {`map: {n: "{{ field.notes }}{{ dp.notes }}"}`, true},
		"own field among all":      {`map: {n: "{{ field.items() | list }}"}`, true},
		"through a set step":       {`map: {n: "{{ steps.a.run }}{{ steps.a.jmes }}{{ steps.a.number }}"}`, true},
		"through another document": {`body: steps.doc`, true},
		"template file":            {`render: volatile.txt.j2`, true},
		"query and form":           {`query: {a: "{{ run.id }}"}, form: {b: "{{ run.id }}", c: "{{ field.document_id }}"}`, true},
		"files":                    {`files: {f: document.original, d: steps.doc}`, true},
		"nothing":                  {``, true},
	} {
		t.Run(name, func(t *testing.T) {
			below := `
steps:
  - a: {set: {run: "{{ run.id }}", number: "{{ field.document_id }}", jmes: {jmespath: "[request_id, annotation.content[].children[?schema_id=='notes'][].content.value, annotation.modified_at]"}}}
  - doc: {map: {n: "{{ field.document_id }}", r: "{{ run.id }}"}}
  - write: {rossum: {set: {notes: x}}}
  - s: {send: erp, post: "/a/{{ run.id }}", ` + test.step + `}
`
			first := mustPrepare(t, below, func(in *pipeline.ScopeInput) { in.Resources = users })
			second := mustPrepare(t, below, func(in *pipeline.ScopeInput) { in.Resources = users; again(in) })
			if (first.Fingerprint == second.Fingerprint) != test.stable || len(first.Fingerprint) != 64 {
				t.Errorf("got %s and %s", first.Fingerprint, second.Fingerprint)
			}
		})
	}
}

// TestFingerprintOfAStatus: what tells of the annotation's way differs with it, unless an export is only repeated.
func TestFingerprintOfAStatus(t *testing.T) {
	for event, same := range map[string]bool{"annotation_content.export": true, "annotation_status.changed": false} {
		for _, step := range []string{
			`map: {s: "{{ annotation.previous_status }}"}`, `map: {s: "{{ payload.annotation.modified_at }}"}`,
			`map: {s: "{{ steps.a.s }}"}`, `query: {s: "{{ annotation.previous_status }}"}`,
			`map: {s: "{{ modifier.username if modifier else '' }}"}`,
		} {
			users := resources{"https://example-us.rossum.app/api/v1/users/402113": `{"username":"a"}`, "https://example-us.rossum.app/api/v1/users/1": `{"username":"b"}`}
			of := func(change func(*pipeline.ScopeInput)) string {
				return mustPrepare(t, "steps: [{a: {set: {s: {jmespath: annotation.previous_status}}}}, {s: {send: erp, post: /a, on_change: send, "+step+"}}]", func(in *pipeline.ScopeInput) {
					in.Run.Event, in.Resources = event, users
					change(in)
				}).Fingerprint
			}
			if (of(func(*pipeline.ScopeInput) {}) == of(again)) != same {
				t.Errorf("%s, %s: the same is %v", event, step, !same)
			}
		}
	}
}

func TestFingerprintTellsDocumentsApart(t *testing.T) {
	seen := map[string]string{}
	for _, step := range []string{
		``, `map: {n: 1}`, `map: {n: "1"}`, `map: {n: 1.5}`, `map: {n: [1]}`, `map: {n: {m: 1}}`, `map: {n: null}`, `map: {n: true}`, `map: {m: 1, n: 1}`, `map: {n: 1, m: 1}`,
		`map: {n: "{{ value.date_due }}"}`, `map: {n: "2026-04-08"}`, `form: {n: "1"}`, `query: {n: "1"}`, `files: {n: document.original}`, `body: "'n'"`,
	} {
		send := mustPrepare(t, "steps: [{s: {send: erp, post: /a, "+step+"}}]", nil)
		if other, ok := seen[send.Fingerprint]; ok {
			t.Errorf("%s and %s are told the same", step, other)
		}
		seen[send.Fingerprint] = step
	}
	same := func(a, b string) {
		x, y := mustPrepare(t, "steps: [{s: {send: erp, post: /a, "+a+"}}]", nil), mustPrepare(t, "steps: [{s: {send: erp, post: /b, "+b+"}}]", nil)
		if x.Fingerprint != y.Fingerprint {
			t.Errorf("%s and %s are told apart", a, b)
		}
	}
	part := func(n string) string {
		return mustPrepare(t, "steps: [{d: {map: {n: "+n+"}}}, {s: {send: erp, post: /a, files: {d: steps.d}}}]", nil).Fingerprint
	}
	if part("1") == part("2") {
		t.Error("documents sent as files are told the same whatever they hold")
	}
	same(`map: {n: 1.50}`, `map: {n: 1.5}, headers: {X-A: b}`)
	same(`map: {n: 1.50}, format: {type: json, indent: true}`, `map: {n: 1.50}`)
}
