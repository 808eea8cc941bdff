package pipeline

import (
	"context"
	"encoding/json"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
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
	Payload rossumapi.Payload
	// Settings and Secrets of the configured hook, below those of the payload.
	Settings configs.Node
	Secrets  configs.Named[configs.Secret]
	Tables   configs.Named[configs.Table]
	// Resources fetches what is not sideloaded; nil leaves only what is.
	Resources Resources
	Run       RunFacts
	// Kept values of finished sends, by step and name, from the journal.
	Kept map[string]map[string]json.RawMessage
}

// Scope holds the names one run's expressions see, and the values of its steps. What is fetched is fetched once. It is
// not safe for concurrent use.
type Scope struct{ in ScopeInput }

// NewScope makes the scope of a run.
func NewScope(in ScopeInput) *Scope { return &Scope{in: in} }

// SetKept stores the kept values of a send step as steps.<step>.
func (s *Scope) SetKept(step string, kept map[string]json.RawMessage) {}
