// Package httptarget delivers requests to an ERP over HTTP and says truthfully
// what is known about each: applied, surely not applied, or uncertain.
//
// Only HTTP/1.1 is spoken, one request at a time on a connection, and every
// request that is not safe has a connection of its own: net/http silently
// repeats requests whose reused connection closes, and a stale connection
// could not be told from an ERP that died while working.
package httptarget

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
	"github.com/rossum-relay/rossum-relay/worker/target/netguard"
	"github.com/rossum-relay/rossum-relay/worker/tokens"
)

// Options is what a Target needs beside its configuration.
type Options struct {
	// BaseURL is the rendered base URL.
	BaseURL string
	// Headers are the rendered headers sent with every request.
	Headers http.Header
	// Timeout of a request that names none. Defaults to 60 s.
	Timeout time.Duration
	// MaxRetryAfter bounds how long a Retry-After is obeyed. Defaults to 1 h.
	MaxRetryAfter time.Duration
	// Tokens shares OAuth2 tokens between processes. Defaults to a cache of this target alone.
	Tokens *tokens.Store
}

const (
	defaultTimeout       = time.Minute
	defaultMaxRetryAfter = time.Hour
	defaultMaxResponse   = 8 << 20
)

// Target is an ERP reached over HTTP. It implements target.Target.
type Target struct {
	base     *url.URL
	instance string
	headers  http.Header
	auth     authorizer
	wire     *wire
	opts     Options
}

var _ target.Target = (*Target)(nil)

// New makes a target of its configuration, whose secrets must be resolved; it connects to nothing. Close it when done.
func New(name string, cfg configs.HTTPTarget, opts Options) (*Target, error) {
	base, err := parseBase(opts.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("target %s: %w", name, err)
	}
	if opts.Timeout <= 0 {
		opts.Timeout = defaultTimeout
	}
	if opts.MaxRetryAfter <= 0 {
		opts.MaxRetryAfter = defaultMaxRetryAfter
	}
	if err := checkBehindProxy(cfg, base); err != nil {
		return nil, fmt.Errorf("target %s: %w", name, err)
	}
	w, err := newWire(cfg)
	if err != nil {
		return nil, fmt.Errorf("target %s: %w", name, err)
	}
	auth, account, err := newAuthorizer(cfg, base, w, opts)
	if err != nil {
		return nil, fmt.Errorf("target %s: %w", name, err)
	}
	if account == "" {
		account = name
	}
	return &Target{
		base: base, headers: opts.Headers.Clone(), auth: auth, wire: w, opts: opts,
		instance: base.Host + base.EscapedPath() + " " + account,
	}, nil
}

// parseBase checks the base URL and drops its trailing slash.
func parseBase(raw string) (*url.URL, error) {
	base, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("base_url is not a URL")
	}
	switch {
	case base.Scheme != "http" && base.Scheme != "https", base.Host == "":
		return nil, fmt.Errorf("base_url must be http://host or https://host")
	case base.User != nil:
		return nil, fmt.Errorf("base_url must not hold credentials; use basic")
	case base.RawQuery != "" || base.Fragment != "":
		return nil, fmt.Errorf("base_url must not have a query or fragment")
	}
	base.Host = strings.ToLower(base.Host)
	if err := checkPath(base.EscapedPath()); err != nil {
		return nil, fmt.Errorf("base_url: %w", err)
	}
	base.Path, base.RawPath = strings.TrimRight(base.Path, "/"), strings.TrimRight(base.RawPath, "/")
	return base, nil
}

// checkBehindProxy refuses addresses the guard would refuse to dial. Names are the proxy's to resolve and to judge.
func checkBehindProxy(cfg configs.HTTPTarget, base *url.URL) error {
	addr, err := netip.ParseAddr(base.Hostname())
	if cfg.Proxy == "" || err != nil {
		return nil
	}
	return netguard.Guard{Private: cfg.Private}.Check(addr)
}

// Instance is host, base path and account (client id or user name; the target's name where the credential is a key,
// so that a new key keeps the ledger).
func (t *Target) Instance() string { return t.instance }

// Close releases idle connections.
func (t *Target) Close() { t.wire.close() }

