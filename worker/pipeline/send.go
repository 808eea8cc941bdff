package pipeline

import (
	"context"
	"encoding/json"

	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
)

// Send is one prepared send: what goes to the target, and how its answer is judged. It belongs to its run and is not
// safe for concurrent use.
type Send struct {
	Step   *Step
	Target string
	// BaseURL is the target's base URL for this run, "" for targets without one.
	BaseURL string
	// Headers are the target's own headers for this run; httptarget.Options takes them.
	Headers map[string][]string
	// Key names the side effect in the ledger; empty for repeatable sends.
	Key []string
	// Fingerprint is a hash of the mapped values (design, side effects), the same however often the run is repeated.
	Fingerprint string
	Request     target.Request
	// Document is what is sent; its Body is Request.Body.
	Document   document.Document
	Repeatable bool
}

// Judge says what a response means: the step's outcomes and ok, then the transport's own outcome. The kept values are
// those of keep, where the effect is there.
func (s *Send) Judge(ctx context.Context, resp *target.Response, o outcome.Outcome) (outcome.Outcome, map[string]json.RawMessage) {
	return o, nil
}

// CanFind reports whether the step has a look-up.
func (s *Send) CanFind() bool { return s.Step.Config.Find != nil }

// FindRequest makes the request of the look-up.
func (s *Send) FindRequest(ctx context.Context) (*target.Request, error) {
	return &target.Request{}, nil
}

// JudgeFind says what a look-up found. A look-up that failed is not a miss.
func (s *Send) JudgeFind(ctx context.Context, resp *target.Response, o outcome.Outcome) Finding {
	return Finding{}
}

// FindingKind is what a look-up found.
type FindingKind string

// The kinds of a finding.
const (
	// Hit: the effect is there, and ours.
	Hit FindingKind = "hit"
	// Miss: the look-up worked, and the effect is not there.
	Miss FindingKind = "miss"
	// Failed: nothing is known.
	Failed FindingKind = "failed"
	// Different: something else has our key.
	Different FindingKind = "different"
)

// Finding is the result of a look-up.
type Finding struct {
	Kind FindingKind
	// Kept values of a hit.
	Kept map[string]json.RawMessage
	// Outcome: duplicate for a hit, rejected for something different, what went wrong for a failure, retry for a miss.
	Outcome outcome.Outcome
}
