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
	backwards, err := c.direction(1)
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
	backwards, err := c.direction(3)
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
