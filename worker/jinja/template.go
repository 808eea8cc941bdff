package jinja

import (
	"context"
	"io"
)

// Template is a compiled text template. It is immutable and safe for
// concurrent use.
type Template struct{ prog *program }

// Render returns the template's text for vars: a map with string keys, a
// [*Dict] or an [Object]; nil stands for no variables. Its error is an
// [*Error].
func (t *Template) Render(ctx context.Context, vars any) (string, error) {
	return t.prog.renderText(ctx, vars)
}

// RenderTo writes the template's text to w, nothing if rendering fails. Its
// error is an [*Error], of [KindHost] if it is w's.
func (t *Template) RenderTo(ctx context.Context, w io.Writer, vars any) error {
	return t.prog.render(ctx, vars, func(out []byte) error { return writeAll(w, out) })
}

// Variables lists the names of the context the template may read, in the
// order of the source; neither names it also assigns in the same scope, nor
// those of templates it extends, includes or imports.
func (t *Template) Variables() []Reference { return t.prog.variables() }

// Expression is a compiled bare expression. It is immutable and safe for
// concurrent use.
type Expression struct{ prog *program }

// Eval returns the expression's value for vars, as [Template.Render] takes
// them; see the package documentation for the types of the value. Its error
// is an [*Error].
func (x *Expression) Eval(ctx context.Context, vars any) (any, error) {
	return x.prog.eval(ctx, x.prog.expr, vars)
}

// Variables lists the names of the context the expression may read.
func (x *Expression) Variables() []Reference { return x.prog.variables() }

// Native is a compiled native template. It is immutable and safe for
// concurrent use.
type Native struct {
	prog    *program // nil for a literal
	literal string
}

// Eval returns the typed value of a single {{ }}, otherwise a string. Its
// error is an [*Error].
func (n *Native) Eval(ctx context.Context, vars any) (any, error) {
	if n.prog == nil {
		return n.literal, nil
	}
	if out, ok := n.single(); ok {
		return n.prog.eval(ctx, out.x, vars)
	}
	text, err := n.prog.renderText(ctx, vars)
	if err != nil {
		return nil, err
	}
	return text, nil
}

// single returns the only statement of a template that is one {{ }}.
func (n *Native) single() (*outputStmt, bool) {
	if len(n.prog.body) != 1 {
		return nil, false
	}
	out, ok := n.prog.body[0].(*outputStmt)
	return out, ok
}

// Variables lists the names of the context the native template may read.
func (n *Native) Variables() []Reference {
	if n.prog == nil {
		return nil
	}
	return n.prog.variables()
}

// Reference is a variable of the context that a template reads.
type Reference struct {
	Path []string // the name and its static attributes or string items, e.g. field, amount_total
	Line int      // from 1
	Col  int      // from 1, in code points
}

// variables finds every read of the context.
func (prog *program) variables() []Reference {
	v := &variableFinder{}
	v.expr(prog.expr)
	walkStmts(prog.body, v.stmt)
	return v.refs
}

type variableFinder struct{ refs []Reference }

func (v *variableFinder) stmt(s stmt) {
	reads, _ := stmtExprs(s)
	for _, x := range reads {
		v.expr(x)
	}
}

func (v *variableFinder) expr(x expr) {
	if x == nil {
		return
	}
	if name, path, rest := accessPath(x); name != nil {
		if name.ref.slot == contextSlot {
			v.refs = append(v.refs, Reference{Path: path, Line: name.pos.line, Col: name.pos.col})
		}
		for _, r := range rest {
			v.expr(r)
		}
		return
	}
	for _, child := range children(x) {
		v.expr(child)
	}
}

// accessPath follows name.attr['item'] back to its name. Computed items end
// the path; they are returned as rest, to be searched themselves.
func accessPath(x expr) (name *nameExpr, path []string, rest []expr) {
	switch x := x.(type) {
	case *nameExpr:
		return x, []string{x.name}, nil
	case *getattrExpr:
		name, path, rest = accessPath(x.obj)
		if name != nil && len(rest) == 0 {
			path = append(path, x.name)
		}
	case *getitemExpr:
		name, path, rest = accessPath(x.obj)
		if c, ok := x.arg.(*constExpr); ok {
			if s, isText := c.value.(string); isText && len(rest) == 0 {
				path = append(path, s)
			}
			return name, path, rest
		}
		rest = append(rest, x.arg)
	}
	return name, path, rest
}
