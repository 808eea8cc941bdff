package tokens

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

// loginLife is Rossum's longest and default life of a login's token (Rossum API reference, login).
const loginLife = 162 * time.Hour

// ServiceAccount is the token source of a Rossum environment's service account. It is safe for concurrent use.
type ServiceAccount struct{ *Source }

var _ rossumapi.TokenSource = (*ServiceAccount)(nil)

// ServiceAccount is the one of the environment with this name in the configuration, whose password must be resolved. The
// options say how Rossum is reached; life is how long a token shall live, 0 for as long as Rossum allows.
func (s *Store) ServiceAccount(name string, cfg configs.Rossum, o rossumapi.Options, life time.Duration) (*ServiceAccount, error) {
	o.Token, o.MaxRetryAfter = nil, -1 // a throttled login is waited for by the runs, not inside the lease
	client, err := rossumapi.New(o)
	if err != nil {
		return nil, fmt.Errorf("rossum.%s: %w", name, err)
	}
	if life <= 0 {
		life = loginLife
	}
	l := &login{client: client, account: fmt.Sprintf("rossum.%s (%s)", name, cfg.Username), cfg: cfg, life: life}
	return &ServiceAccount{s.Source(Credential{
		Name: l.account, ID: []string{"rossum", client.BaseURL(), cfg.Username}, Proof: cfg.Password, Fetch: l.fetch,
	})}, nil
}

// Token returns the account's token; see Source.Get.
func (a *ServiceAccount) Token(ctx context.Context) (string, error) { return a.Refresh(ctx, "") }

// Refresh returns a token other than the refused one; see Source.Get.
func (a *ServiceAccount) Refresh(ctx context.Context, refused string) (string, error) {
	token, _, err := a.Get(ctx, refused)
	return token, err
}

// login logs a service account in.
type login struct {
	client  *rossumapi.Client
	account string
	cfg     configs.Rossum
	life    time.Duration
}

func (l *login) fetch(ctx context.Context, _ string) (Grant, error) {
	token, err := l.client.Login(ctx, l.cfg.Username, l.cfg.Password.Reveal(), l.life)
	if err != nil {
		return Grant{}, l.failure(err)
	}
	return Grant{Access: token, Life: l.life}, nil
}

// failure says what a login without a token means for those who need one.
func (l *login) failure(err error) error {
	var api *rossumapi.APIError
	if !errors.As(err, &api) {
		return outcome.Errorf(outcome.Retry, "login_unreachable", "%s: Rossum cannot be reached to log in", l.account)
	}
	kind, what := outcome.Retry, "cannot log in now"
	switch status := api.Status; {
	case status == http.StatusBadRequest, status == http.StatusUnauthorized, status == http.StatusForbidden:
		kind, what = outcome.Reauth, "refuses the login, check username and password"
	case status == http.StatusTooManyRequests:
		kind, what = outcome.Throttled, "throttles logins"
	case status < http.StatusInternalServerError && status != http.StatusRequestTimeout:
		kind, what = outcome.Misconfigured, "has no login there, check base_url"
	}
	failed := outcome.Errorf(kind, fmt.Sprintf("login_%d", api.Status), "%s: Rossum %s (%d %s)", l.account, what, api.Status, http.StatusText(api.Status))
	failed.Outcome.Status = api.Status
	if most := l.cfg.MaxRetryAfter.D(); kind == outcome.Retry || kind == outcome.Throttled {
		failed.Outcome.After = api.RetryAfter
		if most > 0 {
			failed.Outcome.After = min(api.RetryAfter, most)
		}
	}
	return failed
}
