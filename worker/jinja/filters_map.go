package jinja

import (
	"slices"
)

// mapping prepares what map does with an item.
func (c *call) mapping() (getter, error) {
	rt := c.rt
	named := slices.Clone(c.named)
	if len(c.rest) > 0 {
		name := c.rest[0]
		args := arguments{slices.Clone(c.rest[1:]), named}
		return func(item any) (any, error) {
			b, err := rt.namedFilter(name)
			if err != nil {
				return nil, err
			}
			return rt.invoke(b, nil, item, args)
		}, nil
	}
	args := arguments{named: named}
	attr := args.take("attribute", missing)
	if attr == missing {
		return nil, raise(KindRuntime, "map requires a filter argument")
	}
	def := args.take("default", nil)
	if len(args.named) > 0 {
		return nil, raise(KindRuntime, "unexpected keyword argument %s", quoteRepr(args.named[0].name))
	}
	return rt.attrGetter(attr, def, false), nil
}

func (rt *runtime) namedFilter(name any) (*builtin, error) {
	s, ok := textOf(name)
	if ok {
		if b := rt.env.filter(s); b != nil {
			return b, nil
		}
	}
	text, err := rt.repr(name)
	if err != nil {
		return nil, err
	}
	return nil, raise(KindRuntime, "no filter named %s.", text)
}

func (rt *runtime) namedTest(name any) (*builtin, error) {
	s, ok := textOf(name)
	if ok {
		if b := rt.env.test(s); b != nil {
			return b, nil
		}
	}
	text, err := rt.repr(name)
	if err != nil {
		return nil, err
	}
	return nil, raise(KindRuntime, "no test named %s.", text)
}

func filterMap(c *call) (any, error) {
	rt, value := c.rt, c.args[0]
	fn, fnErr := c.mapping()
	return c.rt.lazily(func() (nextFunc, error) {
		ok, err := truth(value)
		if err != nil || !ok {
			return emptyIteration, err
		}
		if fnErr != nil {
			return nil, fnErr
		}
		next, err := rt.iterate(value)
		return func() (any, bool, error) {
			item, ok, err := next()
			if !ok || err != nil {
				return nil, false, err
			}
			if err := rt.step(1); err != nil {
				return nil, false, err
			}
			v, err := fn(item)
			return v, true, err
		}, err
	}), nil
}

// filterSelect keeps the items for which the test has the wanted result; with
// byAttr the test is of an attribute.
func filterSelect(want, byAttr bool) func(*call) (any, error) {
	return func(c *call) (any, error) {
		rt, value := c.rt, c.args[0]
		rest := slices.Clone(c.rest)
		named := slices.Clone(c.named)
		return c.rt.lazily(func() (nextFunc, error) {
			ok, err := truth(value)
			if err != nil || !ok {
				return emptyIteration, err
			}
			check, err := rt.selection(rest, named, byAttr)
			if err != nil {
				return nil, err
			}
			next, err := rt.iterate(value)
			return func() (any, bool, error) {
				for {
					item, ok, err := next()
					if err == nil {
						err = rt.step(1)
					}
					if !ok || err != nil {
						return nil, false, err
					}
					if ok, err = check(item); err != nil {
						return nil, false, err
					}
					if ok == want {
						return item, true, nil
					}
				}
			}, err
		}), nil
	}
}

// selection prepares the test of select and its kin.
func (rt *runtime) selection(rest []any, named []argument, byAttr bool) (func(any) (bool, error), error) {
	get := rt.attrGetter(nil, nil, false)
	if byAttr {
		if len(rest) == 0 {
			return nil, raise(KindRuntime, "missing parameter for attribute name")
		}
		get = rt.attrGetter(rest[0], nil, false)
		rest = rest[1:]
	}
	return func(item any) (bool, error) {
		v, err := get(item)
		if err != nil {
			return false, err
		}
		if len(rest) > 0 {
			b, err := rt.namedTest(rest[0])
			if err != nil {
				return false, err
			}
			if v, err = rt.invoke(b, nil, v, arguments{rest[1:], named}); err != nil {
				return false, err
			}
		}
		return truth(v)
	}, nil
}
