package jinja

import "slices"

func (x *constExpr) eval(*frame) (any, error) { return x.value, nil }

func (x *nameExpr) eval(f *frame) (any, error) {
	var v any
	if x.ref.up == 0 && x.ref.slot >= 0 {
		v = f.slots[x.ref.slot]
	} else {
		var err error
		if v, err = f.variable(x.ref, x.name); err != nil {
			return nil, f.at(err, x.pos)
		}
	}
	if v == missing {
		return f.rt.undefinedName(x.name), nil
	}
	return v, nil
}

func (x *nsRefExpr) eval(*frame) (any, error) {
	return nil, raise(KindRuntime, "a namespace attribute can only be assigned to")
}

func (x *listExpr) eval(f *frame) (any, error) {
	if err := f.rt.growItems(len(x.items)+listItems, itemBytes); err != nil {
		return nil, f.at(err, x.pos)
	}
	l := &List{items: make([]any, len(x.items)), tuple: x.tuple}
	for i, item := range x.items {
		v, err := item.eval(f)
		if err != nil {
			return nil, err
		}
		l.items[i] = v
	}
	return l, nil
}

func (x *dictExpr) eval(f *frame) (any, error) {
	if err := f.rt.growItems(len(x.pairs)+1, entryBytes); err != nil {
		return nil, f.at(err, x.pos)
	}
	d := NewDict(len(x.pairs))
	for _, p := range x.pairs {
		k, err := p.key.eval(f)
		if err != nil {
			return nil, err
		}
		v, err := p.value.eval(f)
		if err != nil {
			return nil, err
		}
		if err := d.set(k, v); err != nil {
			return nil, f.at(err, x.pos)
		}
	}
	return d, nil
}

func (x *getattrExpr) eval(f *frame) (any, error) {
	obj, err := x.obj.eval(f)
	if err != nil {
		return nil, err
	}
	if d, ok := obj.(*Dict); ok && !x.method {
		if i := d.findString(x.name); i >= 0 {
			return d.at(i), nil
		}
	}
	v, err := f.rt.attribute(obj, x.name)
	if err != nil {
		return nil, f.at(err, x.pos)
	}
	return v, nil
}

func (x *getitemExpr) eval(f *frame) (any, error) {
	obj, err := x.obj.eval(f)
	if err != nil {
		return nil, err
	}
	arg, err := x.arg.eval(f)
	if err != nil {
		return nil, err
	}
	v, err := f.rt.item(obj, arg)
	if err != nil {
		return nil, f.at(err, x.pos)
	}
	return v, nil
}

func (x *sliceExpr) eval(f *frame) (any, error) {
	obj, err := x.obj.eval(f)
	if err != nil {
		return nil, err
	}
	var bounds [3]any
	for i, part := range []expr{x.start, x.stop, x.steps} {
		if part == nil {
			continue
		}
		if bounds[i], err = part.eval(f); err != nil {
			return nil, err
		}
	}
	v, err := f.rt.slice(obj, bounds)
	if x.constant && isKind(err, KindType) {
		return f.rt.undefinedHint("this value cannot be sliced"), nil
	}
	if err != nil {
		return nil, f.at(err, x.pos)
	}
	return v, nil
}

func (x *unaryExpr) eval(f *frame) (any, error) {
	v, err := x.x.eval(f)
	if err != nil {
		return nil, err
	}
	if v, err = f.rt.sign(x.op, v); err != nil {
		return nil, f.at(err, x.pos)
	}
	return v, nil
}

func (x *binaryExpr) eval(f *frame) (any, error) {
	a, err := x.x.eval(f)
	if err != nil {
		return nil, err
	}
	b, err := x.y.eval(f)
	if err != nil {
		return nil, err
	}
	v, err := f.rt.binary(x.op, a, b)
	if x.bare && err == nil {
		v, err = f.rt.barePower(a, b, v)
	}
	if err != nil {
		return nil, f.at(err, x.pos)
	}
	return v, nil
}

// barePower is the quirk of Jinja2 that (-2) ** n means -(2 ** n) where the
// base is constant and the exponent is not.
func (rt *runtime) barePower(a, b, power any) (any, error) {
	n, _ := asNumber(a)
	if c, ok := compareNumbers(n, int64(0)); !ok || c >= 0 {
		return power, nil
	}
	base, err := rt.sign(tokSub, n)
	if err == nil {
		power, err = rt.binary(tokPow, base, b)
	}
	if err == nil {
		power, err = rt.sign(tokSub, power)
	}
	return power, err
}

