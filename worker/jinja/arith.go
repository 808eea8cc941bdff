package jinja

import (
	"math/big"
	"strings"

	"github.com/shopspring/decimal"
)

// binary is x op y for the arithmetic operators.
func (rt *runtime) binary(op tokenKind, a, b any) (any, error) {
	if err := rt.step(1); err != nil {
		return nil, err
	}
	x, xOK := asNumber(a)
	y, yOK := asNumber(b)
	if xOK && yOK {
		return rt.arithmetic(op, x, y)
	}
	for _, v := range []any{a, b} {
		if u, ok := v.(*undefined); ok && !(op == tokMod && isText(a)) {
			return nil, u.err()
		}
	}
	v, ok, err := rt.otherBinary(op, a, b)
	if ok || err != nil {
		return v, err
	}
	if _, isStr := a.(string); op == tokAdd && isStr {
		return nil, typeError("can only concatenate str (not %s) to str", quoteDouble(typeName(b)))
	}
	return nil, typeError("unsupported operand type(s) for %s: %s and %s", op, quoteRepr(typeName(a)), quoteRepr(typeName(b)))
}

func quoteDouble(s string) string { return `"` + s + `"` }

func isText(v any) bool {
	_, ok := textOf(v)
	return ok
}

// otherBinary handles what is not two numbers; false if it is nothing.
func (rt *runtime) otherBinary(op tokenKind, a, b any) (any, bool, error) {
	switch op {
	case tokAdd:
		return rt.add(a, b)
	case tokSub:
		return rt.subtract(a, b)
	case tokMul:
		return rt.repeatEither(a, b)
	case tokMod:
		if isText(a) {
			v, err := rt.formatPercent(a, b)
			return v, true, err
		}
		if _, ok := a.(bytesValue); ok {
			return nil, true, typeError("formatting of bytes is not supported")
		}
	}
	return deltaArithmetic(op, a, b)
}

// arithmetic is x op y for two numbers.
func (rt *runtime) arithmetic(op tokenKind, x, y any) (any, error) {
	_, xDec := x.(decimal.Decimal)
	_, yDec := y.(decimal.Decimal)
	if xDec || yDec {
		return rt.decimalArithmetic(op, x, y)
	}
	_, xFloat := x.(float64)
	_, yFloat := y.(float64)
	if xFloat || yFloat {
		return floatArithmetic(op, x, y)
	}
	switch op {
	case tokAdd:
		return rt.checkInt(addInts(x, y))
	case tokSub:
		return rt.checkInt(subInts(x, y))
	case tokMul:
		return rt.mulInts(x, y)
	case tokPow:
		return rt.powInts(x, y)
	}
	if y == int64(0) {
		if op == tokDiv {
			return nil, raise(KindArithmetic, "division by zero")
		}
		return nil, raise(KindArithmetic, "integer division or modulo by zero")
	}
	switch op {
	case tokDiv:
		return divInts(x, y)
	case tokFloorDiv:
		q, _ := divModInts(x, y)
		return q, nil
	}
	_, r := divModInts(x, y)
	return r, nil
}

func (rt *runtime) checkInt(v any) (any, error) {
	if i, ok := v.(*big.Int); ok {
		return rt.bigResult(i)
	}
	return v, nil
}

func floatArithmetic(op tokenKind, a, b any) (any, error) {
	x, err := toFloat(a)
	if err != nil {
		return nil, err
	}
	y, err := toFloat(b)
	if err != nil {
		return nil, err
	}
	switch op {
	case tokAdd:
		return x + y, nil
	case tokSub:
		return x - y, nil
	case tokMul:
		return x * y, nil
	case tokPow:
		return powFloats(x, y)
	}
	if y == 0 {
		return nil, raise(KindArithmetic, "float division by zero")
	}
	if op == tokDiv {
		return x / y, nil
	}
	div, mod := divModFloats(x, y)
	if op == tokFloorDiv {
		return div, nil
	}
	return mod, nil
}

func (rt *runtime) sign(op tokenKind, v any) (any, error) {
	n, ok := asNumber(v)
	if !ok {
		if u, isUndef := v.(*undefined); isUndef {
			return nil, u.err()
		}
		if d, isDelta := v.(TimeDelta); isDelta {
			if op == tokSub {
				d = -d
			}
			return d, nil
		}
		return nil, typeError("bad operand type for unary %s: %s", op, quoteRepr(typeName(v)))
	}
	if op == tokAdd {
		return n, nil
	}
	switch n := n.(type) {
	case float64:
		return -n, nil
	case decimal.Decimal:
		return n.Neg(), nil
	}
	return subInts(int64(0), n), nil
}

