package ingest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/rossum-relay/rossum-relay/configs"
)

// pairOf makes a self-signed certificate for this machine, with its key, in PEM.
func pairOf(t *testing.T, serial int64) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Unix(0, 0), NotAfter: time.Now().AddDate(9, 0, 0),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// served are certificates of files in a folder, with serial 1 and, where clients are given, client_ca.
func served(t *testing.T, log *zap.Logger, clients []byte) (*certificates, configs.ServerTLS) {
	t.Helper()
	dir := t.TempDir()
	files := configs.ServerTLS{Cert: filepath.Join(dir, "tls.pem"), Key: filepath.Join(dir, "tls.key")}
	cert, key := pairOf(t, 1)
	writeFile(t, files.Cert, cert)
	writeFile(t, files.Key, key)
	if clients != nil {
		files.ClientCA = filepath.Join(dir, "clients.pem")
		writeFile(t, files.ClientCA, clients)
	}
	c := &certificates{files: files, log: log}
	if err := c.load(); err != nil {
		t.Fatal(err)
	}
	return c, files
}

func serialOf(t *testing.T, c *certificates) int64 {
	t.Helper()
	return c.now.Load().Certificates[0].Leaf.SerialNumber.Int64()
}

// TestCertificatesAreTakenUp goes through what happens to files in a long life: a certificate comes before its key, is
// cut, is lost, and is whole again. Each trouble is told once.
func TestCertificatesAreTakenUp(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	c, files := served(t, zap.New(core), nil)
	cert, key := pairOf(t, 2)
	steps := []struct {
		name   string
		change func()
		serial int64
		logged string
	}{
		{"nothing", func() {}, 1, ""},
		{"the certificate without its key", func() { writeFile(t, files.Cert, cert) }, 1, "broken"},
		{"still", func() {}, 1, ""},
		{"its key", func() { writeFile(t, files.Key, key) }, 2, "took up"},
		{"cut", func() { writeFile(t, files.Cert, cert[:50]) }, 2, "broken"},
		{"gone", func() { _ = os.Remove(files.Cert) }, 2, "broken"},
		{"back", func() { writeFile(t, files.Cert, cert) }, 2, "took up"},
	}
	synctest.Test(t, func(t *testing.T) {
		go c.watch(t.Context())
		for _, step := range steps {
			step.change()
			<-time.After(certificatesEvery + time.Millisecond)
			synctest.Wait()
			if got := serialOf(t, c); got != step.serial {
				t.Errorf("%s: serial %d, want %d", step.name, got, step.serial)
			}
			told := logs.TakeAll()
			if step.logged == "" && len(told) > 0 || step.logged != "" && (len(told) != 1 || !strings.Contains(told[0].Message, step.logged)) {
				t.Errorf("%s: logged %v, want %q", step.name, told, step.logged)
			}
		}
	})
}

func TestBrokenCertificatesAtTheStart(t *testing.T) {
	cert, key := pairOf(t, 1)
	_, other := pairOf(t, 2)
	tests := map[string]struct{ cert, key, clients []byte }{
		"key of another": {cert, other, nil},
		"no certificate": {[]byte("x"), key, nil},
		"no client":      {cert, key, []byte("x")},
	}
	for name, test := range tests {
		if _, err := serverConfig(test.cert, test.key, test.clients); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	s := &Server{tls: configs.ServerTLS{Cert: filepath.Join(t.TempDir(), "none")}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.listenTLS(t.Context(), l); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is left open: %v", err)
	}
}

// TestClientCertificate: with client_ca a hook takes calls of callers it knows; probes and answers need no certificate;
// a foreign one, and an old protocol, end at the handshake.
func TestClientCertificate(t *testing.T) {
	cert, key := pairOf(t, 7)
	known, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = pairOf(t, 8)
	foreign, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	c, files := served(t, zap.NewNop(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: known.Certificate[0]}))
	s := &Server{tls: files, log: zap.NewNop(), bodies: newBodies(1 << 20), drained: make(chan struct{})}
	if s.metrics, err = newMetrics(nil, s.bodies, 1<<20); err != nil {
		t.Fatal(err)
	}
	s.table.Store(&table{hooks: map[string]*hook{"us": {name: "us", secrets: [][]byte{[]byte("x")}}}, maxBody: 1 << 20})
	srv := httptest.NewUnstartedServer(s)
	srv.Listener = tls.NewListener(srv.Listener, &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: c.of})
	srv.Start()
	defer srv.Close()
	tests := []struct {
		name, path string
		shown      []tls.Certificate
		newest     uint16
		want       int // 0: no handshake
	}{
		{"known", "/hooks/us", []tls.Certificate{known}, 0, http.StatusUnauthorized}, // only the signature is missing
		{"none", "/hooks/us", nil, 0, http.StatusForbidden},
		{"probe", "/healthz", nil, 0, http.StatusOK},
		{"foreign", "/hooks/us", []tls.Certificate{foreign}, 0, 0},
		{"TLS 1.2", "/healthz", nil, tls.VersionTLS12, http.StatusOK},
		{"TLS 1.1", "/healthz", nil, tls.VersionTLS11, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			transport := &http.Transport{TLSClientConfig: &tls.Config{
				RootCAs: poolOf(t, c), MinVersion: tls.VersionTLS10, MaxVersion: test.newest,
				GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					if len(test.shown) == 0 {
						return &tls.Certificate{}, nil
					}
					return &test.shown[0], nil // also one the server did not ask for
				},
			}}
			defer transport.CloseIdleConnections()
			res, err := (&http.Client{Transport: transport}).Post("https://"+srv.Listener.Addr().String()+test.path, "", nil)
			if err != nil {
				if test.want != 0 {
					t.Fatal(err)
				}
				return
			}
			defer res.Body.Close()
			if res.StatusCode != test.want {
				t.Errorf("status %d, want %d", res.StatusCode, test.want)
			}
		})
	}
}

func poolOf(t *testing.T, c *certificates) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(c.now.Load().Certificates[0].Leaf)
	return pool
}
