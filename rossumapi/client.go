package rossumapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-resty/resty/v2"
)

// TokenSource gives the tokens of one user of one Rossum host. It is called
// from many goroutines.
type TokenSource interface {
	// Token returns the token to use. It may block for a login.
	Token(ctx context.Context) (string, error)
	// Refresh returns another token after rejected was answered with 401. It
	// is called at most twice per API call: a source may have a second token
	// that is as dead as the first.
	Refresh(ctx context.Context, rejected string) (string, error)
}

// Limiter holds back requests, for instance to 10 per second and organization
// (Rossum API reference, throttling). Wait blocks until one may be sent.
type Limiter interface {
	Wait(ctx context.Context) error
}

// Options configures a [Client]. Only BaseURL is required.
//
// Files may be redirected to storage, which is reached through a copy of
// Transport that connects to public addresses only; a Transport that is no
// *http.Transport is not copied, the default takes its place there. Behind a
// proxy with a private address set AllowPrivate: the proxy decides then.
type Options struct {
	BaseURL       string            // scheme and host, as base_url in payloads
	AllowHTTP     bool              // plain http beyond loopback
	AllowPrivate  bool              // downloads may be redirected to private addresses
	Transport     http.RoundTripper // Defaults to a transport with time-outs and the proxy of the environment
	Token         TokenSource       // Defaults to none: only Login works
	Limiter       Limiter           // Defaults to none
	Timeout       time.Duration     // of one request, downloads excepted. Defaults to 60 s
	Retries       int               // after transport errors and 5xx. Defaults to 3; negative = none
	MaxRetryAfter time.Duration     // longest total wait for 429 within a call. Defaults to 30 s; negative = none
	MaxResponse   int               // bytes of a response, downloads excepted. Defaults to 64 MiB
	UserAgent     string            // Defaults to "rossum-relay"

	// Wrap goes around every transport, to watch the calls. Defaults to none.
	Wrap func(http.RoundTripper) http.RoundTripper
}

// Client calls the API of one Rossum host for one user. It is safe for
// concurrent use and holds no state but idle connections.
type Client struct {
	options Options
	base    base
	root    string // base URL without a trailing slash
	http    *resty.Client
	storage *resty.Client // for redirected downloads, guarded and without token
}

// New returns a client; the error says what is wrong with the base URL.
func New(o Options) (*Client, error) {
	root := strings.TrimSuffix(o.BaseURL, "/")
	root = strings.TrimSuffix(strings.TrimSuffix(root, "/v1"), "/api")
	var urlOptions []URLOption
	if o.AllowHTTP {
		urlOptions = append(urlOptions, AllowHTTP())
	}
	b, err := parseBase(root, urlOptions...)
	if err != nil {
		return nil, fmt.Errorf("rossum base URL: %w", err)
	}
	o.setDefaults()
	guarded := newTransport()
	if t, ok := o.Transport.(*http.Transport); ok {
		guarded = t.Clone()
	}
	if !o.AllowPrivate {
		guarded.DialContext, guarded.DialTLSContext = publicDial, nil
	}
	return &Client{
		options: o,
		base:    b,
		root:    root,
		http:    newResty(o, o.Wrap(o.Transport)),
		storage: newResty(o, o.Wrap(guarded)),
	}, nil
}

func (o *Options) setDefaults() {
	if o.Transport == nil {
		o.Transport = newTransport()
	}
	if o.Timeout <= 0 {
		o.Timeout = 60 * time.Second
	}
	if o.Retries == 0 {
		o.Retries = 3
	}
	if o.MaxRetryAfter == 0 {
		o.MaxRetryAfter = 30 * time.Second
	}
	if o.MaxResponse <= 0 {
		o.MaxResponse = 64 << 20
	}
	if o.Wrap == nil {
		o.Wrap = func(t http.RoundTripper) http.RoundTripper { return t }
	}
	if o.UserAgent == "" {
		o.UserAgent = "rossum-relay"
	}
}

func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          100,
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 60 * time.Second,
	}
}

// newResty wraps a transport. Everything resty would do by itself is off:
// cookies (they would travel between tenants), redirects (they would carry the
// token along, or turn a POST into a GET), retries (they ignore Retry-After).
func newResty(o Options, transport http.RoundTripper) *resty.Client {
	client := resty.NewWithClient(&http.Client{Transport: transport})
	client.SetRetryCount(0)
	client.SetRedirectPolicy(resty.RedirectPolicyFunc(func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}))
	client.SetResponseBodyLimit(o.MaxResponse)
	client.SetHeader("User-Agent", o.UserAgent)
	client.SetDisableWarn(true)
	client.SetLogger(silent{})
	client.SetPreRequestHook(func(_ *resty.Client, r *http.Request) error {
		if r.Method == http.MethodPost {
			r.GetBody = nil // net/http would send it again on a reused connection
		}
		return nil
	})
	return client
}

// silent drops what resty would log: errors are returned.
type silent struct{}

func (silent) Errorf(string, ...any) {}
func (silent) Warnf(string, ...any)  {}
func (silent) Debugf(string, ...any) {}

// Close closes idle connections.
func (c *Client) Close() {
	c.http.GetClient().CloseIdleConnections()
	c.storage.GetClient().CloseIdleConnections()
}

// BaseURL returns scheme and host of the Rossum the client calls.
func (c *Client) BaseURL() string { return c.root }

// URL returns the URL of an API path below /api/v1, such as "annotations/1".
func (c *Client) URL(path string) string { return c.root + "/api/v1/" + path }

func (c *Client) resource(collection string, id int64) string {
	return c.URL(collection + "/" + strconv.FormatInt(id, 10))
}

func withQuery(target string, query url.Values) string {
	if len(query) == 0 {
		return target
	}
	return target + "?" + query.Encode()
}

// IDFromURL returns the id of an object from its URL. URLs of annotation
// content give the annotation's id.
func IDFromURL(target string) (int64, error) {
	u, err := url.Parse(target)
	if err != nil {
		return 0, errors.New("not a URL")
	}
	path, _, _ := strings.Cut(u.Path, "/content")
	id, err := strconv.ParseInt(path[strings.LastIndexByte(path, '/')+1:], 10, 64)
	if err != nil {
		return 0, errors.New("URL does not end in an id")
	}
	return id, nil
}
