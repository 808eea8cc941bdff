package doctor_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
	"github.com/rossum-relay/rossum-relay/worker/operate/doctor"
	"github.com/rossum-relay/rossum-relay/worker/operate/setup"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// parse reads a configuration that is right; the files it names are in dir.
func parse(t *testing.T, dir, text string) *configs.Config {
	t.Helper()
	cfg, err := configs.Parse(filepath.Join(dir, "relay.yaml"), []byte(text), configs.WithEnv(func(string) (string, bool) { return "", false }))
	if err != nil {
		t.Fatal(err)
	}
	if err := cfg.Resolve(); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// wants fails unless exactly one finding of the check has this level and holds the words.
func wants(t *testing.T, found []doctor.Finding, level doctor.Level, check string, words ...string) {
	t.Helper()
	n := 0
	for _, f := range found {
		text := f.Message + "\n" + f.Try
		if f.Check == check && f.Level == level && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) }) {
			n++
		}
		if (f.Level == doctor.OK) != (f.Try == "") {
			t.Errorf("%s %s has the mend %q", f.Level, f.Check, f.Try)
		}
	}
	if n != 1 {
		t.Errorf("%d findings of %s that are a %s with %q in\n%s", n, check, level, words, list(found))
	}
}

func list(found []doctor.Finding) string {
	var b strings.Builder
	for _, f := range found {
		fmt.Fprintf(&b, "%s %s: %s | %s\n", f.Level, f.Check, f.Message, f.Try)
	}
	return b.String()
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// certificate writes a certificate for this machine that is valid until a time, and its key, into dir.
func certificate(t *testing.T, dir string, until time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: until, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames: []string{"relay.example"}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert, private := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	writeFile(t, filepath.Join(dir, "cert.pem"), cert)
	writeFile(t, filepath.Join(dir, "key.pem"), private)
	pair, err := tls.X509KeyPair(cert, private)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// service serves TLS with a certificate that lies in dir.
func service(t *testing.T, dir string, until time.Time) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{certificate(t, dir, until)}}
	srv.Config.ErrorLog = nil
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestTargets(t *testing.T) {
	dir := t.TempDir()
	url := service(t, dir, time.Now().AddDate(1, 0, 0))
	ending := t.TempDir()
	endingURL := service(t, ending, time.Now().Add(48*time.Hour))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	_ = l.Close()
	cfg := parse(t, dir, fmt.Sprintf(`
targets:
  good: {http: {base_url: %[1]q, private: true, tls: {ca: cert.pem}}}
  unknown: {http: {base_url: %[1]q, private: true}}
  private: {http: {base_url: %[1]q}}
  ending: {http: {base_url: %[2]q, private: true, tls: {ca: %[3]q}}}
  closed: {http: {base_url: "https://%[4]s", private: true}}
  nowhere: {http: {base_url: "https://erp.invalid"}}
  tenants: {http: {base_url: "https://{{ settings.host }}", hosts: [a.invalid, b.invalid]}}
  proxied: {http: {base_url: "https://erp.invalid", proxy: %[5]q}}
  bucket: {s3: {endpoint: "https://s3.invalid", bucket: b}}
  folder: {dir: {path: .}}
  gone: {dir: {path: none}}
`, url, endingURL, filepath.Join(ending, "cert.pem"), closed, strings.Replace(url, "https:", "http:", 1)))
	found := doctor.Examine(t.Context(), doctor.Options{Config: cfg, Roles: []configs.Role{configs.RoleWorker}})
	wants(t, found, doctor.OK, "target.good", "TLS 1.3")
	wants(t, found, doctor.Problem, "target.unknown", "unknown authority", "targets.unknown.http.tls.ca")
	wants(t, found, doctor.Problem, "target.private", "private: true")
	wants(t, found, doctor.Warning, "target.ending", "ends on")
	wants(t, found, doctor.Problem, "target.closed", "connection refused")
	wants(t, found, doctor.Problem, "target.nowhere", "erp.invalid cannot be resolved")
	wants(t, found, doctor.Problem, "target.tenants", "a.invalid")
	wants(t, found, doctor.Problem, "target.tenants", "b.invalid")
	wants(t, found, doctor.OK, "target.proxied", "answers")
	wants(t, found, doctor.Problem, "target.bucket", "s3.invalid")
	wants(t, found, doctor.OK, "target.folder", "written")
	wants(t, found, doctor.Problem, "target.gone", "no such file")
	if doctor.Worst(found) != doctor.Problem {
		t.Error("that is no problem?")
	}
}

func TestCertificateOfTheListener(t *testing.T) {
	tests := map[string]struct {
		until time.Time
		host  string
		level doctor.Level
		words string
	}{
		"good":       {time.Now().AddDate(1, 0, 0), "relay.example", doctor.OK, "valid until"},
		"ended":      {time.Now().Add(-time.Hour), "relay.example", doctor.Problem, "has ended"},
		"soon":       {time.Now().Add(time.Hour), "relay.example", doctor.Warning, "ends on"},
		"other name": {time.Now().AddDate(1, 0, 0), "other.invalid", doctor.Warning, "does not name other.invalid"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			certificate(t, dir, test.until)
			cfg := parse(t, dir, "ingest: {public_url: \"https://127.0.0.1\", tls: {cert: cert.pem, key: key.pem, client_ca: key.pem}}")
			cfg.Ingest.PublicURL = "https://" + test.host
			found := doctor.Examine(t.Context(), doctor.Options{Config: cfg, Roles: []configs.Role{configs.RoleIngest}})
			wants(t, found, test.level, "tls", test.words)
			wants(t, found, doctor.Problem, "tls", "client_ca holds no certificate")
			wants(t, found, doctor.Warning, "public_url", "cannot be reached")
		})
	}
}

