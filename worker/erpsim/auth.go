package erpsim

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// authorized lets pass what bears one of the configured credentials; none configured lets all pass.
func (s *Sim) authorized(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.protected() && !s.permits(r) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			problem(http.StatusUnauthorized, "the credential is missing or wrong").write(w)
			return
		}
		next(w, r)
	}
}

func (s *Sim) protected() bool {
	return s.opts.Username != "" || s.opts.Bearer != "" || s.opts.ClientID != ""
}

func (s *Sim) permits(r *http.Request) bool {
	if user, password, ok := r.BasicAuth(); ok {
		return s.opts.Username != "" && same(user, s.opts.Username) && same(password, s.opts.Password)
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return false
	}
	if s.opts.Bearer != "" && same(token, s.opts.Bearer) {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Before(s.tokens[token])
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// maxTokens bounds the tokens kept; all are then forgotten, which a client has to bear anyway.
const maxTokens = 10_000

// token is the OAuth2 client credentials grant (RFC 6749, 4.4).
func (s *Sim) token(w http.ResponseWriter, r *http.Request) {
	id, secret := r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	if user, password, ok := r.BasicAuth(); ok {
		id, _ = url.QueryUnescape(user)
		secret, _ = url.QueryUnescape(password)
	}
	switch {
	case s.opts.ClientID == "":
		http.NotFound(w, r)
		return
	case r.PostFormValue("grant_type") != "client_credentials":
		reply{status: http.StatusBadRequest, body: []byte(`{"error":"unsupported_grant_type"}`)}.write(w)
		return
	case !same(id, s.opts.ClientID) || !same(secret, s.opts.ClientSecret):
		reply{status: http.StatusUnauthorized, body: []byte(`{"error":"invalid_client"}`)}.write(w)
		return
	}
	access := rand.Text()
	s.mu.Lock()
	if len(s.tokens) >= maxTokens {
		clear(s.tokens)
	}
	s.counts.Tokens++
	s.tokens[access] = time.Now().Add(s.opts.TokenLifetime)
	s.mu.Unlock()
	body, _ := json.Marshal(map[string]any{"access_token": access, "token_type": "bearer", "expires_in": int(s.opts.TokenLifetime.Seconds())})
	reply{status: http.StatusOK, body: body}.write(w)
}

// RevokeTokens makes all OAuth2 tokens invalid.
func (s *Sim) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}
