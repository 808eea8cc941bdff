package pipeline_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
)

func exports() []string {
	return []string{
		"01-export-us-standard-ap.json", "02-export-po-backed-sideloads.json", "03-export-credit-note-czk.json", "04-export-header-only-chf.json",
		"05-export-einvoice-2000-lines.json", "06-export-unicode-jpy.json", "07-export-missing-values.json",
	}
}

// TestDocuments makes every format of every export. A document that cannot be made shows where it was refused.
func TestDocuments(t *testing.T) {
	cfg, err := configs.Load("testdata/documents.yaml")
	if err != nil {
		t.Fatal(err)
	}
	set, err := pipeline.Compile(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range set.All() {
		for _, name := range exports() {
			t.Run(p.Name+"/"+name[:2], func(t *testing.T) {
				in := input(t, cfg, name)
				if in.Payload.Sideloads.Get("queues") == nil {
					in.Resources = resources{in.Payload.Annotation.Queue: `{"name":"Fetched"}`, in.Payload.Annotation.Modifier: `{"username":"fetched@example.com"}`}
				} else {
					in.Resources = resources{in.Payload.Annotation.Modifier: `{"username":"fetched@example.com"}`}
				}
				golden(t, name[:2]+"."+p.Name, made(t, p.Steps[0], pipeline.NewScope(in)))
			})
		}
	}
}

// made is the document of a map step, or its refusal as JSON.
func made(t *testing.T, s *pipeline.Step, scope *pipeline.Scope) []byte {
	t.Helper()
	doc, err := s.Document(t.Context(), scope)
	var refused *outcome.Error
	if errors.As(err, &refused) {
		text, err := json.MarshalIndent(refused.Outcome, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		return append(text, '\n')
	}
	if err != nil {
		t.Fatal(err)
	}
	text := doc.ContentType + " " + doc.Filename + "\n" + strings.Join(doc.Notes, "\n") + "\n"
	return append([]byte(text), doc.Body...)
}
