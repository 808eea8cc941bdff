package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/erpsim"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

var update = flag.Bool("update", false, "write the golden files")

// payloadConfig takes every payload of Rossum's shape: exports as invoices, the other events as notices.
const payloadConfig = `
rossum: {us: {base_url: https://example-us.rossum.app}, eu: {base_url: https://example-eu.rossum.app}, jp: {base_url: https://example-jp.rossum.app}}
hooks:
  us: {rossum: us, signing_secrets: ["${HOOK_SECRET}"]}
  eu: {rossum: eu, signing_secrets: ["${HOOK_SECRET}"]}
  jp: {rossum: jp, signing_secrets: ["${HOOK_SECRET}"]}
targets: {erp: {http: {base_url: "${ERP_URL}", private: true}}}
pipelines:
PIPELINES
queue: {data: "${DATA}", durability: fast, max_store: 1GiB}
ingest: {listen: "${LISTEN}", public_url: "http://${LISTEN}"}
`

const payloadPipelines = `
  export-HOOK:
    hook: HOOK
    events: [annotation_content.export]
    answer: accept
    key: [annotation.id]
    steps:
      - invoice:
          send: erp
          post: /api/invoices
          repeatable: true
          map:
            annotation: "{{ annotation.id }}"
            number: "{{ field.document_id | default('', true) }}"
            type: "{{ field.document_type | default(field.invoice_type) }}"
            supplier: "{{ field.sender_name }}"
            issued: "{{ value.date_issue if dp.date_issue.normalized else none }}"
            currency: "{{ (field.currency or '') | upper }}"
            net: "{{ value.amount_total_base | default(none) }}"
            total: "{{ value.amount_total | default(value.amount_due) }}"
            file: "{{ document.original_file_name }}"
            queue: "{{ queue.name if payload.queues is defined else '' }}"
            by: "{{ modifier.username if payload.modifiers is defined else '' }}"
            labels:
              $for: l in payload.labels | default([])
              $value: "{{ l.name }}"
            lines:
              $for: line in field.line_items
              text: "{{ line.item_description | default(line.item_desc) }}"
              quantity: "{{ line.item_quantity }}"
  notice-HOOK:
    hook: HOOK
    events: [annotation_status, upload, email, invocation]
    answer: accept
    steps:
      - notice:
          send: erp
          post: /api/notices
          repeatable: true
          map:
            event: "{{ payload.event }}.{{ payload.action }}"
            annotation: "{{ annotation.id if payload.annotation is defined else none }}"
            status: "{{ annotation.status if payload.annotation is defined else none }}"
            queue: "{{ queue.name if payload.queues is defined else none }}"
            by: "{{ modifier.username if payload.modifiers is defined else none }}"
            settings: "{{ settings.job | default(none) }}"
`

// post sends exact bytes as Rossum signs them.
func post(ctx context.Context, t *testing.T, url string, body []byte) (int, string) {
	t.Helper()
	mac := hmac.New(sha256.New, []byte(demoSecret))
	mac.Write(body)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Rossum-Signature-SHA256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

// TestPayloads carries all twelve payloads through a running service over HTTP: accepted, stored, processed, and the
// right document at the ERP.
func TestPayloads(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var pipelines string
	for _, hook := range []string{"us", "eu", "jp"} {
		pipelines += strings.ReplaceAll(payloadPipelines, "HOOK", hook)
	}
	r := newRelay(t, strings.Replace(payloadConfig, "PIPELINES", pipelines, 1), erpsim.Options{})
	r.start()
	files, err := filepath.Glob("../../rossumapi/testdata/[0-9]*.json")
	if err != nil || len(files) != 12 {
		t.Fatalf("%d payloads, %v", len(files), err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		e, err := rossumapi.DecodeEnvelope(body)
		if err != nil {
			t.Fatal(err)
		}
		hook := strings.TrimSuffix(strings.TrimPrefix(e.BaseURL, "https://example-"), ".rossum.app")
		before := len(r.erp.Effects())
		status, answer := post(ctx, t, "http://"+r.listen+"/hooks/"+hook, body)
		if status != http.StatusOK {
			t.Fatalf("%s: %d %s", file, status, answer)
		}
		wait, done := context.WithTimeout(ctx, 10*time.Second)
		if err := r.erp.WaitEffects(wait, before+1); err != nil {
			for _, rec := range r.settled(ctx, 1) {
				t.Logf("%s %s: %s %s", rec.Pipeline, rec.State, rec.Reason, rec.Message)
			}
			t.Fatalf("%s: nothing at the ERP: %v", file, err)
		}
		done()
		golden(t, filepath.Join("testdata/golden", filepath.Base(file)), r.erp.Effects()[before].Body)
	}
	if states := count(r.settled(ctx, len(files))); states[run.Done] != len(files) {
		t.Errorf("runs ended as %v", states)
	}
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil { //nolint:gosec // no secret
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
