package jinja

import (
	"slices"
	"strconv"
	"strings"
)

// getter maps an item to what a filter looks at.
type getter func(item any) (any, error)

// pathParts splits an attribute path such as a.0.b; nil is the item itself.
func pathParts(attr any) []any {
	if attr == nil {
		return nil
	}
	s, ok := textOf(attr)
	if !ok {
		return []any{attr}
	}
	var parts []any
	for _, p := range strings.Split(s, ".") {
		if i, err := strconv.Atoi(p); err == nil && isNumeral(p) {
			parts = append(parts, int64(i))
		} else {
			parts = append(parts, p)
		}
	}
	return parts
}

// attrGetter follows an attribute path; where a step is undefined, def takes
// its place unless it is nil. With fold a string result is lowered.
func (rt *runtime) attrGetter(attr, def any, fold bool) getter {
	parts := pathParts(attr)
	return func(item any) (any, error) {
		for _, p := range parts {
			var err error
			if item, err = rt.item(item, p); err != nil {
				return nil, err
			}
			if def != nil && IsUndefined(item) {
				item = def
			}
		}
		if fold {
			return ignoreCase(item), nil
		}
		return item, nil
	}
}

func ignoreCase(v any) any {
	switch v := v.(type) {
	case string:
		return lower(v)
	case markup:
		return markup(lower(string(v)))
	}
	return v
}

// sort sorts stably by the key, which is computed once per item.
func (rt *runtime) sort(items []any, backwards bool, key getter) error {
	return rt.sortBy(items, backwards, key, func(x, y any) (int, error) {
		less, err := rt.ordered(cmpLt, x, y)
		if less || err != nil {
			return -1, err
		}
		more, err := rt.ordered(cmpLt, y, x)
		if more {
			return 1, err
		}
		return 0, err
	})
}

// sortKeys compares keys as the items of one-item lists compare: equal ones
// need no order. It lets None and undefined keys stand beside their like.
func (rt *runtime) sortKeys(x, y any) (int, error) {
	eq, err := rt.identicalOrEqual(x, y)
	if eq || err != nil {
		return 0, err
	}
	c, _, err := rt.order(cmpLt, x, y)
	return c, err
}

func (rt *runtime) sortBy(items []any, backwards bool, key getter, compare func(x, y any) (int, error)) error {
	type keyed struct{ key, item any }
	if err := rt.growItems(len(items), 2*itemBytes); err != nil {
		return err
	}
	list := make([]keyed, len(items))
	for i, item := range items {
		k, err := key(item)
		if err != nil {
			return err
		}
		list[i] = keyed{k, item}
	}
	var failed error
	slices.SortStableFunc(list, func(a, b keyed) int {
		if failed != nil {
			return 0
		}
		x, y := a.key, b.key
		if backwards {
			x, y = y, x
		}
		c, err := compare(x, y)
		failed = err
		return c
	})
	for i := range list {
		items[i] = list[i].item
	}
	return failed
}

func filterSort(c *call) (any, error) {
	backwards, err := c.flag(1, false)
	if err != nil {
		return nil, err
	}
	sensitive, err := c.flag(2, false)
	if err != nil {
		return nil, err
	}
	rt := c.rt
	attrs := []any{c.attribute(3)}
	if s, ok := textOf(c.attribute(3)); ok {
		attrs = nil
		for _, a := range strings.Split(s, ",") {
			attrs = append(attrs, a)
		}
	}
	var getters []getter
	for _, a := range attrs {
		getters = append(getters, rt.attrGetter(a, nil, !sensitive))
	}
	items, err := rt.list(c.args[0])
	if err != nil {
		return nil, err
	}
	if len(getters) == 1 {
		return newList(items), rt.sortBy(items, backwards, getters[0], rt.sortKeys)
	}
	err = rt.sort(items, backwards, func(item any) (any, error) {
		keys := newTuple()
		for _, get := range getters {
			k, err := get(item)
			if err != nil {
				return nil, err
			}
			keys.items = append(keys.items, k)
		}
		return keys, nil
	})
	return newList(items), err
}

func filterDictsort(c *call) (any, error) {
	sensitive, err := c.flag(1, false)
	if err != nil {
		return nil, err
	}
	pos := 0
	if c.has(2) {
		switch c.args[2] {
		case "key":
		case "value":
			pos = 1
		default:
			return nil, raise(KindRuntime, `you can only sort by either "key" or "value"`)
		}
	}
	backwards, err := c.flag(3, false)
	if err != nil {
		return nil, err
	}
	d, ok := c.args[0].(*Dict)
	if !ok {
		return nil, noAttribute(c.args[0], "items")
	}
	items, err := c.rt.list(&dictView{d, viewItems})
	if err != nil {
		return nil, err
	}
	err = c.rt.sort(items, backwards, func(item any) (any, error) {
		k := item.(*List).items[pos]
		if !sensitive {
			k = ignoreCase(k)
		}
		return k, nil
	})
	return newList(items), err
}

// noAttribute is the error of a filter that needs a method the value lacks.
func noAttribute(v any, name string) error {
	if u, ok := v.(*undefined); ok {
		return u.err()
	}
	return raise(KindAttribute, "%s object has no attribute %s", quoteRepr(typeName(v)), quoteRepr(name))
}

