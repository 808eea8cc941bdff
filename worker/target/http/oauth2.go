package httptarget

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
)

// Token is an OAuth2 access token. It prints as [token]; its JSON holds the secret and must be sealed.
type Token struct {
	Access  string    `json:"access"`
	Expires time.Time `json:"expires"`
}

// String is [token].
func (Token) String() string { return "[token]" }

// GoString is [token].
func (Token) GoString() string { return "[token]" }

// TokenCache shares tokens between processes. Both methods may block until the context's end; their errors are not
// failures of a request, a token is then fetched.
type TokenCache interface {
	// Get returns the zero Token where there is none.
	Get(ctx context.Context, key string) (Token, error)
	Put(ctx context.Context, key string, token Token) error
}

const (
	// defaultLifetime of a token whose answer has no expires_in, which RFC 6749, 5.1, only recommends.
	defaultLifetime = 10 * time.Minute
	// margin before a token's expiry in which it is fetched anew; at most a tenth of its life.
	margin = time.Minute
)

// oauth2 gets bearer tokens by client credentials (RFC 6749, 4.4), one fetch at a time.
type oauth2 struct {
	cfg      configs.OAuth2Auth
	tokenURL *url.URL
	wire     *wire
	shared   TokenCache // nil for none
	key      string
	lock     chan struct{} // holds one while a token is fetched; waiting for it honours the context

	mu      sync.Mutex
	token   Token
	refused string // the last access token an answer refused
}

func newOAuth2(cfg configs.OAuth2Auth, base *url.URL, w *wire, shared TokenCache) (*oauth2, error) {
	if cfg.Grant != "" && cfg.Grant != "client_credentials" {
		return nil, fmt.Errorf("oauth2 grant %s is not supported yet; client_credentials is", cfg.Grant)
	}
	if cfg.ClientID == "" {
		return nil, errors.New("oauth2 needs client_id")
	}
	tokenURL, err := tokenURL(cfg, base)
	if err != nil {
		return nil, err
	}
	id := sha256.Sum256([]byte(tokenURL.String() + "\x00" + cfg.ClientID + "\x00" + cfg.Scope))
	return &oauth2{cfg: cfg, tokenURL: tokenURL, wire: w, shared: shared,
		key: "oauth2." + hex.EncodeToString(id[:]), lock: make(chan struct{}, 1)}, nil
}

func tokenURL(cfg configs.OAuth2Auth, base *url.URL) (*url.URL, error) {
	if (cfg.TokenURL == "") == (cfg.TokenPath == "") {
		return nil, errors.New("oauth2 needs either token_url or token_path")
	}
	if cfg.TokenPath != "" {
		return below(base, cfg.TokenPath)
	}
	u, err := url.Parse(cfg.TokenURL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return nil, errors.New("oauth2 token_url must be a URL without credentials")
	}
	if u.Scheme == "http" && base.Scheme == "https" {
		return nil, errors.New("oauth2 token_url must be https, as base_url is")
	}
	return u, nil
}

func (o *oauth2) authorize(ctx context.Context, c *call) (err error) {
	token := o.usable()
	if token == "" {
		if token, c.freshToken, err = o.renew(ctx); err != nil {
			return err
		}
	}
	c.header.Set("Authorization", "Bearer "+token)
	return nil
}

func (o *oauth2) expired(c *call, resp *target.Response) bool {
	if resp.Status != http.StatusUnauthorized || c.freshToken {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refused = strings.TrimPrefix(c.header.Get("Authorization"), "Bearer ")
	if o.token.Access == o.refused {
		o.token = Token{}
	}
	return true
}

func (o *oauth2) secrets() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return []string{o.cfg.ClientSecret.Reveal(), o.token.Access, o.refused}
}

// usable is the access token held, "" where there is none that is good for a while.
func (o *oauth2) usable() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !time.Now().Before(o.token.Expires) {
		return ""
	}
	return o.token.Access
}

