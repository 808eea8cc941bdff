// Package erpsim is an ERP for tests, the demo and playing: a real HTTP server
// that takes documents, remembers every effect by its business key, and fails
// the way ERPs fail, before or after applying. A call that was doubled is a
// duplicate that can be counted.
//
//	POST /api/{collection}             create: JSON, XML, CSV, form or multipart
//	PUT  /api/{collection}/{key}       create or replace by key
//	GET  /api/{collection}?field=value look up by scalar fields
//	GET  /api/{collection}/{id or key} read
//	PUT, POST /api/{collection}/{id}/{sub} attach a file or call an action
//	POST /oauth2/token                 client credentials, where configured
//	     /_sim/...                     the control API, see control.go
package erpsim

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Options of a simulator. The zero value takes everything and never fails.
type Options struct {
	// Prefix of the API's paths. Defaults to /api.
	Prefix string
	// Keys names the fields that form the business key of a collection. Defaults to all fields that look like a
	// document's number, else the header Idempotency-Key, else the body's digest.
	Keys map[string][]string
	// RefuseDuplicates is the status a second create with a known key is refused with, 409 or 422; 0 applies it.
	RefuseDuplicates int
	// HonourIdempotency answers a repeated Idempotency-Key as the first time, without another effect.
	HonourIdempotency bool
	// Faults are tried in order; the first that matches a call acts.
	Faults []Rule
	// FailRate is the share of calls, 0 to 1, that fail in mixed ways, chosen by Seed.
	FailRate float64
	Seed     uint64
	// FailTimes bounds how often one call (method and key) fails by FailRate, so that a run ends. Defaults to 2.
	FailTimes int
	// RetryAfter is what a 429 of FailRate asks for, in whole seconds. Defaults to 1 s.
	RetryAfter time.Duration

	// Username and Password, Bearer, or ClientID and ClientSecret (OAuth2) protect the API; any of those given will do.
	Username, Password     string
	Bearer                 string
	ClientID, ClientSecret string
	// TokenLifetime of OAuth2 tokens. Defaults to 1 h.
	TokenLifetime time.Duration
}

const (
	maxBody  = 64 << 20
	maxFound = 1000 // documents in one answer
)

// Sim is one simulated ERP, an http.Handler. It is safe for concurrent use.
type Sim struct {
	opts    Options
	handler http.Handler
	closed  chan struct{}
	close   sync.Once

	mu      sync.Mutex
	changed chan struct{} // closed and replaced with every effect
	nextID  int
	docs    []*document
	effects []Effect
	answers map[string]reply // by Idempotency-Key
	faults  []*armed
	failed  map[string]failures
	counts  Counts
	tokens  map[string]time.Time // expiry
}

// New makes a simulator. Close it when done.
func New(opts Options) *Sim {
	if opts.Prefix == "" {
		opts.Prefix = "/api"
	}
	if opts.FailTimes == 0 {
		opts.FailTimes = 2
	}
	if opts.RetryAfter == 0 {
		opts.RetryAfter = time.Second
	}
	if opts.TokenLifetime == 0 {
		opts.TokenLifetime = time.Hour
	}
	s := &Sim{opts: opts, closed: make(chan struct{}), changed: make(chan struct{})}
	s.Reset()
	s.handler = s.routes()
	return s
}

// ServeHTTP answers one request; a fault may make it block until the client gives up or Close.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Close releases calls that hang. The effects can still be read.
func (s *Sim) Close() { s.close.Do(func() { close(s.closed) }) }

// Reset forgets documents, effects and counts, and arms the faults of Options again. Tokens stay valid.
func (s *Sim) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nextID, s.docs, s.effects = 0, nil, nil
	s.answers, s.failed = map[string]reply{}, map[string]failures{}
	s.counts = Counts{Faults: map[string]int{}}
	if s.tokens == nil {
		s.tokens = map[string]time.Time{}
	}
	s.faults = nil
	for _, rule := range s.opts.Faults {
		s.faults = append(s.faults, arm(rule))
	}
}

