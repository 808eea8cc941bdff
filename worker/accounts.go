package worker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/run"
	"github.com/rossum-relay/rossum-relay/worker/target/limits"
)

// accounts hands out clients of the configured Rossum environments. A client uses the newest token Rossum sent for its
// event, and the service account when that is gone.
type accounts struct {
	answers *answer.Store
	envs    map[string]*environment
}

// environment is one configured Rossum: its rate limit and the token of its service account.
type environment struct {
	name      string
	cfg       configs.Rossum
	transport *http.Transport
	limiter   *limits.Rate

	mu    sync.Mutex // held over a login: one at a time
	token string
}

func newAccounts(cfg *configs.Config, answers *answer.Store, l *limits.Limits) (*accounts, error) {
	a := &accounts{answers: answers, envs: map[string]*environment{}}
	for _, e := range cfg.Rossum {
		transport, ok := http.DefaultTransport.(*http.Transport)
		if !ok {
			return nil, errors.New("worker: the default HTTP transport was replaced")
		}
		a.envs[e.Name] = &environment{name: e.Name, cfg: e.Value, transport: transport.Clone(), limiter: l.Rate(e.Value.Rate)}
	}
	return a, nil
}

func (a *accounts) close() {
	for _, e := range a.envs {
		e.transport.CloseIdleConnections()
	}
}

// client is a client for one run's event.
func (a *accounts) client(name string, key run.EventKey) (*rossumapi.Client, error) {
	env := a.envs[name]
	if env == nil {
		return nil, outcome.Errorf(outcome.Misconfigured, "no_rossum", "the configuration has no rossum %q any more", name)
	}
	return rossumapi.New(env.options(&tokens{answers: a.answers, env: env, key: key}))
}

func (e *environment) options(source rossumapi.TokenSource) rossumapi.Options {
	return rossumapi.Options{
		BaseURL: e.cfg.BaseURL, Transport: e.transport, Token: source, Limiter: e.limiter,
	}
}

// tokens is the token source of one run.
type tokens struct {
	answers *answer.Store
	env     *environment
	key     run.EventKey

	mu   sync.Mutex
	dead string // the hook token that was refused
}

// Token is the event's newest token while it lives, else the service account's.
func (t *tokens) Token(ctx context.Context) (string, error) {
	token, expires, err := t.answers.Token(ctx, t.key)
	if err != nil {
		return "", err
	}
	t.mu.Lock()
	refused := token == t.dead
	t.mu.Unlock()
	if token != "" && !refused && (expires.IsZero() || time.Now().Before(expires)) {
		return token, nil
	}
	return t.env.login(ctx, "")
}

// Refresh replaces a refused token.
func (t *tokens) Refresh(ctx context.Context, rejected string) (string, error) {
	t.mu.Lock()
	t.dead = rejected
	t.mu.Unlock()
	return t.env.login(ctx, rejected)
}

// login returns the service account's token, logging in when there is none or the one there was refused.
func (e *environment) login(ctx context.Context, rejected string) (string, error) {
	if e.cfg.Username == "" {
		return "", outcome.Errorf(outcome.Reauth, "no_token",
			"the hook's token is gone and rossum.%s has no service account: set token_lifetime_s on the hook, "+
				"or username and password of a service account", e.name)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.token != "" && e.token != rejected {
		return e.token, nil
	}
	client, err := rossumapi.New(e.options(nil))
	if err != nil {
		return "", fmt.Errorf("rossum %s: %w", e.name, err)
	}
	token, err := client.Login(ctx, e.cfg.Username, e.cfg.Password.Reveal(), 0)
	if rossumapi.IsUnauthorized(err) || rossumapi.StatusOf(err) == http.StatusBadRequest {
		return "", outcome.Errorf(outcome.Reauth, "login_refused", "Rossum refuses the login of rossum.%s (%s)", e.name, e.cfg.Username)
	}
	if err != nil {
		return "", fmt.Errorf("rossum %s: login: %w", e.name, err)
	}
	e.token = token
	return token, nil
}

// resources fetches what a payload only refers to.
type resources struct{ client *rossumapi.Client }

// Object reads any object of Rossum by its URL.
func (r resources) Object(ctx context.Context, url string) (rossumapi.Object, error) {
	var o rossumapi.Object
	err := r.client.Get(ctx, url, &o)
	return o, err
}

// Open streams a document's content.
func (r resources) Open(ctx context.Context, url string) (*rossumapi.File, error) {
	return r.client.Download(ctx, url)
}
