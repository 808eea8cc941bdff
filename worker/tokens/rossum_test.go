package tokens_test

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/tokens"
)

const username = "relay@acme.example"

// logins counts the logins that pass it.
type logins struct {
	*http.Transport
	n atomic.Int64
}

func (l *logins) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/auth/login") {
		l.n.Add(1)
	}
	return l.Transport.RoundTrip(r)
}

// rossum is a simulated Rossum on the house's clock, with one service account.
type rossum struct {
	*house
	sim    *rossumsim.Sim
	logins *logins
}

func newRossum(t *testing.T) *rossum {
	t.Helper()
	r := &rossum{house: newHouse(t), logins: &logins{Transport: &http.Transport{}}}
	t.Cleanup(r.logins.CloseIdleConnections)
	r.sim = rossumsim.New(rossumsim.Options{Switches: rossumsim.Switches{RateLimit: -1}})
	t.Cleanup(r.sim.Close)
	if err := r.sim.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	r.sim.AddUser(rossumsim.UserSpec{Username: username, Password: "Password-1", Admin: true, Organization: r.sim.AddOrganization("Acme")})
	return r
}

// client is a client of the service account in a process of its own, and its token source.
func (r *rossum) client(password string) (*rossumapi.Client, *tokens.ServiceAccount) {
	r.t.Helper()
	cfg := configs.Rossum{BaseURL: r.sim.BaseURL() + "/", Username: username, Password: configs.NewSecret(password), MaxRetryAfter: configs.Duration(5 * time.Minute)}
	o := rossumapi.Options{BaseURL: cfg.BaseURL, Transport: r.logins, Retries: -1}
	account, err := r.worker().ServiceAccount("acme", cfg, o, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	o.Token = account
	client, err := rossumapi.New(o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(client.Close)
	return client, account
}

func (r *rossum) wantLogins(want int64) {
	r.t.Helper()
	if n := r.logins.n.Load(); n != want {
		r.t.Errorf("%d logins, want %d", n, want)
	}
}

// calls makes ten calls with each client at once.
func (r *rossum) calls(clients ...*rossumapi.Client) {
	r.t.Helper()
	var wg sync.WaitGroup
	for range 10 {
		for _, c := range clients {
			wg.Go(func() {
				if u, err := c.CurrentUser(r.t.Context()); err != nil || u.Username != username {
					r.t.Error(u.Username, err)
				}
			})
		}
	}
	wg.Wait()
}

func TestOneLoginForAllWorkers(t *testing.T) {
	t.Parallel()
	r := newRossum(t)
	a, account := r.client("Password-1")
	b, _ := r.client("Password-1")
	r.calls(a, b)
	r.wantLogins(1)

	token, err := account.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ended, err := rossumapi.New(rossumapi.Options{BaseURL: r.sim.BaseURL(), Transport: r.logins, Token: rossumapi.StaticToken(token)})
	if err != nil {
		t.Fatal(err)
	}
	if err := ended.Logout(t.Context()); err != nil { // whoever uses it next gets a 401
		t.Fatal(err)
	}
	r.calls(a, b)
	r.wantLogins(2)
	r.clock.Add(162*time.Hour - time.Minute) // its end is known
	r.calls(a, b)
	r.wantLogins(3)
}

func TestRefusedLogin(t *testing.T) {
	t.Parallel()
	r := newRossum(t)
	a, _ := r.client("Password-2")
	b, _ := r.client("Password-2")
	for _, c := range []*rossumapi.Client{a, b, a} {
		_, err := c.CurrentUser(t.Context())
		o := wantKind(t, err, outcome.Reauth, "login_401")
		if want := "rossum.acme (relay@acme.example): Rossum refuses the login, check username and password (401 Unauthorized)"; !strings.HasPrefix(o.Message, want) {
			t.Errorf("got %q", o.Message)
		}
		if strings.Contains(err.Error(), "Password-2") {
			t.Error("the error holds the password")
		}
	}
	r.wantLogins(1)
	mended, _ := r.client("Password-1")
	r.calls(mended)
	r.wantLogins(2)
}

func TestLoginFailures(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault  rossumsim.Fault
		kind   outcome.Kind
		reason string
		after  time.Duration
	}{
		"throttled":            {rossumsim.Fault{Status: 429, RetryAfter: 90}, outcome.Throttled, "login_429", 90 * time.Second},
		"throttled for long":   {rossumsim.Fault{Status: 429, RetryAfter: 9000}, outcome.Throttled, "login_429", 5 * time.Minute},
		"throttled, no time":   {rossumsim.Fault{Status: 429}, outcome.Throttled, "login_429", time.Minute},
		"down for maintenance": {rossumsim.Fault{Status: 503, RetryAfter: 20}, outcome.Retry, "login_503", 20 * time.Second},
		"another API":          {rossumsim.Fault{Status: 404}, outcome.Misconfigured, "login_404", time.Minute},
		"no answer":            {rossumsim.Fault{}, outcome.Retry, "login_unreachable", 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRossum(t)
			a, _ := r.client("Password-1")
			b, _ := r.client("Password-1")
			c.fault.Path = "auth/login"
			r.sim.Inject(c.fault)
			_, err := a.CurrentUser(t.Context())
			wantKind(t, err, c.kind, c.reason)
			r.clock.Add(c.after - time.Second)
			_, err = b.CurrentUser(t.Context())
			if o := wantKind(t, err, c.kind, c.reason); o.After != time.Second {
				t.Errorf("%s left to wait", o.After)
			}
			r.wantLogins(1)
			r.clock.Add(time.Second)
			r.calls(a, b)
			r.wantLogins(2)
		})
	}
}
