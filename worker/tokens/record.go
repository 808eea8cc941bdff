package tokens

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/queue"
)

// record is what is known of one account. It prints as [token]; its JSON holds the secrets and is always sealed.
type record struct {
	Access  string    `json:"access,omitempty"`
	Proof   string    `json:"proof,omitempty"` // digest of the proof the token was got with
	Issued  time.Time `json:"issued,omitzero"`
	Expires time.Time `json:"expires,omitzero"`
	// Refresh is the newest refresh token; "" while it is still the configured one.
	Refresh string `json:"refresh,omitempty"`
	// Early counts the tokens in a row that were refused soon after they were issued.
	Early int `json:"early,omitempty"`
	// Lease is until when somebody is getting a token.
	Lease time.Time `json:"lease,omitzero"`
	// Failed is how the last fetch failed; nil after one that did not.
	Failed *failure `json:"failed,omitempty"`
}

// failure is a fetch that brought no token. Nobody tries again before Until, unless with another proof.
type failure struct {
	Proof   string          `json:"proof"`
	Times   int             `json:"times"` // in a row
	Until   time.Time       `json:"until"`
	Outcome outcome.Outcome `json:"outcome"`
}

// String is [token].
func (record) String() string { return "[token]" }

// GoString is [token].
func (record) GoString() string { return "[token]" }

// The pauses after a failure, where the endpoint names none.
const (
	retryPause    = 5 * time.Second
	throttlePause = time.Minute
	refusedPause  = time.Minute // doubled with each refusal: an account may be locked after some
	refusedMost   = 15 * time.Minute
)

// fail notes a failed fetch.
func (r *record) fail(proof string, o outcome.Outcome, now time.Time) {
	f := failure{Proof: proof, Times: 1, Outcome: o}
	if r.Failed != nil && r.Failed.Proof == proof {
		f.Times = r.Failed.Times + 1
	}
	wait := retryPause
	switch o.Kind {
	case outcome.Retry:
	case outcome.Throttled:
		wait = throttlePause
	default:
		wait = min(refusedPause<<min(f.Times-1, 10), refusedMost)
	}
	if o.After > 0 {
		wait = o.After
	}
	f.Until = now.Add(wait)
	r.Failed = &f
}

// must says why no token may be fetched now, or nil.
func (s *Source) must(r record, refused string, now time.Time) error {
	if r.Access == refused && r.Early >= earlyMost && now.Before(r.Issued.Add(early)) {
		return outcome.Errorf(outcome.Reauth, "token_refused", "%s: %d tokens in a row were refused as soon as they were issued", s.name, r.Early+1)
	}
	f := r.Failed
	if f == nil || f.Proof != s.proof || !now.Before(f.Until) {
		return nil
	}
	o := f.Outcome
	o.After = f.Until.Sub(now)
	o.Message += "; not tried again before " + f.Until.UTC().Format(time.TimeOnly) + " UTC"
	return &outcome.Error{Outcome: o}
}

// outcomeOf is the outcome of a failed fetch.
func (s *Source) outcomeOf(err error) outcome.Outcome {
	var known *outcome.Error
	switch {
	case errors.As(err, &known):
		return known.Outcome
	case errors.Is(err, context.DeadlineExceeded):
		return outcome.Outcome{Kind: outcome.Retry, Reason: "token_timeout", Message: s.name + ": no token in time"}
	}
	return outcome.Outcome{Kind: outcome.Retry, Reason: "token_failed", Message: s.name + ": no token: " + err.Error()}
}

// local keeps records in this process.
type local struct {
	mu   sync.Mutex
	held map[string]localRecord
}

type localRecord struct {
	record   record
	revision uint64
}

// Get is as that of a queue's bucket.
func (l *local) Get(_ context.Context, key string) (record, uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h, ok := l.held[key]
	if !ok {
		return record{}, 0, queue.ErrNotFound
	}
	return h.record, h.revision, nil
}

// Create is as that of a queue's bucket.
func (l *local) Create(ctx context.Context, key string, r record) (uint64, error) {
	return l.Update(ctx, key, r, 0)
}

// Update is as that of a queue's bucket; revision 0 creates.
func (l *local) Update(_ context.Context, key string, r record, revision uint64) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[key].revision != revision {
		return 0, queue.ErrConflict
	}
	l.held[key] = localRecord{record: r, revision: revision + 1}
	return revision + 1, nil
}