func (x *notExpr) eval(f *frame) (any, error) {
	ok, err := f.test(x.x)
	if err != nil {
		return nil, f.at(err, x.pos)
	}
	return !ok, nil
}

func (x *logicExpr) eval(f *frame) (any, error) {
	v, err := x.x.eval(f)
	if err != nil {
		return nil, err
	}
	ok, err := truth(v)
	if err != nil {
		return nil, f.at(err, x.pos)
	}
	if ok == x.or {
		return v, nil
	}
	return x.y.eval(f)
}

func (x *compareExpr) eval(f *frame) (any, error) {
	a, err := x.x.eval(f)
	if err != nil {
		return nil, err
	}
	for _, op := range x.ops {
		b, err := op.y.eval(f)
		if err != nil {
			return nil, err
		}
		ok, err := f.rt.compare(op.op, a, b)
		if err != nil {
			return nil, f.at(err, x.pos)
		}
		if !ok {
			return false, nil
		}
		a = b
	}
	return true, nil
}

func (x *concatExpr) eval(f *frame) (any, error) {
	v, err := f.concat(x)
	if err != nil {
		return nil, f.at(err, x.pos)
	}
	return v, nil
}

// concat joins the parts' texts; where output is escaped and a part is
// Markup, the others are escaped.
func (f *frame) concat(x *concatExpr) (any, error) {
	values := make([]any, len(x.parts))
	escape := false
	for i, part := range x.parts {
		v, err := part.eval(f)
		if err != nil {
			return nil, err
		}
		_, isMarkup := v.(markup)
		escape = escape || isMarkup && x.mode == escapeOn
		values[i] = v
	}
	var buf []byte
	for _, v := range values {
		var err error
		if buf, err = f.rt.appendText(buf, v, escape); err != nil {
			return nil, err
		}
	}
	if err := f.rt.grow(len(buf)); err != nil {
		return nil, err
	}
	if escape {
		return markup(buf), nil
	}
	return string(buf), nil
}

func (x *condExpr) eval(f *frame) (any, error) {
	ok, err := f.test(x.test)
	switch {
	case err != nil:
		return nil, f.at(err, x.pos)
	case ok:
		return x.yes.eval(f)
	case x.no != nil:
		return x.no.eval(f)
	}
	return &undefined{hint: "the inline if-expression evaluated to false and no else section was defined."}, nil
}

// arguments evaluates the arguments of a call; caller, if any, is one more.
// The positional ones lie on the runtime's stack until drop: what is called
// must not keep the slice.
func (f *frame) arguments(a *callArgs, caller *macro) (arguments, error) {
	var args arguments
	base := len(f.rt.args)
	for _, x := range a.pos {
		v, err := x.eval(f)
		if err != nil {
			return args, err
		}
		f.rt.args = append(f.rt.args, v)
	}
	args.pos = slices.Clip(f.rt.args[base:])
	for _, n := range a.named {
		v, err := n.value.eval(f)
		if err != nil {
			return args, err
		}
		args.named = append(args.named, argument{n.name, v})
	}
	if caller != nil {
		args.named = append(args.named, argument{"caller", caller})
	}
	if a.star == nil && a.starstar == nil {
		return args, nil
	}
	return args, f.unpackArguments(a, &args)
}

// drop takes evaluated arguments off the stack.
func (f *frame) drop(a *callArgs) {
	base := len(f.rt.args) - len(a.pos)
	clear(f.rt.args[base:])
	f.rt.args = f.rt.args[:base]
}

// unpackArguments evaluates *args and **kwargs.
func (f *frame) unpackArguments(a *callArgs, args *arguments) error {
	if a.star != nil {
		v, err := a.star.eval(f)
		if err != nil {
			return err
		}
		items, err := f.rt.list(v)
		if err != nil {
			return err
		}
		args.pos = append(args.pos, items...)
	}
	if a.starstar == nil {
		return nil
	}
	v, err := a.starstar.eval(f)
	if err != nil {
		return err
	}
	d, ok := v.(*Dict)
	if !ok {
		return typeError("argument after ** must be a mapping, not %s", typeName(v))
	}
	for i, e := range d.entries {
		name, ok := textOf(e.key)
		if !ok {
			return typeError("keywords must be strings")
		}
		for _, other := range args.named {
			if other.name == name {
				return typeError("got multiple values for keyword argument %s", quoteRepr(name))
			}
		}
		args.named = append(args.named, argument{name, d.at(i)})
	}
	return nil
}

