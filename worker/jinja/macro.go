package jinja

// macro is a macro or the caller of a call block, with the frame it was
// defined in.
type macro struct {
	def *macroDef
	f   *frame
}

func (*macro) pyType() string { return "Macro" }

func (s *macroStmt) exec(f *frame) error {
	m := &macro{s.def, f}
	*f.slot(s.target.ref) = m
	if s.export {
		f.tc.set(s.target.name, m, true)
	}
	return nil
}

func (s *callStmt) exec(f *frame) error {
	v, err := s.call.eval(f)
	if err == nil {
		err = f.rt.writeText(v)
	}
	if err != nil {
		return f.at(err, s.pos)
	}
	return nil
}

func (m *macro) attr(name string) (any, bool) {
	sc := &m.def.scope
	switch name {
	case "name":
		if m.def.name == "" {
			return nil, true
		}
		return m.def.name, true
	case "arguments":
		t := newTuple()
		for _, a := range m.def.args {
			t.items = append(t.items, a.name)
		}
		return t, true
	case "catch_kwargs":
		return sc.kwargs >= 0, true
	case "catch_varargs":
		return sc.vararg >= 0, true
	case "caller":
		return sc.caller >= 0 || sc.explicitCaller, true
	case "explicit_caller":
		return sc.explicitCaller, true
	}
	return nil, false
}

// call runs the macro and returns its output.
func (m *macro) call(rt *runtime, args arguments) (any, error) {
	text, err := rt.capture(func() error { return m.write(rt, args) })
	if err != nil {
		return nil, err
	}
	return rt.markedUp(text), nil
}

// write runs the macro and leaves its output where it is.
func (m *macro) write(rt *runtime, args arguments) error {
	if err := rt.enter(); err != nil {
		return err
	}
	defer rt.leave()
	f := newFrame(rt, m.f.prog, m.f.tc, m.def.scope.fn, m.f)
	if err := m.bind(rt, f, args); err != nil {
		return err
	}
	if err := f.enter(m.def.scope.loads); err != nil {
		return err
	}
	if err := m.defaults(rt, f); err != nil {
		return err
	}
	if err := execAll(f, m.def.body); err != nil {
		return err
	}
	f.release(m.def.scope.fn)
	return nil
}

// bind hands the arguments to the macro's parameters; one not given stays
// missing.
func (m *macro) bind(rt *runtime, f *frame, args arguments) error {
	sc := &m.def.scope
	n := min(len(args.pos), len(sc.slots))
	for i, slot := range sc.slots {
		if i < n {
			f.slots[slot] = args.pos[i]
			continue
		}
		f.slots[slot] = args.take(m.def.args[i].name, missing)
	}
	if sc.caller >= 0 {
		v := args.take("caller", nil)
		if v == nil {
			u := rt.undefinedHint("No caller defined")
			u.name = "caller"
			v = u
		}
		f.slots[sc.caller] = v
	}
	if sc.kwargs >= 0 {
		d := NewDict(len(args.named))
		for _, a := range args.named {
			d.put(a.name, a.name, a.value)
		}
		f.slots[sc.kwargs] = d
	} else if len(args.named) > 0 {
		return typeError("macro %s takes no keyword argument %s", quoteRepr(m.def.name), quoteRepr(args.named[0].name))
	}
	if sc.vararg >= 0 {
		f.slots[sc.vararg] = newTuple(append([]any(nil), args.pos[n:]...)...)
	} else if len(args.pos) > len(sc.slots) {
		return typeError("macro %s takes not more than %d argument(s)", quoteRepr(m.def.name), len(sc.slots))
	}
	return nil
}

// defaults evaluates the defaults of the parameters that were not given.
func (m *macro) defaults(rt *runtime, f *frame) error {
	first := len(m.def.args) - len(m.def.defaults)
	for i, slot := range m.def.scope.slots {
		if f.slots[slot] != missing {
			continue
		}
		if i < first {
			name := m.def.args[i].name
			u := rt.undefinedHint("parameter " + quoteRepr(name) + " was not provided")
			u.name = name
			f.slots[slot] = u
			continue
		}
		v, err := m.def.defaults[i-first].eval(f)
		if err != nil {
			return err
		}
		f.slots[slot] = v
	}
	return nil
}
