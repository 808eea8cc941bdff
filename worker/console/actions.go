package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/rossum-relay/rossum-relay/worker/operate"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// ReplayBody is how a dead run goes back to work.
type ReplayBody struct {
	FromStart bool   `json:"from_start,omitempty"`
	Force     bool   `json:"force,omitempty"`
	Reason    string `json:"reason,omitempty"`
}

// EditBody corrects a dead run's fields or payload and replays it.
type EditBody struct {
	// Set holds assignments such as field.document_id=4711.
	Set []string `json:"set,omitempty"`
	// Payload is an edited copy of the revealed payload.
	Payload json.RawMessage `json:"payload,omitempty"`
	Reason  string          `json:"reason,omitempty"`
	// DryRun only tells what would change.
	DryRun bool `json:"dry_run,omitempty"`
	// Digest, where given, is that of a dry run: the edit is made only if it would still do the same.
	Digest string `json:"digest,omitempty"`
}

// EditResult is what an edit does, with values in clear.
type EditResult struct {
	operate.Edit
	Digest string `json:"digest"`
	Made   bool   `json:"made"`
}

// ResolveBody says whether an uncertain delivery is at the target.
type ResolveBody struct {
	Delivered bool `json:"delivered"`
	// Kept are the values the step keeps: all of them, where it is delivered.
	Kept   map[string]json.RawMessage `json:"kept,omitempty"`
	Reason string                     `json:"reason"`
}

// ReasonBody is an action that needs nothing but a reason.
type ReasonBody struct {
	Reason string `json:"reason,omitempty"`
}

// HoldBody is an order to deliver nothing.
type HoldBody struct {
	Kind   string `json:"kind"` // target, pipeline or annotation
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// edit tells what an edit does, and makes it unless it is a dry run. Both show values in clear and are noted.
func (s *Server) edit(ctx context.Context, op *operate.Operator, id run.ID, b EditBody) (EditResult, error) {
	change := operate.Change{Set: b.Set}
	if len(b.Payload) > 0 {
		change.Payload = b.Payload
	}
	e, err := op.PrepareEdit(ctx, id, change)
	if err != nil {
		return EditResult{}, err
	}
	res := EditResult{Edit: e}
	if res.Digest, err = digest(e); err != nil {
		return res, err
	}
	if b.DryRun {
		return res, op.Trace(ctx, "run "+string(id), "looked at an edit", b.Reason)
	}
	if b.Digest != "" && b.Digest != res.Digest {
		return res, errChanged
	}
	res.Made = true
	return res, op.Edit(ctx, e, b.Reason)
}

func digest(e operate.Edit) (string, error) {
	raw, err := json.Marshal(e)
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8]), err
}

// whole completes a run's id.
func whole(ctx context.Context, op *operate.Operator, text string) (run.ID, error) {
	id, err := op.Find(ctx, text)
	if err != nil {
		return "", fmt.Errorf("%w", err)
	}
	return id, nil
}

// line finds a line of the ledger by its name.
func (s *Server) line(ctx context.Context, op *operate.Operator, name string) (operate.LedgerEntry, error) {
	e, err := op.Journal.Entry(ctx, name)
	if isOneOf(err, queue.ErrNotFound) {
		return operate.LedgerEntry{}, fmt.Errorf("line %s: %w", name, queue.ErrNotFound)
	}
	return operate.LedgerEntry{Name: name, Entry: e}, err
}
