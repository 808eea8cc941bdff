package configs

import (
	"fmt"
	"slices"
	"strings"
)

// keyed is a send step with what its line in the ledger is named by.
type keyed struct {
	path     string
	pipeline *Entry[Pipeline]
	step     *Step
}

// keys looks for sends of several pipelines that share a line of the ledger: same target, same key, same step name. That
// is what it is for where an invoice reaches the same ERP by two hooks; where the pipelines deliver different documents,
// one of them would be kept from its delivery by the other's.
func (v *validator) keys() {
	seen := map[string][]keyed{}
	for i := range v.cfg.Pipelines {
		p := &v.cfg.Pipelines[i]
		for n := range p.Value.Steps {
			s := &p.Value.Steps[n]
			if s.Send == "" || s.Repeatable || !s.Get.IsZero() {
				continue
			}
			mine := keyed{"pipelines." + p.Name + ".steps." + s.Name, p, s}
			name := mine.name()
			for _, other := range seen[name] {
				if doubt := mine.clash(other); doubt != "" {
					v.doubtful(mine.path, doubt, "give one of the steps another name, or a key of its own")
					break
				}
			}
			seen[name] = append(seen[name], mine)
		}
	}
}

// name is the same for sends whose keys cannot differ but by the event.
func (k keyed) name() string {
	parts, last := k.pipeline.Value.Key, k.step.Name
	if len(k.step.Key) > 0 {
		parts, last = k.step.Key, ""
	}
	names := []string{k.step.Send, last}
	for _, e := range parts {
		names = append(names, e.Source)
	}
	return strings.Join(names, "\x00")
}

// clash says why the deliveries of two pipelines are not one and the same, "" where they may be.
func (k keyed) clash(other keyed) string {
	if k.pipeline == other.pipeline {
		return "" // within a pipeline a shared key was written down
	}
	method, path := k.step.Request()
	otherMethod, otherPath := other.step.Request()
	if method != otherMethod || path.Source != otherPath.Source {
		return fmt.Sprintf("pipeline %s sends another request to target %s under the same key and step name: of an invoice that takes both, "+
			"the ledger lets only one be delivered", other.pipeline.Name, k.step.Send)
	}
	if k.pipeline.Value.meets(&other.pipeline.Value) && !k.excludes(other) {
		return fmt.Sprintf("pipeline %s takes the same events and sends to target %s under the same key and step name: "+
			"the ledger lets only one of them deliver", other.pipeline.Name, k.step.Send)
	}
	return ""
}

// excludes reports whether conditions may keep two sends from being made for one event.
func (k keyed) excludes(other keyed) bool {
	mine, theirs := k.pipeline.Value.When.Source+k.step.When.Source, other.pipeline.Value.When.Source+other.step.When.Source
	return mine != "" && theirs != "" && mine != theirs
}

// meets reports whether two pipelines may take the same event.
func (p *Pipeline) meets(other *Pipeline) bool {
	if p.Hook != other.Hook || !slices.ContainsFunc(p.Events, func(e string) bool { return slices.Contains(other.Events, e) }) {
		return false
	}
	return len(p.Queues) == 0 || len(other.Queues) == 0 ||
		slices.ContainsFunc(p.Queues, func(q QueueRef) bool { return slices.Contains(other.Queues, q) })
}
