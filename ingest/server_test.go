package ingest_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/ingest"
)

func testLog(t testing.TB) *zap.Logger { return zaptest.NewLogger(t) }

func TestOneLinePerRequestWithoutSecrets(t *testing.T) {
	r := start(t, config())
	good := payload(t, exportUS)
	location := r.post("us", good).header.Get("Location")
	r.poll(location)
	planted := []byte(`{"event":"annotation_content","action":"export","base_url":"https://evil.example","rossum_authorization_token":"planted-token","x":"planted-value"}`)
	for _, body := range [][]byte{
		planted, planted[:len(planted)-20], append(bytes.Clone(planted), `"planted-value"`...),
		edit(t, good, map[string]any{"annotation.url": "https://evil.example/planted-value?planted-token"}),
	} {
		r.post("us", body)
		r.do(http.MethodPost, "/hooks/us", body, http.Header{"X-Rossum-Signature-SHA256": {"sha256=" + strings.Repeat("ab", 32)}})
	}
	r.do(http.MethodPost, "/hooks/planted-value", good, nil)
	r.do(http.MethodPost, "/hooks/us?mode=planted-value", good, nil)
	r.do(http.MethodGet, "/planted-value?planted-token", nil, nil)
	r.do(http.MethodGet, "/answers/planted-value", nil, nil)
	r.do("PLANTED", "/hooks/us", good, nil)
	r.http.Close() // every line is written
	lines := strings.Split(strings.TrimSpace(r.log.String()), "\n")
	if want := 2 + 8 + 5; len(lines) != want {
		t.Errorf("%d lines for %d requests", len(lines), want)
	}
	for _, word := range []string{
		secret, "older", sign(good)[7:], "abababab", "planted", "PLANTED", location[strings.LastIndex(location, "."):],
		"a179c7f76d45fef6806a17981c48be81e9250bf1", "not-a-real-secret", "example-client",
	} {
		if strings.Contains(r.log.String(), word) {
			t.Errorf("%q is in the log:\n%s", word, r.log)
		}
	}
	var first map[string]any
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]any{
		"method": "POST", "path": "/hooks/{name}", "hook": "us", "event": "annotation_content.export", "status": 202.0,
		"bytes": float64(len(good)), "result": "opened", "level": "info",
	} {
		if first[field] != want {
			t.Errorf("%s is %v, want %v", field, first[field], want)
		}
	}
	if first["event_key"] == nil || first["duration"] == nil {
		t.Errorf("line %v", first)
	}
}

func TestServe(t *testing.T) {
	cert, key, pool := certificate(t)
	for name, files := range map[string]configs.ServerTLS{"http": {}, "https": {Cert: cert, Key: key}} {
		t.Run(name, func(t *testing.T) {
			cfg := config()
			cfg.Ingest.TLS = files
			r := start(t, cfg)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			served := make(chan error, 1)
			go func() { served <- r.server.Serve(ctx, l) }()
			transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
			defer transport.CloseIdleConnections()
			res, err := (&http.Client{Transport: transport}).Get(name + "://" + l.Addr().String() + "/readyz")
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != 200 {
				t.Errorf("readyz: %d", res.StatusCode)
			}
			stop()
			if err := <-served; err != nil {
				t.Error(err)
			}
			if res := r.post("us", payload(t, statusUS)); res.status != 503 {
				t.Errorf("after the end: %d", res.status)
			}
		})
	}
}

// certificate is a self-signed one for 127.0.0.1.
func certificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, data []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pool = x509.NewCertPool()
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(leaf)
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", keyDER), pool
}

func TestReload(t *testing.T) {
	r := start(t, config())
	changed := config()
	changed.Hooks[0].Name, changed.Pipelines[0].Value.Hook = "renamed", "renamed"
	if err := r.server.Reload(changed); err != nil {
		t.Fatal(err)
	}
	if res := r.post("us", payload(t, statusUS)); res.status != 404 {
		t.Errorf("old name: %d", res.status)
	}
	broken := config()
	broken.Hooks[0].Value.Rossum = "nowhere"
	if err := r.server.Reload(broken); err == nil {
		t.Error("a hook of no environment was taken")
	}
	if res := r.post("renamed", payload(t, statusUS)); res.status != 200 {
		t.Errorf("new name after the broken reload: %d %s", res.status, res.body)
	}
}

func TestNewRefuses(t *testing.T) {
	r := start(t, config())
	if _, err := ingest.New(ingest.Options{Config: config(), Queue: r.queue, Store: r.store, Log: testLog(t), Metrics: r.registry}); err == nil {
		t.Error("metrics were registered twice")
	}
	cfg := config()
	cfg.Rossum = nil
	if _, err := ingest.New(ingest.Options{Config: cfg, Queue: r.queue, Store: r.store, Log: testLog(t), Metrics: prometheus.NewRegistry()}); err == nil {
		t.Error("a hook of no environment was taken")
	}
}
