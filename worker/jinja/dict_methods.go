package jinja

func dictMethods() map[string]*builtin {
	return methodTable(
		method{"get", "/ key default?", dictGet},
		method{"keys", "/", func(c *call) (any, error) { return &dictView{c.self.(*Dict), viewKeys}, nil }},
		method{"values", "/", func(c *call) (any, error) { return &dictView{c.self.(*Dict), viewValues}, nil }},
		method{"items", "/", func(c *call) (any, error) { return &dictView{c.self.(*Dict), viewItems}, nil }},
		method{"update", "/ other? **", func(c *call) (any, error) { return nil, c.updateDict(c.self.(*Dict)) }},
		method{"setdefault", "/ key default?", dictSetDefault},
		method{"pop", "/ key default?", dictPop},
		method{"popitem", "/", dictPopItem},
		method{"clear", "/", dictClear},
		method{"copy", "/", dictCopy},
		method{"fromkeys", "/ keys value?", dictFromKeys},
	)
}

func dictGet(c *call) (any, error) {
	v, ok, err := c.self.(*Dict).get(c.args[0])
	if ok || err != nil {
		return v, err
	}
	return c.or(1, nil), nil
}

// or returns parameter i, or def if it was not given.
func (c *call) or(i int, def any) any {
	if c.has(i) {
		return c.args[i]
	}
	return def
}

func dictSetDefault(c *call) (any, error) {
	d := c.self.(*Dict)
	v, ok, err := d.get(c.args[0])
	if ok || err != nil {
		return v, err
	}
	v = c.or(1, nil)
	if err := c.rt.grow(entryBytes); err != nil {
		return nil, err
	}
	return v, d.set(c.args[0], v)
}

func dictPop(c *call) (any, error) {
	d := c.self.(*Dict)
	hash, err := hashKey(c.args[0], 0)
	if err != nil {
		return nil, err
	}
	if i := d.find(hash); i >= 0 {
		v := d.at(i)
		d.remove(i)
		return v, c.rt.step(1 + len(d.entries))
	}
	if c.has(1) {
		return c.args[1], nil
	}
	key, err := c.rt.repr(c.args[0])
	if err != nil {
		return nil, err
	}
	return nil, raise(KindLookup, "%s", key)
}

func dictPopItem(c *call) (any, error) {
	d := c.self.(*Dict)
	i := len(d.entries) - 1
	if i < 0 {
		return nil, raise(KindLookup, "popitem(): dictionary is empty")
	}
	t := newTuple(d.entries[i].key, d.at(i))
	d.remove(i)
	return t, nil
}

func dictClear(c *call) (any, error) {
	d := c.self.(*Dict)
	d.entries, d.index = nil, nil
	return nil, nil
}

func dictCopy(c *call) (any, error) {
	d := c.self.(*Dict)
	return d.copy(), c.rt.growItems(len(d.entries), entryBytes)
}

func dictFromKeys(c *call) (any, error) {
	d := NewDict(0)
	value := c.or(1, nil)
	rt := c.rt
	return d, rt.each(c.args[0], func(key any) error {
		if err := rt.grow(entryBytes); err != nil {
			return err
		}
		return d.set(key, value)
	})
}
