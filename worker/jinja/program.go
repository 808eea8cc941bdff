package jinja

import "context"

// program is a compiled template or expression. It never changes.
type program struct {
	env      *Environment
	name     string
	body     []stmt
	expr     expr // of an expression
	fn       *function
	loads    []load
	selfSlot int
	blocks   map[string]*blockStmt
}

func (env *Environment) compile(name, source string) (*program, error) {
	prog := &program{env: env, name: name, blocks: map[string]*blockStmt{}}
	p, err := newParser(env, source)
	var body []stmt
	if err == nil {
		body, err = p.parse()
	}
	if err == nil {
		r := &resolver{env: env, prog: prog}
		err = r.program(body, p.blocks)
	}
	if err != nil {
		return nil, locateTemplate(err, name)
	}
	return prog, nil
}

func (env *Environment) compileExpression(name, source string) (*program, error) {
	prog := &program{env: env, name: name, selfSlot: -1}
	p, err := newParser(env, "")
	if err == nil && len(source) > env.limits.SourceBytes {
		err = raise(KindLimit, "expression is longer than %d bytes", env.limits.SourceBytes)
	}
	if err == nil {
		p.lex = newLexer(source, &env.opts)
		p.lex.state = inExpression
		prog.expr, err = p.wholeExpression()
	}
	if err == nil {
		fn := &function{}
		sym := newSymbols(nil, fn)
		sym.loadAll(prog.expr)
		sym.finish()
		prog.fn = fn
		r := &resolver{env: env, prog: prog}
		err = r.expr(prog.expr, place{sym: sym})
	}
	if err != nil {
		return nil, locateTemplate(err, name)
	}
	return prog, nil
}

// wholeExpression reads an expression that is all of the source.
func (p *parser) wholeExpression() (expr, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	x, err := p.expression()
	if err == nil && p.cur.kind != tokEOF {
		err = p.failAt(p.cur.pos, "expected end of expression, got '%s'", p.cur.describe())
	}
	return x, err
}

// locateTemplate names the template in a compile error.
func locateTemplate(err error, name string) error {
	e := locate(err, name, position{1, 1}).(*Error)
	if e.Template == name {
		return e
	}
	named := *e
	named.Template = name
	return &named
}

// render runs the program as a template and hands its output to use, which
// must not keep it.
func (prog *program) render(ctx context.Context, vars any, use func([]byte) error) error {
	rt, tc, err := prog.start(ctx, vars)
	if err != nil {
		return err
	}
	defer rt.close()
	if _, err := runRoot(rt, prog, tc); err != nil {
		return locate(err, prog.name, position{1, 1})
	}
	return use(rt.out)
}

// renderText is render to a string.
func (prog *program) renderText(ctx context.Context, vars any) (string, error) {
	var text string
	err := prog.render(ctx, vars, func(out []byte) error {
		text = string(out)
		return nil
	})
	return text, err
}

// eval evaluates an expression of the program.
func (prog *program) eval(ctx context.Context, x expr, vars any) (any, error) {
	rt, tc, err := prog.start(ctx, vars)
	if err != nil {
		return nil, err
	}
	defer rt.close()
	f := newFrame(rt, prog, tc, prog.fn, nil)
	v, err := x.eval(f)
	if err == nil {
		v, err = rt.export(v)
	}
	if err != nil {
		return nil, f.at(err, position{1, 1})
	}
	settle(v, map[any]bool{})
	return v, nil
}

func (prog *program) start(ctx context.Context, vars any) (*runtime, *templateContext, error) {
	rt := newRuntime(ctx, prog.env)
	lookup, err := varsLookup(rt, vars)
	if err != nil {
		return nil, nil, locate(err, prog.name, position{1, 1})
	}
	tc := newContext(prog, &rootNames{vars: lookup, values: map[string]any{}})
	return rt, tc, nil
}
