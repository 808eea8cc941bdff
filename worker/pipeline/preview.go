package pipeline

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/jinja"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

// mask stands in previews where a credential would.
const mask = "••••••"

// Preview is what a run would do, without side effects.
type Preview struct {
	// Skipped: the pipeline's condition is false.
	Skipped bool
	Key     []string
	Steps   []StepPreview
	// Err ended the run before its first step.
	Err error
}

// StepPreview is what one step would do.
type StepPreview struct {
	Name string
	Kind configs.StepKind
	// Skipped: the step's condition is false.
	Skipped  bool
	Messages []rossumapi.Message
	// Document made or sent, nil for none.
	Document *document.Document
	// Values of a set step as JSON, "" for others.
	Values string
	// Request, its look-up and the values written back, as text without credentials; "" for none.
	Request string
	Find    string
	Write   string
	// Err ended the run at this step.
	Err error
}

// PreviewInput makes a scope input harmless to show: secrets become dots, and every value that a send step would keep
// becomes a text that says so, kept.STEP.NAME.
func (p *Pipeline) PreviewInput(in ScopeInput) ScopeInput {
	var sent map[string]json.RawMessage
	if json.Unmarshal(in.Payload.Secrets, &sent) == nil && len(sent) > 0 {
		for name := range sent {
			sent[name] = json.RawMessage(`"` + mask + `"`)
		}
		in.Payload.Secrets, _ = json.Marshal(sent) // texts
	}
	in.Secrets = slices.Clone(in.Secrets)
	for i := range in.Secrets {
		in.Secrets[i].Value = configs.NewSecret(mask)
	}
	in.Kept = map[string]map[string]json.RawMessage{}
	for _, s := range p.Steps {
		if s.Kind != configs.KindSend {
			continue
		}
		kept := map[string]json.RawMessage{}
		for _, k := range s.Config.Keep {
			kept[k.Name] = json.RawMessage(`"kept.` + s.Name + "." + k.Name + `"`)
		}
		in.Kept[s.Name] = kept
	}
	return in
}

// Preview shows what a run would do. It ends where a real run would be refused. Scopes are made from PreviewInput.
func (p *Pipeline) Preview(ctx context.Context, scope *Scope) Preview {
	var shown Preview
	ok, err := p.When(ctx, scope)
	if shown.Skipped, shown.Err = !ok, err; err != nil || !ok {
		shown.Skipped = err == nil
		return shown
	}
	if shown.Key, shown.Err = p.Key(ctx, scope); shown.Err != nil {
		return shown
	}
	for _, s := range p.Steps {
		one := s.preview(ctx, scope)
		shown.Steps = append(shown.Steps, one)
		if one.Err != nil {
			return shown
		}
	}
	return shown
}

func (s *Step) preview(ctx context.Context, scope *Scope) StepPreview {
	shown := StepPreview{Name: s.Name, Kind: s.Kind}
	ok, err := s.When(ctx, scope)
	if err != nil || !ok {
		shown.Skipped, shown.Err = err == nil, err
		return shown
	}
	switch s.Kind {
	case configs.KindSend:
		shown.Err = s.previewSend(ctx, scope, &shown)
	case configs.KindRossum:
		var w *Write
		if w, shown.Err = s.PrepareWrite(ctx, scope); shown.Err == nil {
			shown.Write = w.text()
		}
	case configs.KindSet, configs.KindCheck, configs.KindMap, configs.KindRender, configs.KindInvoice:
		shown.Messages, shown.Err = s.Compute(ctx, scope)
		if shown.Err == nil {
			shown.Err = s.previewValue(scope, &shown)
		}
	}
	return shown
}

func (s *Step) previewSend(ctx context.Context, scope *Scope, shown *StepPreview) error {
	send, err := s.PrepareSend(ctx, scope)
	if err != nil {
		return err
	}
	if s.document != nil {
		shown.Document = &send.Document
	}
	shown.Messages = send.Messages
	shown.Request = send.requestText(&send.Request, send.Key)
	if !send.CanFind() {
		return nil
	}
	req, err := send.FindRequest(ctx)
	if err == nil {
		shown.Find = send.requestText(req, nil)
	}
	return err
}

func (s *Step) previewValue(scope *Scope, shown *StepPreview) error {
	switch v := scope.steps[s.Name].live.(type) {
	case *docValue:
		shown.Document = &v.doc
	case *jinja.Dict:
		raw, err := encodeJSON(v)
		if err != nil {
			return outcome.Errorf(outcome.Misconfigured, "document_shape", "%s.set: %s", s.path, err)
		}
		shown.Values = string(raw) + "\n"
	}
	return nil
}
