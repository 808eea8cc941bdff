package jinja

import (
	"strings"
)

// escapeMode says whether output is escaped at a place of the template.
type escapeMode int

const (
	escapeOff escapeMode = iota
	escapeOn
	escapeDynamic // known only when rendering: inside {% autoescape expression %}
)

// resolver gives every name of a parsed template its slot and checks what can
// be checked before rendering.
type resolver struct {
	env      *Environment
	prog     *program
	extended bool // an extends came before
}

// place is what the resolver knows about where it is.
type place struct {
	sym      *symbols
	escape   escapeMode
	fixed    escapeMode // as escape, but what was last known instead of dynamic
	topLevel bool       // assignments are exported
	soft     bool       // inside an if: unknown filters fail only when reached
	live     bool       // inside what renders also in a template that extends another
}

// inner is the place inside a scope of its own.
func (pl place) inner(sym *symbols) place {
	return place{sym: sym, escape: pl.escape, fixed: pl.fixed, live: pl.live}
}

// forScopes holds the scopes of a for loop.
type forScopes struct {
	fn        *function // of a recursive loop
	bodyLoads []load
	elseLoads []load
	loopVar   int // slot of loop, or -1 if nothing reads it

	testFn     *function
	testLoads  []load
	testTarget expr
}

type macroScope struct {
	fn     *function
	loads  []load
	slots  []int // of the arguments
	caller int   // slots of the special variables, or -1
	kwargs int
	vararg int

	explicitCaller bool // caller is one of the arguments
}

type blockScope struct {
	fn    *function
	loads []load
	self  int // slots, or -1
	super int
}

func (r *resolver) fail(pos position, format string, args ...any) error {
	return locate(raise(KindSyntax, format, args...), r.prog.name, pos)
}

// program resolves the whole template.
func (r *resolver) program(body []stmt, blocks []*blockStmt) error {
	pl := place{escape: escapeOff, topLevel: true}
	if r.env.opts.Autoescape {
		pl.escape = escapeOn
	}
	pl.fixed = pl.escape
	fn := &function{}
	sym := newSymbols(nil, fn)
	r.prog.selfSlot = -1
	if usesName(body, "self") {
		r.prog.selfSlot = sym.parameter("self").slot
	}
	sym.stmts(body)
	sym.finish()
	pl.sym = sym
	r.prog.body, r.prog.fn, r.prog.loads = body, fn, sym.loads()
	if err := r.stmts(body, pl); err != nil {
		return err
	}
	for _, b := range blocks {
		if err := r.block(b, pl.escape); err != nil {
			return err
		}
	}
	return nil
}

func (r *resolver) block(b *blockStmt, escape escapeMode) error {
	fn := &function{}
	sym := newSymbols(nil, fn)
	b.scope = blockScope{fn: fn, self: -1, super: -1}
	if usesName(b.body, "self") {
		b.scope.self = sym.parameter("self").slot
	}
	if usesName(b.body, "super") {
		b.scope.super = sym.parameter("super").slot
	}
	sym.stmts(b.body)
	sym.finish()
	b.scope.loads = sym.loads()
	r.prog.blocks[b.name] = b
	return r.stmts(b.body, place{sym: sym, escape: escape, fixed: escape, live: true})
}

func (r *resolver) stmts(body []stmt, pl place) error {
	for _, s := range body {
		if err := r.stmt(s, pl); err != nil {
			return err
		}
	}
	return nil
}

func (r *resolver) stmt(s stmt, pl place) error {
	switch s := s.(type) {
	case *outputStmt:
		s.mode = pl.escape
		r.foldOutput(s, pl)
		pl.soft = pl.soft || r.extended && !pl.live // never reached
		return r.expr(s.x, pl)
	case *doStmt:
		return r.expr(s.x, pl)
	case *ifStmt:
		return r.ifStmt(s, pl)
	case *forStmt:
		return r.forStmt(s, pl)
	case *setStmt:
		s.export = pl.topLevel
		return r.exprs(pl, s.value, s.target)
	case *setBlockStmt:
		return r.setBlock(s, pl)
	case *macroStmt:
		s.export = pl.topLevel
		s.target.ref = pl.sym.ref(s.target.name)
		return r.macro(s.def, pl)
	case *callStmt:
		s.mode = pl.escape
		if err := r.macro(s.call.caller, pl); err != nil {
			return err
		}
		return r.expr(s.call, pl)
	case *filterStmt:
		return r.filterStmt(s, pl)
	case *withStmt:
		return r.withStmt(s, pl)
	case *autoescapeStmt:
		return r.autoescape(s, pl)
	}
	return r.templateStmt(s, pl)
}

// foldOutput marks what Jinja2 would write when it compiles.
func (r *resolver) foldOutput(s *outputStmt, pl place) {
	if pl.folds(s.x) {
		s.mode = pl.fixed
		markConstant(s.x)
	}
}

