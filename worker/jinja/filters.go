package jinja

// filters are the built-in filters. The first parameter is the value.
func filters() map[string]*builtin {
	return withAliases(methodTable(
		method{"abs", "/ x", filterAbs},
		method{"attr", "obj name", filterAttr},
		method{"b64decode", "value", filterB64decode},
		method{"b64encode", "value", filterB64encode},
		method{"batch", "value linecount fill_with?", filterBatch},
		method{"capitalize", "s", textFilter(capitalize)},
		method{"center", "value width?", filterCenter},
		method{"default", "value default_value? boolean?", filterDefault},
		method{"dictsort", "value case_sensitive? by? reverse?", filterDictsort},
		method{"escape", "/ s", filterEscape},
		method{"filesizeformat", "value binary?", filterFilesizeformat},
		method{"first", "seq", filterFirst},
		method{"float", "value default?", filterFloat},
		method{"forceescape", "value", filterForceescape},
		method{"format", "/ value * **", filterFormat},
		method{"groupby", "value attribute default? case_sensitive?", filterGroupby},
		method{"indent", "s width? first? blank?", filterIndent},
		method{"int", "value default? base?", filterInt},
		method{"items", "value", filterItems},
		method{"join", "value d? attribute?", filterJoin},
		method{"last", "seq", filterLast},
		method{"length", "/ obj", filterLength},
		method{"list", "value", filterList},
		method{"lower", "s", textFilter(lower)},
		method{"map", "/ value * **", filterMap},
		method{"max", "value case_sensitive? attribute?", filterMinMax(cmpGt)},
		method{"min", "value case_sensitive? attribute?", filterMinMax(cmpLt)},
		method{"pprint", "value", filterPprint},
		method{"random", "/ seq", unsupported("random", "its result differs from one rendering to the next")},
		method{"reject", "/ value * **", filterSelect(false, false)},
		method{"rejectattr", "/ value * **", filterSelect(false, true)},
		method{"replace", "s old new count?", filterReplace},
		method{"reverse", "value", filterReverse},
		method{"round", "value precision? method?", filterRound},
		method{"safe", "value", func(c *call) (any, error) { return c.rt.toMarkup(c.args[0]) }},
		method{"select", "/ value * **", filterSelect(true, false)},
		method{"selectattr", "/ value * **", filterSelect(true, true)},
		method{"slice", "value slices fill_with?", filterSlice},
		method{"sort", "value reverse? case_sensitive? attribute?", filterSort},
		method{"string", "/ value", filterString},
		method{"striptags", "value", filterStriptags},
		method{"sum", "iterable attribute? start?", filterSum},
		method{"title", "s", filterTitle},
		method{"tojson", "value indent?", filterTojson},
		method{"trim", "value chars?", filterTrim},
		method{"truncate", "s length? killwords? end? leeway?", filterTruncate},
		method{"unique", "value case_sensitive? attribute?", filterUnique},
		method{"upper", "s", textFilter(upper)},
		method{"urlencode", "value", filterUrlencode},
		method{"urlize", "/ value * **", unsupported("urlize", "write the link in the template")},
		method{"wordcount", "s", filterWordcount},
		method{"wordwrap", "s width? break_long_words? wrapstring? break_on_hyphens?", filterWordwrap},
		method{"xmlattr", "d autospace?", filterXmlattr},
	), map[string]string{"count": "length", "d": "default", "e": "escape"})
}

func withAliases(table map[string]*builtin, aliases map[string]string) map[string]*builtin {
	for alias, name := range aliases {
		table[alias] = table[name]
	}
	return table
}

func unsupported(name, why string) func(*call) (any, error) {
	return func(*call) (any, error) {
		return nil, raise(KindRuntime, "the filter %s is not supported: %s", name, why)
	}
}

// softText is the value's text and whether it is Markup (markupsafe.soft_str).
func (c *call) softText(i int) (string, bool, error) {
	if m, ok := c.args[i].(markup); ok {
		return string(m), true, nil
	}
	s, err := c.rt.text(c.args[i])
	return s, false, err
}

// softResult returns s as Markup or str.
func (c *call) softResult(s string, safe bool) (any, error) {
	if err := c.rt.grow(len(s)); err != nil {
		return nil, err
	}
	if safe {
		return markup(s), nil
	}
	return s, nil
}

func textFilter(fn func(string) string) func(*call) (any, error) {
	return func(c *call) (any, error) {
		s, safe, err := c.softText(0)
		if err != nil {
			return nil, err
		}
		return c.softResult(fn(s), safe)
	}
}

func filterDefault(c *call) (any, error) {
	boolean, err := c.flag(2, false)
	if err != nil {
		return nil, err
	}
	use := IsUndefined(c.args[0])
	if !use && boolean {
		ok, err := truth(c.args[0])
		if err != nil {
			return nil, err
		}
		use = !ok
	}
	if use {
		return c.or(1, ""), nil
	}
	return c.args[0], nil
}

