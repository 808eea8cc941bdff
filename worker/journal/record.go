// Package journal remembers what runs did: run state, the ledger of side
// effects and the order of events, all by compare-and-set. A failed journal
// write never leads to a second delivery: nothing is sent before its intent
// is written.
package journal

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/operate/patch"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// Record is the journal of one run.
type Record struct {
	Run        run.ID       `json:"run"`
	Pipeline   string       `json:"pipeline"`
	Lane       string       `json:"lane"`
	Hook       string       `json:"hook"`
	Event      string       `json:"event"` // event.action
	Key        run.EventKey `json:"key"`
	Generation int          `json:"generation"`
	Annotation int64        `json:"annotation,omitempty"`
	Queue      int64        `json:"queue,omitempty"`
	// Business is the pipeline's key: company, supplier, document type, number.
	Business []string `json:"business,omitempty"`
	// Search are the values of the fields that console.index.fields names, for the console's search.
	Search map[string]string `json:"search,omitempty"`
	// Config is the hash of the configuration that ran last.
	Config string `json:"config,omitempty"`
	Trace  string `json:"trace,omitempty"`

	State run.State `json:"state"`
	// Reason is a code, Message a sentence for people: why it waits, is parked, skipped or dead.
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	// Step the run is at.
	At string `json:"at,omitempty"`
	// Next is when a waiting or parked run goes on; WaitsFor the run a parked one waits for.
	Next     time.Time `json:"next,omitzero"`
	WaitsFor run.ID    `json:"waits_for,omitempty"`
	// By is the run that took over from a superseded one.
	By run.ID `json:"by,omitempty"`

	// Hop is raised before each publish of the run.
	Hop int `json:"hop"`
	// Starts counts starts without a recorded outcome since; five are poison.
	Starts int `json:"starts"`
	// Owner is the worker that holds the run until Lease.
	Owner string    `json:"owner,omitempty"`
	Lease time.Time `json:"lease,omitzero"`

	Received time.Time `json:"received"`
	Created  time.Time `json:"created"`
	Updated  time.Time `json:"updated"`
	Settled  time.Time `json:"settled,omitzero"`

	Steps []Step `json:"steps,omitempty"`
	// What goes into the answer to Rossum: see answer.Result.
	Messages           []rossumapi.Message           `json:"messages,omitempty"`
	Operations         []rossumapi.Operation         `json:"operations,omitempty"`
	AutomationBlockers []rossumapi.AutomationBlocker `json:"automation_blockers,omitempty"`
	Files              json.RawMessage               `json:"files,omitempty"`
	AdditionalFiles    json.RawMessage               `json:"additional_files,omitempty"`
	Reply              json.RawMessage               `json:"reply,omitempty"`
	// Failure says why a dead run died.
	Failure *Failure `json:"failure,omitempty"`
	// Stack of the last panic.
	Stack string `json:"stack,omitempty"`
	// Notes are what operators did, with who and why.
	Notes []Note `json:"notes,omitempty"`
	// Patches are what operators changed in the payload, oldest first. The payload itself stays as it came: whoever opens
	// it asks Patched.
	Patches []Patch `json:"patches,omitempty"`
}

// ClearAnswer forgets what was to go into the answer.
func (r *Record) ClearAnswer() {
	r.Messages, r.Operations, r.AutomationBlockers = nil, nil, nil
	r.Files, r.AdditionalFiles, r.Reply = nil, nil, nil
}

// Patch is one edit of a run's payload.
type Patch struct {
	At  time.Time  `json:"at"`
	Who string     `json:"who,omitempty"`
	Why string     `json:"why"`
	Ops []patch.Op `json:"ops"`
}

// Patched is a payload with the operators' patches applied.
func (r *Record) Patched(payload []byte) ([]byte, error) {
	for _, p := range r.Patches {
		var err error
		if payload, err = patch.Apply(payload, p.Ops); err != nil {
			return nil, fmt.Errorf("patch of %s by %s: %w", p.At.UTC().Format(time.RFC3339), p.Who, err)
		}
	}
	return payload, nil
}

// Note is something an operator did to a run.
type Note struct {
	At   time.Time `json:"at"`
	Who  string    `json:"who,omitempty"`
	What string    `json:"what"`
	Why  string    `json:"why,omitempty"`
}

