package rossumsim

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fault makes the API misbehave. The zero values match every request, once.
type Fault struct {
	Method     string `json:"method,omitempty"`      // "" matches all
	Path       string `json:"path,omitempty"`        // part of the path, "" matches all
	Status     int    `json:"status,omitempty"`      // of the answer; 0 cuts the connection
	RetryAfter int    `json:"retry_after,omitempty"` // seconds, for 429 and 503
	Body       string `json:"body,omitempty"`        // Defaults to Rossum's shape for the status
	After      bool   `json:"after,omitempty"`       // the request takes effect, only its answer is lost
	Times      int    `json:"times,omitempty"`       // Defaults to 1; negative = until Close
}

// Inject adds a fault; faults are used in the order they were added.
func (s *Sim) Inject(f Fault) {
	if f.Times == 0 {
		f.Times = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

func (s *Sim) takeFault(r *http.Request) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		matches := (f.Method == "" || f.Method == r.Method) && strings.Contains(r.URL.Path, f.Path)
		if matches && f.Times != 0 {
			if f.Times > 0 {
				f.Times--
			}
			return f
		}
	}
	return nil
}

func (f *Fault) answer(s *Sim, w http.ResponseWriter) {
	if f.Status == 0 {
		panic(http.ErrAbortHandler) // cuts the connection
	}
	a := problem(f.Status, "", fmt.Sprintf("injected %d", f.Status))
	if f.Body != "" {
		a.raw = []byte(f.Body)
	}
	if f.RetryAfter > 0 {
		a.header = map[string]string{"Retry-After": strconv.Itoa(f.RetryAfter)}
	}
	s.write(w, a)
}

// DeliveryFault disturbs the calls of hooks that are yet to come. The zero
// value matches every call, once.
type DeliveryFault struct {
	Event      string        `json:"event,omitempty"`      // such as "annotation_status.changed", "" matches all
	Lose       bool          `json:"lose,omitempty"`       // the call is never made, yet taken as answered well
	Duplicates int           `json:"duplicates,omitempty"` // the call is made so many times more, at the same time
	Delay      time.Duration `json:"delay,omitempty"`      // the call comes late: events overtake each other; nanoseconds in JSON
	Times      int           `json:"times,omitempty"`      // Defaults to 1; negative = until Close
}

// InjectDelivery adds a fault; faults are used in the order they were added.
func (s *Sim) InjectDelivery(f DeliveryFault) {
	if f.Times == 0 {
		f.Times = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deliveryFaults = append(s.deliveryFaults, &f)
}

// disturb applies the fault that is due to a call; false means the call is lost.
func (s *Sim) disturb(ctx context.Context, call *HookCall) bool {
	s.mu.Lock()
	at := slices.IndexFunc(s.deliveryFaults, func(f *DeliveryFault) bool {
		return f.Times != 0 && (f.Event == "" || f.Event == call.Event)
	})
	if at < 0 || call.copy {
		s.mu.Unlock()
		return true
	}
	f := s.deliveryFaults[at]
	if f.Times > 0 {
		f.Times--
	}
	for range f.Duplicates {
		s.repeat(call)
	}
	s.mu.Unlock()
	if f.Delay > 0 && s.clock.sleep(ctx, f.Delay) != nil {
		return false
	}
	return !f.Lose
}

// Redeliver makes a call again whatever has happened since, with the payload
// it had: a duplicate, a late delivery out of order, or one after a purge. The
// answer changes nothing.
func (s *Sim) Redeliver(callID int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.IndexFunc(s.calls, func(call *HookCall) bool { return call.ID == callID })
	if at < 0 {
		return fmt.Errorf("rossum simulator: no call %d", callID)
	}
	s.repeat(s.calls[at])
	return nil
}

// repeat makes a copy of a call and delivers it; mu must be held.
func (s *Sim) repeat(old *HookCall) {
	if old.RequestID == "" {
		old.RequestID = s.uuid()
	}
	call := &HookCall{HookID: old.HookID, Event: old.Event, Annotation: old.Annotation, RequestID: old.RequestID,
		hook: old.hook, payload: maps.Clone(old.payload), copy: true}
	s.remember(call)
	s.spawn(func(ctx context.Context) { s.deliver(ctx, call) })
}

// ClearFaults ends all faults of the API and of deliveries.
func (s *Sim) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.deliveryFaults = nil, nil
}
