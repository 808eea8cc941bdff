package rossumapi

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// Login returns a token for the user. Rossum's tokens last 162 hours at most
// and by default (lifetime 0); logins are throttled, so share tokens.
func (c *Client) Login(ctx context.Context, username, password string, lifetime time.Duration) (string, error) {
	body := map[string]any{"username": username, "password": password}
	if lifetime > 0 {
		body["max_token_lifetime_s"] = int64(lifetime / time.Second)
	}
	r, err := jsonRequest(http.MethodPost, c.URL("auth/login"), body)
	if err != nil {
		return "", err
	}
	r.anonymous, r.repeatable = true, true
	var answer struct {
		Key string `json:"key"`
	}
	if err := c.do(ctx, r, &answer); err != nil {
		return "", err
	}
	if answer.Key == "" {
		return "", errors.New("rossum: login gave no token")
	}
	return answer.Key, nil
}

// Logout ends the life of the client's token.
func (c *Client) Logout(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, c.URL("auth/logout"), nil, nil)
}

// CurrentUser returns the owner of the client's token.
func (c *Client) CurrentUser(ctx context.Context) (User, error) {
	var user User
	err := c.Get(ctx, c.URL("auth/user"), &user)
	return user, err
}

// ErrTokenRejected is the answer of a token source that has no other token.
var ErrTokenRejected = errors.New("the token was rejected and there is no other")

// StaticToken is a token that cannot be refreshed, such as that of a hook
// payload.
type StaticToken string

// Token returns the token.
func (t StaticToken) Token(context.Context) (string, error) { return string(t), nil }

// Refresh returns [ErrTokenRejected].
func (t StaticToken) Refresh(context.Context, string) (string, error) { return "", ErrTokenRejected }

// String hides the token.
func (t StaticToken) String() string { return "[redacted]" }

// GoString hides the token.
func (t StaticToken) GoString() string { return "[redacted]" }

// PasswordToken logs in when a token is first needed and when it was rejected.
// One login serves all callers of this process.
type PasswordToken struct {
	Client   *Client // of the same host; needs no token source of its own
	Username string
	Password string
	Lifetime time.Duration // of the tokens; 0 = Rossum's maximum, 162 h

	mu    sync.Mutex
	token string
}

// Token returns the current token; it blocks while a login is under way.
func (p *PasswordToken) Token(ctx context.Context) (string, error) {
	return p.newerThan(ctx, "")
}

// Refresh returns a token other than rejected, by a login unless another
// caller was faster.
func (p *PasswordToken) Refresh(ctx context.Context, rejected string) (string, error) {
	return p.newerThan(ctx, rejected)
}

func (p *PasswordToken) newerThan(ctx context.Context, rejected string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.token != rejected {
		return p.token, nil
	}
	token, err := p.Client.Login(ctx, p.Username, p.Password, p.Lifetime)
	if err != nil {
		return "", err
	}
	p.token = token
	return token, nil
}
