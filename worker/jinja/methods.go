package jinja

// method is a builtin's name, its signature as newBuiltin reads it, and code.
type method struct {
	name, signature string
	fn              func(c *call) (any, error)
}

func methodTable(list ...method) map[string]*builtin {
	table := make(map[string]*builtin, len(list))
	for _, m := range list {
		table[m.name] = newBuiltin(m.name, m.signature, m.fn)
	}
	return table
}

func listMethods() map[string]*builtin {
	return methodTable(
		method{"append", "/ item", listAppend},
		method{"extend", "/ items", listExtend},
		method{"insert", "/ index item", listInsert},
		method{"pop", "/ index?", listPop},
		method{"remove", "/ item", listRemove},
		method{"clear", "/", listClear},
		method{"copy", "/", listCopy},
		method{"index", "/ item start? stop?", listIndex},
		method{"count", "/ item", listCount},
		method{"sort", "key? reverse?", listSort},
		method{"reverse", "/", listReverse},
	)
}

func tupleMethods() map[string]*builtin {
	return methodTable(
		method{"index", "/ item start? stop?", listIndex},
		method{"count", "/ item", listCount},
	)
}

func rangeMethods() map[string]*builtin {
	return methodTable(
		method{"index", "/ item", rangeIndex},
		method{"count", "/ item", rangeCount},
	)
}

func loopMethods() map[string]*builtin {
	return methodTable(
		method{"cycle", "*", loopCycle},
		method{"changed", "*", loopChanged},
	)
}

func cyclerMethods() map[string]*builtin {
	return methodTable(
		method{"next", "", cyclerNext},
		method{"reset", "", cyclerReset},
	)
}

func selfList(c *call) *List {
	l := c.self.(*List)
	l.all()
	return l
}

func listAppend(c *call) (any, error) {
	l := c.self.(*List)
	if err := c.rt.growItem(len(l.items)); err != nil {
		return nil, err
	}
	l.items = append(l.items, c.args[0])
	return nil, nil
}

func listExtend(c *call) (any, error) {
	items, err := c.rt.list(c.args[0])
	if err != nil {
		return nil, err
	}
	l := selfList(c)
	if err := c.rt.growItems(len(l.items)+len(items), itemBytes); err != nil {
		return nil, err
	}
	l.items = append(l.items, items...)
	return nil, nil
}

func listInsert(c *call) (any, error) {
	i, err := c.integer(0, 0)
	if err != nil {
		return nil, err
	}
	l := selfList(c)
	if err := c.rt.growItem(len(l.items)); err != nil {
		return nil, err
	}
	if i < 0 {
		i = max(i+len(l.items), 0)
	}
	i = min(i, len(l.items))
	l.items = append(l.items, nil)
	copy(l.items[i+1:], l.items[i:])
	l.items[i] = c.args[1]
	return nil, c.rt.step((len(l.items) - i) >> 4)
}

func listPop(c *call) (any, error) {
	l := selfList(c)
	i, err := c.integer(0, -1)
	if err != nil {
		return nil, err
	}
	if len(l.items) == 0 {
		return nil, raise(KindLookup, "pop from empty list")
	}
	i, ok := wrapIndex(i, len(l.items))
	if !ok {
		return nil, raise(KindLookup, "pop index out of range")
	}
	v := l.items[i]
	l.items = append(l.items[:i], l.items[i+1:]...)
	return v, c.rt.step((len(l.items) - i) >> 4)
}

func listRemove(c *call) (any, error) {
	l := selfList(c)
	for i := 0; i < len(l.items); i++ {
		eq, err := c.rt.identicalOrEqual(l.items[i], c.args[0])
		if err != nil {
			return nil, err
		}
		if eq {
			l.items = append(l.items[:i], l.items[i+1:]...)
			return nil, nil
		}
	}
	return nil, valueError("list.remove(x): x not in list")
}

func listClear(c *call) (any, error) {
	c.self.(*List).items = nil
	return nil, nil
}

func listCopy(c *call) (any, error) {
	items, err := c.rt.list(c.self)
	return newList(items), err
}

func listIndex(c *call) (any, error) {
	l := selfList(c)
	start, err := c.integer(1, 0)
	if err != nil {
		return nil, err
	}
	stop, err := c.integer(2, len(l.items))
	if err != nil {
		return nil, err
	}
	if start < 0 {
		start = max(start+len(l.items), 0)
	}
	if stop < 0 {
		stop += len(l.items)
	}
	for i := start; i < min(stop, len(l.items)); i++ {
		eq, err := c.rt.identicalOrEqual(l.items[i], c.args[0])
		if err != nil {
			return nil, err
		}
		if eq {
			return int64(i), nil
		}
	}
	return nil, valueError("value is not in %s", typeName(l))
}

func listCount(c *call) (any, error) {
	n := int64(0)
	for _, v := range selfList(c).items {
		eq, err := c.rt.identicalOrEqual(v, c.args[0])
		if err != nil {
			return nil, err
		}
		if eq {
			n++
		}
	}
	return n, nil
}

func listReverse(c *call) (any, error) {
	l := selfList(c)
	reverse(l.items)
	return nil, c.rt.step(len(l.items) >> 4)
}

func reverse(items []any) {
	for i, j := 0, len(items)-1; i < j; i, j = i+1, j-1 {
		items[i], items[j] = items[j], items[i]
	}
}

func listSort(c *call) (any, error) {
	l := selfList(c)
	backwards, err := c.flag(1, false)
	if err != nil {
		return nil, err
	}
	rt, key := c.rt, any(nil)
	if c.given(0) {
		key = c.args[0]
	}
	items, err := rt.list(l)
	if err != nil {
		return nil, err
	}
	err = rt.sort(items, backwards, func(v any) (any, error) {
		if key == nil {
			return v, nil
		}
		return rt.callValue(key, arguments{pos: []any{v}})
	})
	if err == nil {
		l.items = items
	}
	return nil, err
}

func rangeIndex(c *call) (any, error) {
	r := c.self.(*rangeValue)
	n, ok := asNumber(c.args[0])
	if !ok || !r.contains(n) {
		return nil, valueError("value is not in range")
	}
	i, err := realNumber(n)
	return int64((int(i) - r.start) / r.step), err
}

func rangeCount(c *call) (any, error) {
	n, ok := asNumber(c.args[0])
	if ok && c.self.(*rangeValue).contains(n) {
		return int64(1), nil
	}
	return int64(0), nil
}
