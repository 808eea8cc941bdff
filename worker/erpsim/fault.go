package erpsim

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

// Action is what a fault does to a call.
type Action string

// The actions.
const (
	// Refuse answers Status without applying anything. Status defaults to 503.
	Refuse Action = "refuse"
	// Answer applies the call, then answers Status and Body in place of the ERP's own answer. Status defaults to 500.
	Answer Action = "answer"
	// Slow waits for DelayMS, then goes on as if nothing were.
	Slow Action = "slow"
	// ResetBefore reads the request and resets the connection; ResetAfter applies it first.
	ResetBefore Action = "reset_before"
	ResetAfter  Action = "reset_after"
	// HangBefore never applies and never answers; HangAfter applies first. Both end when the client gives up.
	HangBefore Action = "hang_before"
	HangAfter  Action = "hang_after"
	// ApplyLate does not answer, and applies DelayMS after the client has given up.
	ApplyLate Action = "apply_late"
	// Garbage applies and answers 201 with something that is no document; Truncate with half of the answer.
	Garbage  Action = "garbage"
	Truncate Action = "truncate"
)

func (a Action) known() bool {
	switch a {
	case Refuse, Answer, Slow, ResetBefore, ResetAfter, HangBefore, HangAfter, ApplyLate, Garbage, Truncate:
		return true
	}
	return false
}

// Rule is one scripted fault: which calls it matches and what it does to them.
type Rule struct {
	// Method matched; empty matches any.
	Method string `json:"method,omitempty"`
	// Path matched, as path.Match does (/api/invoices, /api/*/*/image_scan); empty matches any.
	Path string `json:"path,omitempty"`
	// Key is the business key matched; empty matches any.
	Key string `json:"key,omitempty"`
	// Nth acts only on the nth of the matching calls, from 1; 0 acts on all.
	Nth int `json:"nth,omitempty"`
	// Times bounds how often it acts; 0 is without bound.
	Times int `json:"times,omitempty"`
	// PerKey counts Nth and Times for every key by itself.
	PerKey bool `json:"per_key,omitempty"`

	Action Action            `json:"action"`
	Status int               `json:"status,omitempty"`
	Header map[string]string `json:"header,omitempty"`
	Body   string            `json:"body,omitempty"`
	// DelayMS is the delay of Slow and ApplyLate in milliseconds.
	DelayMS int `json:"delay_ms,omitempty"`
}

// validate reports what a rule cannot mean.
func (r Rule) validate() error {
	if !r.Action.known() {
		return fmt.Errorf("fault: unknown action %q", r.Action)
	}
	if _, err := path.Match(r.Path, "/"); err != nil {
		return fmt.Errorf("fault: path %q: %w", r.Path, err)
	}
	if r.Status != 0 && (r.Status < 200 || r.Status > 599) {
		return fmt.Errorf("fault: status %d", r.Status)
	}
	return nil
}

// armed is a rule with its counts, by key where PerKey.
type armed struct {
	Rule
	matched, acted map[string]int
}

func arm(r Rule) *armed { return &armed{Rule: r, matched: map[string]int{}, acted: map[string]int{}} }

// matches counts the call and reports whether the rule acts on it.
func (a *armed) matches(c *call) bool {
	ok, _ := path.Match(a.Path, c.path)
	if a.Method != "" && !strings.EqualFold(a.Method, c.method) || a.Path != "" && !ok || a.Key != "" && a.Key != c.key {
		return false
	}
	key := ""
	if a.PerKey {
		key = c.key
	}
	a.matched[key]++
	if a.Nth > 0 && a.matched[key] != a.Nth || a.Times > 0 && a.acted[key] >= a.Times {
		return false
	}
	a.acted[key]++
	return true
}

// AddFault arms another rule, tried after those there are. It returns what is wrong with the rule.
func (s *Sim) AddFault(r Rule) error {
	if err := r.validate(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, arm(r))
	return nil
}

// failures are the calls of one key that FailRate has seen and failed.
type failures struct{ calls, failed int }

// fault is the rule that acts on the call, nil for none.
func (s *Sim) fault(c *call) *Rule {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.faults {
		if a.matches(c) {
			s.counts.Faults[string(a.Action)]++
			return &a.Rule
		}
	}
	if r := s.byRate(c); r != nil {
		s.counts.Faults[string(r.Action)]++
		return r
	}
	return nil
}

// byRate chooses by seed, key and how often the key was called: the same faults whatever the order of calls.
func (s *Sim) byRate(c *call) *Rule {
	if s.opts.FailRate <= 0 {
		return nil
	}
	name := c.method + " " + c.collection + " " + c.key
	f := s.failed[name]
	f.calls++
	defer func() { s.failed[name] = f }()
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %d", name, f.calls)
	rng := rand.New(rand.NewPCG(s.opts.Seed, h.Sum64()))
	if f.failed >= s.opts.FailTimes || rng.Float64() >= s.opts.FailRate {
		return nil
	}
	f.failed++
	throttled := Rule{Action: Refuse, Status: http.StatusTooManyRequests,
		Header: map[string]string{"Retry-After": strconv.Itoa(int(s.opts.RetryAfter.Round(time.Second).Seconds()))}}
	mix := []Rule{{Action: Refuse, Status: http.StatusServiceUnavailable}, throttled, {Action: ResetBefore}, {Action: ResetAfter}, {Action: HangAfter}}
	return &mix[rng.IntN(len(mix))]
}

// act answers a call under a fault.
func (s *Sim) act(w http.ResponseWriter, r *http.Request, c *call, f *Rule) {
	delay := time.Duration(f.DelayMS) * time.Millisecond
	switch f.Action {
	case Refuse:
		f.reply(http.StatusServiceUnavailable).write(w)
	case Answer:
		s.perform(c)
		f.reply(http.StatusInternalServerError).write(w)
	case Slow:
		if !s.wait(r.Context(), delay) {
			noAnswer()
		}
		s.perform(c).write(w)
	case ResetBefore:
		reset(w)
	case ResetAfter:
		s.perform(c)
		reset(w)
	case HangBefore:
		s.hang(r)
		noAnswer()
	case HangAfter:
		s.perform(c)
		s.hang(r)
		noAnswer()
	case ApplyLate:
		if s.hang(r) && s.wait(context.WithoutCancel(r.Context()), delay) {
			s.perform(c)
		}
		noAnswer()
	case Garbage:
		s.perform(c)
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, "<html><body>\x00 gateway {\"id\":")
	case Truncate:
		truncated(w, s.perform(c))
	}
}

func (r *Rule) reply(status int) reply {
	if r.Status != 0 {
		status = r.Status
	}
	body := r.Body
	if body == "" {
		body = fmt.Sprintf(`{"error":%q}`, http.StatusText(status))
	}
	return reply{status: status, header: r.Header, body: []byte(body)}
}

// hang blocks until the client gives up, false when the simulator closes.
func (s *Sim) hang(r *http.Request) bool {
	select {
	case <-r.Context().Done():
		return true
	case <-s.closed:
		return false
	}
}

// wait reports whether the delay passed before the context's end and Close.
func (s *Sim) wait(ctx context.Context, delay time.Duration) bool {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	case <-s.closed:
		return false
	}
}

// reset closes the connection with a TCP RST.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil { // not HTTP/1.1
		noAnswer()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// truncated promises the whole answer and sends half of it.
func truncated(w http.ResponseWriter, a reply) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body[:len(a.body)/2])
	_ = http.NewResponseController(w).Flush()
	noAnswer()
}

// noAnswer closes the connection; a handler that just returned would have answered 200.
func noAnswer() { panic(http.ErrAbortHandler) }
