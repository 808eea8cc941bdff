package access_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/console/access"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	password = "correct horse battery"
	token    = "0123456789abcdef0123456789abcdef"
	addr     = "192.0.2.7"
)

func hash(t *testing.T, password string) string {
	t.Helper()
	h, err := access.Hash(password)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func closed(t *testing.T, hash string) configs.Console {
	t.Helper()
	return configs.Console{
		Session: configs.Duration(time.Hour),
		Users: configs.Named[configs.ConsoleUser]{
			{Name: "alice", Value: configs.ConsoleUser{Password: configs.NewSecret(hash), Role: configs.MayReveal}},
		},
		Tokens: configs.Named[configs.ConsoleToken]{
			{Name: "ci", Value: configs.ConsoleToken{Token: configs.NewSecret(token), Role: configs.MayView}},
		},
	}
}

func open(t *testing.T, cfg configs.Console, q *queue.Queue, c *queuetest.Clock) *access.Guard {
	t.Helper()
	g, err := access.Open(t.Context(), cfg, q, c.Now)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func request(host string, change func(*http.Request)) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "http://"+host+"/", nil)
	if change != nil {
		change(r)
	}
	return r
}

func TestSession(t *testing.T) {
	q, c, h := queuetest.Open(t), queuetest.NewClock(time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)), hash(t, password)
	g := open(t, closed(t, h), q, c)
	for name, try := range map[string][2]string{"password": {"alice", password + "!"}, "name": {"bob", password}, "nothing": {"", ""}, "the hash": {"alice", h}} {
		if _, err := g.Login(t.Context(), try[0], try[1], addr); !errors.Is(err, access.ErrRefused) {
			t.Errorf("wrong %s: %v", name, err)
		}
	}
	cookie, err := g.Login(t.Context(), "alice", password, addr)
	if err != nil {
		t.Fatal(err)
	}
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || len(cookie.Value) < 40 {
		t.Errorf("cookie %+v", cookie)
	}
	with := func(r *http.Request) { r.AddCookie(cookie) }
	if p, err := g.Who(request("relay.example", with)); err != nil || p != (access.Principal{Name: "alice", Role: configs.MayReveal, Session: true}) {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := g.Who(request("relay.example", nil)); !errors.Is(err, access.ErrUnknown) {
		t.Errorf("without a cookie: %v", err)
	}
	if p, err := open(t, closed(t, h), q, c).Who(request("relay.example", with)); err != nil || p.Name != "alice" {
		t.Errorf("another console: %+v, %v", p, err)
	}
	if _, err := open(t, closed(t, hash(t, password)), q, c).Who(request("relay.example", with)); !errors.Is(err, access.ErrUnknown) {
		t.Errorf("with another password's hash: %v", err)
	}
	c.Add(time.Hour)
	if _, err := g.Who(request("relay.example", with)); !errors.Is(err, access.ErrUnknown) {
		t.Errorf("after its end: %v", err)
	}
}

func TestLogout(t *testing.T) {
	q, c := queuetest.Open(t), queuetest.NewClock(time.Now())
	g := open(t, closed(t, hash(t, password)), q, c)
	cookie, err := g.Login(t.Context(), "alice", password, addr)
	if err != nil {
		t.Fatal(err)
	}
	with := func(r *http.Request) { r.AddCookie(cookie) }
	gone, err := g.Logout(request("relay.example", with))
	if err != nil || gone.MaxAge >= 0 || gone.Value != "" {
		t.Errorf("%+v, %v", gone, err)
	}
	if _, err := g.Who(request("relay.example", with)); !errors.Is(err, access.ErrUnknown) {
		t.Errorf("the old cookie: %v", err)
	}
}

