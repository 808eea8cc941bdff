package setup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// Setup works on one Rossum environment of a configuration. What it lists of Rossum it lists once: make a new one to look
// again. It is not safe for concurrent use. Its methods block until Rossum answers or ctx ends.
type Setup struct {
	cfg         *configs.Config
	environment string
	client      *rossumapi.Client

	queues  []rossumapi.Queue
	hooks   []rossumapi.Hook
	schemas map[string]rossumapi.Schema
}

// New makes a set-up of the environment with this name; the client calls it with the service account.
func New(cfg *configs.Config, environment string, client *rossumapi.Client) *Setup {
	return &Setup{cfg: cfg, environment: environment, client: client, schemas: map[string]rossumapi.Schema{}}
}

// collect reads a whole list.
func collect[T any](seq func(yield func(T, error) bool)) ([]T, error) {
	var all []T
	for v, err := range seq {
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// AllQueues lists the queues the account sees.
func (s *Setup) AllQueues(ctx context.Context) ([]rossumapi.Queue, error) {
	if s.queues != nil {
		return s.queues, nil
	}
	all, err := collect(s.client.Queues(ctx, nil))
	if err != nil {
		return nil, fmt.Errorf("queues of rossum.%s: %w", s.environment, err)
	}
	s.queues = all
	return all, nil
}

// Queue finds a queue by its name or id.
func (s *Setup) Queue(ctx context.Context, ref string) (rossumapi.Queue, error) {
	all, err := s.AllQueues(ctx)
	if err != nil {
		return rossumapi.Queue{}, err
	}
	return one("queue", ref, all, func(q rossumapi.Queue) (int64, string) { return q.ID, q.Name })
}

// queuesOf finds the queues of references; problems stand at the reference.
func (s *Setup) queuesOf(ctx context.Context, refs []configs.QueueRef, path string) ([]rossumapi.Queue, error) {
	var found []rossumapi.Queue
	var problems configs.Errors
	for _, ref := range refs {
		q, err := s.Queue(ctx, ref.Name)
		var unknown *UnknownError
		if errors.As(err, &unknown) {
			problems = append(problems, unknown.at(ref.Pos, path))
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, q)
	}
	return found, problems.Err()
}

// QueuesOf lists the queues a hook serves, as the configuration says.
func (s *Setup) QueuesOf(ctx context.Context, hook string) ([]rossumapi.Queue, error) {
	refs, all := s.cfg.QueuesOf(hook)
	if all {
		return s.AllQueues(ctx)
	}
	return s.queuesOf(ctx, refs, "hooks."+hook)
}

// Taken is what a pipeline gets of Rossum's events.
type Taken struct {
	Queues []rossumapi.Queue
	// Since is when the hook object was made, the zero time where Rossum does not tell: before, nobody was called.
	Since time.Time
}

// ErrNoHook means that no hook object of Rossum calls a hook, so that nobody knows which queues it serves.
var ErrNoHook = errors.New("no hook object in Rossum calls it, and the configuration names no queues")

// Taken says which queues' events a pipeline gets: those it takes, of those that its hook object serves where Rossum has
// one. ErrNoHook where neither says which.
func (s *Setup) Taken(ctx context.Context, e *configs.Entry[configs.Pipeline]) (Taken, error) {
	refs, all := s.cfg.QueuesOf(e.Value.Hook)
	if len(e.Value.Queues) > 0 {
		refs, all = e.Value.Queues, false
	}
	h, err := s.Hook(ctx, e.Value.Hook)
	var unknown *UnknownError
	noHook := errors.As(err, &unknown)
	switch {
	case noHook && all:
		return Taken{}, fmt.Errorf("hook %s: %w", e.Value.Hook, ErrNoHook)
	case err != nil && !noHook:
		return Taken{}, err
	}
	var t Taken
	if all {
		t.Queues, err = s.AllQueues(ctx)
	} else {
		t.Queues, err = s.queuesOf(ctx, refs, "pipelines."+e.Name+".queues")
	}
	if err != nil || noHook {
		return t, err
	}
	var made struct {
		At time.Time `json:"created_at"`
	}
	_ = json.Unmarshal(h.Raw, &made) // null, or a form nobody knows: not told
	t.Since = made.At
	t.Queues = slices.DeleteFunc(slices.Clone(t.Queues), func(q rossumapi.Queue) bool { return !slices.Contains(h.Queues, q.URL) })
	return t, nil
}

func (s *Setup) allHooks(ctx context.Context) ([]rossumapi.Hook, error) {
	if s.hooks != nil {
		return s.hooks, nil
	}
	all, err := collect(s.client.Hooks(ctx, nil))
	if err != nil {
		return nil, fmt.Errorf("hooks of rossum.%s: %w", s.environment, err)
	}
	s.hooks = all
	return all, nil
}

// user finds a user's URL by user name or id.
func (s *Setup) user(ctx context.Context, ref string) (string, error) {
	query := url.Values{"username": {ref}}
	if isID(ref) {
		query = url.Values{"id": {ref}}
	}
	all, err := collect(s.client.Users(ctx, query))
	if err != nil {
		return "", fmt.Errorf("users of rossum.%s: %w", s.environment, err)
	}
	u, err := one("user", ref, all, func(u rossumapi.User) (int64, string) { return u.ID, u.Username })
	return u.URL, err
}

// schema reads the schema with a URL.
func (s *Setup) schema(ctx context.Context, link string) (rossumapi.Schema, error) {
	if known, ok := s.schemas[link]; ok {
		return known, nil
	}
	id, err := rossumapi.IDFromURL(link)
	if err != nil {
		return rossumapi.Schema{}, fmt.Errorf("schema: %w", err)
	}
	schema, err := s.client.Schema(ctx, id)
	if err != nil {
		return rossumapi.Schema{}, fmt.Errorf("schema %d: %w", id, err)
	}
	s.schemas[link] = schema
	return schema, nil
}

// UnknownError means that Rossum has no such object, or several.
type UnknownError struct {
	Kind, Name string
	Several    bool
	Known      []string // names there are
}

// Error names the object.
func (e *UnknownError) Error() string {
	if e.Several {
		return fmt.Sprintf("Rossum has several %ss named %q", e.Kind, e.Name)
	}
	return fmt.Sprintf("Rossum has no %s %q, or the account does not see it", e.Kind, e.Name)
}

// Hint says which names there are.
func (e *UnknownError) Hint() string {
	if e.Several {
		return "write the id instead of the name"
	}
	return "one of " + clip(strings.Join(e.Known, ", "))
}

func (e *UnknownError) at(pos configs.Pos, path string) configs.Error {
	return configs.Error{Pos: pos, Path: path, Message: e.Error(), Suggestion: configs.Nearest(e.Name, e.Known), Try: e.Hint()}
}

// one finds the object with an id or a name.
func one[T any](kind, ref string, all []T, identity func(T) (int64, string)) (T, error) {
	var found []T
	unknown := &UnknownError{Kind: kind, Name: ref}
	for _, v := range all {
		id, name := identity(v)
		if strconv.FormatInt(id, 10) == ref {
			return v, nil
		}
		if name == ref {
			found = append(found, v)
		}
		unknown.Known = append(unknown.Known, name)
	}
	if len(found) == 1 {
		return found[0], nil
	}
	unknown.Several = len(found) > 1
	var none T
	return none, unknown
}

func isID(ref string) bool {
	_, err := strconv.ParseInt(ref, 10, 64)
	return err == nil
}

// clip bounds foreign text in a message.
func clip(text string) string {
	const most = 160
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}
