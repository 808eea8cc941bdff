package jinja

import "errors"

// frame is one running function of a template.
type frame struct {
	rt       *runtime
	prog     *program
	tc       *templateContext
	slots    []any
	up       *frame
	extended *program // the parent once extends was reached: output is then dropped
	buf      [6]any   // room for the slots of small functions
	next     *frame   // free list
}

func newFrame(rt *runtime, prog *program, tc *templateContext, fn *function, up *frame) *frame {
	f := rt.frames
	if f == nil || !fn.leaf {
		f = new(frame)
	} else {
		rt.frames = f.next
	}
	*f = frame{rt: rt, prog: prog, tc: tc, up: up}
	if fn.slots <= len(f.buf) {
		f.slots = f.buf[:fn.slots]
	} else {
		f.slots = make([]any, fn.slots)
	}
	return f
}

// release takes back the frame of a function that nothing can refer to once
// it ended.
func (f *frame) release(fn *function) {
	if fn.leaf {
		*f = frame{next: f.rt.frames, rt: f.rt}
		f.rt.frames = f
	}
}

// at places an error at a node of the running template.
func (f *frame) at(err error, pos position) error {
	if err == errBreak || err == errContinue {
		return err
	}
	return locate(err, f.prog.name, pos)
}

func (f *frame) slot(r ref) *any {
	for ; r.up > 0; r.up-- {
		f = f.up
	}
	return &f.slots[r.slot]
}

// enter initializes the variables of a scope.
func (f *frame) enter(loads []load) error {
	for i := range loads {
		l := &loads[i]
		switch l.kind {
		case loadUnset:
			f.slots[l.slot] = missing
		case loadOuter:
			v, err := f.variable(l.from, l.name)
			if err != nil {
				return err
			}
			f.slots[l.slot] = v
		default:
			v, err := f.tc.resolve(f.rt, l.name)
			if err != nil {
				return err
			}
			f.slots[l.slot] = v
		}
	}
	return nil
}

// variable reads a variable; the result may be missing.
func (f *frame) variable(r ref, name string) (any, error) {
	if r.slot == contextSlot {
		return f.tc.resolve(f.rt, name)
	}
	return *f.slot(r), nil
}

// errBreak and errContinue unwind to the innermost loop.
var (
	errBreak    = errors.New("loop break")
	errContinue = errors.New("loop continue")
)

func execAll(f *frame, body []stmt) error {
	for _, s := range body {
		if err := s.exec(f); err != nil {
			return err
		}
	}
	return nil
}

// assign stores a value into a name, tuple of targets or namespace attribute.
func (f *frame) assign(target expr, v any) error {
	switch t := target.(type) {
	case *nameExpr:
		*f.slot(t.ref) = v
		return nil
	case *listExpr:
		return f.unpack(t, v)
	case *nsRefExpr:
		nsValue, err := f.variable(t.name.ref, t.name.name)
		if err != nil {
			return f.at(err, t.pos)
		}
		ns, ok := nsValue.(*namespace)
		if !ok {
			return f.at(raise(KindRuntime, "cannot assign attribute on non-namespace object"), t.pos)
		}
		if err := f.rt.grow(entryBytes); err != nil {
			return f.at(err, t.pos)
		}
		ns.attrs.put(t.attr, t.attr, v)
		return nil
	}
	return raise(KindRuntime, "cannot assign to this expression")
}

func (f *frame) unpack(t *listExpr, v any) error {
	want := len(t.items)
	if l, ok := v.(*List); ok && len(l.items) == want {
		for i, item := range t.items {
			if err := f.assign(item, l.get(i)); err != nil {
				return err
			}
		}
		return nil
	}
	next, err := f.rt.iterate(v)
	if isKind(err, KindType) {
		err = typeError("cannot unpack non-iterable %s object", typeName(v))
	}
	if err != nil {
		return f.at(err, t.pos)
	}
	values := make([]any, 0, want)
	for {
		item, ok, err := next()
		if err != nil {
			return f.at(err, t.pos)
		}
		if !ok {
			break
		}
		if len(values) == want {
			return f.at(valueError("too many values to unpack (expected %d)", want), t.pos)
		}
		values = append(values, item)
	}
	if len(values) < want {
		return f.at(valueError("not enough values to unpack (expected %d, got %d)", want, len(values)), t.pos)
	}
	for i, item := range t.items {
		if err := f.assign(item, values[i]); err != nil {
			return err
		}
	}
	return nil
}

// export makes names assigned at a template's top level known to its blocks
// and importers.
func (f *frame) export(target expr) {
	walkNames(target, func(n *nameExpr) { f.tc.set(n.name, *f.slot(n.ref), true) })
}