func TestQueue(t *testing.T) {
	dir := t.TempDir()
	examine := func() []doctor.Finding {
		cfg := parse(t, dir, "queue: {max_store: 1MiB, durability: fast}")
		return doctor.Examine(t.Context(), doctor.Options{Config: cfg, Roles: []configs.Role{configs.RoleOperator}})
	}
	wants(t, examine(), doctor.Warning, "data", "is not there yet")
	served := queuetest.Config(filepath.Join(dir, "data"))
	served.MaxStore = 1 << 20
	q := queuetest.OpenConfig(t, served)
	found := examine()
	wants(t, found, doctor.OK, "data", "free")
	wants(t, found, doctor.OK, "keys", "keep a copy")
	wants(t, found, doctor.OK, "queue", "NATS")
	wants(t, found, doctor.OK, "queue", "stores something in")
	q.Close()
	wants(t, examine(), doctor.Warning, "queue", "no relay serves the queue")
	if _, err := queue.AddKey(served); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "data", "keys"), 0o644); err != nil {
		t.Fatal(err)
	}
	queuetest.OpenConfig(t, served)
	found = examine()
	wants(t, found, doctor.Warning, "keys", "keys rotate")
	wants(t, found, doctor.Problem, "keys", "read by others")
	writeFile(t, filepath.Join(dir, "data", "keys"), []byte("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="))
	wants(t, examine(), doctor.Problem, "keys", "this process does not have")
}

// TestRossum looks at the hooks before they are made, when they are as configured, and when somebody changed them; and at
// the clock.
func TestRossum(t *testing.T) {
	sim := rossumsim.New(rossumsim.Options{Seed: 1, Switches: rossumsim.Switches{RateLimit: -1}})
	if err := sim.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	organization := sim.AddOrganization("Acme")
	sim.AddUser(rossumsim.UserSpec{Username: "relay", Password: "Password-1", Admin: true, Organization: organization})
	schema, err := sim.AddSchema("AP", []byte(`[{"category":"section","id":"s","label":"S","children":[]}]`))
	if err != nil {
		t.Fatal(err)
	}
	sim.AddQueue("AP", schema, nil)
	cfg := parse(t, t.TempDir(), fmt.Sprintf(`
rossum: {acme: {base_url: %q, username: relay, password: Password-1}}
hooks: {acme: {rossum: acme, signing_secrets: [a-signing-secret-of-the-file], rossum_hook: {queues: [AP], events: [annotation_content.export]}}}
ingest: {public_url: "https://relay.example"}
`, sim.BaseURL()))
	client := func(string) (*rossumapi.Client, error) {
		login, err := rossumapi.New(rossumapi.Options{BaseURL: sim.BaseURL()})
		if err != nil {
			return nil, err
		}
		return rossumapi.New(rossumapi.Options{BaseURL: sim.BaseURL(), Token: &rossumapi.PasswordToken{Client: login, Username: "relay", Password: "Password-1"}})
	}
	examine := func(now time.Time) []doctor.Finding {
		return doctor.Examine(t.Context(), doctor.Options{
			Config: cfg, Roles: []configs.Role{configs.RoleAdmin}, Rossum: client, Now: func() time.Time { return now },
		})
	}
	found := examine(time.Now().Add(-time.Hour))
	wants(t, found, doctor.OK, "rossum.acme", "answers")
	wants(t, found, doctor.Problem, "clock", "differ by 1h0m")
	wants(t, found, doctor.Problem, "hook.acme", "no hook object", "hooks apply")

	c, err := client("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	s := setup.New(cfg, "acme", c)
	plans, err := s.Plan(t.Context(), setup.Allowed{})
	if err != nil {
		t.Fatal(err)
	}
	id, err := s.Apply(t.Context(), plans[0])
	if err != nil {
		t.Fatal(err)
	}
	found = examine(time.Now())
	wants(t, found, doctor.OK, "hook.acme", "token_lifetime_s")
	if _, err := c.PatchHook(t.Context(), id, map[string]any{"token_lifetime_s": nil}); err != nil {
		t.Fatal(err)
	}
	wants(t, examine(time.Now()), doctor.Problem, "hook.acme", "token_lifetime_s", "hooks apply")

	cfg.Rossum[0].Value.Username = ""
	wants(t, examine(time.Now()), doctor.Warning, "rossum.acme", "service account")
}
