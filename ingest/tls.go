package ingest

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/configs"
)

// certificatesEvery is how often the files of ingest.tls are looked at.
const certificatesEvery = 5 * time.Second

// listenTLS wraps the listener where ingest.tls has files, and watches these until ctx ends. It closes l on an error.
func (s *Server) listenTLS(ctx context.Context, l net.Listener) (net.Listener, error) {
	if s.tls.Cert == "" {
		return l, nil
	}
	c := &certificates{files: s.tls, log: s.log}
	if err := c.load(); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("ingest.tls: %w", err)
	}
	go c.watch(ctx)
	return tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: c.of}), nil
}

// knowsCaller reports whether a call shows a certificate of ingest.tls.client_ca, where there is one. Probes need none,
// nor do polls: the link of an answer is its own secret.
func (s *Server) knowsCaller(r *http.Request) bool {
	return s.tls.ClientCA == "" || r.TLS != nil && len(r.TLS.VerifiedChains) > 0
}

// certificates are the files of ingest.tls as they were when they were last whole.
type certificates struct {
	files configs.ServerTLS
	log   *zap.Logger
	seen  [sha256.Size]byte // of the files at the last look, broken or not
	now   atomic.Pointer[tls.Config]
}

func (c *certificates) of(*tls.ClientHelloInfo) (*tls.Config, error) { return c.now.Load(), nil }

// watch takes up new files until ctx ends. Contents are compared, since secret stores swap links and keep times.
func (c *certificates) watch(ctx context.Context) {
	t := time.NewTicker(certificatesEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			c.look()
		}
	}
}

// look takes up files that changed; broken ones leave what is there, and are told once.
func (c *certificates) look() {
	before := c.seen
	err := c.load()
	switch {
	case c.seen == before:
	case err != nil:
		c.log.Error("the new files of ingest.tls are broken; the old ones stay in use", zap.Error(err))
	default:
		c.log.Info("took up the new files of ingest.tls", zap.Time("valid_until", c.now.Load().Certificates[0].Leaf.NotAfter))
	}
}

// load reads the files and takes them up if they are whole and other than before.
func (c *certificates) load() error {
	cert, errCert := os.ReadFile(c.files.Cert)
	key, errKey := os.ReadFile(c.files.Key)
	var clients []byte
	var errClients error
	if c.files.ClientCA != "" {
		clients, errClients = os.ReadFile(c.files.ClientCA)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q%q%q%v%v%v", cert, key, clients, errCert, errKey, errClients))
	if sum == c.seen {
		return nil
	}
	c.seen = sum
	for _, err := range []error{errCert, errKey, errClients} {
		if err != nil {
			return err
		}
	}
	cfg, err := serverConfig(cert, key, clients)
	if err != nil {
		return err
	}
	c.now.Store(cfg)
	return nil
}

// serverConfig asks callers for a certificate where clients are given, and refuses wrong ones; who must show one is
// decided by path. Rossum speaks HTTP/1.1.
func serverConfig(cert, key, clients []byte) (*tls.Config, error) {
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}}
	if clients == nil {
		return cfg, nil
	}
	cfg.ClientAuth, cfg.ClientCAs = tls.VerifyClientCertIfGiven, x509.NewCertPool()
	if !cfg.ClientCAs.AppendCertsFromPEM(clients) {
		return nil, fmt.Errorf("client_ca holds no certificate in PEM")
	}
	return cfg, nil
}
