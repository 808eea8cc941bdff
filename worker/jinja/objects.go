package jinja

import (
	"strconv"

	"github.com/shopspring/decimal"
)

// namespace is namespace(): attributes that inner scopes can assign to.
type namespace struct{ attrs *Dict }

func (*namespace) pyType() string { return "Namespace" }

func (n *namespace) appendRepr(rt *runtime, buf []byte) ([]byte, error) {
	buf, err := rt.appendRepr(append(buf, "<Namespace "...), n.attrs, formRepr)
	return append(buf, '>'), err
}

// cycler is cycler(...).
type cycler struct {
	items []any
	pos   int
}

func (*cycler) pyType() string { return "Cycler" }

// joiner is joiner(sep): empty when first called, then sep.
type joiner struct {
	sep  any
	used bool
}

func (*joiner) pyType() string { return "Joiner" }

func (j *joiner) attr(name string) (any, bool) {
	switch name {
	case "sep":
		return j.sep, true
	case "used":
		return j.used, true
	}
	return nil, false
}

func (j *joiner) call(_ *runtime, args arguments) (any, error) {
	if len(args.pos)+len(args.named) > 0 {
		return nil, typeError("a joiner takes no arguments")
	}
	if !j.used {
		j.used = true
		return "", nil
	}
	return j.sep, nil
}

// rangeValue is range(start, stop, step).
type rangeValue struct{ start, stop, step int }

func (*rangeValue) pyType() string { return "range" }

func (r *rangeValue) len() int { return countSteps(r.start, r.stop, r.step) }

// Len makes a range false when it is empty.
func (r *rangeValue) Len() int { return r.len() }

func (r *rangeValue) at(i int) any { return int64(r.start + i*r.step) }

func (r *rangeValue) iterate() nextFunc {
	i, n := 0, r.len()
	return func() (any, bool, error) {
		if i >= n {
			return nil, false, nil
		}
		i++
		return r.at(i - 1), true, nil
	}
}

func (r *rangeValue) slice(start, stop, step int) any {
	return &rangeValue{start: r.start + start*r.step, stop: r.start + stop*r.step, step: r.step * step}
}

func (r *rangeValue) contains(n any) bool {
	switch f := n.(type) {
	case float64:
		n = floatKey(f) // an int64 where it is whole
	case decimal.Decimal:
		if f.IsInteger() && f.BigInt().IsInt64() {
			n = f.IntPart()
		}
	}
	i, ok := n.(int64)
	if !ok {
		return false
	}
	offset := int(i) - r.start
	return offset%r.step == 0 && offset/r.step >= 0 && offset/r.step < r.len()
}

func (r *rangeValue) equal(o *rangeValue) bool {
	n := r.len()
	return n == o.len() && (n == 0 || r.start == o.start && (n == 1 || r.step == o.step))
}

func (r *rangeValue) attr(name string) (any, bool) {
	switch name {
	case "start":
		return int64(r.start), true
	case "stop":
		return int64(r.stop), true
	case "step":
		return int64(r.step), true
	}
	return nil, false
}

func (r *rangeValue) appendRepr(_ *runtime, buf []byte) ([]byte, error) {
	buf = append(buf, "range("...)
	buf = strconv.AppendInt(buf, int64(r.start), 10)
	buf = append(buf, ", "...)
	buf = strconv.AppendInt(buf, int64(r.stop), 10)
	if r.step != 1 {
		buf = append(buf, ", "...)
		buf = strconv.AppendInt(buf, int64(r.step), 10)
	}
	return append(buf, ')'), nil
}

// viewKind tells the views of a dict apart.
type viewKind int

const (
	viewKeys viewKind = iota
	viewValues
	viewItems
)

// dictView is what keys(), values() and items() return: it follows the dict.
type dictView struct {
	d    *Dict
	kind viewKind
}

func (v *dictView) pyType() string {
	return [...]string{"dict_keys", "dict_values", "dict_items"}[v.kind]
}

// Len is the number of entries.
func (v *dictView) Len() int { return v.d.Len() }

func (v *dictView) at(i int) any {
	switch v.kind {
	case viewKeys:
		return v.d.entries[i].key
	case viewValues:
		return v.d.at(i)
	}
	return newTuple(v.d.entries[i].key, v.d.at(i))
}

func (v *dictView) iterate() nextFunc { return iterateDict(v.d, v.at) }

func (v *dictView) appendRepr(rt *runtime, buf []byte) ([]byte, error) {
	items, err := rt.list(v)
	if err != nil {
		return nil, err
	}
	buf, err = rt.appendRepr(append(buf, v.pyType()+"("...), newList(items), formRepr)
	return append(buf, ')'), err
}

