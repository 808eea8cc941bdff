package httptarget

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/target"
	"github.com/rossum-relay/rossum-relay/worker/tokens"
)

// oauth2 adds bearer tokens, which a token endpoint gives once for all workers.
type oauth2 struct {
	source *tokens.Source
	secret configs.Secret

	mu      sync.Mutex
	refused string // the last access token an answer refused
}

func newOAuth2(cfg configs.OAuth2Auth, base *url.URL, w *wire, opts Options) (*oauth2, error) {
	if cfg.ClientID == "" && cfg.Grant != grantJWT {
		return nil, errors.New("oauth2 needs client_id")
	}
	endpoint, err := newTokenEndpoint(cfg, base, w, opts)
	if err != nil {
		return nil, err
	}
	store := opts.Tokens
	if store == nil {
		store = tokens.Local()
	}
	return &oauth2{source: store.Source(endpoint.credential()), secret: cfg.ClientSecret}, nil
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

func (o *oauth2) authorize(ctx context.Context, c *call) error {
	o.mu.Lock()
	refused := o.refused
	o.mu.Unlock()
	access, fresh, err := o.source.Get(ctx, refused)
	if err != nil {
		return err
	}
	c.freshToken = fresh
	c.header.Set("Authorization", "Bearer "+access)
	return nil
}

func (o *oauth2) expired(c *call, resp *target.Response) bool {
	if resp.Status != http.StatusUnauthorized || c.freshToken {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refused = strings.TrimPrefix(c.header.Get("Authorization"), "Bearer ")
	return true
}

func (o *oauth2) secrets() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return []string{o.secret.Reveal(), o.source.Held(), o.refused}
}
