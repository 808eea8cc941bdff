// Package access knows who uses the console and what he may do: users with
// passwords and sessions, programs with tokens, and everybody on this machine
// where neither is configured.
package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/queue"
)

// Principal is who makes a request.
type Principal struct {
	// Name stands in the audit log.
	Name string
	Role configs.ConsoleRole
	// Session is set for a user who logged in.
	Session bool
}

// The errors of requests and logins.
var (
	// ErrUnknown: nobody is logged in, and no valid token is shown.
	ErrUnknown = errors.New("log in, or show a token")
	// ErrRefused: the name or the password is wrong.
	ErrRefused = errors.New("name or password is wrong")
	// ErrHost: without users the console answers under this machine's own names only, so that no page of another site can reach it
	// under a name of its own.
	ErrHost = errors.New("without users the console answers only under localhost or a loopback address")
)

// ThrottledError means that logins failed too often.
type ThrottledError struct{ Wait time.Duration }

// Error says how long to wait.
func (e *ThrottledError) Error() string {
	return fmt.Sprintf("too many failed logins: wait %s", e.Wait.Round(time.Second))
}

// minToken is the shortest token of a program.
const minToken = 32

// Guard tells who makes requests. It is safe for concurrent use.
type Guard struct {
	cfg      configs.Console
	users    map[string]user
	tokens   []program
	sessions *queue.Bucket[session]
	index    func(...string) string
	now      func() time.Time
	throttle *throttle
	// slots bounds the password hashes that are computed at once: each takes memory.
	slots chan struct{}
}

type user struct {
	hash hashed
	role configs.ConsoleRole
	// mark changes with the password: sessions from before end.
	mark string
}

type program struct {
	name string
	role configs.ConsoleRole
	sum  [sha256.Size]byte
}

// session is a login, kept in the queue: any console knows it, and a restart does not end it.
type session struct {
	User    string    `json:"user"`
	Mark    string    `json:"mark"`
	Expires time.Time `json:"expires"`
}

// Open makes a guard of the configuration's users and tokens, which must be resolved. now is the clock.
func Open(ctx context.Context, cfg configs.Console, q *queue.Queue, now func() time.Time) (*Guard, error) {
	g := &Guard{cfg: cfg, users: map[string]user{}, index: q.Index, now: now, throttle: newThrottle(now), slots: make(chan struct{}, 2)}
	for _, e := range cfg.Users {
		text := e.Value.Password.Reveal()
		h, err := parseHash(text)
		if err != nil {
			return nil, fmt.Errorf("console.users.%s: %w", e.Name, err)
		}
		g.users[e.Name] = user{hash: h, role: e.Value.Role, mark: q.Index("console user", e.Name, text)}
	}
	for _, e := range cfg.Tokens {
		text := e.Value.Token.Reveal()
		if len(text) < minToken {
			return nil, fmt.Errorf("console.tokens.%s: a token has at least %d characters; make one with: openssl rand -base64 32", e.Name, minToken)
		}
		g.tokens = append(g.tokens, program{e.Name, e.Value.Role, sha256.Sum256([]byte(text))})
	}
	var err error
	g.sessions, err = queue.OpenBucket[session](ctx, q, queue.BucketSessions)
	return g, err
}

// Local is who acts where the console asks nobody who he is.
const Local = "this machine"

// Who tells who makes a request: ErrUnknown, ErrHost, or trouble with the queue.
func (g *Guard) Who(r *http.Request) (Principal, error) {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return g.program(token)
	}
	if g.cfg.IsOpen() {
		if !isLocal(r.Host) {
			return Principal{}, ErrHost
		}
		return Principal{Name: Local, Role: configs.MayOperate}, nil
	}
	c, err := r.Cookie(g.CookieName())
	if err != nil || c.Value == "" {
		return Principal{}, ErrUnknown
	}
	s, _, err := g.sessions.Get(r.Context(), g.key(c.Value))
	if errors.Is(err, queue.ErrNotFound) {
		return Principal{}, ErrUnknown
	}
	if err != nil {
		return Principal{}, err
	}
	u, ok := g.users[s.User]
	if !ok || u.mark != s.Mark || !g.now().Before(s.Expires) {
		return Principal{}, ErrUnknown
	}
	return Principal{Name: s.User, Role: u.role, Session: true}, nil
}

func (g *Guard) program(token string) (Principal, error) {
	sum, found := sha256.Sum256([]byte(token)), Principal{}
	for _, p := range g.tokens {
		if subtle.ConstantTimeCompare(sum[:], p.sum[:]) == 1 {
			found = Principal{Name: "token " + p.name, Role: p.role}
		}
	}
	if found.Name == "" {
		return found, ErrUnknown
	}
	return found, nil
}

// isLocal knows this machine's own names.
func isLocal(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (g *Guard) key(token string) string { return g.index("console session", token) }

// Login begins a session and returns its cookie: ErrRefused, a *ThrottledError, or trouble with the queue. addr is where
// the request comes from. It blocks while a password is compared, about 30 ms.
func (g *Guard) Login(ctx context.Context, name, password, addr string) (*http.Cookie, error) {
	if wait := g.throttle.wait(name, addr); wait > 0 {
		return nil, &ThrottledError{wait}
	}
	ok, err := g.compare(ctx, name, password)
	if err != nil {
		return nil, err
	}
	if !ok {
		g.throttle.failed(name, addr)
		return nil, ErrRefused
	}
	g.throttle.passed(name, addr)
	lasts := g.cfg.Session.D()
	if _, err := g.sessions.Expire(ctx, g.now().Add(-lasts)); err != nil {
		return nil, err
	}
	token := rand.Text() + rand.Text()
	expires := g.now().Add(lasts)
	if _, err := g.sessions.Create(ctx, g.key(token), session{name, g.users[name].mark, expires}); err != nil {
		return nil, err
	}
	return g.cookie(token, expires), nil
}

// compare compares a password; an unknown name takes as long as a known one.
func (g *Guard) compare(ctx context.Context, name, password string) (bool, error) {
	select {
	case g.slots <- struct{}{}:
		defer func() { <-g.slots }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	const longest = 1024
	u, known := g.users[name]
	if !known {
		u.hash = hashed{memory: hashMemory, time: hashTime, lanes: hashLanes, salt: make([]byte, saltLen), sum: make([]byte, hashLen)}
	}
	return len(password) <= longest && u.hash.fits(password) && known, nil
}

// Logout ends the session of a request and returns the cookie that makes the browser forget it.
func (g *Guard) Logout(r *http.Request) (*http.Cookie, error) {
	gone := g.cookie("", time.Unix(0, 0))
	gone.MaxAge = -1
	c, err := r.Cookie(g.CookieName())
	if err != nil {
		return gone, nil //nolint:nilerr // there was no session
	}
	return gone, g.sessions.Delete(r.Context(), g.key(c.Value), 0)
}

// Secure reports whether browsers reach the console over TLS.
func (g *Guard) Secure() bool {
	return g.cfg.TLS.Cert != "" || strings.HasPrefix(g.cfg.PublicURL, "https:")
}

// CookieName is the session cookie's: over TLS one that no other host and no plain connection can set (RFC 6265bis).
func (g *Guard) CookieName() string {
	if g.Secure() {
		return "__Host-rossum-relay"
	}
	return "rossum-relay"
}

func (g *Guard) cookie(token string, expires time.Time) *http.Cookie {
	return &http.Cookie{
		Name: g.CookieName(), Value: token, Path: "/", Expires: expires, HttpOnly: true, Secure: g.Secure(), SameSite: http.SameSiteLaxMode,
	}
}