func filterUnique(c *call) (any, error) {
	sensitive, err := c.flag(1, false)
	if err != nil {
		return nil, err
	}
	rt, value := c.rt, c.args[0]
	get := rt.attrGetter(c.attribute(2), nil, !sensitive)
	return c.rt.lazily(func() (nextFunc, error) {
		next, err := rt.iterate(value)
		seen := map[any]bool{}
		return func() (any, bool, error) {
			for {
				item, ok, err := next()
				if !ok || err != nil {
					return nil, false, err
				}
				key, err := get(item)
				if err == nil {
					key, err = hashKey(key, 0)
				}
				if err == nil {
					err = rt.growItem(len(seen))
				}
				if err != nil {
					return nil, false, err
				}
				if !seen[key] {
					seen[key] = true
					return item, true, nil
				}
			}
		}, err
	}), nil
}

func filterMinMax(op compareKind) func(*call) (any, error) {
	return func(c *call) (any, error) {
		sensitive, err := c.flag(1, false)
		if err != nil {
			return nil, err
		}
		rt := c.rt
		get := rt.attrGetter(c.attribute(2), nil, !sensitive)
		best, bestKey := missing, any(nil)
		err = rt.each(c.args[0], func(item any) error {
			key, err := get(item)
			if err != nil {
				return err
			}
			better := best == missing
			if !better {
				if better, err = rt.ordered(op, key, bestKey); err != nil {
					return err
				}
			}
			if better {
				best, bestKey = item, key
			}
			return nil
		})
		if best == missing && err == nil {
			return rt.undefinedHint("No aggregated item, sequence was empty."), nil
		}
		return best, err
	}
}

func filterGroupby(c *call) (any, error) {
	def := c.attribute(2)
	sensitive, err := c.flag(3, false)
	if err != nil {
		return nil, err
	}
	rt := c.rt
	get := rt.attrGetter(c.args[1], def, !sensitive)
	name := rt.attrGetter(c.args[1], def, false)
	items, err := rt.list(c.args[0])
	if err != nil {
		return nil, err
	}
	if err := rt.sort(items, false, get); err != nil {
		return nil, err
	}
	var groups []any
	var lastKey any
	var current *List
	for _, item := range items {
		key, err := get(item)
		if err != nil {
			return nil, err
		}
		same := false
		if current != nil {
			if same, err = rt.identicalOrEqual(lastKey, key); err != nil {
				return nil, err
			}
		}
		if !same {
			grouper, err := name(item)
			if err != nil {
				return nil, err
			}
			current = newList(nil)
			group := newTuple(grouper, current)
			group.names = []string{"grouper", "list"}
			groups = append(groups, group)
			lastKey = key
		}
		current.items = append(current.items, item)
	}
	return newList(groups), rt.growItems(len(groups), 4*objectSize)
}

func filterBatch(c *call) (any, error) {
	size, err := toIndexOrFloat(c.args[1])
	if err != nil {
		return nil, err
	}
	rt, value, fill := c.rt, c.args[0], c.or(2, nil)
	var next nextFunc
	var pending any = missing
	return rt.generator(func() (any, bool, error) {
		if next == nil {
			n, err := rt.iterate(value)
			if err != nil {
				return nil, false, err
			}
			next = n
		}
		var row []any
		if pending != missing {
			row, pending = append(row, pending), missing
		}
		for {
			item, ok, err := next()
			if err == nil {
				err = rt.growItem(len(row))
			}
			if err != nil {
				return nil, false, err
			}
			if !ok {
				break
			}
			if len(row) == size {
				pending = item
				return newList(row), true, nil
			}
			row = append(row, item)
		}
		if len(row) == 0 {
			return nil, false, nil
		}
		if fill != nil && len(row) < size {
			if err := rt.growItems(size, itemBytes); err != nil {
				return nil, false, err
			}
			for len(row) < size {
				row = append(row, fill)
			}
		}
		return newList(row), true, nil
	}), nil
}

// toIndexOrFloat accepts what compares with a length.
func toIndexOrFloat(v any) (int, error) {
	if f, ok := v.(float64); ok {
		i, err := toInt(f)
		if err != nil {
			return 0, err
		}
		return toIndex(i)
	}
	return toIndex(v)
}

func filterSlice(c *call) (any, error) {
	rt, value, slicesArg, fill := c.rt, c.args[0], c.args[1], c.or(2, nil)
	return c.rt.lazily(func() (nextFunc, error) {
		items, err := rt.list(value)
		if err != nil {
			return nil, err
		}
		n, err := toIndex(slicesArg)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return nil, raise(KindArithmetic, "integer division or modulo by zero")
		}
		per, extra := len(items)/max(n, 1), len(items)%max(n, 1)
		i, offset := 0, 0
		return func() (any, bool, error) {
			if i >= n {
				return nil, false, nil
			}
			start := offset + i*per
			if i < extra {
				offset++
			}
			column := slices.Clone(items[start : offset+(i+1)*per])
			if fill != nil && i >= extra {
				column = append(column, fill)
			}
			i++
			return newList(column), true, rt.growItems(len(column)+1, itemBytes)
		}, nil
	}), nil
}

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