// folds reports whether Jinja2 evaluates an expression when it compiles.
func (pl place) folds(x expr) bool { return foldable(x, pl.escape == escapeDynamic) }

// markConstant marks the slices in an expression that Jinja2 folds.
func markConstant(x expr) {
	walkExpr(x, func(x expr) {
		if slice, ok := x.(*sliceExpr); ok {
			slice.constant = true
		}
	})
}

// templateStmt resolves the statements that deal with other templates.
func (r *resolver) templateStmt(s stmt, pl place) error {
	switch s := s.(type) {
	case *blockStmt:
		s.topLevel = pl.topLevel
		s.outer = pl.sym
	case *extendsStmt:
		if !pl.topLevel {
			return r.fail(s.pos, "cannot use extend from a non top-level scope")
		}
		r.extended = true
		return r.expr(s.template, pl)
	case *includeStmt:
		s.outer = pl.sym
		return r.expr(s.template, pl)
	case *importStmt:
		s.outer, s.export = pl.sym, pl.topLevel
		s.target.ref = pl.sym.ref(s.target.name)
		return r.expr(s.template, pl)
	case *fromImportStmt:
		s.outer, s.export = pl.sym, pl.topLevel
		for i := range s.names {
			s.names[i].target.ref = pl.sym.ref(s.names[i].target.name)
		}
		return r.expr(s.template, pl)
	}
	return nil
}

// macro resolves a macro's or call block's arguments and body.
func (r *resolver) macro(def *macroDef, pl place) error {
	fn := &function{parent: pl.sym.fn, leaf: isLeaf(def.body)}
	sym := newSymbols(pl.sym, fn)
	sc := macroScope{fn: fn, caller: -1, kwargs: -1, vararg: -1}
	args := map[string]bool{}
	for i := range def.args {
		sc.slots = append(sc.slots, sym.parameter(def.args[i].name).slot)
		args[def.args[i].name] = true
	}
	for _, d := range def.defaults {
		sym.loadAll(d)
	}
	special := func(name string) int {
		if !usesName(def.body, name) || args[name] {
			return -1
		}
		return sym.parameter(name).slot
	}
	if usesName(def.body, "caller") && args["caller"] {
		sc.explicitCaller = true
		if i := len(def.args) - len(def.defaults); !hasDefault(def.args[i:], "caller") {
			return r.fail(def.pos, `the special "caller" argument must be omitted or be given a default`)
		}
	}
	sc.caller, sc.kwargs, sc.vararg = special("caller"), special("kwargs"), special("varargs")
	sym.stmts(def.body)
	sym.finish()
	sc.loads = sym.loads()
	def.scope = sc
	inner := pl.inner(sym)
	inner.live = true
	if err := r.exprs(inner, def.defaults...); err != nil {
		return err
	}
	return r.stmts(def.body, inner)
}

func hasDefault(args []nameExpr, name string) bool {
	for _, a := range args {
		if a.name == name {
			return true
		}
	}
	return false
}

func (r *resolver) exprs(pl place, list ...expr) error {
	for _, x := range list {
		if err := r.expr(x, pl); err != nil {
			return err
		}
	}
	return nil
}

// expr resolves the names in an expression and checks filters and tests.
func (r *resolver) expr(x expr, pl place) error {
	if x == nil {
		return nil
	}
	if _, container := x.(*listExpr); !container && pl.escape != escapeDynamic && foldable(x, false) {
		for _, child := range children(x) {
			markConstant(child)
		}
	}
	switch x := x.(type) {
	case *nameExpr:
		x.ref = pl.sym.ref(x.name)
	case *nsRefExpr:
		x.name.ref = pl.sym.ref(x.name.name)
	case *concatExpr:
		x.mode = pl.escape
		if pl.folds(x) { // Jinja2 joins those as plain text
			x.mode = escapeOff
		}
	case *binaryExpr:
		x.bare = x.op == tokPow && foldable(x.x, false) && !foldable(x.y, false) && pl.escape != escapeDynamic
	case *condExpr:
		pl.soft = true
	case *filterExpr:
		if x.fn == nil && !pl.soft {
			return r.fail(x.pos, "no filter named %s.%s", quoteRepr(x.name), r.suggest(x.name, r.env.filterNames()))
		}
	case *testExpr:
		if x.fn == nil && !pl.soft {
			return r.fail(x.pos, "no test named %s.", quoteRepr(x.name))
		}
	}
	return r.exprs(pl, children(x)...)
}

// suggest offers a known name that differs from name in case only or begins
// with it.
func (r *resolver) suggest(name string, known []string) string {
	for _, k := range known {
		if strings.EqualFold(k, name) || len(name) > 2 && strings.HasPrefix(k, name) {
			return " Did you mean " + quoteRepr(k) + "?"
		}
	}
	return ""
}
