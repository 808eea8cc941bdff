package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/jinja"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

// code is one compiled expression or template of the configuration.
type code struct {
	path string // pipelines.p.steps.s.post
	pos  configs.Pos
	eval func(ctx context.Context, vars any) (any, error)
	refs []jinja.Reference
	// constant is the value of what holds no template syntax; eval is then nil.
	constant any
	jmes     bool // reads the whole payload
}

// value evaluates the code to a value of the engine, as [jinja.Expression.Eval] gives them. A missing name and a value
// that could not be read are errors; nil where the code is nil.
func (c *code) value(f *frame) (any, error) {
	if c == nil {
		return nil, nil
	}
	if c.eval == nil {
		return c.constant, nil
	}
	f.notes.reset()
	v, err := c.eval(f.ctx, f)
	if err != nil {
		return nil, c.failure(f, err)
	}
	if jinja.IsUndefined(v) {
		return nil, c.misconfigured("undefined", f.notes.missingName()+" is undefined")
	}
	text, isText := v.(string)
	none := isText && (strings.Contains(text, "None") || strings.Contains(text, "NONE"))
	switch {
	case len(f.notes.unread) > 0 && (v == nil || isText && text == "" || none):
		return nil, f.notes.unreadable()
	case len(f.notes.empty) > 0 && none && !f.lenient: // Python's spelling of null would end in a document
		return nil, f.notes.missingValue()
	}
	return v, nil
}

// string evaluates the code to text, "" for null.
func (c *code) string(f *frame) (string, error) {
	v, err := c.value(f)
	if err != nil {
		return "", err
	}
	text, ok := textOf(v)
	if !ok {
		return "", c.misconfigured("not_text", "text is needed here, not "+kindOf(v))
	}
	return text, nil
}

// truth evaluates a condition.
func (c *code) truth(f *frame) (bool, error) {
	f.notes.reset()
	v, err := c.eval(f.ctx, f)
	switch {
	case err != nil:
		return false, c.failure(f, err)
	case jinja.IsUndefined(v):
		return false, c.misconfigured("undefined", f.notes.missingName()+" is undefined")
	}
	return truthy(v), nil
}

// failure says whose fault a failed evaluation is. What the context and Rossum say is passed on.
func (c *code) failure(f *frame, err error) error {
	var decided *outcome.Error
	if errors.As(err, &decided) {
		return decided
	}
	var e *jinja.Error
	if cause := context.Cause(f.ctx); cause != nil {
		return fmt.Errorf("%s: %w", c.path, cause)
	}
	if !errors.As(err, &e) {
		return fmt.Errorf("%s: %w", c.path, err)
	}
	switch {
	case len(f.notes.unread) > 0:
		return f.notes.unreadable()
	case len(f.notes.empty) > 0 && f.notes.missing == "" && (e.Kind == jinja.KindType || e.Kind == jinja.KindUndefined):
		return f.notes.missingValue()
	case e.Kind == jinja.KindHost:
		return fmt.Errorf("%s: %w", c.path, e.Err)
	case e.Kind == jinja.KindUndefined && f.notes.missing != "":
		e = &jinja.Error{Kind: e.Kind, Line: e.Line, Column: e.Column, Message: f.notes.missing + " is undefined"}
	}
	return c.misconfiguredAt(c.pos.At(max(1, e.Line), max(1, e.Column)), reasonOf(e.Kind), e.Message)
}

// reasonOf names the kind of an engine's error in an outcome's reason.
func reasonOf(k jinja.Kind) string { return "expression_" + strings.ReplaceAll(k.String(), " ", "_") }

func (c *code) misconfigured(reason, message string) error {
	return c.misconfiguredAt(c.pos, reason, message)
}

func (c *code) misconfiguredAt(pos configs.Pos, reason, message string) error {
	return outcome.Errorf(outcome.Misconfigured, reason, "%s (%s): %s", c.path, pos, message)
}
