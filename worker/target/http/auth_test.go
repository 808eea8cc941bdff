package httptarget_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
	httptarget "github.com/rossum-relay/rossum-relay/worker/target/http"
)

func TestStaticCredentials(t *testing.T) {
	erp, got := record(t)
	secret := configs.NewSecret("se cret")
	for name, c := range map[string]struct {
		cfg              configs.HTTPTarget
		header, value, q string
	}{
		"none":   {configs.HTTPTarget{}, "Authorization", "", "?a=1"},
		"basic":  {configs.HTTPTarget{Basic: &configs.BasicAuth{Username: "u", Password: secret}}, "Authorization", "Basic dTpzZSBjcmV0", "?a=1"},
		"bearer": {configs.HTTPTarget{Bearer: secret}, "Authorization", "Bearer se cret", "?a=1"},
		"header": {configs.HTTPTarget{APIKey: &configs.APIKeyAuth{Header: "X-Key", Value: secret}}, "X-Key", "se cret", "?a=1"},
		"query":  {configs.HTTPTarget{APIKey: &configs.APIKeyAuth{Query: "api_key", Value: secret}}, "Authorization", "", "?a=1&api_key=se+cret"},
	} {
		t.Run(name, func(t *testing.T) {
			req := create()
			req.Query = url.Values{"a": {"1"}}
			_, out := open(t, erp.URL, c.cfg).Do(t.Context(), req)
			wantOutcome(t, out, outcome.OK, "http_201")
			if got.header.Get(c.header) != c.value || !strings.HasSuffix(got.uri, c.q) {
				t.Errorf("%s: %q, URI %s", c.header, got.header.Get(c.header), got.uri)
			}
		})
	}
}

// oauthERP issues tokens t1, t2, ... and takes only the valid one.
type oauthERP struct {
	*httptest.Server
	fetched, applied atomic.Int64
	valid            atomic.Value // string
	answer           atomic.Value // http.HandlerFunc instead of a token
	mu               sync.Mutex
	last             url.Values
	lastAuth         string
}

func newOAuthERP(t *testing.T) *oauthERP {
	e := &oauthERP{}
	e.valid.Store("")
	e.Server = serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/oauth2/token" {
			e.token(w, r)
			return
		}
		if r.Header.Get("Authorization") != "Bearer "+e.valid.Load().(string) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		e.applied.Add(1)
		w.WriteHeader(http.StatusCreated)
	})
	return e
}

func (e *oauthERP) token(w http.ResponseWriter, r *http.Request) {
	n := e.fetched.Add(1)
	_ = r.ParseForm()
	e.mu.Lock()
	e.last, e.lastAuth = r.PostForm, r.Header.Get("Authorization")
	e.mu.Unlock()
	if h, ok := e.answer.Load().(http.HandlerFunc); ok {
		h(w, r)
		return
	}
	token := fmt.Sprintf("token-%d", n)
	e.valid.Store(token)
	fmt.Fprintf(w, `{"access_token":%q,"token_type":"bearer","expires_in":"3600"}`, token)
}

func oauth(style string) configs.HTTPTarget {
	return configs.HTTPTarget{OAuth2: &configs.OAuth2Auth{TokenPath: "/oauth2/token", ClientID: "id", AuthStyle: style,
		ClientSecret: configs.NewSecret("client-secret"), Scope: "core.write",
		Params: configs.Named[configs.Secret]{{Name: "audience", Value: configs.NewSecret("erp")}}}}
}

func TestOAuth2FetchesOneTokenForAll(t *testing.T) {
	erp := newOAuthERP(t)
	tgt := open(t, erp.URL, oauth("body"))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			_, out := tgt.Do(t.Context(), create())
			wantOutcome(t, out, outcome.OK, "http_201")
		})
	}
	wg.Wait()
	if f, a := erp.fetched.Load(), erp.applied.Load(); f != 1 || a != 20 {
		t.Errorf("%d tokens fetched, %d requests applied", f, a)
	}
	if got := erp.last.Encode(); got != "audience=erp&client_id=id&client_secret=client-secret&grant_type=client_credentials&scope=core.write" {
		t.Errorf("token request %s", got)
	}
}

