package jinja

func (s *dataStmt) exec(f *frame) error {
	if f.extended != nil {
		return nil
	}
	return f.rt.writeString(s.text)
}

func (s *outputStmt) exec(f *frame) error {
	if f.extended != nil {
		return nil
	}
	if err := f.rt.step(1); err != nil {
		return f.at(err, s.pos)
	}
	var err error
	if escape := f.escapes(s.mode); s.call != nil && !escape {
		err = s.call.write(f)
	} else {
		var v any
		if v, err = s.x.eval(f); err == nil {
			err = f.rt.write(v, escape)
		}
	}
	if err != nil {
		return f.at(err, s.pos)
	}
	return nil
}

// escapes reports whether output is escaped under mode.
func (f *frame) escapes(mode escapeMode) bool {
	return mode == escapeOn || mode == escapeDynamic && f.rt.autoescape
}

func (s *doStmt) exec(f *frame) error {
	_, err := s.x.eval(f)
	if err != nil {
		return f.at(err, s.pos)
	}
	return nil
}

func (s *ifStmt) exec(f *frame) error {
	if err := f.rt.step(1); err != nil {
		return f.at(err, s.pos)
	}
	for i := range s.branches {
		b := &s.branches[i]
		if b.test != nil {
			ok, err := f.test(b.test)
			if err != nil {
				return f.at(err, s.pos)
			}
			if !ok {
				continue
			}
		}
		return execAll(f, b.body)
	}
	return nil
}

// test evaluates a condition.
func (f *frame) test(x expr) (bool, error) {
	v, err := x.eval(f)
	if err != nil {
		return false, err
	}
	return truth(v)
}

func (s *setStmt) exec(f *frame) error {
	err := f.rt.step(1)
	if err == nil {
		var v any
		if v, err = s.value.eval(f); err == nil {
			err = f.assign(s.target, v)
		}
	}
	if err != nil {
		return f.at(err, s.pos)
	}
	if s.export {
		f.export(s.target)
	}
	return nil
}

func (s *setBlockStmt) exec(f *frame) error {
	if err := f.enter(s.loads); err != nil {
		return f.at(err, s.pos)
	}
	text, err := f.captureBody(s.body)
	if err != nil {
		return f.at(err, s.pos)
	}
	v := f.rt.markedUp(text)
	if s.filter != nil {
		if v, err = s.filter.apply(f, v); err != nil {
			return f.at(err, s.pos)
		}
		if f.rt.autoescape {
			if v, err = f.rt.toMarkup(v); err != nil {
				return f.at(err, s.pos)
			}
		}
	}
	if err := f.assign(s.target, v); err != nil {
		return f.at(err, s.pos)
	}
	if s.export {
		f.export(s.target)
	}
	return nil
}

// captureBody runs the body and returns its output, also in a template whose
// own output is dropped.
func (f *frame) captureBody(body []stmt) (string, error) {
	extended := f.extended
	f.extended = nil
	text, err := f.rt.capture(func() error { return execAll(f, body) })
	f.extended = extended
	return text, err
}

func (s *filterStmt) exec(f *frame) error {
	if err := f.enter(s.loads); err != nil {
		return f.at(err, s.pos)
	}
	text, err := f.rt.capture(func() error { return execAll(f, s.body) })
	if err != nil {
		return f.at(err, s.pos)
	}
	var v any = text
	if f.escapes(s.mode) {
		v = markup(text)
	}
	if v, err = s.filter.apply(f, v); err == nil {
		err = f.rt.writeText(v)
	}
	if err != nil {
		return f.at(err, s.pos)
	}
	return nil
}

// writeText writes the result of a filter or call block, which must be text.
func (rt *runtime) writeText(v any) error {
	s, ok := textOf(v)
	if !ok {
		return typeError("sequence item: expected str instance, %s found", typeName(v))
	}
	return rt.writeString(s)
}

func (s *withStmt) exec(f *frame) error {
	if err := f.enter(s.loads); err != nil {
		return f.at(err, s.pos)
	}
	for i, target := range s.targets {
		v, err := s.values[i].eval(f)
		if err == nil {
			err = f.assign(target, v)
		}
		if err != nil {
			return f.at(err, s.pos)
		}
	}
	return execAll(f, s.body)
}

