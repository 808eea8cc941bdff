package httptarget_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
	httptarget "github.com/rossum-relay/rossum-relay/worker/target/http"
)

func serveTLS(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// received is what a server saw of the last request.
type received struct {
	method, uri string
	header      http.Header
	length      int64
	body        []byte
}

func record(t *testing.T) (*httptest.Server, *received) {
	t.Helper()
	var got received
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = received{r.Method, r.RequestURI, r.Header, r.ContentLength, body}
		w.Header().Set("X-Erp", "1")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"id":7}`)
	})
	return s, &got
}

func file(name, content string, size int64) target.File {
	return target.File{Part: "file", Name: name, ContentType: "application/pdf", Size: size,
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil }}
}

func TestRequest(t *testing.T) {
	erp, got := record(t)
	tgt := open(t, erp.URL+"/v1/", configs.HTTPTarget{}, func(o *httptarget.Options) {
		o.Headers = http.Header{"x-tenant": {"acme"}, "accept": {"application/json"}}
	})
	resp, out := tgt.Do(t.Context(), &target.Request{
		Method: http.MethodPut, Path: "/api/in%2Fvoices/%C5%BElu%C5%A5", Query: url.Values{"q": {"a b&c"}},
		Header: http.Header{"X-Step": {"draft"}}, Body: []byte("<a/>"), ContentType: "application/xml",
	})
	wantOutcome(t, out, outcome.OK, "http_201")
	if got.method != "PUT" || got.uri != "/v1/api/in%2Fvoices/%C5%BElu%C5%A5?q=a%20b%26c" || string(got.body) != "<a/>" || got.length != 4 {
		t.Errorf("got %+v", got)
	}
	for name, want := range map[string]string{"X-Tenant": "acme", "X-Step": "draft", "Accept": "application/json",
		"Content-Type": "application/xml", "User-Agent": "rossum-relay"} {
		if got.header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, got.header.Get(name), want)
		}
	}
	if resp.Header.Get("X-Erp") != "1" || string(resp.Body) != `{"id":7}` || resp.Partial {
		t.Errorf("response %+v", resp)
	}
}

func TestBaseURLAndPathJoin(t *testing.T) {
	erp, got := record(t)
	for base, want := range map[string]string{"": "/api/invoices", "/": "/api/invoices", "/v1": "/v1/api/invoices", "/v1//": "/v1/api/invoices",
		"//evil.example/": "//evil.example/api/invoices", "/a%2Fb/": "/a%2Fb/api/invoices"} {
		_, out := open(t, erp.URL+base, configs.HTTPTarget{}).Do(t.Context(), create())
		wantOutcome(t, out, outcome.OK, "http_201")
		if got.uri != want {
			t.Errorf("base %q: %s, want %s", base, got.uri, want)
		}
	}
}

func TestForm(t *testing.T) {
	erp, got := record(t)
	_, out := open(t, erp.URL, configs.HTTPTarget{}).Do(t.Context(), &target.Request{
		Method: http.MethodPost, Path: "/token", Form: url.Values{"b": {"1 & 2"}, "a": {"ž"}}})
	wantOutcome(t, out, outcome.OK, "http_201")
	if string(got.body) != "a=%C5%BE&b=1+%26+2" || got.header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		t.Errorf("got %+v", got)
	}
}

func TestMultipart(t *testing.T) {
	erp, got := record(t)
	tgt := open(t, erp.URL, configs.HTTPTarget{})
	req := create()
	req.BodyName, req.Form = "meta", url.Values{"attachment[intent]": {"Internal"}}
	req.Files = []target.File{file("../a\"b\r\nX: y\x00.pdf", "%PDF", 4), file("請求書.pdf", "second", 6)}
	_, out := tgt.Do(t.Context(), req)
	wantOutcome(t, out, outcome.OK, "http_201")
	if got.length != int64(len(got.body)) {
		t.Errorf("Content-Length %d of %d bytes", got.length, len(got.body))
	}
	want := []string{"attachment[intent]||Internal", `meta||{"number":"1"}`, "file|.._a%22bX: y.pdf|%PDF", "file|請求書.pdf|second"}
	if parts := readParts(t, got); fmt.Sprint(parts) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", parts, want)
	}

	req.Files = []target.File{file("a.pdf", "unknown size", -1)}
	_, out = tgt.Do(t.Context(), req)
	wantOutcome(t, out, outcome.OK, "http_201")
	if parts := readParts(t, got); got.length != -1 || parts[2] != "file|a.pdf|unknown size" {
		t.Errorf("length %d, parts %q", got.length, parts)
	}
}

func readParts(t *testing.T, got *received) []string {
	t.Helper()
	_, params, err := mime.ParseMediaType(got.header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for r := multipart.NewReader(bytes.NewReader(got.body), params["boundary"]); ; {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return parts
		}
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(p)
		_, disposition, _ := mime.ParseMediaType(p.Header.Get("Content-Disposition"))
		parts = append(parts, p.FormName()+"|"+disposition["filename"]+"|"+string(body))
	}
}

// TestFileFailures: a file that cannot be opened fails before anything is sent; one that breaks off does not.
func TestFileFailures(t *testing.T) {
	erp := serveWire(t, func(s *wireServer, _ int, _ net.Conn, r *bufio.Reader) { s.read(r) })
	tgt := open(t, erp.URL, configs.HTTPTarget{})
	closed := false
	first := target.File{Part: "a", Name: "a", Size: 1, Open: func(context.Context) (io.ReadCloser, error) {
		return closer{strings.NewReader("a"), func() { closed = true }}, nil
	}}
	failing := func(err error) *target.Request {
		req := create()
		req.Files = []target.File{first, {Part: "b", Open: func(context.Context) (io.ReadCloser, error) { return nil, err }}}
		return req
	}
	_, out := tgt.Do(t.Context(), failing(errors.New("rossum is down")))
	wantOutcome(t, out, outcome.Retry, "file")
	if !closed {
		t.Error("the file opened before was not closed")
	}
	_, out = tgt.Do(t.Context(), failing(outcome.Errorf(outcome.Rejected, "no_document", "there is none")))
	wantOutcome(t, out, outcome.Rejected, "no_document")
	if n := erp.Requests.Load(); n != 0 {
		t.Errorf("%d requests arrived", n)
	}

	req := create()
	req.Files = []target.File{{Part: "a", Size: 9, Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(errors.New("broken")))), nil
	}}}
	_, out = tgt.Do(t.Context(), req)
	wantOutcome(t, out, outcome.Uncertain, "file")
	if n := erp.Requests.Load(); n != 0 {
		t.Errorf("%d whole requests arrived", n)
	}
}

type closer struct {
	io.Reader
	close func()
}

func (c closer) Close() error { c.close(); return nil }

// TestNothingIsRepeated: net/http repeats a request whose reused connection closes, if it bears an idempotency key or
// has no body. The control shows that the server provokes it.
func TestNothingIsRepeated(t *testing.T) {
	script := func(s *wireServer, _ int, c net.Conn, r *bufio.Reader) {
		if s.read(r) {
			say(c, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
			s.read(r) // the connection's second request is applied and never answered
		}
	}
	twoCreates := func(do func(*target.Request)) {
		for range 2 {
			req := create()
			req.Header = http.Header{"Idempotency-Key": {"k"}}
			do(req)
		}
	}

	control := serveWire(t, script)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	twoCreates(func(req *target.Request) {
		r, _ := http.NewRequest(req.Method, control.URL+req.Path, bytes.NewReader(req.Body))
		r.Header = req.Header
		if resp, err := client.Do(r); err == nil {
			resp.Body.Close()
		}
	})
	if n := control.Requests.Load(); n != 3 {
		t.Fatalf("net/http applied %d requests; this test assumes it repeats the second", n)
	}

	erp := serveWire(t, script)
	tgt := open(t, erp.URL, configs.HTTPTarget{})
	twoCreates(func(req *target.Request) {
		_, out := tgt.Do(t.Context(), req)
		wantOutcome(t, out, outcome.OK, "http_201")
	})
	if n := erp.Requests.Load(); n != 2 {
		t.Errorf("%d requests were applied, want 2", n)
	}
}

func TestHostilePaths(t *testing.T) {
	erp, got := record(t)
	tgt := open(t, erp.URL+"/v1", configs.HTTPTarget{Bearer: configs.NewSecret("token")})
	for _, path := range []string{
		"/api/../admin", "/api/..", "/./api", "/api/%2e%2e/admin", "/api/%2E./x", "/a\r\nHost: evil", "/a%0d%0aX: y", "/a%00b",
		"/a\x00b", `/a\..\b`, "/a#b", "/%zz", "..", "/?a=b#c", "/a%2f..%2fb", "/..%5cx", "/?a=b c",
	} {
		got.uri = ""
		req := create()
		req.Path = path
		_, out := tgt.Do(t.Context(), req)
		wantOutcome(t, out, outcome.Misconfigured, "bad_path")
		if got.uri != "" {
			t.Errorf("%q reached the server as %q", path, got.uri)
		}
	}
	for path, want := range map[string]string{
		"//evil.example/x":               "/v1//evil.example/x",
		"@evil.example/":                 "/v1/@evil.example/",
		":80@evil.example/":              "/v1/:80@evil.example/",
		"/" + strings.Repeat("a", 300):   "/v1/" + strings.Repeat("a", 300),
		"/請求書":                           "/v1/%E8%AB%8B%E6%B1%82%E6%9B%B8",
		"/請/a%2Fb c":                     "/v1/%E8%AB%8B/a%2Fb%20c",
		"/..a/a..":                       "/v1/..a/a..",
		"/find?b=1":                      "/v1/find?b=1",
		"/lookup?x=https://evil.example": "/v1/lookup?x=https://evil.example",
		"":                               "/v1",
	} {
		req := create()
		req.Path = path
		_, out := tgt.Do(t.Context(), req)
		wantOutcome(t, out, outcome.OK, "http_201")
		if got.uri != want {
			t.Errorf("%q arrived as %q, want %q", path, got.uri, want)
		}
	}
	req := create()
	req.Header = http.Header{"X-Note": {"a\r\nX-Evil: 1"}}
	_, out := tgt.Do(t.Context(), req)
	wantOutcome(t, out, outcome.Misconfigured, "bad_header")
}

func TestNewRefuses(t *testing.T) {
	secret := configs.NewSecret("secret")
	for name, c := range map[string]struct {
		base string
		cfg  configs.HTTPTarget
		want string
	}{
		"no host":                 {"https://", configs.HTTPTarget{}, "base_url must be"},
		"scheme":                  {"ftp://erp", configs.HTTPTarget{}, "base_url must be"},
		"credentials":             {"https://u:p@erp", configs.HTTPTarget{}, "must not hold credentials"},
		"query":                   {"https://erp?a=b", configs.HTTPTarget{}, "query"},
		"two auths":               {"https://erp", configs.HTTPTarget{Bearer: secret, APIKey: &configs.APIKeyAuth{Header: "X", Value: secret}}, "choose one"},
		"key nowhere":             {"https://erp", configs.HTTPTarget{APIKey: &configs.APIKeyAuth{Value: secret}}, "either header or query"},
		"token in http":           {"https://erp", configs.HTTPTarget{OAuth2: &configs.OAuth2Auth{TokenURL: "http://erp/t", ClientID: "x"}}, "must be https"},
		"no CA":                   {"https://erp", configs.HTTPTarget{TLS: configs.TLS{CA: "/does/not/exist"}}, "tls.ca"},
		"metadata behind a proxy": {"http://169.254.169.254", configs.HTTPTarget{Proxy: "http://proxy:3128", Private: true}, "never allowed"},
		"proxy":                   {"https://erp", configs.HTTPTarget{Proxy: "socks5://x"}, "proxy must be"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := httptarget.New("erp", c.cfg, httptarget.Options{BaseURL: c.base})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "u:p") {
				t.Errorf("got %v, want ...%s...", err, c.want)
			}
		})
	}
}

func TestInstance(t *testing.T) {
	basic := func(user string) configs.HTTPTarget {
		return configs.HTTPTarget{Basic: &configs.BasicAuth{Username: user, Password: configs.NewSecret("secret")}}
	}
	a := open(t, "https://ERP.example/v1/", basic("relay")).Instance()
	if a != open(t, "https://erp.example/v1", basic("relay")).Instance() {
		t.Error("the same host and account must be one instance")
	}
	if a == open(t, "https://erp.example/v1", basic("other")).Instance() || strings.Contains(a, "secret") {
		t.Errorf("instance %q", a)
	}
	key := func(v string) string {
		return open(t, "https://erp.example", configs.HTTPTarget{Bearer: configs.NewSecret(v)}).Instance()
	}
	if key("token-1") != key("token-2") {
		t.Error("a new key must keep the instance, as the ledger is kept by it")
	}
}
