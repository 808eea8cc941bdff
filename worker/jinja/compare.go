package jinja

import (
	"math"
	"math/big"
	"strings"

	"github.com/shopspring/decimal"
)

// compareKind is a comparison operator.
type compareKind int

const (
	cmpEq compareKind = iota
	cmpNe
	cmpLt
	cmpLe
	cmpGt
	cmpGe
	cmpIn
	cmpNotIn
)

// String is the operator as written.
func (k compareKind) String() string {
	return [...]string{"==", "!=", "<", "<=", ">", ">=", "in", "not in"}[k]
}

func (rt *runtime) compare(op compareKind, a, b any) (bool, error) {
	switch op {
	case cmpEq:
		return rt.equal(a, b)
	case cmpNe:
		eq, err := rt.equal(a, b)
		return !eq, err
	case cmpIn:
		return rt.contains(b, a)
	case cmpNotIn:
		in, err := rt.contains(b, a)
		return !in, err
	}
	return rt.ordered(op, a, b)
}

// equal is Python's a == b.
func (rt *runtime) equal(a, b any) (bool, error) {
	if err := rt.step(1); err != nil {
		return false, err
	}
	x, xOK := textOf(a)
	y, yOK := textOf(b)
	if xOK && yOK {
		return x == y, rt.step(min(len(x), len(y)) >> 10)
	}
	for _, v := range []any{a, b} {
		if u, ok := v.(*undefined); ok && u.kind == Strict {
			return false, u.err()
		}
	}
	if u, ok := a.(*undefined); ok {
		other, same := b.(*undefined)
		return same && u.kind == other.kind, nil
	}
	m, mOK := asNumber(a)
	n, nOK := asNumber(b)
	if mOK && nOK {
		c, ok := compareNumbers(m, n)
		return ok && c == 0, nil
	}
	return rt.equalObjects(a, b)
}

func (rt *runtime) equalObjects(a, b any) (bool, error) {
	switch a := a.(type) {
	case *List:
		b, ok := b.(*List)
		if !ok || a.tuple != b.tuple || len(a.items) != len(b.items) {
			return false, nil
		}
		if a == b {
			return true, nil
		}
		return rt.equalLists(a, b)
	case *Dict:
		b, ok := b.(*Dict)
		if !ok || len(a.entries) != len(b.entries) {
			return false, nil
		}
		if a == b {
			return true, nil
		}
		return rt.equalDicts(a, b)
	case DateTime:
		b, ok := b.(DateTime)
		return ok && a.Naive == b.Naive && a.Time.Equal(b.Time), nil
	case *dictView:
		if b, ok := b.(*dictView); ok && a.kind != viewValues && b.kind != viewValues {
			return a.equal(rt, b)
		}
	case *rangeValue:
		if b, ok := b.(*rangeValue); ok {
			return a.equal(b), nil
		}
	case *boundMethod:
		b, ok := b.(*boundMethod)
		return ok && a.b == b.b && same(a.self, b.self), nil
	}
	return same(a, b), nil
}

// same is Python's `is`, as far as values have an identity here.
func same(a, b any) bool {
	switch a.(type) {
	case Func:
		return false
	}
	if !isComparable(a) || !isComparable(b) {
		return false
	}
	return a == b
}

