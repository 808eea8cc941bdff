package httptarget_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
	"github.com/rossum-relay/rossum-relay/worker/target"
	httptarget "github.com/rossum-relay/rossum-relay/worker/target/http"
	"github.com/rossum-relay/rossum-relay/worker/tokens"
)

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

// workers are two processes on one queue, each with a target of its own.
type workers struct {
	dir   string
	clock *queuetest.Clock
	a, b  *httptarget.Target
}

func newWorkers(t *testing.T, baseURL string, cfg configs.HTTPTarget) *workers {
	t.Helper()
	w := &workers{dir: t.TempDir(), clock: queuetest.NewClock(time.Now())}
	queuetest.OpenConfig(t, queuetest.Config(w.dir))
	w.a, w.b = w.open(t, baseURL, cfg), w.open(t, baseURL, cfg)
	return w
}

// open is the target of one more process.
func (w *workers) open(t *testing.T, baseURL string, cfg configs.HTTPTarget) *httptarget.Target {
	t.Helper()
	q, err := queue.Open(t.Context(), queuetest.Config(w.dir), queue.Attach, "worker", zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	store, err := tokens.Open(t.Context(), q, w.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	return open(t, baseURL, cfg, func(o *httptarget.Options) { o.Tokens = store })
}

// race lets both deliver ten times at once.
func (w *workers) race(t *testing.T) {
	t.Helper()
	var wg sync.WaitGroup
	for range 10 {
		for _, tgt := range []*httptarget.Target{w.a, w.b} {
			wg.Go(func() {
				_, out := tgt.Do(t.Context(), create())
				wantOutcome(t, out, outcome.OK, "http_201")
			})
		}
	}
	wg.Wait()
}

func TestOAuth2IsSharedByAllWorkers(t *testing.T) {
	erp := newOAuthERP(t)
	w := newWorkers(t, erp.URL, oauth("body"))
	for n, change := range []func(){
		func() {},
		func() { erp.valid.Store("revoked") },
		func() { w.clock.Add(time.Hour - 30*time.Second) }, // nobody waits for the very end
	} {
		change()
		w.race(t)
		if f, a := erp.fetched.Load(), erp.applied.Load(); f != int64(n+1) || a != int64(20*(n+1)) {
			t.Errorf("%d tokens fetched, %d requests applied after %d rounds", f, a, n+1)
		}
	}
}

// rotating is a token endpoint whose refresh tokens are good for one request.
func rotating(erp *oauthERP) {
	var mu sync.Mutex
	good := "refresh-token-0"
	erp.answer.Store(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.PostForm.Get("refresh_token") != good {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"error":"invalid_grant","hint":%q}`, r.PostForm.Get("refresh_token"))
			return
		}
		n := erp.fetched.Load()
		good = fmt.Sprintf("refresh-token-%d", n)
		erp.valid.Store(fmt.Sprintf("access-token-%d", n))
		fmt.Fprintf(w, `{"access_token":%q,"refresh_token":%q,"expires_in":1800}`, erp.valid.Load(), good)
	}))
}

func refreshing(first string) configs.HTTPTarget {
	return configs.HTTPTarget{OAuth2: &configs.OAuth2Auth{TokenPath: "/oauth2/token", Grant: "refresh_token", ClientID: "id", AuthStyle: "basic",
		ClientSecret: configs.NewSecret("client-secret"), RefreshToken: configs.NewSecret(first)}}
}

// TestOAuth2Rotation: whoever refreshes, the newest refresh token is never lost; the configured one is only the first.
func TestOAuth2Rotation(t *testing.T) {
	erp := newOAuthERP(t)
	rotating(erp)
	w := newWorkers(t, erp.URL, refreshing("refresh-token-0"))
	for range 5 {
		w.race(t)
		w.clock.Add(time.Hour)
	}
	if f := erp.fetched.Load(); f != 5 {
		t.Errorf("%d refreshes, want 5", f)
	}
	if diff := cmp.Diff(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"refresh-token-4"}}, erp.last); diff != "" {
		t.Errorf("token request (-want +got):\n%s", diff)
	}
	_, out := w.open(t, erp.URL, refreshing("refresh-token-0")).Do(t.Context(), create())
	wantOutcome(t, out, outcome.OK, "http_201")
	wantSealed(t, w.dir, "access-token-", "refresh-token-", "client-secret")
}

func TestOAuth2SpentRefreshToken(t *testing.T) {
	erp := newOAuthERP(t)
	rotating(erp)
	w := newWorkers(t, erp.URL, refreshing("refresh-token-spent"))
	for range 2 {
		_, out := w.a.Do(t.Context(), create())
		wantOutcome(t, out, outcome.Reauth, "token_http_400")
		if !strings.Contains(out.Message, "authorize the relay anew and set oauth2.refresh_token") || strings.Contains(fmt.Sprintf("%+v", out), "refresh-token-") {
			t.Errorf("%+v", out)
		}
		_, out = w.b.Do(t.Context(), create())
		wantOutcome(t, out, outcome.Reauth, "token_http_400")
	}
	if f := erp.fetched.Load(); f != 1 {
		t.Errorf("asked %d times", f)
	}
	_, out := w.open(t, erp.URL, refreshing("refresh-token-0")).Do(t.Context(), create()) // set anew by hand
	wantOutcome(t, out, outcome.OK, "http_201")
}

// wantSealed looks for plain secrets in the files of a queue.
func wantSealed(t *testing.T, dir string, secrets ...string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		for _, secret := range secrets {
			if bytes.Contains(data, []byte(secret)) {
				t.Errorf("%s holds %q", path, secret)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestOAuth2Assertion: what is signed is what the token endpoint can verify.
func TestOAuth2Assertion(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	secret := configs.NewSecret(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	text := func(s string) configs.Node { return configs.Node{Kind: configs.NodeString, Text: s} }
	claims := configs.Named[configs.Node]{
		{Name: "sub", Value: text("user@acme.example")}, {Name: "aud", Value: text("https://login.example")},
		{Name: "scope", Value: configs.Node{Kind: configs.NodeList, List: []configs.Node{text("rest_webservices")}}},
	}
	for name, c := range map[string]struct {
		cfg            configs.OAuth2Auth
		algorithm, kid string
		field          string
		form           url.Values // but for the assertion
		claims         jwt.MapClaims
	}{
		"grant": {
			configs.OAuth2Auth{Grant: "jwt_bearer", JWT: &configs.JWTAssertion{Key: secret, Claims: claims}},
			"RS256", "", "assertion", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}},
			jwt.MapClaims{"sub": "user@acme.example", "aud": "https://login.example", "scope": []any{"rest_webservices"}},
		},
		"client": { // NetSuite's machine to machine
			configs.OAuth2Auth{ClientID: "id", AuthStyle: "basic", JWT: &configs.JWTAssertion{Algorithm: "PS256", Key: secret, KeyID: "cert-1"}},
			"PS256", "cert-1", "client_assertion",
			url.Values{"grant_type": {"client_credentials"}, "client_id": {"id"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}},
			jwt.MapClaims{"iss": "id", "sub": "id", "aud": "TOKEN_URL"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			erp := newOAuthERP(t)
			c.cfg.TokenPath = "/oauth2/token"
			tgt := open(t, erp.URL, configs.HTTPTarget{OAuth2: &c.cfg})
			_, out := tgt.Do(t.Context(), create())
			wantOutcome(t, out, outcome.OK, "http_201")
			got := jwt.MapClaims{}
			verified, err := jwt.ParseWithClaims(erp.last.Get(c.field), got, func(*jwt.Token) (any, error) { return key.Public(), nil },
				jwt.WithValidMethods([]string{c.algorithm}), jwt.WithIssuedAt(), jwt.WithExpirationRequired())
			if err != nil {
				t.Fatal(err)
			}
			if kid, _ := verified.Header["kid"].(string); kid != c.kid {
				t.Errorf("key id %q, want %q", kid, c.kid)
			}
			if life := got["exp"].(float64) - got["iat"].(float64); life > 300 || got["jti"] == "" {
				t.Errorf("good for %v s, id %q", life, got["jti"])
			}
			for _, added := range []string{"iat", "exp", "jti"} {
				delete(got, added)
			}
			if c.claims["aud"] == "TOKEN_URL" {
				c.claims["aud"] = erp.URL + "/oauth2/token"
			}
			if diff := cmp.Diff(c.claims, got); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
			erp.last.Del(c.field)
			if diff := cmp.Diff(c.form, erp.last); diff != "" || erp.lastAuth != "" {
				t.Errorf("authorization %q, form (-want +got):\n%s", erp.lastAuth, diff)
			}
		})
	}
}

// TestOAuth2FreeForm: parameters replace what the relay would send, for servers with ways of their own.
func TestOAuth2FreeForm(t *testing.T) {
	erp := newOAuthERP(t)
	cfg := configs.HTTPTarget{OAuth2: &configs.OAuth2Auth{TokenPath: "/oauth2/token", ClientID: "id", Params: configs.Named[configs.Secret]{
		{Name: "grant_type", Value: configs.NewSecret("password")}, {Name: "username", Value: configs.NewSecret("relay")},
		{Name: "password", Value: configs.NewSecret("se cret")}}}}
	_, out := open(t, erp.URL, cfg).Do(t.Context(), create())
	wantOutcome(t, out, outcome.OK, "http_201")
	if got := erp.last.Encode(); got != "client_id=id&grant_type=password&password=se+cret&username=relay" {
		t.Errorf("token request %s", got)
	}
}

func TestOAuth2Misconfigured(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  configs.OAuth2Auth
		want string
	}{
		"client":        {configs.OAuth2Auth{TokenPath: "/t"}, "oauth2 needs client_id"},
		"endpoint":      {configs.OAuth2Auth{ClientID: "id"}, "oauth2 needs either token_url or token_path"},
		"endpoint user": {configs.OAuth2Auth{ClientID: "id", TokenURL: "https://u:p@login.example"}, "token_url must be a URL without credentials"},
		"clear text":    {configs.OAuth2Auth{ClientID: "id", TokenURL: "http://login.example"}, "token_url must be https, as base_url is"},
		"refresh token": {configs.OAuth2Auth{ClientID: "id", TokenPath: "/t", Grant: "refresh_token"}, "needs refresh_token"},
		"assertion":     {configs.OAuth2Auth{TokenPath: "/t", Grant: "jwt_bearer"}, "needs jwt"},
		"key": {configs.OAuth2Auth{TokenPath: "/t", Grant: "jwt_bearer", JWT: &configs.JWTAssertion{Key: configs.NewSecret("my private key")}},
			"oauth2.jwt.key is no RSA private key"},
		"algorithm": {configs.OAuth2Auth{TokenPath: "/t", Grant: "jwt_bearer", JWT: &configs.JWTAssertion{Algorithm: "none"}}, "neither RS256 nor PS256"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := httptarget.New("erp", configs.HTTPTarget{OAuth2: &c.cfg}, httptarget.Options{BaseURL: "https://erp.example"})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "my private key") {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}