// equal compares two views as sets.
func (v *dictView) equal(rt *runtime, o *dictView) (bool, error) {
	if v.Len() != o.Len() {
		return false, nil
	}
	return v.within(rt, o)
}

// ordered compares two views as sets: < is a proper subset.
func (v *dictView) ordered(rt *runtime, op compareKind, o *dictView) (bool, error) {
	if op == cmpGt || op == cmpGe {
		v, o = o, v
	}
	if v.Len() > o.Len() || v.Len() == o.Len() && (op == cmpLt || op == cmpGt) {
		return false, nil
	}
	return v.within(rt, o)
}

// within reports whether every item of v is in o.
func (v *dictView) within(rt *runtime, o *dictView) (bool, error) {
	for i := range v.Len() {
		in, err := rt.contains(o, v.at(i))
		if !in || err != nil {
			return false, err
		}
	}
	return true, nil
}

// subtract is set difference, which Python answers with a set; sets are not
// supported.
func (v *dictView) subtract(*runtime, any) (any, bool, error) {
	return nil, true, typeError("sets are not supported")
}

// globals are the names every template sees.
func globals() map[string]any {
	return map[string]any{
		"range":     newBuiltin("range", "/ start stop? step?", globalRange),
		"dict":      newBuiltin("dict", "/ mapping? **", globalDict),
		"namespace": newBuiltin("namespace", "/ mapping? **", globalNamespace),
		"cycler":    newBuiltin("cycler", "*", globalCycler),
		"joiner":    newBuiltin("joiner", "sep?", globalJoiner),
		"lipsum":    newBuiltin("lipsum", "* **", globalLipsum),
	}
}

// maxRange keeps the arithmetic of ranges within int.
const maxRange = 1 << 61

func globalRange(c *call) (any, error) {
	var n [3]int
	for i, v := range c.args {
		if v == missing {
			continue
		}
		if _, err := toIndex(v); err != nil {
			return nil, err
		}
		x, ok := indexOf(v)
		if !ok || x > maxRange || x < -maxRange {
			return nil, raise(KindLimit, "range() argument is beyond %d", maxRange)
		}
		n[i] = x
	}
	switch {
	case !c.has(1):
		return &rangeValue{0, n[0], 1}, nil
	case !c.has(2):
		return &rangeValue{n[0], n[1], 1}, nil
	case n[2] == 0:
		return nil, valueError("range() arg 3 must not be zero")
	}
	return &rangeValue{n[0], n[1], n[2]}, nil
}

func globalDict(c *call) (any, error) {
	d := NewDict(len(c.named))
	return d, c.updateDict(d)
}

func globalNamespace(c *call) (any, error) {
	d := NewDict(len(c.named))
	return &namespace{d}, c.updateDict(d)
}

// updateDict adds what dict() and dict.update() take: a mapping or pairs, and
// named arguments.
func (c *call) updateDict(d *Dict) error {
	if c.has(0) {
		if err := c.rt.updateFrom(d, c.args[0]); err != nil {
			return err
		}
	}
	if err := c.rt.growItems(len(c.named), entryBytes); err != nil {
		return err
	}
	for _, a := range c.named {
		d.put(a.name, a.name, a.value)
	}
	return nil
}

func (rt *runtime) updateFrom(d *Dict, v any) error {
	if src, ok := v.(*Dict); ok {
		if err := rt.growItems(len(src.entries), entryBytes); err != nil {
			return err
		}
		for i := range src.entries {
			d.put(src.entries[i].hash, src.entries[i].key, src.at(i))
		}
		return nil
	}
	return rt.each(v, func(item any) error {
		kv, err := rt.list(item)
		if err != nil {
			return err
		}
		if len(kv) != 2 {
			return valueError("dictionary update sequence element has length %d; 2 is required", len(kv))
		}
		if err := rt.grow(entryBytes); err != nil {
			return err
		}
		return d.set(kv[0], kv[1])
	})
}

func globalCycler(c *call) (any, error) {
	if len(c.rest) == 0 {
		return nil, raise(KindRuntime, "at least one item has to be provided")
	}
	return &cycler{items: append([]any(nil), c.rest...)}, nil
}

func globalJoiner(c *call) (any, error) {
	if c.has(0) {
		return &joiner{sep: c.args[0]}, nil
	}
	return &joiner{sep: ", "}, nil
}

func globalLipsum(*call) (any, error) {
	return nil, raise(KindRuntime, "lipsum() is not supported: its text is random")
}

func cyclerNext(c *call) (any, error) {
	cy := c.self.(*cycler)
	v := cy.items[cy.pos]
	cy.pos = (cy.pos + 1) % len(cy.items)
	return v, nil
}

func cyclerReset(c *call) (any, error) {
	c.self.(*cycler).pos = 0
	return nil, nil
}
