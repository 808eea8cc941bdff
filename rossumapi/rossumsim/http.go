package rossumsim

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// answer is what an endpoint gives back: a body to encode as JSON, or raw
// bytes.
type answer struct {
	status int
	body   any
	raw    []byte
	header map[string]string
}

func ok(body any) answer { return answer{status: http.StatusOK, body: body} }

// problem is an error answer in Rossum's usual shape.
func problem(status int, code, detail string) answer {
	body := map[string]any{"detail": detail}
	if code != "" {
		body["code"] = code
	}
	return answer{status: status, body: body}
}

func notFound() answer { return problem(http.StatusNotFound, "not_found", "Not found.") }

// invalid is the answer for a bad attribute.
func invalid(field, complaint string) answer {
	return answer{status: http.StatusBadRequest, body: map[string]any{field: []string{complaint}}}
}

// request is an authenticated API request.
type request struct {
	*http.Request
	sim  *Sim
	user *entity // nil only for login
	auth *token
	data []byte // the body
}

func (r *request) id() int64 {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64) // 0 is never found
	return id
}

// object decodes the body as a JSON object; an empty body is an empty object.
func (r *request) object() (map[string]any, bool) {
	object := map[string]any{}
	if len(bytes.TrimSpace(r.data)) == 0 {
		return object, true
	}
	decoder := json.NewDecoder(bytes.NewReader(r.data))
	decoder.UseNumber()
	return object, decoder.Decode(&object) == nil
}

func badJSON() answer {
	return problem(http.StatusBadRequest, "bad_request", "JSON parse error")
}

// endpoint answers a request. Those registered with locked run with mu held;
// the others call hooks and lock by themselves.
type endpoint func(r *request) answer

func (s *Sim) locked(h endpoint) endpoint {
	return func(r *request) answer {
		s.mu.Lock()
		defer s.mu.Unlock()
		return h(r)
	}
}

// api wraps an endpoint with what all have in common: faults, authentication,
// the rate limit, and the encoding of the answer.
func (s *Sim) api(h endpoint) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		const maxBody = 60 << 20
		data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			s.write(w, problem(http.StatusRequestEntityTooLarge, "", "Request body too large."))
			return
		}
		req := &request{Request: r, sim: s, data: data}
		fault := s.takeFault(r)
		if fault != nil && !fault.After {
			fault.answer(s, w)
			return
		}
		var result answer
		if refusal := s.admit(req); refusal != nil {
			result = *refusal
		} else {
			result = h(req)
		}
		if fault != nil {
			fault.answer(s, w)
			return
		}
		s.write(w, result)
	}
}

func (s *Sim) write(w http.ResponseWriter, a answer) {
	for key, value := range a.header {
		w.Header().Set(key, value)
	}
	body := a.raw
	if body == nil && a.body != nil {
		var err error
		s.mu.Lock() // the body may share maps with the state
		body, err = json.Marshal(s.withUnknown(a.body))
		s.mu.Unlock()
		if err != nil {
			a.status, body = http.StatusInternalServerError, []byte(`{"detail":"`+err.Error()+`"}`)
		}
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(a.status)
	w.Write(body)
}

// withUnknown adds a field that no client knows, as Rossum may at any time.
func (s *Sim) withUnknown(body any) any {
	object, isObject := body.(map[string]any)
	if !s.options.UnknownFields || !isObject {
		return body
	}
	object = maps.Clone(object)
	object["unheard_of"] = map[string]any{"since": "tomorrow"}
	return object
}

// admit authenticates and throttles; nil lets the request pass.
func (s *Sim) admit(r *request) *answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	refuse := func(a answer) *answer { return &a }
	key := "login"
	if r.URL.Path != "/api/v1/auth/login" {
		scheme, credential, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if credential == "" {
			return refuse(problem(http.StatusForbidden, "permission_denied", "Authentication credentials were not provided."))
		}
		known := s.tokens[credential]
		if (scheme != "Bearer" && !strings.EqualFold(scheme, "token")) || !known.valid(s.clock.Now()) {
			return refuse(problem(http.StatusUnauthorized, "authentication_failed", "Invalid token."))
		}
		r.auth, r.user = known, known.user
		if key = known.user.text("organization"); s.options.LimitPerToken {
			key = credential
		}
	}
	if wait := s.throttle(key); wait > 0 {
		s.throttled++
		a := problem(http.StatusTooManyRequests, "rate_limited", "Request was rate limited.")
		a.header = map[string]string{"Retry-After": strconv.Itoa(wait)}
		return &a
	}
	return nil
}

// throttle counts a request and returns the seconds to wait, 0 if it may pass.
// Refused requests do not count.
func (s *Sim) throttle(key string) int {
	if s.options.RateLimit < 0 {
		return 0
	}
	now := s.clock.Now()
	recent := s.window[key]
	for len(recent) > 0 && now.Sub(recent[0]) >= time.Second {
		recent = recent[1:]
	}
	if len(recent) >= s.options.RateLimit {
		s.window[key] = recent
		return 1
	}
	s.window[key] = append(recent, now)
	return 0
}