// Do sends the request and classifies the answer, see target.Target. A request refused for an expired credential is
// sent a second time with a fresh one: a refusal of the credential applies nothing.
func (t *Target) Do(ctx context.Context, req *target.Request) (*target.Response, outcome.Outcome) {
	timeout := req.Timeout
	if timeout <= 0 {
		timeout = t.opts.Timeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	for again := false; ; again = true {
		c, out := t.newCall(req)
		if c == nil {
			return nil, out
		}
		if err := t.auth.authorize(ctx, c); err != nil {
			return nil, t.credentialFailure(err)
		}
		var err error
		if c.body, err = newBody(ctx, req); err != nil {
			return nil, fileFailure(err)
		}
		c.setContentType()
		a := t.wire.send(ctx, c)
		if a.resp != nil && !again && t.auth.expired(c, a.resp) {
			if len(req.Files) > 0 { // a file can be opened once only
				return a.resp, outcome.Outcome{Kind: outcome.Retry, Reason: "credential_expired", Status: a.resp.Status,
					Message: t.base.Host + " refused an expired credential"}
			}
			continue // with a credential that is fresh now
		}
		return a.resp, t.classify(a, req.Safe, timeout)
	}
}

// newCall builds what goes on the wire but for credential and body; a nil call comes with its outcome.
func (t *Target) newCall(req *target.Request) (*call, outcome.Outcome) {
	u, err := t.resolve(req.Path, req.Query)
	if err != nil {
		return nil, outcome.Outcome{Kind: outcome.Misconfigured, Reason: "bad_path", Message: err.Error()}
	}
	header := http.Header{"User-Agent": {"rossum-relay"}, "Accept": {"*/*"}}
	for _, h := range []http.Header{t.headers, req.Header} {
		for name, values := range h {
			header[http.CanonicalHeaderKey(name)] = append([]string(nil), values...)
		}
	}
	if err := checkHeader(header); err != nil {
		return nil, outcome.Outcome{Kind: outcome.Misconfigured, Reason: "bad_header", Message: err.Error()}
	}
	c := &call{method: req.Method, url: u, header: header, safe: req.Safe}
	if len(req.Files) == 0 {
		c.form = req.Form
	}
	return c, outcome.Outcome{}
}

// resolve puts a path below the base URL: a value in a path can leave neither host nor base path.
func (t *Target) resolve(path string, query url.Values) (*url.URL, error) {
	path, rawQuery, _ := strings.Cut(path, "?")
	if path != "" && !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	if err := checkPath(path); err != nil {
		return nil, err
	}
	if strings.ContainsFunc(rawQuery, func(r rune) bool { return r <= ' ' || r == '#' || r == 0x7f }) {
		return nil, fmt.Errorf("the query in the path is not escaped")
	}
	u, err := url.Parse(t.base.String() + escapeRest(path))
	if err != nil || u.Host != t.base.Host {
		return nil, fmt.Errorf("the path is not a URL path")
	}
	if len(query) > 0 {
		if rawQuery != "" {
			rawQuery += "&"
		}
		rawQuery += encodeQuery(query)
	}
	u.RawQuery = rawQuery
	return u, nil
}

// encodeQuery writes a blank as %20, which is one everywhere; a plus is one in forms only (RFC 3986, 2.1), and OData
// services differ about it.
func encodeQuery(query url.Values) string { return strings.ReplaceAll(query.Encode(), "+", "%20") }

// escapeRest escapes what stands unescaped in a path, so that url.Parse keeps the escapes there are: it would otherwise
// make a slash of every %2F.
func escapeRest(path string) string {
	var b strings.Builder
	for i := range len(path) {
		c := path[i]
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("/%-._~!$&'()*+,;=:@", c) >= 0
		if plain {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// checkPath refuses what servers and proxies resolve differently: dot segments, also escaped, backslashes, fragments
// and control characters.
func checkPath(path string) error {
	for segment := range strings.SplitSeq(path, "/") {
		plain, err := url.PathUnescape(segment)
		if err != nil {
			return fmt.Errorf("the path has a wrong %% escape")
		}
		switch {
		case slices.ContainsFunc(strings.FieldsFunc(plain, isSlash), isDots):
			return fmt.Errorf("the path has a segment . or .., which would leave its place")
		case strings.ContainsFunc(plain, func(r rune) bool { return r < ' ' || r == 0x7f }):
			return fmt.Errorf("the path has a control character")
		case strings.ContainsAny(segment, `\#`):
			return fmt.Errorf(`the path has an unescaped \ or #`)
		}
	}
	return nil
}

func isSlash(r rune) bool { return r == '/' || r == '\\' }

func isDots(segment string) bool { return segment == "." || segment == ".." }

// checkHeader refuses values that would end the header, before a credential is fetched or a file opened.
func checkHeader(h http.Header) error {
	for name, values := range h {
		for _, v := range values {
			if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
				return fmt.Errorf("header %s has a control character", name)
			}
		}
	}
	return nil
}