func filterAttr(c *call) (any, error) {
	name, err := c.str(1)
	if err != nil {
		return nil, typeError("attribute name must be string, not %s", quoteRepr(typeName(c.args[1])))
	}
	if u, ok := c.args[0].(*undefined); ok {
		if u.kind == Chainable {
			return u, nil
		}
		return nil, u.err()
	}
	if name != "" {
		v, ok, err := c.rt.attributeOnly(c.args[0], name)
		if ok || err != nil {
			return v, err
		}
	}
	return c.rt.undefinedAttr(c.args[0], name), nil
}

func filterEscape(c *call) (any, error) {
	return c.rt.escape(c.args[0])
}

func filterForceescape(c *call) (any, error) {
	s, err := c.rt.text(c.args[0])
	if err != nil {
		return nil, err
	}
	return c.softResult(escapeHTML(s), true)
}

func filterString(c *call) (any, error) {
	s, safe, err := c.softText(0)
	if safe {
		return markup(s), nil
	}
	return s, err
}

func filterLength(c *call) (any, error) {
	n, err := c.rt.length(c.args[0])
	return int64(n), err
}

func filterList(c *call) (any, error) {
	items, err := c.rt.list(c.args[0])
	return newList(items), err
}

func filterItems(c *call) (any, error) {
	switch v := c.args[0].(type) {
	case *Dict:
		return c.rt.generator((&dictView{v, viewItems}).iterate()), nil
	case *undefined:
		return c.rt.generator(emptyIteration), nil
	}
	return c.rt.lazily(func() (nextFunc, error) { return nil, typeError("can only get item pairs from a mapping") }), nil
}

// lazily is a generator whose beginning runs only when it is first read.
func (rt *runtime) lazily(start func() (nextFunc, error)) *generator {
	var next nextFunc
	return rt.generator(func() (any, bool, error) {
		if next == nil {
			n, err := start()
			if err != nil {
				return nil, false, err
			}
			next = n
		}
		return next()
	})
}

func filterFirst(c *call) (any, error) {
	next, err := c.rt.iterate(c.args[0])
	if err != nil {
		return nil, err
	}
	v, ok, err := next()
	if !ok && err == nil {
		return c.rt.undefinedHint("No first item, sequence was empty."), nil
	}
	return v, err
}

func filterLast(c *call) (any, error) {
	next, err := c.rt.reversed(c.args[0])
	if err != nil {
		return nil, err
	}
	v, ok, err := next()
	if !ok && err == nil {
		return c.rt.undefinedHint("No last item, sequence was empty."), nil
	}
	return v, err
}

// reversed is Python's reversed(v).
func (rt *runtime) reversed(v any) (nextFunc, error) {
	switch v := v.(type) {
	case *List, string, markup, bytesValue, *rangeValue, *Dict, *dictView:
		items, err := rt.list(v)
		_, isMarkup := v.(markup)
		return func() (any, bool, error) {
			if len(items) == 0 {
				return nil, false, nil
			}
			item := items[len(items)-1]
			if s, ok := item.(string); ok && isMarkup { // indexed, where iteration is not
				item = markup(s)
			}
			items = items[:len(items)-1]
			return item, true, nil
		}, err
	case *undefined:
		return emptyIteration, v.strict()
	}
	return nil, typeError("%s object is not reversible", quoteRepr(typeName(v)))
}

func filterReverse(c *call) (any, error) {
	switch c.args[0].(type) {
	case string, markup:
		s, safe, _ := c.softText(0)
		runes := []rune(s)
		for i, j := 0, len(runes)-1; i < j; i, j = i+1, j-1 {
			runes[i], runes[j] = runes[j], runes[i]
		}
		return c.softResult(string(runes), safe)
	}
	next, err := c.rt.reversed(c.args[0])
	if err == nil {
		return &generator{next, reversedType(c.args[0])}, nil
	}
	if !isKind(err, KindType) {
		return nil, err
	}
	items, err := c.rt.list(c.args[0])
	if isKind(err, KindType) {
		return nil, raise(KindRuntime, "argument must be iterable")
	}
	reverse(items)
	return newList(items), err
}

// reversedType is Python's name of the type of reversed(v).
func reversedType(v any) string {
	switch v := v.(type) {
	case *rangeValue:
		return "range_iterator"
	case *List:
		if !v.tuple {
			return "list_reverseiterator"
		}
	case *Dict:
		return "dict_reversekeyiterator"
	}
	return "reversed"
}

func filterSum(c *call) (any, error) {
	total := c.or(2, int64(0))
	if isText(total) {
		return nil, typeError("sum() can't sum strings [use ''.join(seq) instead]")
	}
	rt := c.rt
	get := rt.attrGetter(c.attribute(1), nil, false)
	err := rt.each(c.args[0], func(item any) error {
		v, err := get(item)
		if err == nil {
			total, err = rt.binary(tokAdd, total, v)
		}
		return err
	})
	return total, err
}

// attribute returns parameter i, an attribute path, or nil if there is none.
func (c *call) attribute(i int) any {
	if c.has(i) {
		return c.args[i]
	}
	return nil
}
