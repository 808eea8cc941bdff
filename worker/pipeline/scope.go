package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/jinja"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/pipeline/jsonvalue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// Resources fetches what the payload only refers to. Both methods may block until ctx ends; rossumapi.Client's Get and
// Download fit behind them. Errors of the API stay reachable through errors.As.
type Resources interface {
	// Object returns a Rossum object by its URL: a queue, schema, user, e-mail, label or content tree.
	Object(ctx context.Context, url string) (rossumapi.Object, error)
	// Open streams a document's content by its URL. The caller closes the file's Body.
	Open(ctx context.Context, url string) (*rossumapi.File, error)
}

// RunFacts are the facts about a run that expressions see as run.
type RunFacts struct {
	ID         run.ID
	Pipeline   string
	Generation int
	Event      string // annotation_content.export
	Received   time.Time
	Now        time.Time
}

// ScopeInput is what the names of a run's expressions are taken from.
type ScopeInput struct {
	// Payload of the event. Where its Content is nil, the tree is fetched when an expression first asks for a field.
	Payload rossumapi.Payload
	// Settings and Secrets of the configured hook, below those of the payload.
	Settings configs.Node
	Secrets  configs.Named[configs.Secret]
	// Tables of the configuration.
	Tables configs.Named[configs.Table]
	// Resources fetches what is not sideloaded; nil leaves only what is.
	Resources Resources
	Run       RunFacts
	// Kept values of finished sends, by step and name, from the journal.
	Kept map[string]map[string]json.RawMessage
}

// Scope holds the names one run's expressions see, and the values of its steps. What is fetched is fetched once. It is
// not safe for concurrent use.
type Scope struct {
	in         ScopeInput
	live       *view
	stableView *view // made when first needed, see stable
	notes      notes
	content    rossumapi.Tree
	index      map[string]*rossumapi.Node // by schema id, outside tables; nil until first asked for
	schema     *rossumapi.Schema
	fetched    map[string]rossumapi.Object // by URL
	steps      map[string]stepValue
}

// stepValue is a step's value, and the same without what differs from run to run (see view).
type stepValue struct{ live, stable any }

// NewScope makes the scope of a run. It does not block: what expressions need beyond the payload is fetched when they
// ask for it.
func NewScope(in ScopeInput) *Scope {
	s := &Scope{in: in, content: in.Payload.Content, fetched: map[string]rossumapi.Object{}, steps: map[string]stepValue{}}
	s.live = &view{scope: s}
	for step, kept := range in.Kept {
		s.SetKept(step, kept)
	}
	return s
}

// SetKept stores the kept values of a send step as steps.<step>, none for a step that was left out. A value that is no
// JSON is left out.
func (s *Scope) SetKept(step string, kept map[string]json.RawMessage) {
	d := jinja.NewDict(len(kept))
	for name, raw := range kept {
		if v, err := jsonvalue.Decode(raw); err == nil {
			d.Set(name, v)
		}
	}
	s.setStep(step, d, d)
}

func (s *Scope) setStep(name string, live, stable any) { s.steps[name] = stepValue{live, stable} }

// fieldIndex finds the datapoints and multivalues outside tables; of two with the same schema id the later counts.
func (s *Scope) fieldIndex(ctx context.Context) (map[string]*rossumapi.Node, error) {
	if s.index != nil {
		return s.index, nil
	}
	if err := s.loadContent(ctx); err != nil {
		return nil, err
	}
	s.index = map[string]*rossumapi.Node{}
	for node := range s.topFields() {
		s.index[node.SchemaID] = node
	}
	return s.index, nil
}

// topFields visits the children of sections.
func (s *Scope) topFields() iter.Seq[*rossumapi.Node] {
	return func(yield func(*rossumapi.Node) bool) {
		for _, section := range s.content {
			for _, node := range section.Children {
				if !yield(node) {
					return
				}
			}
		}
	}
}

// loadContent fetches the content tree where the payload has none, as those of status events.
func (s *Scope) loadContent(ctx context.Context) error {
	if s.content != nil {
		return nil
	}
	url := s.in.Payload.AnnotationObject.Text("content")
	if url == "" {
		s.content = rossumapi.Tree{}
		return nil
	}
	object, err := s.object(ctx, "", url)
	if err != nil {
		return err
	}
	raw := object.Get("content")
	if raw == nil {
		return outcome.Errorf(outcome.Misconfigured, "no_content", "the payload has no fields, and they cannot be fetched here")
	}
	s.content, err = rossumapi.DecodeContent(raw)
	return err
}

// object finds a Rossum object by its URL, in the sideloaded list or through Resources; nil where neither has it.
func (s *Scope) object(ctx context.Context, list, url string) (rossumapi.Object, error) {
	if url == "" {
		return nil, nil
	}
	if object, ok := s.fetched[url]; ok {
		return object, nil
	}
	object := s.in.Payload.Sideloaded(list, url)
	if object == nil && s.in.Resources != nil {
		var err error
		if object, err = s.in.Resources.Object(ctx, url); err != nil {
			return nil, fmt.Errorf("fetch from Rossum: %w", err)
		}
	}
	s.fetched[url] = object
	return object, nil
}

// schemaField finds a field of the annotation's schema; nil where the schema or the field is not known.
func (s *Scope) schemaField(ctx context.Context, id string) (*rossumapi.SchemaField, error) {
	if s.schema == nil {
		object, err := s.object(ctx, "schemas", s.in.Payload.Annotation.Schema)
		if err != nil || object == nil {
			return nil, err
		}
		raw, err := json.Marshal(object)
		if err != nil {
			return nil, err
		}
		s.schema = &rossumapi.Schema{}
		if err := json.Unmarshal(raw, s.schema); err != nil {
			return nil, fmt.Errorf("schema: %w", err)
		}
	}
	return s.schema.Field(id), nil
}

// datapoint finds a field to speak of in a message, nil where the document has none.
func (s *Scope) datapoint(ctx context.Context, schemaID string) *rossumapi.Node {
	if schemaID == "" {
		return nil
	}
	index, err := s.fieldIndex(ctx)
	if err != nil {
		return nil // a complaint without its place is better than none
	}
	if node, ok := index[schemaID]; ok {
		return node
	}
	return s.content.First(schemaID)
}