func (x *callExpr) eval(f *frame) (any, error) {
	v, err := x.run(f)
	if err != nil {
		return nil, f.at(err, x.pos)
	}
	return v, nil
}

func (x *callExpr) run(f *frame) (any, error) {
	if attr, ok := x.fn.(*getattrExpr); ok && x.caller == nil {
		return x.method(f, attr)
	}
	fn, err := x.fn.eval(f)
	if err != nil {
		return nil, err
	}
	var caller *macro
	if x.caller != nil {
		caller = &macro{x.caller, f}
	}
	args, err := f.arguments(&x.args, caller)
	if err != nil {
		return nil, err
	}
	defer f.drop(&x.args)
	return f.rt.callValue(fn, args)
}

// write calls, and writes the result. A macro writes its output itself.
func (x *callExpr) write(f *frame) error {
	name, ok := x.fn.(*nameExpr)
	if ok {
		fn, err := name.eval(f)
		if err != nil {
			return err
		}
		if m, ok := fn.(*macro); ok {
			args, err := f.arguments(&x.args, nil)
			if err == nil {
				err = m.write(f.rt, args)
			}
			if err != nil {
				return f.at(err, x.pos)
			}
			f.drop(&x.args)
			return nil
		}
	}
	v, err := x.eval(f)
	if err != nil {
		return err
	}
	return f.rt.write(v, false)
}

// method calls obj.name(args) without making a bound method first.
func (x *callExpr) method(f *frame, attr *getattrExpr) (any, error) {
	obj, err := attr.obj.eval(f)
	if err != nil {
		return nil, err
	}
	var fn any
	b := f.rt.env.lib.method(obj, attr.name)
	if b == nil {
		if fn, err = f.rt.attribute(obj, attr.name); err != nil {
			return nil, f.at(err, attr.pos)
		}
	}
	args, err := f.arguments(&x.args, nil)
	if err != nil {
		return nil, err
	}
	defer f.drop(&x.args)
	if b == nil {
		return f.rt.callValue(fn, args)
	}
	if err := f.rt.step(1); err != nil {
		return nil, err
	}
	return f.rt.invoke(b, obj, missing, args)
}

func (x *filterExpr) eval(f *frame) (any, error) {
	v, err := x.value.eval(f)
	if err != nil {
		return nil, err
	}
	return x.run(f, v)
}

// apply runs a chain of filters whose innermost has no value of its own.
func (x *filterExpr) apply(f *frame, v any) (any, error) {
	if inner, ok := x.value.(*filterExpr); ok {
		var err error
		if v, err = inner.apply(f, v); err != nil {
			return nil, err
		}
	}
	return x.run(f, v)
}

func (x *filterExpr) run(f *frame, v any) (any, error) {
	if x.fn == nil {
		return nil, f.at(raise(KindRuntime, "no filter named %s found.", quoteRepr(x.name)), x.pos)
	}
	args, err := f.arguments(&x.args, nil)
	if err == nil {
		err = f.rt.step(1)
	}
	if err == nil {
		v, err = f.rt.invoke(x.fn, nil, v, args)
	}
	if err != nil {
		return nil, f.at(err, x.pos)
	}
	f.drop(&x.args)
	return v, nil
}

func (x *testExpr) eval(f *frame) (any, error) {
	v, err := x.value.eval(f)
	if err != nil {
		return nil, err
	}
	if x.fn == nil {
		return nil, f.at(raise(KindRuntime, "no test named %s found.", quoteRepr(x.name)), x.pos)
	}
	args, err := f.arguments(&x.args, nil)
	if err == nil {
		v, err = f.rt.invoke(x.fn, nil, v, args)
	}
	if err != nil {
		return nil, f.at(err, x.pos)
	}
	f.drop(&x.args)
	return v, nil
}