func TestOAuth2BasicStyle(t *testing.T) {
	erp := newOAuthERP(t)
	_, out := open(t, erp.URL, oauth("basic")).Do(t.Context(), create())
	wantOutcome(t, out, outcome.OK, "http_201")
	if erp.last.Has("client_secret") || erp.lastAuth != "Basic "+base64.StdEncoding.EncodeToString([]byte("id:client-secret")) {
		t.Errorf("form %v, authorization %q", erp.last, erp.lastAuth)
	}
}

func TestOAuth2RenewsARefusedTokenOnce(t *testing.T) {
	erp := newOAuthERP(t)
	tgt := open(t, erp.URL, oauth("body"))
	tgt.Do(t.Context(), create())
	erp.valid.Store("revoked")
	_, out := tgt.Do(t.Context(), create())
	wantOutcome(t, out, outcome.OK, "http_201")
	if f, a := erp.fetched.Load(), erp.applied.Load(); f != 2 || a != 2 {
		t.Errorf("%d tokens fetched, %d requests applied", f, a)
	}

	// A file can be opened once: the attempt ends, and the next one has the fresh token.
	erp.valid.Store("revoked again")
	req := create()
	req.Files = []target.File{file("a.pdf", "%PDF", 4)}
	_, out = tgt.Do(t.Context(), req)
	wantOutcome(t, out, outcome.Retry, "credential_expired")
	_, out = tgt.Do(t.Context(), req)
	wantOutcome(t, out, outcome.OK, "http_201")
}

