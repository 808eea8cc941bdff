package httptarget

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
	"github.com/rossum-relay/rossum-relay/worker/tokens"
)

// The grants of oauth2.grant, and how RFC 6749 and RFC 7523 call them.
const (
	grantClient  = "client_credentials"
	grantRefresh = "refresh_token"
	grantJWT     = "jwt_bearer"

	jwtBearerURN    = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	jwtAssertionURN = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

const (
	// defaultLifetime of a token whose answer has no expires_in, which RFC 6749, 5.1, only recommends.
	defaultLifetime = 10 * time.Minute
	// maxTokenTimeout bounds one token request: all workers wait for it.
	maxTokenTimeout = 20 * time.Second
)

// tokenEndpoint gives tokens to one client (RFC 6749, 3.2).
type tokenEndpoint struct {
	cfg       configs.OAuth2Auth
	url       *url.URL
	wire      *wire
	assertion *assertion // nil for none
	timeout   time.Duration
	maxAfter  time.Duration
}

func newTokenEndpoint(cfg configs.OAuth2Auth, base *url.URL, w *wire, opts Options) (*tokenEndpoint, error) {
	if cfg.Grant == "" {
		cfg.Grant = grantClient
	}
	u, err := tokenURL(cfg, base)
	if err != nil {
		return nil, err
	}
	e := &tokenEndpoint{cfg: cfg, url: u, wire: w, timeout: min(opts.Timeout, maxTokenTimeout), maxAfter: opts.MaxRetryAfter}
	switch {
	case cfg.Grant == grantJWT && cfg.JWT == nil:
		return nil, errors.New("the oauth2 grant jwt_bearer needs jwt")
	case cfg.Grant == grantRefresh && cfg.RefreshToken.IsZero():
		return nil, errors.New("the oauth2 grant refresh_token needs refresh_token")
	case cfg.JWT != nil:
		if e.assertion, err = newAssertion(*cfg.JWT, cfg.ClientID, u.String()); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// credential is the client as the token cache knows it.
func (e *tokenEndpoint) credential() tokens.Credential {
	id := []string{"oauth2", e.url.String(), e.cfg.Grant, e.cfg.ClientID, e.cfg.Scope}
	for _, p := range e.cfg.Params {
		id = append(id, p.Name, p.Value.Reveal())
	}
	proof := e.cfg.ClientSecret.Reveal()
	if e.assertion != nil {
		id = append(id, e.assertion.String())
		proof += "\x00" + e.cfg.JWT.Key.Reveal()
	}
	c := tokens.Credential{Name: e.name(), ID: id, Proof: configs.NewSecret(proof), Timeout: e.timeout, Fetch: e.fetch}
	if e.cfg.Grant == grantRefresh {
		c.Refresh = e.cfg.RefreshToken
	}
	return c
}

// name is the endpoint's host and the client, for messages.
func (e *tokenEndpoint) name() string {
	if e.cfg.ClientID == "" {
		return e.url.Host
	}
	return e.url.Host + " (" + e.cfg.ClientID + ")"
}

// fetch asks for a token. Whatever goes wrong, nothing was sent to the ERP's API.
func (e *tokenEndpoint) fetch(ctx context.Context, refresh string) (tokens.Grant, error) {
	form, err := e.form(refresh)
	if err != nil {
		return tokens.Grant{}, err
	}
	a := e.wire.send(ctx, e.request(form))
	if a.resp == nil {
		reason, what := failureReason(a)
		kind := outcome.Retry
		if reason == "ssrf" {
			kind = outcome.Misconfigured
		}
		return tokens.Grant{}, outcome.Errorf(kind, "token_"+reason, "%s: no token: %s", e.name(), what)
	}
	if a.resp.Status != http.StatusOK && a.resp.Status != http.StatusCreated {
		return tokens.Grant{}, e.refusal(a.resp, form)
	}
	var body struct {
		AccessToken  string  `json:"access_token"`
		RefreshToken string  `json:"refresh_token"`
		ExpiresIn    seconds `json:"expires_in"`
	}
	if a.resp.Partial || json.Unmarshal(a.resp.Body, &body) != nil || body.AccessToken == "" {
		return tokens.Grant{}, outcome.Errorf(outcome.Retry, "token_body", "%s: the token endpoint's answer holds no access_token", e.name())
	}
	g := tokens.Grant{Access: body.AccessToken, Life: time.Duration(body.ExpiresIn) * time.Second}
	if g.Life <= 0 {
		g.Life = defaultLifetime
	}
	if e.cfg.Grant == grantRefresh { // a server that does not rotate repeats the old one, or sends none
		g.Refresh = body.RefreshToken
	}
	return g, nil
}

// form is the token request's. The configured parameters come last: they replace what a server wants otherwise.
func (e *tokenEndpoint) form(refresh string) (url.Values, error) {
	form := url.Values{"grant_type": {e.cfg.Grant}}
	set := func(name, value string) {
		if value != "" {
			form.Set(name, value)
		}
	}
	set("scope", e.cfg.Scope)
	if !e.basic() {
		set("client_id", e.cfg.ClientID)
		set("client_secret", e.cfg.ClientSecret.Reveal())
	}
	if e.assertion != nil {
		signed, err := e.assertion.sign(time.Now())
		if err != nil {
			return nil, outcome.Errorf(outcome.Misconfigured, "token_assertion", "%s: the assertion cannot be signed with oauth2.jwt", e.name())
		}
		if e.cfg.Grant == grantJWT {
			form.Set("grant_type", jwtBearerURN)
			form.Set("assertion", signed)
		} else { // instead of a client secret
			form.Set("client_assertion_type", jwtAssertionURN)
			form.Set("client_assertion", signed)
		}
	}
	if e.cfg.Grant == grantRefresh {
		form.Set("refresh_token", refresh)
	}
	for _, p := range e.cfg.Params {
		form.Set(p.Name, p.Value.Reveal())
	}
	return form, nil
}

// basic: the client's id and secret travel in the header, unless an assertion stands for the secret.
func (e *tokenEndpoint) basic() bool {
	return e.cfg.AuthStyle == "basic" && (e.assertion == nil || e.cfg.Grant == grantJWT && e.cfg.ClientID != "")
}

func (e *tokenEndpoint) request(form url.Values) *call {
	header := http.Header{"User-Agent": {"rossum-relay"}, "Accept": {"application/json"}}
	if e.basic() {
		// RFC 6749, 2.3.1: both are form-encoded first
		plain := url.QueryEscape(e.cfg.ClientID) + ":" + url.QueryEscape(e.cfg.ClientSecret.Reveal())
		header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(plain)))
	}
	c := &call{method: http.MethodPost, url: e.url, header: header, body: newBytes([]byte(form.Encode()), "application/x-www-form-urlencoded")}
	c.setContentType()
	return c
}

// refusal is the outcome of a token endpoint that answered, but with no token.
func (e *tokenEndpoint) refusal(resp *target.Response, form url.Values) error {
	kind := outcome.Misconfigured
	switch status := resp.Status; {
	case status == http.StatusBadRequest, status == http.StatusUnauthorized, status == http.StatusForbidden:
		kind = outcome.Reauth
	case status == http.StatusTooManyRequests:
		kind = outcome.Throttled
	case status == http.StatusRequestTimeout, status >= 500:
		kind = outcome.Retry
	}
	what := statusText(resp.Status)
	code := errorCode(resp.Body)
	if code != "" {
		what += ", " + code
	}
	if code == "invalid_grant" && e.cfg.Grant == grantRefresh {
		what += ": the refresh token is spent or revoked; authorize the relay anew and set oauth2.refresh_token"
	}
	err := outcome.Errorf(kind, fmt.Sprintf("token_http_%d", resp.Status), "%s: the token endpoint answered %s", e.name(), what)
	err.Outcome.Status = resp.Status
	err.Outcome.After = min(retryAfter(resp.Header, time.Now()), e.maxAfter)
	err.Outcome.Excerpt = outcome.Excerpt(resp.Body, e.secretsOf(form)...)
	return err
}

// secretsOf are the secrets of a token request, which its answer may repeat.
func (e *tokenEndpoint) secretsOf(form url.Values) []string {
	secrets := []string{e.cfg.ClientSecret.Reveal(), form.Get("refresh_token"), form.Get("assertion"), form.Get("client_assertion")}
	for _, p := range e.cfg.Params {
		secrets = append(secrets, p.Value.Reveal())
	}
	return secrets
}

// errorCode is the code of a token endpoint's error (RFC 6749, 5.2), "" for any other text.
func errorCode(body []byte) string {
	var problem struct {
		Error string `json:"error"`
	}
	known := []string{"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope"}
	if json.Unmarshal(body, &problem) != nil || !slices.Contains(known, problem.Error) {
		return ""
	}
	return problem.Error
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
