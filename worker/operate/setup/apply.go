package setup

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// Apply creates or updates the hook of a plan and returns its id; a plan with another action is left alone. What Rossum
// then shows is compared once more: an attribute it silently kept is an error. Plans are applied in the order Plan gave
// them, by the Setup that made them.
func (s *Setup) Apply(ctx context.Context, p *Plan) (id int64, err error) {
	if p.Action != Create && p.Action != Update {
		return p.ID, nil
	}
	if p.wanted.pending {
		return p.ID, fmt.Errorf("hook %s: its signing secret is not made yet", p.Hook)
	}
	if err := s.settleRunAfter(p); err != nil {
		return p.ID, err
	}
	var now rossumapi.Hook
	if p.Action == Create {
		now, err = s.client.CreateHook(ctx, p.attributes(true))
	} else {
		now, err = s.client.PatchHook(ctx, p.ID, p.attributes(false))
	}
	if err != nil {
		return p.ID, fmt.Errorf("hook %s: %w", p.Hook, err)
	}
	s.remember(now)
	if left := s.differences(now, p.wanted); len(left) > 0 {
		names := make([]string, 0, len(left))
		for _, d := range left {
			names = append(names, d.Attribute)
		}
		return now.ID, fmt.Errorf("hook %s: Rossum took the change but kept its own %s", p.Hook, strings.Join(names, ", "))
	}
	return now.ID, nil
}

// settleRunAfter puts in the URLs of hooks that were made meanwhile.
func (s *Setup) settleRunAfter(p *Plan) error {
	links, _ := p.wanted.attributes["run_after"].([]string)
	for _, name := range p.wanted.after {
		owned := ownedBy(s.hooks, name)
		if len(owned) == 0 {
			return fmt.Errorf("hook %s runs after %s, which was not made", p.Hook, name)
		}
		links = append(links, owned[0].URL)
	}
	p.wanted.attributes["run_after"], p.wanted.after = links, nil
	return nil
}

// attributes are what is sent: everything of a new hook, of another only what differs. The config goes whole, since
// whether a PATCH merges it is not documented (Rossum API reference, Hook).
func (p *Plan) attributes(all bool) map[string]any {
	if all {
		send := maps.Clone(p.wanted.attributes)
		send["config"] = p.config()
		return send
	}
	send := map[string]any{}
	for _, d := range p.Differences {
		if key, _, nested := strings.Cut(d.Attribute, "."); nested {
			send["config"] = p.config()
		} else {
			send[key] = p.wanted.attributes[key]
		}
	}
	return send
}

func (p *Plan) config() map[string]any {
	config := map[string]any{}
	for _, m := range p.current.Config {
		config[m.Key] = m.Value
	}
	for key, value := range p.wanted.config {
		config[key] = value
	}
	config["secret"] = nil
	if p.wanted.secret != "" {
		config["secret"] = p.wanted.secret
	}
	if p.wanted.clientKey != "" {
		config["client_ssl_key"] = p.wanted.clientKey
	}
	return config
}

func (s *Setup) remember(h rossumapi.Hook) {
	if i := slices.IndexFunc(s.hooks, func(have rossumapi.Hook) bool { return have.ID == h.ID }); i >= 0 {
		s.hooks[i] = h
		return
	}
	s.hooks = append(s.hooks, h)
}
