package jinja

import "slices"

// runRoot renders a program's top level, and that of the templates it
// extends.
func runRoot(rt *runtime, prog *program, tc *templateContext) (*frame, error) {
	if err := rt.enter(); err != nil {
		return nil, locate(err, prog.name, position{1, 1})
	}
	defer rt.leave()
	f := newFrame(rt, prog, tc, prog.fn, nil)
	if prog.selfSlot >= 0 {
		f.slots[prog.selfSlot] = &selfReference{f}
	}
	if err := f.enter(prog.loads); err != nil {
		return nil, f.at(err, position{1, 1})
	}
	if err := execAll(f, prog.body); err != nil {
		return nil, err
	}
	if f.extended != nil {
		if _, err := runRoot(rt, f.extended, tc); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (s *extendsStmt) exec(f *frame) error {
	if f.extended != nil {
		return f.at(raise(KindRuntime, "extended multiple times"), s.pos)
	}
	parent, err := f.template(s.template)
	if err != nil {
		return f.at(err, s.pos)
	}
	f.extended = parent
	f.tc.addBlocks(parent)
	return nil
}

// template evaluates the name of a template, or of several of which the
// first that exists is taken, and finds it.
func (f *frame) template(x expr) (*program, error) {
	v, err := x.eval(f)
	if err != nil {
		return nil, err
	}
	if name, ok := textOf(v); ok {
		if p := f.rt.env.templates[name]; p != nil {
			return p, nil
		}
		return nil, raise(KindNotFound, "template %s not found", quoteRepr(name))
	}
	if u, ok := v.(*undefined); ok {
		return nil, u.err()
	}
	next, err := f.rt.iterate(v)
	if err != nil {
		return nil, err
	}
	for {
		item, ok, err := next()
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, raise(KindNotFound, "none of the templates was found")
		}
		if name, ok := textOf(item); ok {
			if p := f.rt.env.templates[name]; p != nil {
				return p, nil
			}
		}
	}
}

// exec writes the template's text, as Jinja2 does also where a template that
// extends another drops the rest of its output.
func (s *includeStmt) exec(f *frame) error {
	prog, err := f.template(s.template)
	if s.ignoreMissing && isKind(err, KindNotFound) {
		return nil
	}
	if err != nil {
		return f.at(err, s.pos)
	}
	if !s.withContext {
		m, err := f.rt.module(prog)
		if err != nil {
			return err
		}
		return f.rt.writeString(m.text)
	}
	parent, err := f.derive(s.outer)
	if err != nil {
		return f.at(err, s.pos)
	}
	_, err = f.rt.isolated(func() (*frame, error) { return runRoot(f.rt, prog, newContext(prog, parent)) })
	return err
}

// isolated runs another template with the environment's autoescape.
func (rt *runtime) isolated(run func() (*frame, error)) (*frame, error) {
	before := rt.autoescape
	rt.autoescape = rt.env.opts.Autoescape
	f, err := run()
	rt.autoescape = before
	return f, err
}

// module is an imported template: its text and what it exports.
type module struct {
	name string
	text string
	tc   *templateContext
}

func (*module) pyType() string { return "TemplateModule" }

func (m *module) attr(name string) (any, bool) {
	if m.tc.exported[name] {
		return m.tc.vars[name], true
	}
	return nil, false
}

// module imports a template without context; once per rendering.
func (rt *runtime) module(prog *program) (*module, error) {
	if m := rt.modules[prog]; m != nil {
		return m, nil
	}
	m, err := rt.newModule(prog, &rootNames{values: map[string]any{}})
	if err == nil {
		if rt.modules == nil {
			rt.modules = map[*program]*module{}
		}
		rt.modules[prog] = m
	}
	return m, err
}

func (rt *runtime) newModule(prog *program, parent names) (*module, error) {
	m := &module{name: prog.name, tc: newContext(prog, parent)}
	var err error
	m.text, err = rt.capture(func() error {
		_, err := rt.isolated(func() (*frame, error) { return runRoot(rt, prog, m.tc) })
		return err
	})
	return m, err
}

func (f *frame) importModule(template expr, withContext bool, outer *symbols) (*module, error) {
	prog, err := f.template(template)
	if err != nil {
		return nil, err
	}
	if !withContext {
		return f.rt.module(prog)
	}
	parent, err := f.derive(outer)
	if err != nil {
		return nil, err
	}
	return f.rt.newModule(prog, parent)
}

func (s *importStmt) exec(f *frame) error {
	m, err := f.importModule(s.template, s.withContext, s.outer)
	if err != nil {
		return f.at(err, s.pos)
	}
	*f.slot(s.target.ref) = m
	if s.export {
		f.tc.set(s.target.name, m, false)
	}
	return nil
}

func (s *fromImportStmt) exec(f *frame) error {
	m, err := f.importModule(s.template, s.withContext, s.outer)
	if err != nil {
		return f.at(err, s.pos)
	}
	for _, n := range s.names {
		v, ok := m.attr(n.name)
		if !ok {
			v = &undefined{kind: f.rt.env.opts.Undefined, name: n.name,
				hint: "the template " + quoteRepr(m.name) + " does not export the requested name " + quoteRepr(n.name)}
		}
		*f.slot(n.target.ref) = v
		if s.export {
			f.tc.set(n.target.name, v, false)
		}
	}
	return nil
}

func (s *blockStmt) exec(f *frame) error {
	if s.topLevel && f.extended != nil {
		return nil
	}
	stack := f.tc.blocks[s.name]
	if s.required && len(stack) <= 1 {
		return f.at(raise(KindRuntime, "required block %s not found", quoteRepr(s.name)), s.pos)
	}
	tc := f.tc
	if s.scoped {
		parent, err := f.derive(s.outer)
		if err != nil {
			return f.at(err, s.pos)
		}
		tc = &templateContext{parent: parent, blocks: cloneBlocks(f.tc.blocks)}
	}
	return runBlock(f.rt, stack[0], tc, s.name, 0)
}

func cloneBlocks(blocks map[string][]block) map[string][]block {
	c := make(map[string][]block, len(blocks))
	for name, stack := range blocks {
		c[name] = slices.Clone(stack)
	}
	return c
}

// runBlock renders the block at depth in its stack.
func runBlock(rt *runtime, b block, tc *templateContext, name string, depth int) error {
	if err := rt.enter(); err != nil {
		return locate(err, b.prog.name, b.stmt.pos)
	}
	defer rt.leave()
	f := newFrame(rt, b.prog, tc, b.stmt.scope.fn, nil)
	if i := b.stmt.scope.self; i >= 0 {
		f.slots[i] = &selfReference{f}
	}
	if i := b.stmt.scope.super; i >= 0 {
		f.slots[i] = superBlock(f, name, depth)
	}
	if err := f.enter(b.stmt.scope.loads); err != nil {
		return f.at(err, b.stmt.pos)
	}
	return execAll(f, b.stmt.body)
}

// selfReference is the variable self: the blocks of a template.
type selfReference struct{ f *frame }

func (*selfReference) pyType() string { return "TemplateReference" }

func (s *selfReference) item(name string) (any, bool) {
	if len(s.f.tc.blocks[name]) == 0 {
		return nil, false
	}
	return &blockReference{s.f, name, 0}, true
}

// blockReference is a block that can be called: self.name or super.
type blockReference struct {
	f     *frame
	name  string
	depth int
}

func (*blockReference) pyType() string { return "BlockReference" }

func (b *blockReference) call(rt *runtime, args arguments) (any, error) {
	if len(args.pos)+len(args.named) > 0 {
		return nil, typeError("a block takes no arguments")
	}
	tc := b.f.tc
	text, err := rt.capture(func() error { return runBlock(rt, tc.blocks[b.name][b.depth], tc, b.name, b.depth) })
	if err != nil {
		return nil, err
	}
	return rt.markedUp(text), nil
}

// superBlock is what super means in the block at depth.
func superBlock(f *frame, name string, depth int) any {
	if depth+1 >= len(f.tc.blocks[name]) {
		u := f.rt.undefinedHint("there is no parent block called " + quoteRepr(name) + ".")
		u.name = "super"
		return u
	}
	return &blockReference{f, name, depth + 1}
}