func TestThrottle(t *testing.T) {
	q, c := queuetest.Open(t), queuetest.NewClock(time.Now())
	g := open(t, closed(t, hash(t, password)), q, c)
	for range 5 {
		if _, err := g.Login(t.Context(), "alice", "wrong", addr); !errors.Is(err, access.ErrRefused) {
			t.Fatal(err)
		}
	}
	var throttled *access.ThrottledError
	if _, err := g.Login(t.Context(), "alice", password, addr); !errors.As(err, &throttled) || throttled.Wait <= 0 {
		t.Errorf("the right password after five wrong ones: %v", err)
	}
	if _, err := g.Login(t.Context(), "alice", password, "192.0.2.8"); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
	c.Add(11 * time.Minute)
	if _, err := g.Login(t.Context(), "alice", password, addr); err != nil {
		t.Errorf("after the pause: %v", err)
	}
}

func TestTokens(t *testing.T) {
	g := open(t, closed(t, hash(t, password)), queuetest.Open(t), queuetest.NewClock(time.Now()))
	with := func(value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", value) }
	}
	if p, err := g.Who(request("x", with("Bearer "+token))); err != nil || p != (access.Principal{Name: "token ci", Role: configs.MayView}) {
		t.Errorf("%+v, %v", p, err)
	}
	for _, value := range []string{"Bearer " + token + "0", "Bearer ", "Basic " + token, token} {
		if p, err := g.Who(request("x", with(value))); !errors.Is(err, access.ErrUnknown) {
			t.Errorf("%q: %+v, %v", value, p, err)
		}
	}
}

// TestOpenConsole: without users only this machine's own names are answered, against DNS rebinding.
func TestOpenConsole(t *testing.T) {
	g := open(t, configs.Console{}, queuetest.Open(t), queuetest.NewClock(time.Now()))
	for host, ok := range map[string]bool{
		"localhost:8090": true, "127.0.0.1:8090": true, "[::1]:8090": true, "localhost": true,
		"evil.example:8090": false, "localhost.evil.example": false, "10.0.0.1:8090": false, "127.0.0.1.evil.example": false,
	} {
		p, err := g.Who(request(host, nil))
		if ok && (err != nil || p.Role != configs.MayOperate) || !ok && !errors.Is(err, access.ErrHost) {
			t.Errorf("%s: %+v, %v", host, p, err)
		}
	}
	if _, err := g.Who(request("localhost", func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") })); !errors.Is(err, access.ErrUnknown) {
		t.Errorf("a wrong token is taken for none: %v", err)
	}
}

func TestSecureCookie(t *testing.T) {
	q, c := queuetest.Open(t), queuetest.NewClock(time.Now())
	cfg := closed(t, hash(t, password))
	cfg.PublicURL = "https://relay.example"
	cookie, err := open(t, cfg, q, c).Login(t.Context(), "alice", password, addr)
	if err != nil || !cookie.Secure || !strings.HasPrefix(cookie.Name, "__Host-") {
		t.Errorf("%+v, %v", cookie, err)
	}
}

func TestBadSecrets(t *testing.T) {
	q := queuetest.Open(t)
	for name, text := range map[string]string{
		"a password":  password,
		"bcrypt":      "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
		"costly":      "$argon2id$v=19$m=999999999,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"short salt":  "$argon2id$v=19$m=19456,t=2,p=1$AAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"half a hash": "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA",
	} {
		_, err := access.Open(t.Context(), closed(t, text), q, time.Now)
		if err == nil || strings.Contains(err.Error(), text) || !strings.Contains(err.Error(), "alice") {
			t.Errorf("%s: %v", name, err)
		}
	}
	cfg := closed(t, hash(t, password))
	cfg.Tokens[0].Value.Token = configs.NewSecret("short-token")
	if _, err := access.Open(t.Context(), cfg, q, time.Now); err == nil || strings.Contains(err.Error(), "short-token") {
		t.Errorf("a short token: %v", err)
	}
	if _, err := access.Hash("too short"); !errors.Is(err, access.ErrShort) {
		t.Errorf("a short password: %v", err)
	}
}
