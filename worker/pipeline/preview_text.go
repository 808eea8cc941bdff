package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
)

// requestText shows a request without its body.
func (s *Send) requestText(req *target.Request, key []string) string {
	var b strings.Builder
	at := s.Target + ": " + req.Path
	if s.BaseURL != "" {
		at = strings.TrimRight(s.BaseURL, "/") + "/" + strings.TrimLeft(req.Path, "/")
	}
	if len(req.Query) > 0 {
		at += "?" + strings.ReplaceAll(masked(req.Query).Encode(), "+", "%20") // as the target sends it
	}
	fmt.Fprintf(&b, "%s %s\n", req.Method, strings.ReplaceAll(at, url.QueryEscape(mask), mask))
	header := s.Headers.Clone()
	if header == nil {
		header = http.Header{}
	}
	maps.Copy(header, req.Header)
	if header.Get("Content-Type") == "" && req.ContentType != "" {
		header.Set("Content-Type", req.ContentType)
	}
	for _, name := range slices.Sorted(maps.Keys(header)) {
		fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(masked(url.Values(header))[name], ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(req.Form)) {
		fmt.Fprintf(&b, "form %s: %s\n", name, strings.Join(masked(req.Form)[name], ", "))
	}
	for _, f := range req.Files {
		fmt.Fprintf(&b, "file %s: %s (%s)\n", f.Part, f.Name, f.ContentType)
	}
	if len(key) > 0 {
		fmt.Fprintf(&b, "key: %s\n", strings.Join(key, " / "))
	}
	return b.String()
}

// masked replaces the values of names that hold credentials.
func masked(values url.Values) url.Values {
	shown := url.Values{}
	for name, list := range values {
		shown[name] = list
		for _, word := range []string{"authorization", "token", "secret", "password", "api-key", "apikey", "api_key", "cookie", "signature"} {
			if strings.Contains(strings.ToLower(name), word) {
				shown[name] = []string{mask}
			}
		}
	}
	return shown
}

// text shows what would be written back.
func (w *Write) text() string {
	var b strings.Builder
	for _, f := range w.Fields {
		fmt.Fprintf(&b, "field %s: %s\n", f.SchemaID, f.Value)
	}
	if len(w.Metadata) > 0 {
		raw, _ := json.Marshal(w.Metadata) // maps, lists and scalars
		fmt.Fprintf(&b, "metadata: %s\n", raw)
	}
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	line("status", w.Status)
	line("labels", strings.Join(w.Labels, ", "))
	line("remove labels", strings.Join(w.RemoveLabels, ", "))
	line("note", w.Note)
	line("export", w.Export.text())
	for _, m := range w.Messages {
		line(m.Type, m.Content)
	}
	for _, b := range w.AutomationBlockers {
		line("automation blocker", b.Content)
	}
	line("files", string(w.Files))
	line("additional files", string(w.AdditionalFiles))
	line("reply", string(w.Reply))
	return b.String()
}

// Extension is the usual one of a document, with its dot.
func Extension(doc *document.Document) string {
	kind, _, _ := mime.ParseMediaType(doc.ContentType)
	known := map[string]string{"application/json": ".json", "application/xml": ".xml", "text/xml": ".xml", "text/csv": ".csv"}
	if ext, ok := known[kind]; ok {
		return ext
	}
	return ".txt"
}

// Show shows the preview to people, all steps or the one named.
func (p Preview) Show(w io.Writer, only string) error {
	var b strings.Builder
	switch {
	case p.Err != nil:
		fmt.Fprintf(&b, "refused: %s\n", p.Err)
	case p.Skipped:
		b.WriteString("skipped: the pipeline's when does not hold\n")
	default:
		fmt.Fprintf(&b, "key: %s\n", strings.Join(p.Key, " / "))
	}
	for i := range p.Steps {
		if s := &p.Steps[i]; only == "" || s.Name == only {
			s.write(&b)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (s *StepPreview) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n--- %s (%s)\n", s.Name, s.Kind)
	if s.Skipped {
		b.WriteString("skipped: the step's when does not hold\n")
	}
	for _, m := range s.Messages {
		fmt.Fprintf(b, "%s: %s\n", m.Type, m.Content)
	}
	b.WriteString(s.Values)
	b.WriteString(s.Request)
	if s.Document != nil {
		fmt.Fprintf(b, "\n%s\n", strings.TrimSuffix(string(s.Document.Body), "\n"))
		for _, note := range s.Document.Notes {
			fmt.Fprintf(b, "note: %s\n", note)
		}
	}
	if s.Find != "" {
		fmt.Fprintf(b, "\nlook-up:\n%s", s.Find)
	}
	b.WriteString(s.Write)
	if s.Err != nil {
		fmt.Fprintf(b, "refused: %s\n", s.Err)
		writeFields(b, s.Err)
	}
}

// writeFields shows what a refusal says of single fields, beyond its own message.
func writeFields(b *strings.Builder, err error) {
	var refused *outcome.Error
	if !errors.As(err, &refused) {
		return
	}
	for _, f := range refused.Outcome.Fields {
		if f.Text != refused.Outcome.Message {
			fmt.Fprintf(b, "  %s: %s\n", f.SchemaID, f.Text)
		}
	}
}
