package jinja

import (
	"math/big"
	"reflect"
	"strings"

	"github.com/shopspring/decimal"
)

// contains is Python's item in container.
func (rt *runtime) contains(container, item any) (bool, error) {
	switch c := container.(type) {
	case string, markup:
		s, _ := textOf(c)
		sub, ok := textOf(item)
		if !ok {
			if u, isUndef := item.(*undefined); isUndef && u.kind == Strict {
				return false, u.err()
			}
			return false, typeError("'in <string>' requires string as left operand, not %s", typeName(item))
		}
		return strings.Contains(s, sub), rt.step(1 + len(s)>>8)
	case *Dict:
		_, ok, err := c.get(item)
		return ok, err
	case bytesValue:
		if sub, ok := item.(bytesValue); ok {
			return strings.Contains(string(c), string(sub)), rt.step(1 + len(c)>>8)
		}
	case *dictView:
		if c.kind == viewKeys {
			_, ok, err := c.d.get(item)
			return ok, err
		}
	case *rangeValue:
		if n, ok := asNumber(item); ok {
			return c.contains(n), nil
		}
	case *undefined:
		return false, c.strict()
	case Object:
		if _, iterable := container.(Iterable); !iterable {
			name, ok := textOf(item)
			if !ok {
				return false, nil
			}
			_, found, err := c.Lookup(rt.ctx, name)
			return found, hostError(err)
		}
	}
	return rt.containsItem(container, item)
}

func (rt *runtime) containsItem(container, item any) (bool, error) {
	found := false
	next, err := rt.iterate(container)
	if isKind(err, KindType) {
		return false, typeError("argument of type %s is not iterable", quoteRepr(typeName(container)))
	}
	for err == nil && !found {
		var v any
		var ok bool
		if v, ok, err = next(); err != nil || !ok {
			break
		}
		found, err = rt.identicalOrEqual(v, item)
	}
	return found, err
}

// isComparable reports whether Go's == can be used on v.
func isComparable(v any) bool {
	switch v.(type) {
	case nil, string, markup, bool, int64, float64, bytesValue, *List, *Dict, *undefined, Date, DateTime, TimeDelta, timeOfDay:
		return true
	case decimal.Decimal, *big.Int:
		return false
	}
	return reflect.TypeOf(v).Comparable()
}

// hashIdentity is the hash key of an object known by its identity.
func hashIdentity(v any) (any, error) {
	if isComparable(v) {
		return v, nil
	}
	return nil, typeError("unhashable type: %s", quoteRepr(typeName(v)))
}
