// Package tokens is the one cache of bearer tokens for both sides, Rossum's
// service accounts and the ERPs' OAuth2 clients. All processes of a relay
// share it: a token is got once for all of them, kept sealed in the queue's
// bucket tokens, used until shortly before its end, and replaced when
// somebody reports it refused.
//
// Whoever gets a token holds a lease meanwhile; one that died is taken over
// when the lease ends. A failure is shared as well: a wrong password or a
// throttled login is not tried again by every run.
package tokens

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/queue"
)

// Grant is what a token endpoint gave. It prints as [token].
type Grant struct {
	Access string
	// Life of the token from the beginning of the fetch. It is used until shortly before its end.
	Life time.Duration
	// Refresh is the refresh token to use next; "" where it stays the same or there is none.
	Refresh string
}

// String is [token].
func (Grant) String() string { return "[token]" }

// GoString is [token].
func (Grant) GoString() string { return "[token]" }

// Credential is an account and how to get a token for it.
type Credential struct {
	// Name of the account for messages: "rossum.acme (relay@acme.example)".
	Name string
	// ID tells accounts apart: address, user, scope. Only a keyed digest of it is stored.
	ID []string
	// Proof is the password, client secret or key. A token or a failure of another proof does not count.
	Proof configs.Secret
	// Refresh is the first refresh token; later ones are kept in the cache, and another first one begins anew.
	Refresh configs.Secret
	// Timeout bounds one fetch. Defaults to 20 s.
	Timeout time.Duration
	// Fetch gets a token, with the newest refresh token where there is one. Its error is shared by all callers for a
	// while and must hold no secret; an *outcome.Error says how their attempts end, any other means outcome.Retry.
	Fetch func(ctx context.Context, refresh string) (Grant, error)
}

const (
	defaultTimeout = 20 * time.Second
	// margin before the end of a token at which another is got; at most a tenth of its life.
	margin = time.Minute
	// storeWithin bounds the storing of what a fetch gave.
	storeWithin = 10 * time.Second
	// look is how often a caller looks whether another process has got the token.
	look = 100 * time.Millisecond
	// early is the age below which a refused token counts as refused early; after earlyMost of them in a row no other is
	// fetched before the last has that age.
	early     = time.Minute
	earlyMost = 3
)

// records is where tokens are kept: the queue's bucket, or this process.
type records interface {
	Get(ctx context.Context, key string) (record, uint64, error)
	Create(ctx context.Context, key string, r record) (uint64, error)
	Update(ctx context.Context, key string, r record, revision uint64) (uint64, error)
}

// Store keeps tokens. It is safe for concurrent use.
type Store struct {
	records records
	index   func(...string) string
	now     func() time.Time
}

// Open opens the cache that all processes on a queue share. now is the clock, time.Now outside tests.
func Open(ctx context.Context, q *queue.Queue, now func() time.Time) (*Store, error) {
	b, err := queue.OpenBucket[record](ctx, q, queue.BucketTokens)
	if err != nil {
		return nil, err
	}
	return &Store{records: b, index: q.Index, now: now}, nil
}

// Local is a cache of this process alone, for commands without a relay's queue.
func Local() *Store {
	return &Store{records: &local{held: map[string]localRecord{}}, index: digest, now: time.Now}
}

func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}

// Source gives the tokens of one credential. It is safe for concurrent use, and prints as [token].
type Source struct {
	name  string
	first configs.Secret // refresh token
	limit time.Duration  // of one fetch
	ask   func(ctx context.Context, refresh string) (Grant, error)
	store *Store
	key   string
	proof string        // digest of the credential's
	turn  chan struct{} // holds one while this process looks or fetches; waiting for it honours the context

	unsaved *unsaved // nil for none; whose turn it is may touch it

	mu   sync.Mutex
	held record // the last record seen with a token
}

// Source is the source of a credential's tokens.
func (s *Store) Source(c Credential) *Source {
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	return &Source{
		name: c.Name, first: c.Refresh, limit: c.Timeout, ask: c.Fetch, store: s, turn: make(chan struct{}, 1),
		key: s.index(append([]string{"token", c.Refresh.Reveal()}, c.ID...)...), proof: s.index("proof", c.Proof.Reveal()),
	}
}

// String is [token].
func (*Source) String() string { return "[token]" }

// GoString is [token].
func (*Source) GoString() string { return "[token]" }

// Get returns a token other than the one that was refused ("" for none), and whether it was fetched for this very call.
// It blocks while a token is fetched, by this or another process, until ctx ends. A fetch that has begun goes on then,
// for at most the credential's Timeout and 10 s: the token it brings may have ended the life of the one before.
//
// The error is an *outcome.Error, or that of the queue.
func (s *Source) Get(ctx context.Context, refused string) (access string, fetched bool, err error) {
	if access = s.inHand(refused); access != "" {
		return access, false, nil
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return "", false, s.late()
	}
	if err := s.save(ctx); err != nil {
		return "", false, err
	}
	for {
		r, revision, err := s.read(ctx)
		if ctx.Err() != nil {
			return "", false, s.late()
		}
		if err != nil {
			return "", false, err
		}
		switch now := s.store.now(); {
		case s.good(r, refused, now):
			return s.hold(r), false, nil
		case now.Before(r.Lease): // somebody fetches
			if !pause(ctx) {
				return "", false, s.late()
			}
			continue
		default:
			if err := s.must(r, refused, now); err != nil {
				return "", false, err
			}
		}
		r, err = s.fetch(ctx, r, revision, refused)
		if errors.Is(err, queue.ErrConflict) {
			continue // another process was faster
		}
		if err != nil {
			return "", false, err
		}
		return s.hold(r), true, nil
	}
}

// Held is the token in hand, for masking it where a server may repeat it. "" for none.
func (s *Source) Held() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held.Access
}

// inHand is the token in hand if it is good, else "".
func (s *Source) inHand(refused string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.good(s.held, refused, s.store.now()) {
		return ""
	}
	return s.held.Access
}

func (s *Source) hold(r record) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = r
	return r.Access
}

func (s *Source) good(r record, refused string, now time.Time) bool {
	return r.Access != "" && r.Access != refused && r.Proof == s.proof && now.Before(r.Expires)
}

// late is for a caller who got no token in time.
func (s *Source) late() error {
	return outcome.Errorf(outcome.Retry, "token_timeout", "%s: no token in time, another call is getting one", s.name)
}

// pause waits a moment; false means that ctx has ended.
func pause(ctx context.Context) bool {
	t := time.NewTimer(look)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
