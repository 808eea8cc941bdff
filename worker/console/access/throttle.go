package access

import (
	"sync"
	"time"
)

const (
	// Failures of one user from one address, and of all users from one address, within failWindow; then nobody from there
	// may try until the window is over.
	maxUserFails = 5
	maxAddrFails = 50
	failWindow   = 10 * time.Minute
	// maxTracked bounds what is remembered; when it is full the oldest half is forgotten.
	maxTracked = 10_000
)

// throttle counts failed logins. It is safe for concurrent use.
type throttle struct {
	now func() time.Time

	mu    sync.Mutex
	fails map[string]failures
}

type failures struct {
	n     int
	until time.Time // end of the window
}

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, fails: map[string]failures{}}
}

// wait is how long the keys' owner must wait before the next try; 0 where he may try.
func (t *throttle) wait(user, addr string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now, longest := t.now(), time.Duration(0)
	for key, most := range limitsOf(user, addr) {
		if f := t.fails[key]; f.n >= most && now.Before(f.until) {
			longest = max(longest, f.until.Sub(now))
		}
	}
	return longest
}

// failed counts a failure.
func (t *throttle) failed(user, addr string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if len(t.fails) >= maxTracked {
		t.forget(now)
	}
	for key := range limitsOf(user, addr) {
		f := t.fails[key]
		if !now.Before(f.until) {
			f = failures{until: now.Add(failWindow)}
		}
		f.n++
		t.fails[key] = f
	}
}

// passed forgets a user's failures.
func (t *throttle) passed(user, addr string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.fails, user+"\x00"+addr)
}

// forget makes room: windows that are over go, then those that end first.
func (t *throttle) forget(now time.Time) {
	for _, ahead := range []time.Duration{0, failWindow / 2, 2 * failWindow} {
		for key, f := range t.fails {
			if f.until.Before(now.Add(ahead)) {
				delete(t.fails, key)
			}
		}
		if len(t.fails) < maxTracked/2 {
			return
		}
	}
}

func limitsOf(user, addr string) map[string]int {
	return map[string]int{user + "\x00" + addr: maxUserFails, "\x00" + addr: maxAddrFails}
}
