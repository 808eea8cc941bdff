package console

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// secure makes the listener serve TLS where the configuration says so.
func (s *Server) secure(l net.Listener) (net.Listener, error) {
	files := s.Config.Console.TLS
	if files.Cert == "" {
		return l, nil
	}
	c := &certificate{cert: files.Cert, key: files.Key}
	if _, err := c.get(nil); err != nil {
		return nil, fmt.Errorf("console.tls: %w", err)
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}
	if files.ClientCA != "" {
		pem, err := os.ReadFile(files.ClientCA)
		if err != nil {
			return nil, fmt.Errorf("console.tls.client_ca: %w", err)
		}
		cfg.ClientAuth, cfg.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		if !cfg.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("console.tls.client_ca: no certificate in %s", files.ClientCA)
		}
	}
	return tls.NewListener(l, cfg), nil
}

// certificate is a pair of files that may be replaced while the process runs.
type certificate struct {
	cert, key string

	mu     sync.Mutex
	loaded *tls.Certificate
	of     [2]time.Time // when the files were written
}

// get loads the files when they are new. Broken ones leave the old pair in use.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var of [2]time.Time
	for i, path := range []string{c.cert, c.key} {
		if info, err := os.Stat(path); err == nil {
			of[i] = info.ModTime()
		}
	}
	if c.loaded != nil && of == c.of {
		return c.loaded, nil
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil && c.loaded == nil {
		return nil, err
	}
	if err == nil {
		c.loaded, c.of = &pair, of
	}
	return c.loaded, nil
}
