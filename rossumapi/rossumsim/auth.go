package rossumsim

import (
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxTokenLifetime is the longest and the default life of a login token.
const maxTokenLifetime = 162 * time.Hour

// token is a login or hook token.
type token struct {
	key     string
	user    *entity
	expires time.Time
	revoked bool
}

func (t *token) valid(now time.Time) bool {
	return t != nil && !t.revoked && now.Before(t.expires)
}

// newToken issues a token; mu must be held.
func (s *Sim) newToken(user *entity, lifetime time.Duration) *token {
	t := &token{key: s.randomHex(20), user: user, expires: s.clock.Now().Add(lifetime)}
	if len(s.tokens) >= kept {
		maps.DeleteFunc(s.tokens, func(_ string, old *token) bool { return !old.valid(s.clock.Now()) })
		clear(s.window)
	}
	s.tokens[t.key] = t
	return t
}

func (s *Sim) randomHex(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(s.rng.UintN(256))
	}
	return hex.EncodeToString(b)
}

// uuid returns a random UUID, version 4.
func (s *Sim) uuid() string {
	h := s.randomHex(16)
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:]
}

// login accepts JSON and the form that Rossum's Python SDK sends.
func (s *Sim) login(r *request) answer {
	fields, isJSON := r.object()
	if !isJSON {
		form, err := url.ParseQuery(string(r.data))
		if err != nil {
			return badJSON()
		}
		fields = map[string]any{}
		for key := range form {
			fields[key] = form.Get(key)
		}
	}
	login := &entity{attrs: fields}
	for _, key := range []string{"username", "password"} {
		if login.text(key) == "" {
			return invalid(key, "required")
		}
	}
	user := s.find("users", "username", login.text("username"))
	if user == nil || user.attrs["password"] != fields["password"] || !user.flag("is_active") {
		return problem(http.StatusUnauthorized, "authentication_failed", "Unable to log in with provided credentials.")
	}
	lifetime := maxTokenLifetime
	if wanted := login.seconds("max_token_lifetime_s"); wanted > 0 {
		lifetime = min(wanted, maxTokenLifetime)
	}
	s.logins++
	_, domain, _ := strings.Cut(s.base, "://")
	return ok(map[string]any{"key": s.newToken(user, lifetime).key, "domain": domain})
}

// seconds reads a number, or a form's text, of seconds.
func (e *entity) seconds(key string) time.Duration {
	n := e.number(key, 0)
	if text := e.text(key); text != "" {
		n, _ = strconv.Atoi(text) // 0 = not given
	}
	return time.Duration(n) * time.Second
}

func (s *Sim) logout(r *request) answer {
	r.auth.revoked = true
	return ok(map[string]any{"detail": "Successfully logged out."})
}

// find returns the first object whose attribute has the value.
func (s *Sim) find(kind, key string, value any) *entity {
	for _, e := range s.collections[kind].ordered() {
		if e.attrs[key] == value {
			return e
		}
	}
	return nil
}

// isAdmin tells whether the user sees all queues.
func isAdmin(user *entity) bool { return user != nil && user.flag("admin") }

// sees tells whether the user may see what belongs to the queue.
func sees(user *entity, queueURL string) bool {
	return isAdmin(user) || slices.Contains(user.list("queues"), queueURL)
}

// publicUser hides what the API never shows.
func publicUser(user *entity) map[string]any {
	shown := map[string]any{}
	for key, value := range user.attrs {
		if key != "password" && key != "admin" {
			shown[key] = value
		}
	}
	return shown
}
