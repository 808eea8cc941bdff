package rossumsim_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
)

func TestRow16_ExportSucceeds(t *testing.T) {
	w := newWorld(t, rossumsim.Options{})
	hook := w.AddHook(w.hook("annotation_content.export"))
	id := w.upload()
	w.must(w.Confirm(w.ctx, id, w.admin))
	w.advance(0)
	w.status(id, rossumapi.StatusExported)
	calls := w.Calls(hook)
	if len(calls) != 1 || calls[0].Attempts != 1 || !calls[0].Done || calls[0].Annotation != id {
		t.Fatalf("calls %+v", calls)
	}
	p, err := rossumapi.DecodePayload(w.requests()[0].body)
	w.must(err)
	w.must(p.CheckURLs())
	if got := p.Name() + " " + p.Annotation.PreviousStatus + ">" + p.Annotation.Status; got != "annotation_content.export reviewing>exporting" {
		t.Error(got)
	}
	if got := p.Content.First("document_id").Value(); got != "INV-2026-004417" {
		t.Errorf("document_id %q", got)
	}
}

func TestRow12_Signature(t *testing.T) {
	w := newWorld(t, rossumsim.Options{})
	w.AddHook(w.hook("annotation_status.changed"))
	w.upload()
	w.must(w.Quiet(w.ctx))
	for _, r := range w.requests() {
		mac := hmac.New(sha256.New, []byte("s3cret"))
		mac.Write(r.body)
		if got, want := r.header.Get("X-Rossum-Signature-SHA256"), "sha256="+hex.EncodeToString(mac.Sum(nil)); got != want {
			t.Errorf("signature %q, want %q", got, want)
		}
	}
	if len(w.requests()) == 0 {
		t.Fatal("no calls")
	}
}

func TestRow15_PollingEveryThirtySeconds(t *testing.T) {
	w := newWorld(t, rossumsim.Options{})
	hook := w.AddHook(w.hook("annotation_content.export"))
	poll := w.server.URL + "/poll"
	w.answers(reply{status: 202, location: poll}, reply{status: 202}, reply{status: 503}, reply{status: 200},
		reply{status: 201, body: `{"messages":[{"type":"info","content":"posted"}]}`})
	id := w.upload()
	w.must(w.Confirm(w.ctx, id, w.admin))
	w.advance(119 * time.Second)
	w.status(id, rossumapi.StatusExporting)
	w.advance(time.Second)
	w.status(id, rossumapi.StatusExported)
	start := w.requests()[0].at
	for i, r := range w.requests()[1:] {
		if want := time.Duration(i+1) * 30 * time.Second; r.at.Sub(start) != want || r.method != "GET" {
			t.Errorf("poll %d: %s after %s, want %s", i+1, r.method, r.at.Sub(start), want)
		}
	}
	if calls := w.Calls(hook); calls[0].Attempts != 1 || calls[0].Polls != 4 {
		t.Errorf("%d attempts, %d polls", calls[0].Attempts, calls[0].Polls)
	}
}

func TestRow15_CapRepeatsTheOriginalCall(t *testing.T) {
	w := newWorld(t, rossumsim.Options{})
	hook := w.AddHook(w.hook("annotation_content.export"))
	w.answers(reply{status: 202, location: w.server.URL + "/poll"})
	id := w.upload()
	w.must(w.Confirm(w.ctx, id, w.admin))
	w.advance(5*300*time.Second - time.Second)
	w.status(id, rossumapi.StatusExporting)
	w.advance(time.Second)
	w.status(id, rossumapi.StatusFailedExport)
	if call := w.Calls(hook)[0]; call.Attempts != 5 || call.Polls != 50 {
		t.Errorf("%d attempts, %d polls", call.Attempts, call.Polls)
	}
}