func (s *autoescapeStmt) exec(f *frame) error {
	if err := f.enter(s.loads); err != nil {
		return f.at(err, s.pos)
	}
	on, err := f.test(s.on)
	if err != nil {
		return f.at(err, s.pos)
	}
	before := f.rt.autoescape
	f.rt.autoescape = on
	err = execAll(f, s.body)
	f.rt.autoescape = before
	return err
}

func (s *loopStmt) exec(*frame) error { return s.signal }

func (s *forStmt) exec(f *frame) error {
	source, err := s.iter.eval(f)
	if err != nil {
		return f.at(err, s.pos)
	}
	if !s.recursive {
		return s.run(f, source, nil, 0)
	}
	var recurse func(source any, depth int) (string, error)
	recurse = func(source any, depth int) (string, error) {
		if err := f.rt.enter(); err != nil {
			return "", f.at(err, s.pos)
		}
		defer f.rt.leave()
		inner := newFrame(f.rt, f.prog, f.tc, s.scopes.fn, f)
		inner.extended = f.extended
		return f.rt.capture(func() error { return s.run(inner, source, recurse, depth) })
	}
	text, err := recurse(source, 0)
	if err != nil {
		return err
	}
	return f.rt.writeString(text)
}

// run visits the items of source.
func (s *forStmt) run(f *frame, source any, recurse func(any, int) (string, error), depth int) error {
	next, err := f.rt.iterate(source)
	if err != nil {
		return f.at(err, s.pos)
	}
	sized := source
	if s.test != nil {
		if next, err = s.filtered(f, next); err != nil {
			return f.at(err, s.pos)
		}
		sized = nil
	}
	var lc *loopContext
	if s.scopes.loopVar >= 0 {
		lc = &loopContext{rt: f.rt, pull: next, source: sized, index0: -1, length: -1, depth0: depth, recurse: recurse,
			after: missing, current: missing, before: missing}
		next = lc.next
	}
	visited, err := s.each(f, next, lc)
	if err != nil || visited {
		return err
	}
	if err := f.enter(s.scopes.elseLoads); err != nil {
		return f.at(err, s.pos)
	}
	return execAll(f, s.otherwise)
}

// each runs the body for every item. It reports whether any run of the body
// came to its end, without which Jinja2 runs the else.
func (s *forStmt) each(f *frame, next nextFunc, lc *loopContext) (visited bool, err error) {
	for {
		item, ok, err := next()
		if err == nil {
			err = f.rt.step(1)
		}
		if err != nil {
			return false, f.at(err, s.pos)
		}
		if !ok {
			return visited, nil
		}
		if name, simple := s.target.(*nameExpr); simple {
			f.slots[name.ref.slot] = item
		} else if err := f.assign(s.target, item); err != nil {
			return false, err
		}
		if lc != nil {
			f.slots[s.scopes.loopVar] = lc
		}
		if err := f.enter(s.scopes.bodyLoads); err != nil {
			return false, f.at(err, s.pos)
		}
		switch err := execAll(f, s.body); err {
		case nil:
			visited = true
		case errBreak:
			return visited, nil
		case errContinue:
		default:
			return false, err
		}
	}
}

// targetValue is what a loop's filter hands on: the item, or where it was
// unpacked a tuple of its parts.
func (f *frame) targetValue(target expr, item any) any {
	t, ok := target.(*listExpr)
	if !ok {
		if name, ok := target.(*nameExpr); ok {
			return *f.slot(name.ref)
		}
		return item
	}
	parts := make([]any, len(t.items))
	for i, part := range t.items {
		parts[i] = f.targetValue(part, nil)
	}
	return newTuple(parts...)
}

// filtered yields the items for which the loop's test holds.
func (s *forStmt) filtered(f *frame, next nextFunc) (nextFunc, error) {
	inner := newFrame(f.rt, f.prog, f.tc, s.scopes.testFn, f)
	entered := false
	return func() (any, bool, error) {
		if !entered {
			entered = true
			if err := inner.enter(s.scopes.testLoads); err != nil {
				return nil, false, err
			}
		}
		for {
			item, ok, err := next()
			if !ok || err != nil {
				return nil, false, err
			}
			if err := f.rt.step(1); err != nil {
				return nil, false, err
			}
			if err := inner.assign(s.scopes.testTarget, item); err != nil {
				return nil, false, err
			}
			keep, err := inner.test(s.test)
			if err != nil {
				return nil, false, err
			}
			if keep {
				return inner.targetValue(s.scopes.testTarget, item), true, nil
			}
		}
	}, nil
}