// add is + for texts, bytes, lists, tuples and dates.
func (rt *runtime) add(a, b any) (any, bool, error) {
	s, sOK := textOf(a)
	t, tOK := textOf(b)
	if sOK && tOK {
		return rt.addTexts(a, b, s, t)
	}
	switch a := a.(type) {
	case bytesValue:
		if b, ok := b.(bytesValue); ok {
			return a + b, true, rt.grow(len(a) + len(b))
		}
	case *List:
		if b, ok := b.(*List); ok && a.tuple == b.tuple {
			if err := rt.growItems(len(a.items)+len(b.items), itemBytes); err != nil {
				return nil, true, err
			}
			items := make([]any, 0, len(a.items)+len(b.items))
			items = append(append(items, a.all()...), b.all()...)
			return &List{items: items, tuple: a.tuple}, true, nil
		}
	case TimeDelta:
		switch b := b.(type) {
		case Date:
			v, err := b.add(a)
			return v, true, err
		case DateTime:
			v, err := b.add(a)
			return v, true, err
		case TimeDelta:
			return a + b, true, nil
		}
	case Date:
		if b, ok := b.(TimeDelta); ok {
			v, err := a.add(b)
			return v, true, err
		}
	case DateTime:
		if b, ok := b.(TimeDelta); ok {
			v, err := a.add(b)
			return v, true, err
		}
	}
	return nil, false, nil
}

// addTexts joins two texts; if one is Markup the other is escaped.
func (rt *runtime) addTexts(a, b any, s, t string) (any, bool, error) {
	_, aMarkup := a.(markup)
	_, bMarkup := b.(markup)
	if !aMarkup && !bMarkup {
		if err := rt.grow(len(s) + len(t)); err != nil {
			return nil, true, err
		}
		return s + t, true, nil
	}
	if !aMarkup {
		s = escapeHTML(s)
	}
	if !bMarkup {
		t = escapeHTML(t)
	}
	if err := rt.grow(len(s) + len(t)); err != nil {
		return nil, true, err
	}
	return markup(s + t), true, nil
}

func (rt *runtime) subtract(a, b any) (any, bool, error) {
	if x, ok := a.(TimeDelta); ok {
		if y, ok := b.(TimeDelta); ok {
			return x - y, true, nil
		}
	}
	if x, ok := a.(*dictView); ok {
		return x.subtract(rt, b)
	}
	return subtractDates(a, b)
}

// repeatEither is sequence * int, either way round.
func (rt *runtime) repeatEither(a, b any) (any, bool, error) {
	for range 2 {
		if isSequence(a) && isInt(b) {
			if i, ok := b.(*big.Int); ok && !i.IsInt64() {
				return nil, true, raise(KindArithmetic, "cannot fit 'int' into an index-sized integer")
			}
			n, err := toIndex(b)
			if err != nil {
				return nil, true, err
			}
			v, err := rt.repeat(a, max(n, 0))
			return v, true, err
		}
		a, b = b, a
	}
	return deltaArithmetic(tokMul, a, b)
}

func isSequence(v any) bool {
	switch v.(type) {
	case string, markup, bytesValue, *List:
		return true
	}
	return false
}

func isInt(v any) bool {
	switch v.(type) {
	case int64, *big.Int, bool:
		return true
	}
	return false
}

// repeatBytes checks that n repetitions of size bytes are within the limits.
func (rt *runtime) repeatBytes(size, n int) error {
	if size > 0 && n > rt.limits.ValueBytes/size {
		return rt.grow(rt.limits.ValueBytes + 1)
	}
	return rt.grow(size * n)
}

func (rt *runtime) repeat(v any, n int) (any, error) {
	if err := rt.repeatBytes(sizeOf(v), n); err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case string:
		return strings.Repeat(v, n), nil
	case markup:
		return markup(strings.Repeat(string(v), n)), nil
	case bytesValue:
		return bytesValue(strings.Repeat(string(v), n)), nil
	case *List:
		items := make([]any, 0, len(v.items)*n)
		if len(v.items) > 0 {
			for range n {
				items = append(items, v.all()...)
			}
		}
		return &List{items: items, tuple: v.tuple}, nil
	}
	return nil, typeError("can't multiply sequence by non-int")
}

// deltaArithmetic is arithmetic of timedeltas with numbers.
func deltaArithmetic(op tokenKind, a, b any) (any, bool, error) {
	if _, ok := b.(TimeDelta); ok && op == tokMul {
		a, b = b, a
	}
	d, ok := a.(TimeDelta)
	if !ok {
		return nil, false, nil
	}
	if other, ok := b.(TimeDelta); ok {
		if other == 0 && (op == tokDiv || op == tokFloorDiv || op == tokMod) {
			return nil, true, raise(KindArithmetic, "division by zero")
		}
		switch op {
		case tokDiv:
			return float64(d) / float64(other), true, nil
		case tokFloorDiv:
			return floorDiv64(int64(d), int64(other)), true, nil
		case tokMod:
			return d - TimeDelta(floorDiv64(int64(d), int64(other)))*other, true, nil
		}
		return nil, false, nil
	}
	n, ok := b.(int64)
	switch {
	case ok && op == tokMul:
		p := new(big.Int).Mul(big.NewInt(int64(d)), big.NewInt(n))
		if p.IsInt64() {
			return TimeDelta(p.Int64()), true, nil
		}
		return nil, true, raise(KindArithmetic, "timedelta out of range")
	case ok && op == tokFloorDiv && n != 0:
		return TimeDelta(floorDiv64(int64(d), n)), true, nil
	}
	return nil, false, nil
}