func (rt *runtime) equalLists(a, b *List) (bool, error) {
	if err := rt.enter(); err != nil {
		return false, err
	}
	defer rt.leave()
	for i := range a.items {
		eq, err := rt.identicalOrEqual(a.get(i), b.get(i))
		if !eq || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (rt *runtime) equalDicts(a, b *Dict) (bool, error) {
	if err := rt.enter(); err != nil {
		return false, err
	}
	defer rt.leave()
	for i := range a.entries {
		j := b.find(a.entries[i].hash)
		if j < 0 {
			return false, nil
		}
		eq, err := rt.identicalOrEqual(a.at(i), b.at(j))
		if !eq || err != nil {
			return false, err
		}
	}
	return true, nil
}

// identicalOrEqual is how containers compare their items.
func (rt *runtime) identicalOrEqual(a, b any) (bool, error) {
	switch a.(type) {
	case *undefined, *List, *Dict:
		if a == b {
			return true, nil
		}
	}
	return rt.equal(a, b)
}

// compareNumbers orders two numbers exactly; false if one is not a number.
func compareNumbers(a, b any) (int, bool) {
	switch x := a.(type) {
	case int64:
		switch y := b.(type) {
		case int64:
			switch {
			case x < y:
				return -1, true
			case x > y:
				return 1, true
			}
			return 0, true
		case float64:
			return compareFloat(big.NewFloat(0).SetInt64(x), y)
		}
	case *big.Int:
		if y, ok := b.(float64); ok {
			return compareFloat(new(big.Float).SetInt(x), y)
		}
	case float64:
		switch y := b.(type) {
		case float64:
			switch {
			case math.IsNaN(x) || math.IsNaN(y):
				return 0, false
			case x < y:
				return -1, true
			case x > y:
				return 1, true
			}
			return 0, true
		default:
			c, ok := compareNumbers(b, a)
			return -c, ok
		}
	}
	if x, y, ok := bothBig(a, b); ok {
		return x.Cmp(y), true
	}
	return compareDecimals(a, b)
}

func bothBig(a, b any) (x, y *big.Int, ok bool) {
	x, xOK := toBig(a)
	y, yOK := toBig(b)
	return x, y, xOK && yOK
}

func compareFloat(x *big.Float, y float64) (int, bool) {
	switch {
	case math.IsNaN(y):
		return 0, false
	case math.IsInf(y, 0):
		return -int(math.Copysign(1, y)), true
	}
	return x.Cmp(big.NewFloat(y)), true
}

// compareDecimals compares a Decimal with any number, a float by its exact
// value.
func compareDecimals(a, b any) (int, bool) {
	x, xOK := exactDecimal(a)
	y, yOK := exactDecimal(b)
	if xOK && yOK {
		return x.Cmp(y), true
	}
	for i, v := range []any{a, b} {
		if f, ok := v.(float64); ok && math.IsInf(f, 0) {
			c := int(math.Copysign(1, f))
			return c - 2*c*i, true
		}
	}
	return 0, false
}

func exactDecimal(v any) (decimal.Decimal, bool) {
	f, ok := v.(float64)
	if !ok {
		d, ok := toDecimal(v)
		if _, err := checkDecimal(d); err != nil {
			return d, false
		}
		return d, ok
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return decimal.Decimal{}, false
	}
	r := new(big.Rat).SetFloat64(f)
	twos := int32(r.Denom().BitLen() - 1) // the denominator is 2^twos
	num := new(big.Int).Exp(big.NewInt(5), big.NewInt(int64(twos)), nil)
	return decimal.NewFromBigInt(num.Mul(num, r.Num()), -twos), true
}

// ordered is <, <=, > and >=.
func (rt *runtime) ordered(op compareKind, a, b any) (bool, error) {
	if err := rt.step(1); err != nil {
		return false, err
	}
	if x, ok := a.(*dictView); ok {
		if y, ok := b.(*dictView); ok && x.kind != viewValues && y.kind != viewValues {
			return x.ordered(rt, op, y)
		}
	}
	c, ordered, err := rt.order(op, a, b)
	if err != nil || !ordered {
		return false, err
	}
	switch op {
	case cmpLt:
		return c < 0, nil
	case cmpLe:
		return c <= 0, nil
	case cmpGt:
		return c > 0, nil
	}
	return c >= 0, nil
}

// order compares two values of one kind; false for NaN, an error for values
// without an order.
func (rt *runtime) order(op compareKind, a, b any) (int, bool, error) {
	x, xOK := textOf(a)
	y, yOK := textOf(b)
	if xOK && yOK {
		return strings.Compare(x, y), true, nil
	}
	m, mOK := asNumber(a)
	n, nOK := asNumber(b)
	if mOK && nOK {
		c, ok := compareNumbers(m, n)
		return c, ok, nil
	}
	for _, v := range []any{a, b} {
		if u, ok := v.(*undefined); ok {
			return 0, false, u.err()
		}
	}
	switch a := a.(type) {
	case *List:
		if b, ok := b.(*List); ok && a.tuple == b.tuple {
			return rt.orderLists(op, a, b)
		}
	case bytesValue:
		if b, ok := b.(bytesValue); ok {
			return strings.Compare(string(a), string(b)), true, nil
		}
	}
	if c, ok, err := orderDates(a, b); ok || err != nil {
		return c, ok, err
	}
	return 0, false, typeError("%s not supported between instances of %s and %s", quoteRepr(op.String()),
		quoteRepr(typeName(a)), quoteRepr(typeName(b)))
}

func orderDates(a, b any) (int, bool, error) {
	switch a := a.(type) {
	case Date:
		if b, ok := b.(Date); ok {
			return a.compare(b), true, nil
		}
	case DateTime:
		if b, ok := b.(DateTime); ok {
			if a.Naive != b.Naive {
				return 0, false, typeError("can't compare offset-naive and offset-aware datetimes")
			}
			return a.Time.Compare(b.Time), true, nil
		}
	case TimeDelta:
		if b, ok := b.(TimeDelta); ok {
			c, _ := compareNumbers(int64(a), int64(b))
			return c, true, nil
		}
	case timeOfDay:
		if b, ok := b.(timeOfDay); ok {
			c, _ := compareNumbers(a.micros(), b.micros())
			return c, true, nil
		}
	}
	return 0, false, nil
}

func (rt *runtime) orderLists(op compareKind, a, b *List) (int, bool, error) {
	if err := rt.enter(); err != nil {
		return 0, false, err
	}
	defer rt.leave()
	for i := range min(len(a.items), len(b.items)) {
		x, y := a.get(i), b.get(i)
		eq, err := rt.identicalOrEqual(x, y)
		if err != nil {
			return 0, false, err
		}
		if !eq {
			return rt.order(op, x, y)
		}
	}
	c, _ := compareNumbers(int64(len(a.items)), int64(len(b.items)))
	return c, true, nil
}
