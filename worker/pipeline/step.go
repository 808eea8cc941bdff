package pipeline

import (
	"context"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/jinja"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

// Step is one compiled step. It is immutable and safe for concurrent use.
type Step struct {
	Name   string
	Kind   configs.StepKind
	Target string // of a send
	Config configs.Step

	pipeline *Pipeline
	path     string
	when     *code
	set      []setValue
	checks   []check
	document *docCode
	send     *sendCode
	writer   *writer
	volatile bool // its value differs from run to run: see view
}

// setValue is one named value of a set step.
type setValue struct {
	name string
	leaf *code // a template or JMESPath
	tree *tree // anything else
}

// check is one condition of a check step.
type check struct {
	that  *code
	text  *code
	kind  string
	field string
}

func (c *compiler) step(p *Pipeline, i int, targets map[string]*targetCode, files templateFiles) *Step {
	cfg := &p.Config.Steps[i]
	n := names{pipeline: &p.Config, before: i}
	s := &Step{
		Name: cfg.Name, Kind: cfg.Kind(), Target: cfg.Send, Config: *cfg,
		pipeline: p, path: "pipelines." + p.Name + ".steps." + cfg.Name,
	}
	s.when = c.expr(s.path+".when", cfg.When, n)
	switch s.Kind {
	case configs.KindSet:
		s.set = c.set(s.path+".set", cfg.Set, n)
	case configs.KindCheck:
		s.checks = c.checks(s.path+".check", cfg.Check, n)
	case configs.KindMap, configs.KindRender, configs.KindInvoice:
		s.document = c.document(s.path, cfg, n, files)
	case configs.KindSend:
		s.document = c.document(s.path, cfg, n, files)
		s.send = c.send(s, targets[cfg.Send], n)
	case configs.KindRossum:
		s.writer = c.writer(s.path+".rossum", cfg.Rossum, n)
	}
	s.volatile = p.isVolatile(s)
	if s.document != nil {
		s.document.volatile = s.volatile
	}
	return s
}

// set compiles the values of a set step: templates, {jmespath: "..."}, and trees of templates.
func (c *compiler) set(path string, node configs.Node, n names) []setValue {
	values := make([]setValue, 0, len(node.Map))
	for _, e := range node.Map {
		at, v := path+"."+e.Name, setValue{name: e.Name}
		source, isJMES := e.Value.Map.Get("jmespath")
		switch {
		case isJMES && len(e.Value.Map) == 1:
			v.leaf = c.jmespath(at, source.Text, source.Pos)
		case e.Value.Kind == configs.NodeString:
			v.leaf = c.native(at, e.Value.Text, e.Value.Pos, n)
		default:
			v.tree = c.tree(at, e.Value, n)
		}
		values = append(values, v)
	}
	return values
}

func (c *compiler) checks(path string, list []configs.Check, n names) []check {
	checks := make([]check, 0, len(list))
	for _, one := range list {
		kind, text := rossumapi.TypeError, one.Error
		switch {
		case !one.Warning.IsZero():
			kind, text = rossumapi.TypeWarning, one.Warning
		case !one.Info.IsZero():
			kind, text = rossumapi.TypeInfo, one.Info
		}
		checks = append(checks, check{
			that: c.expr(path+".that", one.That, n), text: c.template(path+"."+kind, text, n), kind: kind, field: one.Field,
		})
	}
	return checks
}

// When evaluates the step's condition; true without one. A step that is left out has an empty value, so that later steps
// can ask for steps.<name>.x | default(...).
func (s *Step) When(ctx context.Context, scope *Scope) (bool, error) {
	ok, err := when(ctx, s.when, scope)
	if err == nil && !ok {
		scope.SetKept(s.Name, nil)
	}
	return ok, err
}

// Compute runs a set, check, map, render or invoice step and stores its value as steps.<name>; other kinds do nothing.
// Warnings of invoices, and warnings and infos of checks, are returned as messages, also beside an error. What a check or
// an invoice is refused for is an *outcome.Error that rejects, with a Field for each.
func (s *Step) Compute(ctx context.Context, scope *Scope) ([]rossumapi.Message, error) {
	switch s.Kind {
	case configs.KindSet:
		return nil, s.computeSet(ctx, scope)
	case configs.KindCheck:
		return s.computeChecks(ctx, scope)
	case configs.KindMap, configs.KindRender, configs.KindInvoice:
		live, stable, err := s.document.both(ctx, scope, s.pipeline.own)
		if err != nil {
			return nil, err
		}
		scope.setStep(s.Name, live, stable)
		return live.messages, nil
	case configs.KindSend, configs.KindRossum:
	}
	return nil, nil
}

func (s *Step) computeSet(ctx context.Context, scope *Scope) error {
	live, err := s.values(scope.live.frame(ctx))
	if err != nil {
		return err
	}
	stable := live
	if s.volatile {
		if stable, err = s.values(scope.stable(s.pipeline.own).frame(ctx)); err != nil {
			stable = live // the value stands for itself
		}
	}
	scope.setStep(s.Name, live, stable)
	return nil
}

func (s *Step) values(f *frame) (*jinja.Dict, error) {
	d := jinja.NewDict(len(s.set))
	for _, v := range s.set {
		value, err := v.value(f)
		if err != nil {
			return nil, err
		}
		d.Set(v.name, value)
	}
	return d, nil
}

func (v *setValue) value(f *frame) (any, error) {
	if v.leaf != nil {
		return v.leaf.value(f)
	}
	built, err := v.tree.build(f)
	return fromTree(built), err
}

func (s *Step) computeChecks(ctx context.Context, scope *Scope) ([]rossumapi.Message, error) {
	f := scope.live.frame(ctx)
	var messages []rossumapi.Message
	refused := outcome.Outcome{Kind: outcome.Rejected, Reason: "check"}
	for _, c := range s.checks {
		ok, err := c.that.truth(f)
		if err != nil {
			return messages, err
		}
		if ok {
			continue
		}
		text, err := c.text.string(f)
		if err != nil {
			return messages, err
		}
		var datapoint int64
		if node := scope.datapoint(ctx, c.field); node != nil {
			datapoint = node.ID
		}
		if c.kind != rossumapi.TypeError {
			messages = append(messages, rossumapi.Message{ID: datapoint, Type: c.kind, Content: text})
			continue
		}
		if refused.Message == "" {
			refused.Message = text
		}
		refused.Fields = append(refused.Fields, outcome.Field{SchemaID: c.field, Datapoint: datapoint, Type: c.kind, Text: text})
	}
	if len(refused.Fields) > 0 {
		return messages, &outcome.Error{Outcome: refused}
	}
	return messages, nil
}
