package operate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
)

// Request is what a send step sends, computed anew from the payload and the present configuration. Values are masked
// unless they were revealed.
type Request struct {
	Step   string `json:"step"`
	Target string `json:"target"`
	// Done: the step's effect is there; it would not be sent again.
	Done        bool                `json:"done,omitempty"`
	Method      string              `json:"method,omitempty"`
	Path        string              `json:"path,omitempty"`
	Query       map[string][]string `json:"query,omitempty"`
	Form        map[string][]string `json:"form,omitempty"`
	Headers     []string            `json:"headers,omitempty"` // names; values are never shown
	ContentType string              `json:"content_type,omitempty"`
	Bytes       int                 `json:"bytes"`
	SHA256      string              `json:"sha256,omitempty"` // of the body, to compare with what was sent
	Body        string              `json:"body,omitempty"`
	Files       []string            `json:"files,omitempty"` // names of multipart parts
	// Problem says why the request cannot be made, or not here.
	Problem string `json:"problem,omitempty"`
}

// prepared is a send step with what it would send, or why it cannot.
type prepared struct {
	step *pipeline.Step
	done bool
	send *pipeline.Send
	err  error
}

// ErrNoPipelines means that the pipelines could not be compiled, or have the run's one no more.
var ErrNoPipelines = errors.New("the configuration has no such pipeline")

// prepare computes the requests of a run's send steps, in order. Nothing is fetched and nothing is sent; what needs values
// of a step that was not done yet, or of Rossum's API, comes with its error.
func (o *Operator) prepare(ctx context.Context, r *journal.Record, payload []byte) ([]prepared, error) {
	if o.Pipelines == nil {
		return nil, ErrNoPipelines
	}
	p, ok := o.Pipelines.Pipeline(r.Pipeline)
	if !ok {
		return nil, fmt.Errorf("%s: %w", r.Pipeline, ErrNoPipelines)
	}
	scope, err := o.scope(r, payload)
	if err != nil {
		return nil, err
	}
	var all []prepared
	for _, step := range p.Steps {
		if ok, err := step.When(ctx, scope); err == nil && !ok {
			continue
		}
		if step.Kind != configs.KindSend {
			if _, err := step.Compute(ctx, scope); err != nil {
				return append(all, prepared{step: step, err: err}), nil
			}
			continue
		}
		send, err := step.PrepareSend(ctx, scope)
		all = append(all, prepared{step: step, done: r.StateOf(step.Name) == journal.Done, send: send, err: err})
	}
	return all, nil
}

// scope is the scope of the run's templates, with stand-ins for secrets and without access to Rossum.
func (o *Operator) scope(r *journal.Record, payload []byte) (*pipeline.Scope, error) {
	decoded, err := rossumapi.DecodePayload(payload)
	if err != nil {
		return nil, err
	}
	hook, _ := o.Config.Hooks.Get(r.Hook)
	secrets := make(configs.Named[configs.Secret], 0, len(hook.Secrets))
	for _, s := range hook.Secrets {
		secrets = append(secrets, configs.Entry[configs.Secret]{Name: s.Name, Pos: s.Pos, Value: configs.NewSecret(outcome.Redacted)})
	}
	scope := pipeline.NewScope(pipeline.ScopeInput{
		Payload: decoded, Settings: hook.Settings, Secrets: secrets, Tables: o.Config.Tables,
		Run: pipeline.RunFacts{
			ID: r.Run, Pipeline: r.Pipeline, Generation: r.Generation, Event: r.Event, Received: r.Received, Now: r.Updated,
		},
	})
	for _, s := range r.Steps {
		if s.State == journal.Done {
			scope.SetKept(s.Name, s.Kept)
		}
	}
	return scope, nil
}

// view shows a prepared request: masked by m, or in clear where reveal.
func (p prepared) view(m masker, reveal bool) Request {
	q := Request{Step: p.step.Name, Target: p.step.Target, Done: p.done}
	if p.err != nil {
		if q.Problem = p.err.Error(); !reveal {
			q.Problem = m.text(q.Problem)
		}
		return q
	}
	req := p.send.Request
	q.Method, q.Path, q.ContentType, q.Bytes = req.Method, req.Path, req.ContentType, len(req.Body)
	if len(req.Body) > 0 {
		sum := sha256.Sum256(req.Body)
		q.SHA256 = hex.EncodeToString(sum[:])
	}
	q.Query, q.Form, q.Body = req.Query, req.Form, indented(req.Body)
	q.Headers = slices.Sorted(maps.Keys(p.send.Headers))
	for name := range req.Header {
		if !slices.Contains(q.Headers, name) {
			q.Headers = append(q.Headers, name)
		}
	}
	for _, f := range req.Files {
		q.Files = append(q.Files, f.Part)
	}
	if !reveal {
		q.Path, q.Query, q.Form = m.text(q.Path), maskValues(req.Query), maskValues(req.Form)
		q.Body = ""
		if len(req.Body) > 0 {
			q.Body = maskBody(req.ContentType, req.Body)
		}
	}
	return q
}

func maskValues(v url.Values) map[string][]string {
	if v == nil {
		return nil
	}
	out := make(map[string][]string, len(v))
	for name, values := range v {
		for _, value := range values {
			out[name] = append(out[name], masked(value))
		}
	}
	return out
}

// Text is the request as plain lines: what is asked of the target, then the document.
func (q Request) Text() string {
	var b strings.Builder
	if q.Problem != "" {
		fmt.Fprintf(&b, "cannot be made: %s\n", q.Problem)
		return b.String()
	}
	fmt.Fprintf(&b, "%s %s\n", q.Method, q.Path)
	for _, list := range []map[string][]string{q.Query, q.Form} {
		for _, name := range slices.Sorted(maps.Keys(list)) {
			fmt.Fprintf(&b, "%s = %s\n", name, strings.Join(list[name], ", "))
		}
	}
	for _, name := range q.Files {
		fmt.Fprintf(&b, "file %s\n", name)
	}
	if q.Body != "" {
		b.WriteString(q.Body)
		if !strings.HasSuffix(q.Body, "\n") {
			b.WriteByte('\n')
		}
	}
	return b.String()
}
