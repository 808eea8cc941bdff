package pipeline

import (
	"context"
	"strconv"
	"strings"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

// Set is every pipeline of a configuration, compiled. It is immutable and safe for concurrent use.
type Set struct {
	pipelines []*Pipeline
	refs      []Reference
}

// Compile compiles the pipelines and targets of a configuration that loaded. The error is configs.Errors with every
// problem of every template and expression at its place. It reads the template files that render steps name, and
// nothing else.
func Compile(cfg *configs.Config) (*Set, error) {
	c := &compiler{cfg: cfg}
	files := c.readTemplates()
	var err error
	if c.strict, c.lenient, err = environments(cfg, files.usable()); err != nil {
		return nil, err
	}
	targets := c.targets()
	s := &Set{}
	for i := range cfg.Pipelines {
		s.pipelines = append(s.pipelines, c.pipeline(&cfg.Pipelines[i], targets, files))
	}
	if err := c.errs.Err(); err != nil {
		return nil, err
	}
	s.refs = c.refs
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

	when *code
	key  []*code
	dead *writer
	own  map[string]bool // fields its rossum steps write
}

func (c *compiler) pipeline(e *configs.Entry[configs.Pipeline], targets map[string]*targetCode, files templateFiles) *Pipeline {
	path, cfg := "pipelines."+e.Name, &e.Value
	first := names{pipeline: cfg}
	p := &Pipeline{
		Name: e.Name, Config: *cfg, own: map[string]bool{},
		when: c.expr(path+".when", cfg.When, first),
		key:  c.keys(path+".key", cfg.Key, first),
	}
	for _, s := range cfg.Steps {
		if s.Rossum != nil {
			for _, field := range s.Rossum.Set {
				p.own[field.Name] = true
			}
		}
	}
	for i := range cfg.Steps {
		p.Steps = append(p.Steps, c.step(p, i, targets, files))
	}
	p.dead = c.dead(path+".on_dead", &cfg.OnDead, names{pipeline: cfg, before: len(cfg.Steps)})
	return p
}

// When evaluates the pipeline's condition; true without one.
func (p *Pipeline) When(ctx context.Context, scope *Scope) (bool, error) {
	return when(ctx, p.when, scope)
}

func when(ctx context.Context, condition *code, scope *Scope) (bool, error) {
	if condition == nil {
		return true, nil
	}
	return condition.truth(scope.live.frame(ctx))
}

// Key is the pipeline's key, which names the invoice. Without a configured key it is the id of the annotation, or the
// upload, e-mail or run where there is no annotation. An empty part is an *outcome.Error: rejected, at the field the part
// came from.
func (p *Pipeline) Key(ctx context.Context, scope *Scope) ([]string, error) {
	if len(p.key) == 0 {
		return scope.subject(), nil
	}
	return keyOf(scope.live.frame(ctx), p.key)
}

// subject names what the event is about.
func (s *Scope) subject() []string {
	p := s.in.Payload
	switch {
	case p.Annotation.ID != 0:
		return []string{"annotation", strconv.FormatInt(p.Annotation.ID, 10)}
	case p.Upload != "":
		return []string{"upload", p.Upload}
	case p.Email != "":
		return []string{"email", p.Email}
	}
	return []string{"run", string(s.in.Run.ID)}
}

// keyOf evaluates the parts of a key.
func keyOf(f *frame, parts []*code) ([]string, error) {
	key := make([]string, 0, len(parts))
	for _, part := range parts {
		text, err := part.string(f)
		if err != nil {
			return nil, err
		}
		if text = strings.TrimSpace(text); text == "" {
			return nil, emptyKey(f, part)
		}
		key = append(key, text)
	}
	return key, nil
}

func emptyKey(f *frame, part *code) error {
	if node := f.notes.last(); node != nil {
		return rejectAt("empty_key", "is empty, but part of the key that names the invoice", node)
	}
	return outcome.Errorf(outcome.Misconfigured, "empty_key", "%s (%s): this part of the key is empty", part.path, part.pos)
}

// Dead is what Rossum is told about a dead run (on_dead), nil where nothing is configured. Names of steps that did not
// run are an error.
func (p *Pipeline) Dead(ctx context.Context, scope *Scope) (*Write, error) {
	if p.dead == nil {
		return nil, nil
	}
	return p.dead.write(ctx, scope)
}

// OnlyTarget is the one target instance that all sends of the pipeline go to: its name, and its base URL where it has
// one. False where there are several, or where the base URL depends on the run.
func (p *Pipeline) OnlyTarget() (name, baseURL string, ok bool) {
	for _, s := range p.Steps {
		if s.send == nil {
			continue
		}
		if name != "" && name != s.Target || s.send.target.http && !s.send.target.fixed {
			return "", "", false
		}
		name = s.Target
		if c := s.send.target.baseURL; c != nil {
			baseURL, _ = textOf(c.constant)
		}
	}
	return name, baseURL, name != ""
}
