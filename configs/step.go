package configs

// StepKind is what a step does.
type StepKind string

// The kinds of a step. Only KindSend and KindRossum have side effects.
const (
	KindSend    StepKind = "send"
	KindRossum  StepKind = "rossum"
	KindSet     StepKind = "set"
	KindCheck   StepKind = "check"
	KindInvoice StepKind = "invoice"
	KindMap     StepKind = "map"
	KindRender  StepKind = "render"
)

// Kind is what the step does; a configuration that loaded has exactly one for each step.
func (s *Step) Kind() StepKind {
	if kinds := s.kinds(); len(kinds) > 0 {
		return kinds[0]
	}
	return ""
}

// kinds lists what the step claims to be. The document of a send belongs to the send.
func (s *Step) kinds() []StepKind {
	var kinds []StepKind
	add := func(kind StepKind, given bool) {
		if given {
			kinds = append(kinds, kind)
		}
	}
	add(KindSend, s.Send != "")
	add(KindRossum, s.Rossum != nil)
	add(KindSet, !s.Set.IsZero())
	add(KindCheck, len(s.Check) > 0)
	add(KindInvoice, s.Invoice != nil)
	if s.Send == "" {
		add(KindMap, !s.Map.IsZero())
		add(KindRender, s.Render != "")
	}
	return kinds
}

// Request is the HTTP method and path template of a send, "" and Path for targets without methods.
func (s *Step) Request() (method string, path Template) {
	for _, m := range s.requests() {
		if !m.Value.IsZero() {
			return m.Name, m.Value
		}
	}
	return "", s.Path
}

func (s *Step) requests() Named[Template] {
	return Named[Template]{
		{Name: "GET", Value: s.Get}, {Name: "POST", Value: s.Post}, {Name: "PUT", Value: s.Put},
		{Name: "PATCH", Value: s.Patch}, {Name: "DELETE", Value: s.Delete},
	}
}
