package jinja

import (
	"math/big"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

// attribute is obj.name: an attribute or method, else an item.
func (rt *runtime) attribute(obj any, name string) (any, error) {
	v, ok, err := rt.attributeOnly(obj, name)
	if ok || err != nil {
		return v, err
	}
	switch obj := obj.(type) {
	case *Dict:
		if v, ok := obj.lookup(name); ok {
			return v, nil
		}
	case *selfReference:
		if v, ok := obj.item(name); ok {
			return v, nil
		}
	case *undefined:
		if obj.kind == Chainable {
			return obj, nil
		}
		return nil, obj.err()
	}
	return rt.undefinedAttr(obj, name), nil
}

// attributeOnly is Python's getattr. No attribute begins with an underscore.
func (rt *runtime) attributeOnly(obj any, name string) (any, bool, error) {
	if o, ok := obj.(Object); ok {
		v, ok, err := o.Lookup(rt.ctx, name)
		if !ok || err != nil {
			return nil, false, hostError(err)
		}
		return fromHostLazy(v), true, nil
	}
	if ns, ok := obj.(*namespace); ok {
		v, found := ns.attrs.lookup(name)
		return v, found, nil
	}
	if name[0] == '_' {
		return nil, false, nil
	}
	if b := rt.env.lib.method(obj, name); b != nil {
		return &boundMethod{obj, b}, true, nil
	}
	v, ok, err := property(obj, name)
	return v, ok, err
}

// property reads an attribute that is no method.
func property(obj any, name string) (any, bool, error) {
	switch obj := obj.(type) {
	case *loopContext:
		return obj.attr(name)
	case *List:
		for i, n := range obj.names {
			if n == name {
				return obj.get(i), true, nil
			}
		}
	case *macro:
		v, ok := obj.attr(name)
		return v, ok, nil
	case *module:
		v, ok := obj.attr(name)
		return v, ok, nil
	case *cycler:
		if name == "current" {
			return obj.items[obj.pos], true, nil
		}
	case *joiner:
		v, ok := obj.attr(name)
		return v, ok, nil
	case *blockReference:
		if name == "super" {
			return superBlock(obj.f, obj.name, obj.depth), true, nil
		}
	case *rangeValue:
		v, ok := obj.attr(name)
		return v, ok, nil
	case Date, DateTime, TimeDelta, timeOfDay:
		v, ok := dateAttr(obj, name)
		return v, ok, nil
	case int64, *big.Int, bool, float64, decimal.Decimal:
		v, ok := numberAttr(obj, name)
		return v, ok, nil
	}
	return nil, false, nil
}

// item is obj[key]: an item, else for a string an attribute.
func (rt *runtime) item(obj, key any) (any, error) {
	v, ok, err := rt.itemOnly(obj, key)
	if ok || err != nil {
		return v, err
	}
	if name, isText := textOf(key); isText {
		if name != "" {
			if v, ok, err := rt.attributeOnly(obj, name); ok || err != nil {
				return v, err
			}
		}
		return rt.undefinedAttr(obj, name), nil
	}
	text, err := rt.repr(key)
	if err != nil {
		return nil, err
	}
	u := rt.undefinedHint(objectRepr(obj) + " has no element " + text)
	return u, nil
}

// itemOnly is Python's obj[key], with false instead of a TypeError,
// LookupError or AttributeError.
func (rt *runtime) itemOnly(obj, key any) (any, bool, error) {
	if isText(obj) {
		if err := rt.step(workOf(obj)); err != nil {
			return nil, false, err
		}
	}
	switch obj := obj.(type) {
	case *Dict:
		v, ok, err := obj.get(key)
		if isKind(err, KindType) {
			err = nil
		}
		return v, ok, err
	case *undefined:
		if obj.kind == Chainable {
			return obj, true, nil
		}
		return nil, false, obj.err()
	case *selfReference:
		name, _ := textOf(key)
		v, ok := obj.item(name)
		return v, ok, nil
	case Object:
		if name, ok := textOf(key); ok {
			v, ok, err := obj.Lookup(rt.ctx, name)
			return fromHostLazy(v), ok, hostError(err)
		}
	}
	i, ok := indexOf(key)
	if !ok {
		return nil, false, nil
	}
	if x, ok := obj.(Indexer); ok {
		v, ok, err := x.Index(rt.ctx, i)
		return fromHostLazy(v), ok, hostError(err)
	}
	v, ok := elementAt(obj, i)
	return v, ok, nil
}

// indexOf is the int an index stands for, if it is one.
func indexOf(key any) (int, bool) {
	switch key := key.(type) {
	case int64:
		return int(key), true
	case bool:
		if key {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

// elementAt is seq[i] for the built-in sequences.
func elementAt(seq any, i int) (any, bool) {
	switch seq := seq.(type) {
	case *List:
		if i, ok := wrapIndex(i, len(seq.items)); ok {
			return seq.get(i), true
		}
	case string:
		if s, ok := charAt(seq, i); ok {
			return s, true
		}
	case markup:
		if s, ok := charAt(string(seq), i); ok {
			return markup(s), true
		}
	case bytesValue:
		if i, ok := wrapIndex(i, len(seq)); ok {
			return int64(seq[i]), true
		}
	case *rangeValue:
		if i, ok := wrapIndex(i, seq.len()); ok {
			return seq.at(i), true
		}
	}
	return nil, false
}

func wrapIndex(i, n int) (int, bool) {
	if i < 0 {
		i += n
	}
	return i, i >= 0 && i < n
}

// charAt returns the code point at i.
func charAt(s string, i int) (string, bool) {
	if isASCII(s) {
		i, ok := wrapIndex(i, len(s))
		if !ok {
			return "", false
		}
		return s[i : i+1], true
	}
	i, ok := wrapIndex(i, utf8.RuneCountInString(s))
	if !ok {
		return "", false
	}
	start := runeOffset(s, i)
	_, size := utf8.DecodeRuneInString(s[start:])
	return s[start : start+size], true
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// runeOffset returns the byte offset of the nth code point, or len(s).
func runeOffset(s string, n int) int {
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}
