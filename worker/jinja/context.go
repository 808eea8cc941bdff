package jinja

// templateContext is what a running template sees beyond its own variables.
type templateContext struct {
	vars     map[string]any // assigned at top level
	exported map[string]bool
	parent   names
	blocks   map[string][]block // per name, the most derived first
}

// names resolves a name to a value or missing.
type names interface {
	resolve(rt *runtime, name string) (any, error)
}

// block is a block with the template it is written in.
type block struct {
	prog *program
	stmt *blockStmt
}

func newContext(prog *program, parent names) *templateContext {
	tc := &templateContext{parent: parent, blocks: make(map[string][]block, len(prog.blocks))}
	tc.addBlocks(prog)
	return tc
}

func (tc *templateContext) addBlocks(prog *program) {
	for name, stmt := range prog.blocks {
		tc.blocks[name] = append(tc.blocks[name], block{prog, stmt})
	}
}

func (tc *templateContext) resolve(rt *runtime, name string) (any, error) {
	if len(tc.vars) > 0 {
		if v, ok := tc.vars[name]; ok {
			return v, nil
		}
	}
	return tc.parent.resolve(rt, name)
}

func (tc *templateContext) set(name string, v any, export bool) {
	if tc.vars == nil {
		tc.vars = map[string]any{}
		tc.exported = map[string]bool{}
	}
	tc.vars[name] = v
	switch {
	case !export:
		delete(tc.exported, name)
	case name[0] != '_':
		tc.exported[name] = true
	}
}

// rootNames are a rendering's variables and the globals. Each variable is
// asked for once.
type rootNames struct {
	vars   func(name string) (any, bool, error) // nil: globals only
	values map[string]any
}

func (n *rootNames) resolve(rt *runtime, name string) (any, error) {
	if v, ok := n.values[name]; ok {
		return v, nil
	}
	v, err := n.fetch(rt, name)
	if err == nil {
		n.values[name] = v
	}
	return v, err
}

func (n *rootNames) fetch(rt *runtime, name string) (any, error) {
	if n.vars != nil {
		v, ok, err := n.vars(name)
		if err != nil {
			return nil, hostError(err)
		}
		if ok {
			return fromHostLazy(v), nil
		}
	}
	if v, ok := rt.env.opts.Globals[name]; ok {
		return fromHostLazy(v), nil
	}
	if v, ok := rt.env.lib.globals[name]; ok {
		return v, nil
	}
	return missing, nil
}

// varsLookup adapts what a host passed as variables.
func varsLookup(rt *runtime, vars any) (func(string) (any, bool, error), error) {
	switch vars := vars.(type) {
	case nil:
		return nil, nil
	case map[string]any:
		return func(name string) (any, bool, error) {
			v, ok := vars[name]
			return v, ok, nil
		}, nil
	case *Dict:
		return func(name string) (any, bool, error) {
			v, ok := vars.lookup(name)
			return v, ok, nil
		}, nil
	case Object:
		return func(name string) (any, bool, error) { return vars.Lookup(rt.ctx, name) }, nil
	}
	if d, ok := fromHostLazy(vars).(*Dict); ok {
		return varsLookup(rt, d)
	}
	return nil, typeError("vars must be a map, *Dict or Object")
}

// derived is a context with more names on top.
type derived struct {
	locals map[string]any
	below  *templateContext
}

func (d *derived) resolve(rt *runtime, name string) (any, error) {
	if v, ok := d.locals[name]; ok {
		return v, nil
	}
	return d.below.resolve(rt, name)
}

// derive collects the variables of a scope for a template or scoped block
// that is to see them.
func (f *frame) derive(sym *symbols) (names, error) {
	d := &derived{locals: map[string]any{}, below: f.tc}
	err := sym.locals(func(l local) error {
		if err := f.rt.grow(entryBytes); err != nil {
			return err
		}
		v, err := f.variable(l.ref, l.name)
		if err == nil && v != missing {
			d.locals[l.name] = v
		}
		return err
	})
	return d, err
}