// StepState is where a side effect stands.
type StepState string

// The states of a step. The zero value is a step not begun.
const (
	// Intended: the request may be on its way. Met on resuming, it is uncertain.
	Intended StepState = "intended"
	// Done: the effect is there and its values are kept.
	Done StepState = "done"
	// Failed: surely not applied.
	Failed StepState = "failed"
	// Uncertain: applied or not, nobody knows yet.
	Uncertain StepState = "uncertain"
)

// Step is the journal of one step with a side effect.
type Step struct {
	Name   string    `json:"name"`
	Target string    `json:"target,omitempty"`
	State  StepState `json:"state,omitempty"`
	// NotAfter is when the last request has surely ended; nobody looks or resends before.
	NotAfter time.Time `json:"not_after,omitzero"`
	// Ledger is the step's key in the ledger.
	Ledger string `json:"ledger,omitempty"`
	// Tries counts the attempts that were spent; Misses the look-ups in a row that found nothing.
	Tries  int `json:"tries,omitempty"`
	Misses int `json:"misses,omitempty"`
	// Looked says that the look before the first send was done.
	Looked bool `json:"looked,omitempty"`
	// Since is when the first failure of this round was recorded; retry.for counts from it.
	Since time.Time `json:"since,omitzero"`
	// Attempts are the last five; the history has all.
	Attempts []Attempt                  `json:"attempts,omitempty"`
	Kept     map[string]json.RawMessage `json:"kept,omitempty"`
	// Warning reaches Rossum with the answer: the step ended, but not wholly.
	Warning string `json:"warning,omitempty"`
}

// Attempt is one try of a step whose outcome was recorded.
type Attempt struct {
	Step    string          `json:"step"`
	Kind    string          `json:"kind"` // send, find, rossum
	At      time.Time       `json:"at"`
	Took    time.Duration   `json:"took"`
	Outcome outcome.Outcome `json:"outcome"`
	// Sent tells what was sent, without telling the document.
	Sent []Sent `json:"sent,omitempty"`
	// Notes tell what was dropped, replaced or derived when the document was made.
	Notes []string `json:"notes,omitempty"`
}

// Sent is the body or one part of a request as it was sent.
type Sent struct {
	Part  string `json:"part,omitempty"` // of a multipart body
	Bytes int64  `json:"bytes"`
	// SHA256 in hexadecimal; "" where a file was not read to its end.
	SHA256 string `json:"sha256,omitempty"`
}

const keptAttempts = 5

// Step returns the journal of a step, beginning it if need be. The pointer is good until the next call.
func (r *Record) Step(name string) *Step {
	for i := range r.Steps {
		if r.Steps[i].Name == name {
			return &r.Steps[i]
		}
	}
	r.Steps = append(r.Steps, Step{Name: name})
	return &r.Steps[len(r.Steps)-1]
}

// StateOf is where a step stands; empty where it has not begun.
func (r *Record) StateOf(name string) StepState {
	for _, s := range r.Steps {
		if s.Name == name {
			return s.State
		}
	}
	return ""
}

// Attempted notes an attempt and, as an outcome is now recorded, resets the count of starts.
func (r *Record) Attempted(s *Step, a Attempt) {
	s.Attempts = append(s.Attempts, a)
	if n := len(s.Attempts); n > keptAttempts {
		s.Attempts = append([]Attempt(nil), s.Attempts[n-keptAttempts:]...)
	}
	r.Starts = 0
}

// Unsure reports whether a step may have been applied without anybody knowing.
func (r *Record) Unsure() bool {
	for _, s := range r.Steps {
		if s.State == Intended || s.State == Uncertain {
			return true
		}
	}
	return false
}

// notAfter is when the last request of any step has surely ended.
func (r *Record) notAfter() (last time.Time) {
	for _, s := range r.Steps {
		last = later(last, s.NotAfter)
	}
	return last
}

// Failure is why a run died.
type Failure struct {
	Step    string          `json:"step,omitempty"`
	Target  string          `json:"target,omitempty"`
	Outcome outcome.Outcome `json:"outcome"`
}

// Tries is the number of attempts all steps have spent.
func (r *Record) Tries() int {
	n := 0
	for _, s := range r.Steps {
		n += s.Tries
	}
	return n
}