// Kind is what an effect did.
type Kind string

// The kinds of effect.
const (
	Create Kind = "create"
	Upsert Kind = "upsert"
	Attach Kind = "attach"
)

// Effect is something that was applied.
type Effect struct {
	// Seq counts effects from 1.
	Seq  int       `json:"seq"`
	At   time.Time `json:"at"`
	Kind Kind      `json:"kind"`
	// Method and Path of the call.
	Method     string `json:"method"`
	Path       string `json:"path"`
	Collection string `json:"collection"`
	// Key is the business key; of an attachment the document's id and the last part of the path.
	Key string `json:"key"`
	// ID the ERP gave to the document.
	ID          string `json:"id"`
	ContentType string `json:"content_type"`
	Size        int    `json:"size"`
	SHA256      string `json:"sha256"`
	// Body as it was received.
	Body []byte `json:"-"`
	// Idempotency is the header Idempotency-Key.
	Idempotency string `json:"idempotency,omitempty"`
}

// Counts sums up what happened.
type Counts struct {
	// Requests to the API, the token endpoint included and the control API not.
	Requests   int `json:"requests"`
	Effects    int `json:"effects"`
	Duplicates int `json:"duplicates"`
	// Tokens issued by the token endpoint.
	Tokens int `json:"tokens,omitempty"`
	// Faults by action.
	Faults map[string]int `json:"faults"`
}

// Effects are all effects in the order they were applied.
func (s *Sim) Effects() []Effect {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.effects)
}

// Duplicates are the effects beyond the first of their collection and key. A PUT replaces, so it is none.
func (s *Sim) Duplicates() []Effect {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.duplicates()
}

func (s *Sim) duplicates() []Effect {
	var again []Effect
	seen := map[[3]string]bool{}
	for _, e := range s.effects {
		if e.Method == http.MethodPut {
			continue
		}
		id := [3]string{string(e.Kind), e.Collection, e.Key}
		if seen[id] {
			again = append(again, e)
		}
		seen[id] = true
	}
	return again
}

// Counts sums up what happened so far.
func (s *Sim) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counts
	c.Effects, c.Duplicates = len(s.effects), len(s.duplicates())
	c.Faults = map[string]int{}
	for action, n := range s.counts.Faults {
		c.Faults[action] = n
	}
	return c
}

// WaitEffects blocks until at least n effects were applied or the context ends, whose error it returns.
func (s *Sim) WaitEffects(ctx context.Context, n int) error {
	for {
		s.mu.Lock()
		have, changed := len(s.effects), s.changed
		s.mu.Unlock()
		if have >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// document is what a collection holds.
type document struct {
	id, collection, key string
	fields              map[string]string
	object              map[string]json.RawMessage // of JSON
}

// apply records an effect. The caller holds the lock.
func (s *Sim) apply(c *call, kind Kind, id string) {
	digest := sha256.Sum256(c.body)
	s.effects = append(s.effects, Effect{
		Seq: len(s.effects) + 1, At: time.Now(), Kind: kind, Method: c.method, Path: c.path, Collection: c.collection, Key: c.key, ID: id,
		ContentType: c.contentType, Size: len(c.body), SHA256: hex.EncodeToString(digest[:]), Body: c.body, Idempotency: c.idempotency,
	})
	close(s.changed)
	s.changed = make(chan struct{})
}

// create adds a document. The caller holds the lock.
func (s *Sim) create(c *call) *document {
	s.nextID++
	d := &document{id: strconv.Itoa(s.nextID), collection: c.collection, key: c.key, fields: c.fields, object: c.object()}
	s.docs = append(s.docs, d)
	return d
}

// find is the newest document with the id, else the key. The caller holds the lock.
func (s *Sim) find(collection, idOrKey string) *document {
	var byKey *document
	for _, d := range slices.Backward(s.docs) {
		switch {
		case d.collection != collection:
		case d.id == idOrKey:
			return d
		case d.key == idOrKey && byKey == nil:
			byKey = d
		}
	}
	return byKey
}
