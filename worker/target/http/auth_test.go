package httptarget_test

import (
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
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
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
