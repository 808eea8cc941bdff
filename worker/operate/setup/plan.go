package setup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// Action is what has to be done about a hook.
type Action string

// The actions.
const (
	// Create: Rossum has no such hook.
	Create Action = "create"
	// Update: some attributes differ.
	Update Action = "update"
	// Same: nothing to do.
	Same Action = "same"
	// Blocked: a hook is in the way that must not be changed unasked; see Plan.Reason.
	Blocked Action = "blocked"
	// Orphan: a hook this package made, which the configuration no longer has. It is left alone.
	Orphan Action = "orphan"
)

// Plan is what has to be done about one hook.
type Plan struct {
	Hook        string // configured name
	ID          int64  // in Rossum, 0 for a new one
	Action      Action
	Differences []Difference
	Reason      string // of Blocked and Orphan
	Try         string // what to do about it

	wanted  *wanted
	current rossumapi.Hook
}

// Allowed are changes that need a word of their own.
type Allowed struct {
	Adopt bool // take over a hook without the mark that calls our address
	Move  bool // let a hook with the mark call our address instead of another
	// Resend sends the signing secret and the client key although nothing seems to differ: Rossum never shows client
	// keys, and secrets neither of private hooks nor to accounts that are no admins.
	Resend bool
}

// Plan compares the configured hooks of the environment with those in Rossum; nothing is changed. Hooks come in an order
// in which they can be made. Problems of the configuration are configs.Errors.
func (s *Setup) Plan(ctx context.Context, allow Allowed) ([]*Plan, error) {
	hooks, err := s.allHooks(ctx)
	if err != nil {
		return nil, err
	}
	var plans []*Plan
	var problems configs.Errors
	for i := range s.cfg.Hooks {
		e := &s.cfg.Hooks[i]
		if e.Value.Rossum != s.environment {
			continue
		}
		w, err := s.want(ctx, e.Name, &e.Value)
		var found configs.Errors
		if errors.As(err, &found) {
			problems = append(problems, found...)
			continue
		}
		if err != nil {
			return nil, err
		}
		plans = append(plans, s.plan(e.Name, w, hooks, allow))
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	if plans, err = ordered(plans); err != nil {
		return nil, err
	}
	return append(plans, s.orphans(hooks)...), nil
}

// plan finds the hook's object and says what is different about it.
func (s *Setup) plan(name string, w *wanted, hooks []rossumapi.Hook, allow Allowed) *Plan {
	p := &Plan{Hook: name, Action: Create, wanted: w}
	url := w.config["url"]
	calls := func(h rossumapi.Hook) bool { return h.Config.Text("url") == url }
	owned := ownedBy(hooks, name)
	foreign := slices.IndexFunc(hooks, func(h rossumapi.Hook) bool { return calls(h) && mark(h) != name })
	switch here := slices.IndexFunc(owned, calls); {
	case here >= 0:
		p.current = owned[here]
	case foreign >= 0 && !allow.Adopt:
		return p.block(hooks[foreign], fmt.Sprintf("hook %d %q calls this address already, but hooks apply did not make it", hooks[foreign].ID, hooks[foreign].Name),
			"--adopt, to take it over")
	case foreign >= 0:
		p.current = hooks[foreign]
	case len(owned) > 0 && !allow.Move:
		return p.block(owned[0], fmt.Sprintf("hook %d of this name calls %s: another relay's, or public_url has changed", owned[0].ID, clip(owned[0].Config.Text("url"))),
			"--move, to let it call this relay; or another name for the hook")
	case len(owned) > 0:
		p.current = owned[0]
	}
	p.wanted.mark(name, p.current.Metadata)
	p.Differences = s.differences(p.current, w)
	if allow.Resend && p.current.ID != 0 && w.secretChange(p.current) == "" {
		p.Differences = append(p.Differences, Difference{"config.secret", "sent again"})
	}
	if p.current.ID != 0 {
		p.ID, p.Action = p.current.ID, Update
		if len(p.Differences) == 0 {
			p.Action = Same
		}
	}
	return p
}

func (p *Plan) block(h rossumapi.Hook, reason, try string) *Plan {
	p.ID, p.Action, p.Reason, p.Try = h.ID, Blocked, reason, try
	return p
}

// mark adds the mark to the metadata the hook has.
func (w *wanted) mark(hook string, current rossumapi.Object) {
	metadata := map[string]any{}
	for _, m := range current {
		metadata[m.Key] = m.Value
	}
	metadata[markKey] = map[string]any{"hook": hook}
	w.attributes["metadata"] = metadata
}

// mark is the configured name a hook was made for, "" for one that is not ours.
func mark(h rossumapi.Hook) string {
	var m struct {
		Hook string `json:"hook"`
	}
	if json.Unmarshal(h.Metadata.Get(markKey), &m) != nil {
		return ""
	}
	return m.Hook
}

func ownedBy(hooks []rossumapi.Hook, name string) []rossumapi.Hook {
	return slices.DeleteFunc(slices.Clone(hooks), func(h rossumapi.Hook) bool { return mark(h) != name })
}

// orphans are the hooks with our mark that the configuration does not have.
func (s *Setup) orphans(hooks []rossumapi.Hook) []*Plan {
	var left []*Plan
	for _, h := range hooks {
		name := mark(h)
		if configured, ok := s.cfg.Hooks.Get(name); name == "" || ok && configured.Rossum == s.environment {
			continue
		}
		left = append(left, &Plan{
			Hook: name, ID: h.ID, Action: Orphan, current: h,
			Reason: fmt.Sprintf("hook %d was made for %q, which is not configured", h.ID, name),
			Try:    "deactivate or delete it in Rossum, or configure the hook",
		})
	}
	return left
}

// ordered puts every hook behind those it runs after.
func ordered(plans []*Plan) ([]*Plan, error) {
	var list []*Plan
	state := map[string]int{} // 1 while visiting, 2 done
	var visit func(p *Plan) error
	visit = func(p *Plan) error {
		switch state[p.Hook] {
		case 1:
			return fmt.Errorf("hook %s runs after itself", p.Hook)
		case 2:
			return nil
		}
		state[p.Hook] = 1
		for _, name := range p.wanted.after {
			if i := slices.IndexFunc(plans, func(o *Plan) bool { return o.Hook == name }); i >= 0 {
				if err := visit(plans[i]); err != nil {
					return err
				}
			}
		}
		state[p.Hook] = 2
		list = append(list, p)
		return nil
	}
	for _, p := range plans {
		if err := visit(p); err != nil {
			return nil, err
		}
	}
	return list, nil
}
