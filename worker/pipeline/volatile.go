package pipeline

import (
	"slices"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/jinja"
)

// isVolatile tells whether what a step makes differs from run to run of the same document.
func (p *Pipeline) isVolatile(s *Step) bool {
	found := s.Kind == configs.KindInvoice && len(p.own) > 0 // any field may be read
	visit := func(c *code) {
		if c != nil && !found {
			found = c.jmes || slices.ContainsFunc(c.refs, p.volatileRef)
		}
	}
	for _, v := range s.set {
		visit(v.leaf)
		v.tree.codes(visit)
	}
	s.document.codes(visit)
	s.send.codes(visit)
	return found
}

// volatileRef tells whether a name may show what differs from run to run: the run, the annotation's way, the fields that
// the pipeline itself writes, and values made of those.
func (p *Pipeline) volatileRef(ref jinja.Reference) bool {
	path := append(slices.Clone(ref.Path), "", "")
	switch path[0] {
	case "run", "modifier":
		return true
	case "payload":
		return path[1] == "" || volatilePayload(path[1]) || path[1] == "annotation" && (path[2] == "" || volatileAnnotation(path[2]))
	case "annotation":
		return path[1] == "" || volatileAnnotation(path[1])
	case "labels":
		return true
	case "field", "value", "dp":
		all := slices.Contains([]string{"", "get", "keys", "values", "items"}, path[1])
		return all && len(p.own) > 0 || p.own[path[1]]
	case "steps":
		return slices.ContainsFunc(p.Steps, func(s *Step) bool { return s.volatile && (path[1] == "" || s.Name == path[1]) })
	}
	return false
}

// hidesAnnotation tells the members of the annotation that the view does not show. An export that is repeated finds the
// annotation's way changed, not the document; of other events, such as a changed status, the way is what they tell.
// The metadata holds what the relay itself has written.
func (v *view) hidesAnnotation(key string) bool {
	return v.stable && volatileAnnotation(key) && (v.scope.in.Run.Event == exportEvent || key == "metadata")
}

const exportEvent = "annotation_content.export"

// stable is the view from which fingerprints are made. A scope belongs to one run, so the fields the pipeline writes are
// the same each time.
func (s *Scope) stable(own map[string]bool) *view {
	if s.stableView == nil {
		s.stableView = &view{scope: s, stable: true, own: own}
	}
	return s.stableView
}
