// Package limits is what all workers share about targets: places and rates,
// breakers, opening hours and operators' holds. Whether and until when a
// delivery must pause is one function of all of them.
package limits

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/queue"
)

const (
	// beat is how often a worker tells that it lives and looks who else does, and what is held.
	beat = 2 * time.Second
	// lostAfter is how long a silent worker counts as living: its places stay taken.
	lostAfter = 5 * beat
	// settleBeats is how long a newcomer waits before it takes its share, so that the others have made room.
	settleBeats = 2
)

// Limits are the limits all workers of a queue share. It is safe for concurrent use.
type Limits struct {
	*HoldStore
	name    string
	now     func() time.Time
	log     *zap.Logger
	members *queue.Bucket[member]
	states  *queue.Bucket[breakerState]
	index   func(...string) string

	mu      sync.Mutex
	rank    int // among the living, by name
	living  int // 0 while this worker must not take its share yet
	seen    int // the living that were seen last, this one among them
	waited  int // beats since other workers were first seen
	settled bool
	held    map[string]Hold
	targets map[string]*Target
	rates   []*Rate
}

type member struct {
	At time.Time `json:"at"`
}

// Open opens the limits; name tells workers apart. An operator needs no more; a worker Joins, then Runs.
func Open(ctx context.Context, q *queue.Queue, name string, now func() time.Time, log *zap.Logger) (*Limits, error) {
	l := &Limits{name: name, now: now, log: log, index: q.Index, targets: map[string]*Target{}}
	var err error
	if l.members, err = queue.OpenBucket[member](ctx, q, queue.BucketMembers); err != nil {
		return nil, err
	}
	if l.HoldStore, err = OpenHolds(ctx, q); err != nil {
		return nil, err
	}
	if l.states, err = queue.OpenBucket[breakerState](ctx, q, queue.BucketLeases); err != nil {
		return nil, err
	}
	return l, nil
}

// Join makes this worker one of the living; Run keeps it so.
func (l *Limits) Join(ctx context.Context) error { return l.pulse(ctx) }

// Run keeps this worker among the living until ctx ends, then leaves. It blocks. Join comes first.
func (l *Limits) Run(ctx context.Context) error {
	t := time.NewTicker(beat)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return l.leave(context.WithoutCancel(ctx))
		case <-t.C:
			if err := l.pulse(ctx); err != nil && ctx.Err() == nil {
				l.log.Warn("limits cannot be shared now", zap.Error(err))
			}
		}
	}
}

func (l *Limits) leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, beat)
	defer cancel()
	return l.members.Delete(ctx, l.index("member", l.name), 0)
}

// pulse tells that this worker lives, then looks around: of two newcomers at least one sees the other.
func (l *Limits) pulse(ctx context.Context) error {
	me := l.index("member", l.name)
	if _, err := l.members.Put(ctx, me, member{At: l.now()}); err != nil {
		return err
	}
	var living []string
	err := l.members.Each(ctx, func(key string, m member, rev uint64) error {
		switch age := l.now().Sub(m.At); {
		case age < lostAfter:
			living = append(living, key)
		case age > 10*lostAfter:
			return l.members.Delete(ctx, key, rev)
		}
		return nil
	})
	if err != nil && !errors.Is(err, queue.ErrConflict) {
		return err
	}
	held := map[string]Hold{}
	if err := l.bucket.Each(ctx, func(_ string, h Hold, _ uint64) error {
		held[h.Kind+" "+h.Name] = h
		return nil
	}); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = held
	l.join(living, me)
	return nil
}

func (l *Limits) join(living []string, me string) {
	if !l.settled {
		l.settled = len(living) <= 1 || l.waited >= settleBeats
		l.waited++
	}
	l.seen = len(living)
	if !l.settled {
		l.living = 0
	} else {
		slices.Sort(living)
		l.rank, l.living = slices.Index(living, me), max(len(living), 1)
	}
	for _, t := range l.targets {
		t.resize()
	}
	for _, r := range l.rates {
		r.resize()
	}
}

// First reports whether this worker is the first of the living: the one that does what needs doing once. For a moment two
// may be, or none.
func (l *Limits) First() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.living > 0 && l.rank == 0
}

// share is this worker's part of a limit over all workers; mu must be held.
func (l *Limits) share(limit int) int {
	if l.living == 0 {
		return 0
	}
	n := limit / l.living
	if l.rank < limit%l.living {
		n++
	}
	return n
}

// Rate is one rate over all workers: each has an equal part of it.
type Rate struct {
	l       *Limits
	rate    configs.Rate
	limiter *rate.Limiter
}

// Rate shares a rate among the workers; the zero rate is no limit.
func (l *Limits) Rate(r configs.Rate) *Rate {
	l.mu.Lock()
	defer l.mu.Unlock()
	shared := &Rate{l: l, rate: r, limiter: rate.NewLimiter(rate.Inf, 1)}
	shared.resize()
	l.rates = append(l.rates, shared)
	return shared
}

// resize sets this worker's part; Limits.mu must be held. A newcomer takes no more of it before it is settled than after.
// A fifth of a second's calls may come at once: the parts of all workers together must not be a second's calls twice.
func (r *Rate) resize() {
	if r.rate.N <= 0 {
		return
	}
	part := float64(r.rate.N) / r.rate.Per.Seconds() / float64(max(r.l.living, r.l.seen, 1))
	r.limiter.SetLimit(rate.Limit(part))
	r.limiter.SetBurst(max(1, int(part/5)))
}

// Wait blocks until the next call may be made. context.DeadlineExceeded where ctx ends before, or surely would.
func (r *Rate) Wait(ctx context.Context) error {
	err := r.limiter.Wait(ctx)
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("rate limit: %w", context.DeadlineExceeded)
}