func TestOAuth2EndsWithReauth(t *testing.T) {
	erp := newOAuthERP(t)
	erp.answer.Store(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"access_token":"never-good","expires_in":60}`)
	}))
	tgt := open(t, erp.URL, oauth("body"))
	for _, fetches := range []int64{1, 2} { // a token fetched for the call is not fetched again, one held before is
		_, out := tgt.Do(t.Context(), create())
		wantOutcome(t, out, outcome.Reauth, "http_401")
		if f := erp.fetched.Load(); f != fetches {
			t.Errorf("%d tokens fetched, want %d", f, fetches)
		}
	}
}

func TestOAuth2TokenFailures(t *testing.T) {
	status := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "9")
			w.WriteHeader(code)
			fmt.Fprint(w, body)
		}
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		kind   outcome.Kind
		reason string
		after  time.Duration
	}{
		"bad secret": {status(401, `{"error":"invalid_client","client_secret":"client-secret"}`), outcome.Reauth, "token_http_401", 9 * time.Second},
		"bad scope":  {status(400, `{"error":"invalid_scope"}`), outcome.Reauth, "token_http_400", 9 * time.Second},
		"not there":  {status(404, ""), outcome.Misconfigured, "token_http_404", 9 * time.Second},
		"down":       {status(500, ""), outcome.Retry, "token_http_500", 9 * time.Second},
		"throttled":  {status(429, ""), outcome.Throttled, "token_http_429", 9 * time.Second},
		"no token":   {status(200, `{"error":"x"}`), outcome.Retry, "token_body", 0},
		"no JSON":    {status(200, `<html>`), outcome.Retry, "token_body", 0},
	} {
		t.Run(name, func(t *testing.T) {
			erp := newOAuthERP(t)
			erp.answer.Store(c.answer)
			_, out := open(t, erp.URL, oauth("body")).Do(t.Context(), create())
			wantOutcome(t, out, c.kind, c.reason)
			if out.After != c.after || strings.Contains(fmt.Sprintf("%+v", out), "client-secret") || erp.applied.Load() != 0 {
				t.Errorf("%+v", out)
			}
		})
	}
}

// tokenCache is a TokenCache of one process.
type tokenCache struct {
	mu     sync.Mutex
	tokens map[string]httptarget.Token
	err    error
}

func (c *tokenCache) Get(_ context.Context, key string) (httptarget.Token, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tokens[key], c.err
}

func (c *tokenCache) Put(_ context.Context, key string, token httptarget.Token) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tokens[key] = token
	return c.err
}

func TestOAuth2SharesTokens(t *testing.T) {
	erp := newOAuthERP(t)
	cache := &tokenCache{tokens: map[string]httptarget.Token{}}
	share := func(o *httptarget.Options) { o.Tokens = cache }
	do := func(tgt *httptarget.Target, fetched int64) {
		t.Helper()
		_, out := tgt.Do(t.Context(), create())
		wantOutcome(t, out, outcome.OK, "http_201")
		if n := erp.fetched.Load(); n != fetched {
			t.Errorf("%d tokens fetched, want %d", n, fetched)
		}
	}
	a, b := open(t, erp.URL, oauth("body"), share), open(t, erp.URL, oauth("body"), share)
	do(a, 1)
	do(b, 1)
	erp.valid.Store("revoked") // b renews; a takes what b got
	do(b, 2)
	do(a, 2)
	for key, token := range cache.tokens { // expired
		token.Expires = time.Now().Add(-time.Second)
		cache.tokens[key] = token
	}
	do(open(t, erp.URL, oauth("body"), share), 3)
	cache.err = errors.New("the queue is down")
	do(open(t, erp.URL, oauth("body"), share), 4)
	if s := fmt.Sprintf("%v %+v %#v", httptarget.Token{Access: "abc"}, httptarget.Token{Access: "abc"}, httptarget.Token{Access: "abc"}); strings.Contains(s, "abc") {
		t.Error("a token prints itself")
	}
}

// TestCSRF plays SAP Gateway: token and cookies on writes, 403 Required asks for new ones.
func TestCSRF(t *testing.T) {
	var sessions, applied atomic.Int64
	var wrong atomic.Bool
	erp := serve(t, func(w http.ResponseWriter, r *http.Request) {
		current := fmt.Sprintf("csrf-%d", sessions.Load())
		switch {
		case r.Header.Get("Authorization") == "":
			w.WriteHeader(http.StatusUnauthorized)
		case r.Header.Get("X-Csrf-Token") == "fetch":
			w.Header().Set("X-CSRF-Token", fmt.Sprintf("csrf-%d", sessions.Add(1)))
			w.Header().Add("Set-Cookie", fmt.Sprintf("SAP_SESSIONID=s%d; path=/; HttpOnly", sessions.Load()))
			w.Header().Add("Set-Cookie", "sap-usercontext=client=100")
		case r.Method == http.MethodGet && r.Header.Get("Cookie") == "":
		case wrong.Load(), r.Header.Get("X-Csrf-Token") != current,
			r.Header.Get("Cookie") != fmt.Sprintf("SAP_SESSIONID=s%d; sap-usercontext=client=100", sessions.Load()):
			w.Header().Set("X-CSRF-Token", "Required")
			w.WriteHeader(http.StatusForbidden)
		default:
			applied.Add(1)
			w.WriteHeader(http.StatusCreated)
		}
	})
	cfg := configs.HTTPTarget{CSRF: &configs.CSRF{Path: "/odata/"},
		Basic: &configs.BasicAuth{Username: "u", Password: configs.NewSecret("secret")}}
	tgt := open(t, erp.URL, cfg)
	_, out := tgt.Do(t.Context(), lookUp())
	wantOutcome(t, out, outcome.OK, "http_200")
	for range 2 {
		_, out = tgt.Do(t.Context(), create())
		wantOutcome(t, out, outcome.OK, "http_201")
	}
	sessions.Add(1) // the session has expired
	_, out = tgt.Do(t.Context(), create())
	wantOutcome(t, out, outcome.OK, "http_201")
	if s, a := sessions.Load(), applied.Load(); s != 3 || a != 3 {
		t.Errorf("%d sessions, %d applied", s, a)
	}
	wrong.Store(true)
	_, out = tgt.Do(t.Context(), create())
	wantOutcome(t, out, outcome.Misconfigured, "http_403")

	noToken := serve(t, func(http.ResponseWriter, *http.Request) {})
	_, out = open(t, noToken.URL, cfg).Do(t.Context(), create())
	wantOutcome(t, out, outcome.Misconfigured, "csrf_none")
}

// TestOAuth1 checks the signature with a base string written out by hand (RFC 5849, 3.4.1).
func TestOAuth1(t *testing.T) {
	erp, got := record(t)
	cfg := configs.HTTPTarget{OAuth1: &configs.OAuth1Auth{Realm: "1234567_SB1",
		ConsumerKey: configs.NewSecret("ck"), ConsumerSecret: configs.NewSecret("c&s"),
		Token: configs.NewSecret("tk"), TokenSecret: configs.NewSecret("t s")}}
	_, out := open(t, erp.URL, cfg).Do(t.Context(), &target.Request{Method: http.MethodPut, Path: "/record/v1/vendorBill/eid:A%201",
		Query: url.Values{"replace": {"item,expense"}, "b": {"x y"}}, Body: []byte("{}")})
	wantOutcome(t, out, outcome.OK, "http_201")

	m := regexp.MustCompile(`^OAuth realm="1234567_SB1", oauth_consumer_key="ck", oauth_nonce="(\w+)", oauth_signature_method="HMAC-SHA256", ` +
		`oauth_timestamp="(\d+)", oauth_token="tk", oauth_version="1.0", oauth_signature="([^"]+)"$`).FindStringSubmatch(got.header.Get("Authorization"))
	if m == nil {
		t.Fatalf("header %s", got.header.Get("Authorization"))
	}
	host := strings.TrimPrefix(erp.URL, "http://")
	base := "PUT&http%3A%2F%2F" + strings.Replace(host, ":", "%3A", 1) + "%2Frecord%2Fv1%2FvendorBill%2Feid%3AA%25201&" +
		"b%3Dx%2520y%26oauth_consumer_key%3Dck%26oauth_nonce%3D" + m[1] + "%26oauth_signature_method%3DHMAC-SHA256%26oauth_timestamp%3D" + m[2] +
		"%26oauth_token%3Dtk%26oauth_version%3D1.0%26replace%3Ditem%252Cexpense"
	mac := hmac.New(sha256.New, []byte("c%26s&t%20s"))
	mac.Write([]byte(base))
	want := url.QueryEscape(base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	if m[3] != want {
		t.Errorf("signature %s, want %s", m[3], want)
	}
}

