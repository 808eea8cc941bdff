package jinja

import (
	"slices"
)

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
	v, err := f.rt.callValue(fn, args)
	f.drop(&x.args)
	return v, err
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
