package jinja

import "math"

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
	c, ok := compareNumbers(n, int64(0))
	if f, isFloat := n.(float64); isFloat && math.Signbit(f) {
		c = -1
	}
	if !ok || c >= 0 {
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

func (x *callExpr) eval(f *frame) (any, error) {
	v, err := x.run(f)
	if err != nil {
		return nil, f.at(err, x.pos)
	}
	return v, nil
}

func (x *filterExpr) eval(f *frame) (any, error) {
	v, err := x.value.eval(f)
	if err != nil {
		return nil, err
	}
	return x.run(f, v)
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
