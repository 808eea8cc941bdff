package httptarget

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/target"
	"github.com/rossum-relay/rossum-relay/worker/target/netguard"
	"github.com/rossum-relay/rossum-relay/worker/trace"
)

// The time-outs of the stages before a request is written; the rest is bounded by the attempt's own time-out.
const (
	dialTimeout = 10 * time.Second
	tlsTimeout  = 10 * time.Second
	idleTimeout = 30 * time.Second
)

// wire sends calls: reads over connections that are reused, all else over a connection of its own. Nothing is
// repeated, redirected, or kept in a cookie jar.
type wire struct {
	reads, writes *resty.Client
	limit         int64
}

// call is one HTTP request.
type call struct {
	method string
	url    *url.URL
	header http.Header
	form   url.Values // of an urlencoded body: OAuth1 signs it
	body   *body      // nil for none
	safe   bool

	freshToken, freshSession bool // fetched for this call
}

// setContentType names the body's type, unless a header does; of multipart only the body knows the boundary.
func (c *call) setContentType() {
	if c.body == nil || c.body.contentType == "" {
		return
	}
	if c.header.Get("Content-Type") == "" || strings.HasPrefix(c.body.contentType, "multipart/") {
		c.header.Set("Content-Type", c.body.contentType)
	}
}

// answer is what came of a call.
type answer struct {
	resp      *target.Response // nil where no header came
	err       error            // of the connection, the request or the body
	tooLarge  bool             // the body was cut at the limit
	wrote     bool             // something of the request may have reached the server
	tls       bool             // the handshake had begun, and the request had not
	fileBroke bool             // a file of the body could not be read to its end
}

func newWire(cfg configs.HTTPTarget) (*wire, error) {
	tlsConfig, err := newTLS(cfg.TLS)
	if err != nil {
		return nil, err
	}
	proxy, err := newProxy(cfg.Proxy)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: dialTimeout, Control: netguard.Guard{Private: cfg.Private}.Control}
	transport := func(keepAlive bool) *http.Transport {
		return &http.Transport{
			Proxy:                  proxy,
			DialContext:            dialer.DialContext,
			TLSClientConfig:        tlsConfig.Clone(),
			TLSHandshakeTimeout:    tlsTimeout,
			TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{}, // HTTP/1.1 only
			DisableKeepAlives:      !keepAlive,
			IdleConnTimeout:        idleTimeout,
			MaxIdleConnsPerHost:    8,
			MaxResponseHeaderBytes: 1 << 20,
		}
	}
	limit := int64(cfg.MaxResponse)
	if limit <= 0 {
		limit = defaultMaxResponse
	}
	return &wire{reads: newClient(trace.Transport(transport(true))), writes: newClient(trace.Transport(transport(false))), limit: limit}, nil
}

// newClient tames resty: its defaults share cookies and follow redirects.
func newClient(transport http.RoundTripper) *resty.Client {
	return resty.NewWithClient(&http.Client{Transport: transport}).
		SetRetryCount(0).
		SetRedirectPolicy(resty.NoRedirectPolicy()).
		SetDoNotParseResponse(true).
		SetDisableWarn(true).
		SetLogger(silent{}).
		SetPreRequestHook(attachBody)
}

// bodyKey is the context key of a call's body.
type bodyKey struct{}

// attachBody gives the request its body behind resty's back, which would read a stream into memory to be able to
// repeat it (v2.17.2, getBodyCopy). Without GetBody net/http cannot repeat it either.
func attachBody(_ *resty.Client, r *http.Request) error {
	r.Body, r.GetBody, r.ContentLength = nil, nil, 0
	if b, _ := r.Context().Value(bodyKey{}).(*body); b != nil && b.size != 0 {
		r.Body, r.ContentLength = b, b.size
	}
	return nil
}

// silent keeps resty from logging: what happened is in the outcome.
type silent struct{}

func (silent) Errorf(string, ...any) {}
func (silent) Warnf(string, ...any)  {}
func (silent) Debugf(string, ...any) {}

func (w *wire) close() {
	w.reads.GetClient().CloseIdleConnections()
	w.writes.GetClient().CloseIdleConnections()
}

// send blocks until the answer is read, an error or the context's end. It closes the call's body.
func (w *wire) send(ctx context.Context, c *call) answer {
	began := time.Now()
	var a answer
	var wrote, handshake atomic.Bool
	if c.body != nil {
		defer c.body.Close()
		ctx = context.WithValue(ctx, bodyKey{}, c.body)
	}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		TLSHandshakeStart: func() { handshake.Store(true) },
		// The first field is buffered before the first byte is written: from here on the request may be on its way.
		WroteHeaderField: func(string, []string) { wrote.Store(true) },
	})
	client := w.writes
	if c.safe {
		client = w.reads
	}
	r := client.R().SetContext(ctx)
	r.Header = c.header
	resp, err := r.Execute(c.method, c.url.String())
	a.err, a.wrote = err, wrote.Load()
	a.tls = handshake.Load() && !a.wrote
	a.fileBroke = c.body != nil && c.body.broken.Load()
	if resp == nil || resp.RawResponse == nil {
		return a
	}
	raw := resp.RawResponse
	if errors.Is(err, resty.ErrAutoRedirectDisabled) { // net/http has closed the body
		a.err = nil
		raw.Body = http.NoBody
	}
	defer raw.Body.Close()
	a.resp = &target.Response{Status: raw.StatusCode, Header: raw.Header}
	a.resp.Body, a.tooLarge, a.err = readLimited(raw.Body, w.limit)
	a.resp.Partial = a.tooLarge || a.err != nil
	a.resp.Took = time.Since(began)
	return a
}

// readLimited reads up to limit bytes, with what came before an error.
func readLimited(r io.Reader, limit int64) (body []byte, tooLarge bool, err error) {
	body, err = io.ReadAll(io.LimitReader(r, limit+1))
	if int64(len(body)) > limit {
		return body[:limit], true, nil
	}
	return body, false, err
}

// newTLS reads the private CA, which replaces the system's, and the client certificate.
func newTLS(files configs.TLS) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(8)}
	if files.CA != "" {
		pem, err := os.ReadFile(files.CA)
		if err != nil {
			return nil, fmt.Errorf("tls.ca: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls.ca: %s holds no PEM certificate", files.CA)
		}
	}
	if files.Cert != "" || files.Key != "" {
		pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
		if err != nil {
			return nil, fmt.Errorf("tls.cert and tls.key: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

func newProxy(raw string) (func(*http.Request) (*url.URL, error), error) {
	if raw == "" {
		return nil, nil
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("proxy must be http://host:port or https://host:port")
	}
	return http.ProxyURL(u), nil
}
