package httptarget

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/target"
)

// authorizer adds a credential to every call. Calls go to the base URL's host only, so credentials do too.
type authorizer interface {
	// authorize adds the credential, which it may have to fetch first. An *outcome.Error says how the attempt ends
	// without one.
	authorize(ctx context.Context, c *call) error
	// expired reports whether the answer refuses the call's credential and another may be got; it then forgets it. One
	// that was fetched for this very call is not expired, but wrong.
	expired(c *call, resp *target.Response) bool
	// secrets are masked in excerpts.
	secrets() []string
}

// newAuthorizer also returns the account of the credential, "" where it names none.
func newAuthorizer(cfg configs.HTTPTarget, base *url.URL, w *wire, opts Options) (authorizer, string, error) {
	if err := onlyOne(cfg); err != nil {
		return nil, "", err
	}
	auth, account, err := newBaseAuthorizer(cfg, base, w, opts)
	if err != nil || cfg.CSRF == nil {
		return auth, account, err
	}
	csrf, err := newCSRF(*cfg.CSRF, base, w, auth)
	return csrf, account, err
}

func newBaseAuthorizer(cfg configs.HTTPTarget, base *url.URL, w *wire, opts Options) (authorizer, string, error) {
	switch {
	case cfg.Basic != nil:
		user, password := cfg.Basic.Username, cfg.Basic.Password.Reveal()
		encoded := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
		return &static{header: "Authorization", value: "Basic " + encoded, hide: []string{password, encoded}}, user, nil
	case !cfg.Bearer.IsZero():
		token := cfg.Bearer.Reveal()
		return &static{header: "Authorization", value: "Bearer " + token, hide: []string{token}}, "", nil
	case cfg.APIKey != nil:
		key := cfg.APIKey.Value.Reveal()
		if (cfg.APIKey.Header == "") == (cfg.APIKey.Query == "") {
			return nil, "", errors.New("api_key needs either header or query")
		}
		return &static{header: cfg.APIKey.Header, query: cfg.APIKey.Query, value: key, hide: []string{key, url.QueryEscape(key)}}, "", nil
	case cfg.OAuth2 != nil:
		auth, err := newOAuth2(*cfg.OAuth2, base, w, opts)
		return auth, cfg.OAuth2.ClientID, err
	case cfg.OAuth1 != nil:
		return newOAuth1(*cfg.OAuth1), cfg.OAuth1.Realm, nil
	}
	return &static{}, "", nil
}

func onlyOne(cfg configs.HTTPTarget) error {
	n := 0
	for _, given := range []bool{cfg.Basic != nil, !cfg.Bearer.IsZero(), cfg.APIKey != nil, cfg.OAuth2 != nil, cfg.OAuth1 != nil} {
		if given {
			n++
		}
	}
	if n > 1 {
		return fmt.Errorf("%d ways of authentication are given; choose one of basic, bearer, api_key, oauth2 and oauth1", n)
	}
	return nil
}

// static is a credential that does not change: none, basic, bearer or an API key.
type static struct {
	header, query, value string
	hide                 []string
}

func (s *static) authorize(_ context.Context, c *call) error {
	if s.header != "" {
		c.header.Set(s.header, s.value)
	}
	if s.query != "" {
		if c.url.RawQuery != "" {
			c.url.RawQuery += "&"
		}
		c.url.RawQuery += url.QueryEscape(s.query) + "=" + url.QueryEscape(s.value)
	}
	return nil
}

func (s *static) expired(*call, *target.Response) bool { return false }

func (s *static) secrets() []string { return s.hide }

// below is a URL for a path below the base URL.
func below(base *url.URL, path string) (*url.URL, error) {
	t := Target{base: base}
	return t.resolve(path, nil)
}

func isWrite(method string) bool { return method != http.MethodGet && method != http.MethodHead }