// renew takes another process's token or fetches one. Of many callers one fetches and the others take what it got.
func (o *oauth2) renew(ctx context.Context) (access string, fetched bool, err error) {
	select {
	case o.lock <- struct{}{}:
		defer func() { <-o.lock }()
	case <-ctx.Done():
		return "", false, outcome.Errorf(outcome.Retry, "token_timeout", "%s: no token in time", o.tokenURL.Host)
	}
	if access = o.usable(); access != "" {
		return access, false, nil
	}
	token, shared := o.fromShared(ctx)
	if !shared {
		if token, err = o.fetch(ctx); err != nil {
			return "", false, err
		}
		if o.shared != nil {
			_ = o.shared.Put(ctx, o.key, token) // sharing saves fetches, no more
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.token = token
	return token.Access, !shared, nil
}

func (o *oauth2) fromShared(ctx context.Context) (Token, bool) {
	if o.shared == nil {
		return Token{}, false
	}
	token, err := o.shared.Get(ctx, o.key)
	if err != nil || token.Access == "" || !time.Now().Before(token.Expires) {
		return Token{}, false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return token, token.Access != o.refused
}

// fetch asks the token endpoint. Whatever goes wrong, nothing was sent to the ERP's API.
func (o *oauth2) fetch(ctx context.Context) (Token, error) {
	c := o.request()
	began := time.Now()
	a := o.wire.send(ctx, c)
	if a.resp == nil {
		reason, what := failureReason(a)
		kind := outcome.Retry
		if reason == "ssrf" {
			kind = outcome.Misconfigured
		}
		return Token{}, outcome.Errorf(kind, "token_"+reason, "%s: no token: %s", o.tokenURL.Host, what)
	}
	if a.resp.Status != http.StatusOK && a.resp.Status != http.StatusCreated {
		return Token{}, o.refusal(a.resp)
	}
	var body struct {
		AccessToken string  `json:"access_token"`
		ExpiresIn   seconds `json:"expires_in"`
	}
	if a.resp.Partial || json.Unmarshal(a.resp.Body, &body) != nil || body.AccessToken == "" {
		return Token{}, outcome.Errorf(outcome.Retry, "token_body", "%s: the token endpoint's answer holds no access_token", o.tokenURL.Host)
	}
	life := time.Duration(body.ExpiresIn) * time.Second
	if life <= 0 {
		life = defaultLifetime
	}
	return Token{Access: body.AccessToken, Expires: began.Add(life - min(margin, life/10))}, nil
}

func (o *oauth2) request() *call {
	form := url.Values{"grant_type": {"client_credentials"}}
	if o.cfg.Scope != "" {
		form.Set("scope", o.cfg.Scope)
	}
	for _, p := range o.cfg.Params {
		form.Set(p.Name, p.Value.Reveal())
	}
	header := http.Header{"User-Agent": {"rossum-relay"}, "Accept": {"application/json"}}
	id, secret := o.cfg.ClientID, o.cfg.ClientSecret.Reveal()
	if o.cfg.AuthStyle == "basic" {
		// RFC 6749, 2.3.1: both are form-encoded first
		plain := url.QueryEscape(id) + ":" + url.QueryEscape(secret)
		header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(plain)))
	} else {
		form.Set("client_id", id)
		form.Set("client_secret", secret)
	}
	c := &call{method: http.MethodPost, url: o.tokenURL, header: header,
		body: newBytes([]byte(form.Encode()), "application/x-www-form-urlencoded")}
	c.setContentType()
	return c
}

// refusal is the outcome of a token endpoint that answered, but with no token.
func (o *oauth2) refusal(resp *target.Response) error {
	kind := outcome.Misconfigured
	switch status := resp.Status; {
	case status == http.StatusBadRequest, status == http.StatusUnauthorized, status == http.StatusForbidden:
		kind = outcome.Reauth
	case status == http.StatusTooManyRequests:
		kind = outcome.Throttled
	case status == http.StatusRequestTimeout, status >= 500:
		kind = outcome.Retry
	}
	err := outcome.Errorf(kind, fmt.Sprintf("token_http_%d", resp.Status), "%s: the token endpoint answered %s", o.tokenURL.Host, statusText(resp.Status))
	err.Outcome.Status = resp.Status
	err.Outcome.After = min(retryAfter(resp.Header, time.Now()), defaultMaxRetryAfter)
	err.Outcome.Excerpt = outcome.Excerpt(resp.Body, o.secrets()...)
	return err
}

// seconds is an expires_in, which some servers write as a string.
type seconds int64

// UnmarshalJSON takes 3600, 3600.0 and "3600", and 0 for anything else.
func (s *seconds) UnmarshalJSON(data []byte) error {
	var f float64
	if json.Unmarshal([]byte(strings.Trim(string(data), `"`)), &f) == nil && f > 0 && f < 1e9 {
		*s = seconds(f)
	}
	return nil
}
