package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
)

// serverTLS looks at the files of the webhook listener.
func (d *doctor) serverTLS(context.Context) {
	files := d.Config.Ingest.TLS
	if files.Cert == "" {
		return
	}
	pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		d.problem("tls", "ingest.tls: "+err.Error(), "the certificate with its chain in cert, its own key in key, both PEM")
		return
	}
	if files.ClientCA != "" {
		data, err := os.ReadFile(files.ClientCA)
		if err != nil || !x509.NewCertPool().AppendCertsFromPEM(data) {
			d.problem("tls", "ingest.tls.client_ca holds no certificate in PEM", "the certificate that is client_ssl_certificate in Rossum, or its authority's")
		}
	}
	public, _ := url.Parse(d.Config.Ingest.PublicURL)
	switch left := pair.Leaf.NotAfter.Sub(d.Now()); {
	case left < 0:
		d.problem("tls", "the certificate of ingest.tls has ended on "+pair.Leaf.NotAfter.Format(time.DateOnly), "replace the files; the relay takes them up by itself")
	case left < soon:
		d.warn("tls", "the certificate of ingest.tls ends on "+pair.Leaf.NotAfter.Format(time.DateOnly), "replace the files; the relay takes them up by itself")
	case public != nil && public.Hostname() != "" && pair.Leaf.VerifyHostname(public.Hostname()) != nil:
		d.warn("tls", "the certificate of ingest.tls does not name "+public.Hostname(), "one that does, unless a proxy in front has it")
	default:
		d.ok("tls", "the certificate is valid until "+pair.Leaf.NotAfter.Format(time.DateOnly))
	}
}

// publicURL tries the way Rossum comes, from here.
func (d *doctor) publicURL(ctx context.Context) {
	public := strings.TrimSuffix(d.Config.Ingest.PublicURL, "/")
	if public == "" {
		d.problem("public_url", "ingest.public_url is missing: Rossum cannot be given answers to wait for", "ingest.public_url: https://HOST, as Rossum reaches this relay")
		return
	}
	u, err := url.Parse(public)
	if err != nil {
		return // config check says so
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && ip.IsLoopback() || u.Hostname() == "localhost" {
		d.warn("public_url", "Rossum cannot reach "+u.Hostname(), "the address of the proxy or tunnel in front; fine for a simulated Rossum")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, public+"/healthz", nil)
	if err != nil {
		return
	}
	client := &http.Client{}
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		d.warn("public_url", fmt.Sprintf("%s cannot be reached from here: %v", u.Host, cause(err)), "is the relay running, and the proxy in front? From inside the house it may be right")
		return
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		d.warn("public_url", fmt.Sprintf("%s answers %d to /healthz", u.Host, res.StatusCode), "let the proxy pass /hooks/, /answers/ and /healthz to the relay")
		return
	}
	d.ok("public_url", u.Host+" leads to a relay")
}

// rossum looks at the way to each environment, and compares clocks with the first.
func (d *doctor) rossum(ctx context.Context) {
	for i, e := range d.Config.Rossum {
		p, ok := placeOf("rossum."+e.Name, e.Value.BaseURL)
		if ok && d.reach(ctx, p) && i == 0 {
			d.clock(ctx, e.Value.BaseURL)
		}
	}
}

// targets looks at the way to each target.
func (d *doctor) targets(ctx context.Context) {
	var wg sync.WaitGroup
	for _, e := range d.Config.Targets {
		wg.Go(func() { d.target(ctx, e.Name, e.Value) })
	}
	wg.Wait()
}

func (d *doctor) target(ctx context.Context, name string, t configs.Target) {
	check := "target." + name
	switch {
	case t.HTTP != nil:
		for _, p := range httpPlaces(check, t.HTTP) {
			d.reach(ctx, p)
		}
	case t.SFTP != nil:
		d.reach(ctx, place{check: check, address: t.SFTP.Address, private: t.SFTP.Private})
	case t.S3 != nil:
		if p, ok := placeOf(check, t.S3.Endpoint); ok {
			p.private = t.S3.Private
			d.reach(ctx, p)
		}
	case t.Dir != nil:
		d.directory(check, t.Dir.Path)
	}
}

// httpPlaces are the hosts of a web service: its own, or those that settings may choose, and its token endpoint; behind a
// proxy only that can be seen.
func httpPlaces(check string, t *configs.HTTPTarget) (all []place) {
	at := "targets." + strings.TrimPrefix(check, "target.") + ".http.tls"
	add := func(raw string) {
		if p, ok := placeOf(check, raw); ok {
			p.private, p.files, p.filesAt = t.Private, t.TLS, at
			all = append(all, p)
		}
	}
	if t.Proxy != "" {
		if p, ok := placeOf(check, t.Proxy); ok {
			p.host = "" // an https proxy's certificate is its own matter
			all = append(all, p)
		}
		return all
	}
	if base := t.BaseURL.Source; !strings.Contains(base, "{") {
		add(base)
	} else {
		for _, host := range t.Hosts {
			add("https://" + host)
		}
	}
	if t.OAuth2 != nil && t.OAuth2.TokenURL != "" && !strings.Contains(t.OAuth2.TokenURL, "{") {
		add(t.OAuth2.TokenURL)
	}
	return all
}

// directory looks whether files can be made in a directory.
func (d *doctor) directory(check, path string) {
	f, err := os.CreateTemp(path, ".doctor.*")
	if err != nil {
		d.problem(check, err.Error(), "create the directory and let the relay's user write to it")
		return
	}
	_ = f.Close()
	if err := os.Remove(f.Name()); err != nil {
		d.problem(check, err.Error(), "let the relay's user rename and remove files there")
		return
	}
	d.ok(check, path+" can be written to")
}
