package jinja

import (
	"math/big"

	"github.com/shopspring/decimal"
)

// tests are the built-in tests. The first parameter is the value.
func tests() map[string]*builtin {
	return withAliases(methodTable(
		method{"boolean", "value", isType(func(v any) bool { _, ok := v.(bool); return ok })},
		method{"callable", "/ obj", isType(isCallable)},
		method{"defined", "value", isType(func(v any) bool { return !IsUndefined(v) })},
		method{"divisibleby", "value num", testDivisibleby},
		method{"eq", "/ a b", testCompare(cmpEq)},
		method{"escaped", "value", isType(isEscaped)},
		method{"even", "value", testRemainder(0)},
		method{"false", "value", isType(func(v any) bool { return isComparable(v) && v == false })},
		method{"filter", "value", testKnown((*Environment).filter)},
		method{"float", "value", isType(func(v any) bool { _, ok := v.(float64); return ok })},
		method{"ge", "/ a b", testCompare(cmpGe)},
		method{"gt", "/ a b", testCompare(cmpGt)},
		method{"in", "value seq", func(c *call) (any, error) { return c.rt.contains(c.args[1], c.args[0]) }},
		method{"integer", "value", isType(func(v any) bool { _, isBool := v.(bool); return isInt(v) && !isBool })},
		method{"iterable", "value", testIterable},
		method{"le", "/ a b", testCompare(cmpLe)},
		method{"lower", "value", testCase(isLower)},
		method{"lt", "/ a b", testCompare(cmpLt)},
		method{"mapping", "value", isType(func(v any) bool { _, ok := v.(*Dict); return ok || isHostMapping(v) })},
		method{"ne", "/ a b", testCompare(cmpNe)},
		method{"none", "value", isType(func(v any) bool { return v == nil })},
		method{"number", "value", isType(func(v any) bool { _, ok := asNumber(v); return ok })},
		method{"odd", "value", testRemainder(1)},
		method{"sameas", "value other", testSameas},
		method{"sequence", "value", testSequence},
		method{"string", "value", isType(isText)},
		method{"test", "value", testKnown((*Environment).test)},
		method{"true", "value", isType(func(v any) bool { return isComparable(v) && v == true })},
		method{"undefined", "value", isType(IsUndefined)},
		method{"upper", "value", testCase(isUpper)},
	), map[string]string{"==": "eq", "equalto": "eq", "!=": "ne", ">": "gt", "greaterthan": "gt", ">=": "ge",
		"<": "lt", "lessthan": "lt", "<=": "le"})
}

func isType(fn func(any) bool) func(*call) (any, error) {
	return func(c *call) (any, error) { return fn(c.args[0]), nil }
}

// testKnown tells whether a filter or test of that name exists.
func testKnown(find func(*Environment, string) *builtin) func(*call) (any, error) {
	return func(c *call) (any, error) {
		if _, err := hashKey(c.args[0], 0); err != nil {
			return nil, err
		}
		s, ok := textOf(c.args[0])
		return ok && find(c.rt.env, s) != nil, nil
	}
}

// isEscaped reports whether a value brings its own HTML.
func isEscaped(v any) bool {
	if u, ok := v.(*undefined); ok {
		return u.kind == Chainable
	}
	_, ok := v.(markup)
	return ok
}

func isCallable(v any) bool {
	switch v.(type) {
	case callable, Func, *undefined:
		return true
	}
	return false
}

// isHostMapping reports whether a host object has names and no order.
func isHostMapping(v any) bool {
	_, isObject := v.(Object)
	_, isIndexer := v.(Indexer)
	return isObject && !isIndexer
}

func testCompare(op compareKind) func(*call) (any, error) {
	return func(c *call) (any, error) { return c.rt.compare(op, c.args[0], c.args[1]) }
}

// remainderIs is value % n == want.
func (rt *runtime) remainderIs(v, n any, want int64) (any, error) {
	r, err := rt.binary(tokMod, v, n)
	if err != nil {
		return nil, err
	}
	return rt.equal(r, want)
}

func testRemainder(want int64) func(*call) (any, error) {
	return func(c *call) (any, error) { return c.rt.remainderIs(c.args[0], int64(2), want) }
}

func testDivisibleby(c *call) (any, error) {
	return c.rt.remainderIs(c.args[0], c.args[1], 0)
}

func testCase(fn func(string) bool) func(*call) (any, error) {
	return func(c *call) (any, error) {
		s, err := c.rt.text(c.args[0])
		return err == nil && fn(s), err
	}
}

func testIterable(c *call) (any, error) {
	_, err := c.rt.iterate(c.args[0])
	if isKind(err, KindType) {
		return false, nil
	}
	return err == nil, err
}

// testSameas compares identities. Small ints and equal strings of a template
// are one object in CPython; this engine says so of all of them.
func testSameas(c *call) (any, error) {
	a, b := c.args[0], c.args[1]
	if x, ok := a.(*big.Int); ok {
		y, ok := b.(*big.Int)
		return ok && x == y, nil
	}
	if _, ok := a.(decimal.Decimal); ok {
		return false, nil
	}
	return same(a, b), nil
}

func testSequence(c *call) (any, error) {
	switch v := c.args[0].(type) {
	case string, markup, bytesValue, *List, *Dict, *rangeValue:
		return true, nil
	case *undefined:
		return v.kind != Strict, nil
	case Indexer:
		_, ok := c.args[0].(Sized)
		return ok, nil
	}
	return false, nil
}
