package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/jinja"
)

// compiler compiles one configuration and collects every problem.
type compiler struct {
	cfg     *configs.Config
	strict  *jinja.Environment // a missing name is an error
	lenient *jinja.Environment // a missing name prints as nothing, as in Rossum
	errs    configs.Errors
	refs    []Reference
}

// names are what an expression at some place may use beside the names of every scope.
type names struct {
	pipeline *configs.Pipeline
	before   int              // how many steps run before
	locals   []string         // bound around the expression
	rows     map[string]rowOf // which of them are rows of a table
	extra    []string         // response, hit
	lenient  bool             // unknown names are left to the rendering
}

// with adds local names.
func (n names) with(locals ...string) names {
	n.rows, n.locals = n.unbound(locals), append(append([]string{}, n.locals...), locals...)
	return n
}

// judging adds the names of a response.
func (n names) judging(extra ...string) names {
	n.extra = extra
	return n
}

func (c *compiler) fail(path string, pos configs.Pos, message, suggestion, try string) {
	c.errs = append(c.errs, configs.Error{Pos: pos, Path: path, Message: message, Suggestion: suggestion, Try: try})
}

// expr compiles a bare expression; nil where none is given.
func (c *compiler) expr(path string, e configs.Expr, n names) *code {
	if e.IsZero() {
		return nil
	}
	return c.expression(path, e.Source, e.Pos, n)
}

func (c *compiler) expression(path, source string, pos configs.Pos, n names) *code {
	compiled, err := c.strict.CompileExpression("", source)
	if err != nil {
		c.syntax(path, pos, err)
		return nil
	}
	built := &code{path: path, pos: pos, eval: compiled.Eval, refs: compiled.Variables()}
	c.check(built, source, n)
	return built
}

// template compiles a string that may hold {{ }}; nil where none is given.
func (c *compiler) template(path string, t configs.Template, n names) *code {
	if t.IsZero() {
		return nil
	}
	return c.native(path, t.Source, t.Pos, n)
}

func (c *compiler) native(path, source string, pos configs.Pos, n names) *code {
	if !strings.Contains(source, "{{") && !strings.Contains(source, "{%") && !strings.Contains(source, "{#") {
		return &code{path: path, pos: pos, constant: source}
	}
	compiled, err := c.strict.CompileNative("", source)
	if err != nil {
		c.syntax(path, pos, err)
		return nil
	}
	built := &code{path: path, pos: pos, eval: compiled.Eval, refs: compiled.Variables()}
	c.check(built, source, n)
	return built
}

// renderer compiles the text of a template file, whose names are lenient.
func (c *compiler) renderer(path, file, source string, n names) *code {
	pos := configs.Pos{File: file, Line: 1, Column: 1}
	compiled, err := c.lenient.Compile("", source)
	if err != nil {
		c.syntax(path, pos, err)
		return nil
	}
	eval := func(ctx context.Context, vars any) (any, error) { return compiled.Render(ctx, vars) }
	built := &code{path: path, pos: pos, eval: eval, refs: compiled.Variables()}
	n.lenient = true
	c.check(built, source, n)
	return built
}

// syntax reports what the engine says about a source, at its place in the file.
func (c *compiler) syntax(path string, pos configs.Pos, err error) {
	message := err.Error()
	var e *jinja.Error
	if errors.As(err, &e) {
		message = e.Message
		if e.Line > 0 {
			pos = pos.At(e.Line, e.Column)
		}
	}
	c.fail(path, pos, message, "", "")
}

// all compiles named templates.
func (c *compiler) all(path string, entries configs.Named[configs.Template], n names) []named {
	list := make([]named, 0, len(entries))
	for _, e := range entries {
		list = append(list, named{e.Name, c.template(path+"."+e.Name, e.Value, n)})
	}
	return list
}

// exprs compiles named expressions.
func (c *compiler) exprs(path string, entries configs.Named[configs.Expr], n names) []named {
	list := make([]named, 0, len(entries))
	for _, e := range entries {
		list = append(list, named{e.Name, c.expr(path+"."+e.Name, e.Value, n)})
	}
	return list
}

// keys compiles the parts of a key.
func (c *compiler) keys(path string, parts []configs.Expr, n names) []*code {
	list := make([]*code, 0, len(parts))
	for i, e := range parts {
		list = append(list, c.expr(fmt.Sprintf("%s[%d]", path, i), e, n))
	}
	return list
}

// named is code under a name: a header, a query parameter, a kept value.
type named struct {
	name string
	*code
}
