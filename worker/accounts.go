package worker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/metrics"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/run"
	"github.com/rossum-relay/rossum-relay/worker/target/limits"
	"github.com/rossum-relay/rossum-relay/worker/tokens"
	"github.com/rossum-relay/rossum-relay/worker/trace"
)

// accounts hands out clients of the configured Rossum environments. A client uses the newest token Rossum sent for its
// event, and the service account when that is gone.
type accounts struct {
	answers *answer.Store
	envs    map[string]*environment
}

// environment is one configured Rossum: its rate limit and its service account, which all workers share.
type environment struct {
	name      string
	cfg       configs.Rossum
	transport *http.Transport
	limiter   rossumapi.Limiter
	wrap      func(http.RoundTripper) http.RoundTripper
	account   *tokens.ServiceAccount // nil for none
}

func newAccounts(cfg *configs.Config, answers *answer.Store, l *limits.Limits, shared *tokens.Store, m *metrics.Work) (*accounts, error) {
	a := &accounts{answers: answers, envs: map[string]*environment{}}
	for _, e := range cfg.Rossum {
		transport, ok := http.DefaultTransport.(*http.Transport)
		if !ok {
			return nil, errors.New("worker: the default HTTP transport was replaced")
		}
		env := &environment{
			name: e.Name, cfg: e.Value, transport: transport.Clone(), limiter: m.Limiter(e.Name, l.Rate(e.Value.Rate)),
			wrap: func(next http.RoundTripper) http.RoundTripper {
				return trace.RossumTransport(m.Rossum(e.Name, next))
			},
		}
		if e.Value.Username != "" {
			var err error
			if env.account, err = shared.ServiceAccount(e.Name, e.Value, env.options(nil), 0); err != nil {
				return nil, err
			}
		}
		a.envs[e.Name] = env
	}
	return a, nil
}

func (a *accounts) close() {
	for _, e := range a.envs {
		e.transport.CloseIdleConnections()
	}
}

// client is a client for one run's event, and the tokens it uses.
func (a *accounts) client(name string, key run.EventKey) (*rossumapi.Client, *eventTokens, error) {
	env := a.envs[name]
	if env == nil {
		return nil, nil, outcome.Errorf(outcome.Misconfigured, "no_rossum", "the configuration has no rossum %q any more", name)
	}
	t := &eventTokens{answers: a.answers, env: env, key: key}
	client, err := rossumapi.New(env.options(t))
	return client, t, err
}

func (e *environment) options(source rossumapi.TokenSource) rossumapi.Options {
	return rossumapi.Options{
		BaseURL: e.cfg.BaseURL, Transport: e.transport, Token: source, Limiter: e.limiter, Wrap: e.wrap,
	}
}

// eventTokens is the token source of one turn of a run: the event's newest token while it lives, then the service account's.
type eventTokens struct {
	answers *answer.Store
	env     *environment
	key     run.EventKey

	mu    sync.Mutex
	event string // the event's token, "" for none
	dead  bool   // the event's token was refused or is past its time
	fresh string // the account's token that was fetched for this turn
}

// Token is the event's newest token while it lives, else the service account's.
func (t *eventTokens) Token(ctx context.Context) (string, error) {
	token, until, err := t.answers.Token(ctx, t.key)
	if err != nil {
		return "", err
	}
	t.mu.Lock()
	refused := t.dead && token == t.event
	t.event, t.dead = token, refused || token == "" || !until.IsZero() && !time.Now().Before(until)
	usable := !t.dead
	t.mu.Unlock()
	if usable {
		return token, nil
	}
	return t.fromAccount(ctx, "")
}

// Refresh replaces a refused token: the event's by the account's, and that by a new one, once.
func (t *eventTokens) Refresh(ctx context.Context, refused string) (string, error) {
	t.mu.Lock()
	t.dead = t.dead || refused == t.event
	again := refused == t.fresh
	t.mu.Unlock()
	if again {
		return "", rossumapi.ErrTokenRejected
	}
	return t.fromAccount(ctx, refused)
}

func (t *eventTokens) fromAccount(ctx context.Context, refused string) (string, error) {
	if t.env.account == nil {
		return "", t.noToken()
	}
	token, fetched, err := t.env.account.Get(ctx, refused)
	t.mu.Lock()
	defer t.mu.Unlock()
	if fetched {
		t.fresh = token
	}
	return token, err
}

// noToken says what to configure where no token is left.
func (t *eventTokens) noToken() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.event == "" {
		return outcome.Errorf(outcome.Reauth, "no_token",
			"the event came without a token, as its hook in Rossum has no token_owner, and rossum.%s has no service account: "+
				"set token_owner and token_lifetime_s on the hook (rossum-relay hooks apply does), or username and password in rossum.%[1]s", t.env.name)
	}
	return outcome.Errorf(outcome.Reauth, "no_token",
		"the event's token is dead and rossum.%s has no service account: set token_lifetime_s on the hook in Rossum (rossum-relay hooks apply does), "+
			"as without it a token dies with the answer; for what takes longer than two hours set username and password in rossum.%[1]s", t.env.name)
}

// owner is whose token was used last.
func (t *eventTokens) owner() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.dead {
		return "the hook's token_owner"
	}
	return fmt.Sprintf("the service account %s of rossum.%s", t.env.cfg.Username, t.env.name)
}

// explain adds to a refusal of Rossum who was refused: its own words name no user.
func (t *turnState) explain(o *outcome.Outcome) {
	if t.tokens == nil || !strings.HasPrefix(o.Reason, "rossum_") {
		return
	}
	switch o.Status {
	case http.StatusUnauthorized:
		o.Message += "; even a fresh token of " + t.tokens.owner() + " is refused"
	case http.StatusForbidden, http.StatusNotFound:
		o.Message += "; the relay's user here is " + t.tokens.owner()
	}
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
