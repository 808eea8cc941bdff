package operate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// Resolution is an operator's word about an uncertain delivery, after a look at the target.
type Resolution struct {
	// Delivered: the effect is at the target. Otherwise it surely is not, and the run sends again.
	Delivered bool
	// Kept are the values the step keeps, as JSON; all of the configured ones are needed. See KeptOf.
	Kept map[string]json.RawMessage
	Why  string
}

// The errors of a resolution.
var (
	// ErrNotUncertain: the run did not die of an uncertain delivery.
	ErrNotUncertain = errors.New("no step of the run is uncertain")
	// ErrKept: values the step keeps are missing or unknown.
	ErrKept = errors.New("the values to keep are not those the step keeps")
)

// Resolve settles the uncertain step of a dead run by an operator's word and sends the run on: the ledger first, as until
// the journal is written the run is still dead and the word can be repeated.
func (o *Operator) Resolve(ctx context.Context, id run.ID, res Resolution) error {
	if res.Why == "" {
		return ErrNoReason
	}
	what := "resolved as not delivered"
	if res.Delivered {
		what = "resolved as delivered"
	}
	return o.revive(ctx, id, what, res.Why, func(r *journal.Run) error {
		s := uncertainStep(&r.Record)
		if s == nil {
			return fmt.Errorf("run %s: %w: a step that failed for sure is mended and replayed, or the letter dropped", id, ErrNotUncertain)
		}
		if res.Delivered {
			if err := o.checkKept(&r.Record, s.Name, res.Kept); err != nil {
				return err
			}
		}
		if s.Ledger != "" {
			if err := o.Journal.Resolve(ctx, s.Ledger, &r.Record, res.Delivered, res.Kept); err != nil {
				return err
			}
		}
		s.State = journal.Failed
		if res.Delivered {
			s.State, s.Kept = journal.Done, res.Kept
		}
		return nil
	})
}

// uncertainStep is the step whose effect nobody knows: the one the run died of, else any.
func uncertainStep(r *journal.Record) *journal.Step {
	var found *journal.Step
	for i := range r.Steps {
		if s := &r.Steps[i]; unsure(*s) && (found == nil || r.Failure != nil && s.Name == r.Failure.Step) {
			found = s
		}
	}
	return found
}

// KeptNames are the values that the uncertain step of a run keeps, by the present configuration.
func (o *Operator) KeptNames(r *journal.Record) []string {
	if s := uncertainStep(r); s != nil {
		return o.keptNames(r, s.Name)
	}
	return nil
}

func (o *Operator) keptNames(r *journal.Record, step string) []string {
	if o.Config == nil {
		return nil
	}
	p, _ := o.Config.Pipelines.Get(r.Pipeline)
	i := slices.IndexFunc(p.Steps, func(s configs.Step) bool { return s.Name == step })
	if i < 0 {
		return nil
	}
	names := make([]string, 0, len(p.Steps[i].Keep))
	for _, k := range p.Steps[i].Keep {
		names = append(names, k.Name)
	}
	return names
}

func (o *Operator) checkKept(r *journal.Record, step string, kept map[string]json.RawMessage) error {
	names := o.keptNames(r, step)
	for _, n := range names {
		if !json.Valid(kept[n]) {
			return fmt.Errorf("step %s keeps %s; %s is missing: %w", step, strings.Join(names, ", "), n, ErrKept)
		}
	}
	for n := range kept {
		if !slices.Contains(names, n) {
			return fmt.Errorf("step %s keeps no %s: %w", step, n, ErrKept)
		}
	}
	return nil
}

// KeptOf reads name=value pairs, or one bare value for a step that keeps one. A value that is a JSON number or a quoted
// string is taken as such, everything else as text: "0042" stays text, 42 is a number.
func KeptOf(names, values []string) (map[string]json.RawMessage, error) {
	kept := map[string]json.RawMessage{}
	if len(names) == 0 && len(values) == 1 {
		return kept, nil // the step keeps nothing: the id is for the reason only
	}
	for _, v := range values {
		name, text, ok := strings.Cut(v, "=")
		if !ok || !slices.Contains(names, name) {
			if len(names) != 1 || len(values) != 1 {
				return nil, fmt.Errorf("give NAME=VALUE for each of: %s: %w", strings.Join(names, ", "), ErrKept)
			}
			name, text = names[0], v
		}
		kept[name] = jsonOf(text)
	}
	return kept, nil
}

func jsonOf(text string) json.RawMessage {
	var number json.Number
	var quoted string
	if json.Unmarshal([]byte(text), &quoted) == nil {
		return json.RawMessage(text)
	}
	if text != "" && (text[0] == '-' || text[0] >= '0' && text[0] <= '9') && json.Unmarshal([]byte(text), &number) == nil {
		return json.RawMessage(text)
	}
	raw, _ := json.Marshal(text) // a string always encodes
	return raw
}
