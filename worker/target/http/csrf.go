package httptarget

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
)

// csrfHeader of SAP Gateway: a GET with "fetch" brings the token, writes carry it with the session's cookies, and a
// 403 with "Required" asks for another.
const csrfHeader = "X-Csrf-Token"

// csrf adds SAP's token and session cookies to writes, on top of another credential.
type csrf struct {
	inner authorizer
	url   *url.URL
	wire  *wire
	lock  chan struct{} // holds one while a session is fetched

	mu      sync.Mutex
	session session
}

type session struct{ token, cookies string }

func newCSRF(cfg configs.CSRF, base *url.URL, w *wire, inner authorizer) (*csrf, error) {
	u, err := below(base, cfg.Path)
	if err != nil {
		return nil, err
	}
	return &csrf{inner: inner, url: u, wire: w, lock: make(chan struct{}, 1)}, nil
}

func (s *csrf) authorize(ctx context.Context, c *call) error {
	// The session first: fetching it may find the inner credential expired.
	var held session
	var err error
	if isWrite(c.method) {
		if held, c.freshSession, err = s.get(ctx); err != nil {
			return err
		}
	}
	if err := s.inner.authorize(ctx, c); err != nil || !isWrite(c.method) {
		return err
	}
	c.header.Set(csrfHeader, held.token)
	if held.cookies != "" {
		c.header.Set("Cookie", held.cookies)
	}
	return nil
}

func (s *csrf) expired(c *call, resp *target.Response) bool {
	required := strings.EqualFold(resp.Header.Get(csrfHeader), "required")
	if resp.Status != http.StatusForbidden || !required {
		return s.inner.expired(c, resp)
	}
	if c.freshSession {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.session.token == c.header.Get(csrfHeader) {
		s.session = session{}
	}
	return true
}

func (s *csrf) secrets() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{s.session.token, s.session.cookies}, s.inner.secrets()...)
}

func (s *csrf) current() session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.session
}

func (s *csrf) get(ctx context.Context) (held session, fetched bool, err error) {
	if held = s.current(); held.token != "" {
		return held, false, nil
	}
	select {
	case s.lock <- struct{}{}:
		defer func() { <-s.lock }()
	case <-ctx.Done():
		return held, false, outcome.Errorf(outcome.Retry, "csrf_timeout", "%s: no CSRF token in time", s.url.Host)
	}
	if held = s.current(); held.token != "" {
		return held, false, nil
	}
	if held, err = s.fetch(ctx); err != nil {
		return held, false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session = held
	return held, true, nil
}

func (s *csrf) fetch(ctx context.Context) (session, error) {
	c, a, err := s.ask(ctx)
	if err == nil && a.resp != nil && s.inner.expired(c, a.resp) {
		_, a, err = s.ask(ctx)
	}
	if err != nil {
		return session{}, err
	}
	if a.resp == nil {
		reason, what := failureReason(a)
		return session{}, outcome.Errorf(outcome.Retry, "csrf_"+reason, "%s: no CSRF token: %s", s.url.Host, what)
	}
	token, status := a.resp.Header.Get(csrfHeader), statusText(a.resp.Status)
	switch {
	case a.resp.Status == http.StatusUnauthorized:
		return session{}, outcome.Errorf(outcome.Reauth, "csrf_http_401", "%s answered %s when asked for a CSRF token", s.url.Host, status)
	case a.resp.Status >= 500 || a.resp.Status == http.StatusTooManyRequests:
		return session{}, outcome.Errorf(outcome.Retry, "csrf_busy", "%s answered %s when asked for a CSRF token", s.url.Host, status)
	case token == "" || strings.EqualFold(token, "required"):
		return session{}, outcome.Errorf(outcome.Misconfigured, "csrf_none", "%s answered %s without a CSRF token: check csrf.path", s.url.Host, status)
	}
	return session{token: token, cookies: cookies(a.resp.Header)}, nil
}

// ask sends the GET that brings a token.
func (s *csrf) ask(ctx context.Context) (*call, answer, error) {
	c := &call{method: http.MethodGet, url: s.url, safe: true,
		header: http.Header{"User-Agent": {"rossum-relay"}, "Accept": {"application/json"}, csrfHeader: {"fetch"}}}
	if err := s.inner.authorize(ctx, c); err != nil {
		return nil, answer{}, err
	}
	return c, s.wire.send(ctx, c), nil
}

// cookies of an answer as a Cookie header.
func cookies(h http.Header) string {
	var pairs []string
	for _, cookie := range (&http.Response{Header: h}).Cookies() {
		pairs = append(pairs, cookie.Name+"="+cookie.Value)
	}
	return strings.Join(pairs, "; ")
}
