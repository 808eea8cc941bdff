package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/target/netguard"
)

// soon is how long before its end a certificate is told.
const soon = 21 * 24 * time.Hour

// place is something that must be reached.
type place struct {
	check   string // of the findings
	address string // host:port
	host    string // its certificate must name; empty for no TLS
	files   configs.TLS
	private bool // addresses of private networks are allowed
	filesAt string
}

// placeOf reads a URL; false where it cannot be one.
func placeOf(check, raw string) (place, bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" {
		return place{}, false
	}
	p := place{check: check, host: u.Hostname(), private: true}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	p.address = net.JoinHostPort(u.Hostname(), port)
	if u.Scheme == "http" {
		p.host = ""
	}
	return p, true
}

// reach resolves a name, connects, and looks at the certificate. Nothing is sent to whoever is there.
func (d *doctor) reach(ctx context.Context, p place) (ok bool) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	addr, ok := d.resolve(ctx, p)
	if !ok {
		return false
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr.String())
	if err != nil {
		d.problem(p.check, fmt.Sprintf("cannot connect to %s: %v", p.address, cause(err)), "let this machine through the firewall, or set a proxy")
		return false
	}
	defer conn.Close()
	if p.host == "" {
		d.ok(p.check, p.address+" answers")
		return true
	}
	return d.handshake(ctx, p, conn)
}

// resolve finds an address that may be dialled.
func (d *doctor) resolve(ctx context.Context, p place) (netip.AddrPort, bool) {
	host, port, err := net.SplitHostPort(p.address)
	if err != nil {
		d.problem(p.check, p.address+" is not host:port", "write HOST:PORT")
		return netip.AddrPort{}, false
	}
	number, err := net.DefaultResolver.LookupPort(ctx, "tcp", port)
	if err != nil {
		d.problem(p.check, "port "+port+" is none", "write a number")
		return netip.AddrPort{}, false
	}
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(all) == 0 {
		d.problem(p.check, "the name "+host+" cannot be resolved", "check the name, and the DNS of this machine")
		return netip.AddrPort{}, false
	}
	for _, a := range all {
		var refused *netguard.Error
		if errors.As(netguard.Guard{Private: p.private}.Check(a.Unmap()), &refused) {
			try := "another address"
			if refused.Private {
				try = "private: true on the target, if the ERP is in the house"
			}
			d.problem(p.check, refused.Error(), try)
			return netip.AddrPort{}, false
		}
	}
	return netip.AddrPortFrom(all[0].Unmap(), uint16(number)), true //nolint:gosec // a port
}

func (d *doctor) handshake(ctx context.Context, p place, conn net.Conn) bool {
	cfg, err := clientTLS(p.files)
	if err != nil {
		d.problem(p.check, err.Error(), "check the files of "+p.filesAt)
		return false
	}
	cfg.ServerName = p.host
	secure := tls.Client(conn, cfg)
	if err := secure.HandshakeContext(ctx); err != nil {
		d.problem(p.check, fmt.Sprintf("no TLS with %s: %v", p.address, cause(err)), tlsMend(err, p.filesAt))
		return false
	}
	leaf := secure.ConnectionState().PeerCertificates[0]
	if left := leaf.NotAfter.Sub(d.Now()); left < soon {
		d.warn(p.check, fmt.Sprintf("the certificate of %s ends on %s", p.host, leaf.NotAfter.Format(time.DateOnly)), "ask whoever runs it to renew it")
		return true
	}
	d.ok(p.check, fmt.Sprintf("%s answers, %s", p.address, tls.VersionName(secure.ConnectionState().Version)))
	return true
}

func clientTLS(files configs.TLS) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if files.CA != "" {
		data, err := os.ReadFile(files.CA)
		if err != nil {
			return nil, err
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("%s holds no certificate in PEM", files.CA)
		}
	}
	if files.Cert != "" {
		pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
		if err != nil {
			return nil, err
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

func tlsMend(err error, filesAt string) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &unknown) && filesAt != "":
		return filesAt + ".ca: the PEM file of its authority"
	case errors.As(err, &unknown):
		return "a certificate of a public authority"
	case errors.As(err, &name):
		return "the name that is in its certificate, in the address"
	case errors.As(err, &invalid):
		return "a certificate that is valid now; and check this machine's clock"
	}
	return "is it https on this port? Does it want a client certificate?"
}

// cause is the innermost error: the outer ones repeat the address.
func cause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// The clock may be off by this much before anything goes wrong: tokens, signatures and schedules carry times.
const (
	doubtfulClock = 5 * time.Second
	wrongClock    = time.Minute
)

// clock compares this machine's clock with that of a server, whose header Date has whole seconds.
func (d *doctor) clock(ctx context.Context, base string) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, base, nil)
	if err != nil {
		return
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	sent := d.Now()
	res, err := client.Do(req)
	if err != nil {
		return // told with the environment
	}
	_ = res.Body.Close()
	theirs, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		return
	}
	took := d.Now().Sub(sent)
	off := (sent.Add(took / 2).Sub(theirs.Add(time.Second / 2))).Abs()
	switch what := fmt.Sprintf("this machine's clock and %s's differ by %s", req.URL.Hostname(), off.Round(time.Second)); {
	case off > wrongClock:
		d.problem("clock", what, "let the machine keep its time: systemctl enable --now systemd-timesyncd, or chrony")
	case off > doubtfulClock:
		d.warn("clock", what, "let the machine keep its time: systemctl enable --now systemd-timesyncd, or chrony")
	default:
		d.ok("clock", "agrees with "+req.URL.Hostname()+"'s")
	}
}