func TestPrivateCAAndClientCertificate(t *testing.T) {
	dir := t.TempDir()
	cert, key := clientCertificate(t, dir)
	seen := atomic.Int64{}
	erp := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen.Add(int64(len(r.TLS.PeerCertificates)))
	}))
	erp.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	erp.StartTLS()
	t.Cleanup(erp.Close)
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: erp.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	_, out := open(t, erp.URL, configs.HTTPTarget{TLS: configs.TLS{CA: ca, Cert: cert, Key: key}}).Do(t.Context(), create())
	wantOutcome(t, out, outcome.OK, "http_200")
	if seen.Load() != 1 {
		t.Error("no client certificate arrived")
	}
}

func clientCertificate(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "relay"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	privateDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: privateDER}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestProxy(t *testing.T) {
	erp, got := record(t)
	var through atomic.Int64
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		through.Add(1)
		r.RequestURI = ""
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		resp.Body.Close()
		w.WriteHeader(resp.StatusCode)
	})
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	_, out := open(t, erp.URL, configs.HTTPTarget{Proxy: proxy.URL}).Do(t.Context(), create())
	wantOutcome(t, out, outcome.OK, "http_201")
	if through.Load() != 1 || got.method != http.MethodPost {
		t.Errorf("%d through the proxy", through.Load())
	}
}
