package jinja

import (
	"slices"
)

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
	pending := missing
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
