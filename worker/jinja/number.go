package jinja

import (
	"math"
	"math/big"
	"math/bits"

	"github.com/shopspring/decimal"
)

// asNumber turns bool into int; it reports false for anything but a number.
func asNumber(v any) (any, bool) {
	switch v := v.(type) {
	case int64, *big.Int, float64, decimal.Decimal:
		return v, true
	case bool:
		if v {
			return int64(1), true
		}
		return int64(0), true
	}
	return nil, false
}

// toBig returns an int of either size as a big.Int that must not be changed.
func toBig(v any) (*big.Int, bool) {
	switch v := v.(type) {
	case int64:
		return big.NewInt(v), true
	case *big.Int:
		return v, true
	case bool:
		if v {
			return big.NewInt(1), true
		}
		return new(big.Int), true
	}
	return nil, false
}

// toFloat converts an int or float for arithmetic with a float.
func toFloat(v any) (float64, error) {
	switch v := v.(type) {
	case int64:
		return float64(v), nil
	case float64:
		return v, nil
	case *big.Int:
		f, _ := new(big.Float).SetInt(v).Float64()
		if math.IsInf(f, 0) {
			return 0, raise(KindArithmetic, "int too large to convert to float")
		}
		return f, nil
	}
	return 0, typeError("must be real number, not %s", typeName(v))
}

// toIndex converts an int to Go's, for counts and widths. Huge ones are
// clamped; the limits stop them.
func toIndex(v any) (int, error) {
	switch v := v.(type) {
	case int64:
		return int(min(max(v, math.MinInt32*1024), math.MaxInt32*1024)), nil
	case bool:
		i, _ := indexOf(v)
		return i, nil
	case *big.Int:
		return v.Sign() * math.MaxInt32 * 1024, nil
	case *undefined:
		if v.kind == Strict {
			return 0, v.err()
		}
	}
	return 0, typeError("%s object cannot be interpreted as an integer", quoteRepr(typeName(v)))
}

// maxBigBits bounds integers; it is far above what CPython prints.
const maxBigBits = 1 << 17

func (rt *runtime) bigResult(i *big.Int) (any, error) {
	if i.BitLen() > maxBigBits {
		return nil, raise(KindLimit, "integer has more than %d bits", maxBigBits)
	}
	return normBig(i), rt.step(1 + i.BitLen()>>8)
}

func addInts(a, b any) any {
	x, xOK := a.(int64)
	y, yOK := b.(int64)
	if xOK && yOK {
		if sum := x + y; (sum > x) == (y > 0) {
			return sum
		}
	}
	return normBig(new(big.Int).Add(mustBig(a), mustBig(b)))
}

func mustBig(v any) *big.Int {
	i, _ := toBig(v)
	return i
}

func subInts(a, b any) any {
	x, xOK := a.(int64)
	y, yOK := b.(int64)
	if xOK && yOK {
		if diff := x - y; (diff < x) == (y > 0) {
			return diff
		}
	}
	return normBig(new(big.Int).Sub(mustBig(a), mustBig(b)))
}

func (rt *runtime) mulInts(a, b any) (any, error) {
	x, xOK := a.(int64)
	y, yOK := b.(int64)
	if xOK && yOK {
		hi, lo := bits.Mul64(absU(x), absU(y))
		if hi == 0 && lo <= math.MaxInt64 {
			if (x < 0) != (y < 0) {
				return -int64(lo), nil
			}
			return int64(lo), nil
		}
	}
	p, q := mustBig(a), mustBig(b)
	if p.BitLen()+q.BitLen() > maxBigBits {
		return nil, raise(KindLimit, "integer has more than %d bits", maxBigBits)
	}
	if err := rt.step((p.BitLen() >> 6) * (q.BitLen() >> 6) >> 4); err != nil {
		return nil, err
	}
	return rt.bigResult(new(big.Int).Mul(p, q))
}

func absU(i int64) uint64 {
	if i < 0 {
		return uint64(-(i + 1)) + 1
	}
	return uint64(i)
}

func floorDiv64(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

// divModInts is Python's divmod: the quotient is rounded down.
func divModInts(a, b any) (q, r any) {
	x, xOK := a.(int64)
	y, yOK := b.(int64)
	if xOK && yOK && !(x == math.MinInt64 && y == -1) {
		q := floorDiv64(x, y)
		return q, x - q*y
	}
	p, d := mustBig(a), mustBig(b)
	quo, rem := new(big.Int).QuoRem(p, d, new(big.Int))
	if rem.Sign() != 0 && (rem.Sign() < 0) != (d.Sign() < 0) {
		quo.Sub(quo, big.NewInt(1))
		rem.Add(rem, d)
	}
	return normBig(quo), normBig(rem)
}

// divInts is true division: the nearest float to the exact quotient.
func divInts(a, b any) (any, error) {
	const exact = 1 << 53
	x, xOK := a.(int64)
	y, yOK := b.(int64)
	if xOK && yOK && absU(x) <= exact && absU(y) <= exact {
		return float64(x) / float64(y), nil
	}
	p, q := mustBig(a), mustBig(b)
	f, _ := new(big.Rat).SetFrac(p, q).Float64()
	if p.Sign() == 0 && q.Sign() < 0 {
		f = math.Copysign(0, -1)
	}
	if math.IsInf(f, 0) {
		return nil, raise(KindArithmetic, "integer division result too large for a float")
	}
	return f, nil
}

func (rt *runtime) powInts(a, b any) (any, error) {
	base, exp := mustBig(a), mustBig(b)
	if exp.Sign() < 0 {
		if base.Sign() == 0 {
			return nil, raise(KindArithmetic, "0.0 cannot be raised to a negative power")
		}
		x, err := toFloat(normBig(base))
		if err != nil {
			return nil, err
		}
		y, err := toFloat(normBig(exp))
		if err != nil {
			return nil, err
		}
		return powFloats(x, y)
	}
	if base.BitLen() > 1 && (!exp.IsInt64() || exp.Int64() > maxBigBits/int64(base.BitLen()-1)) {
		return nil, raise(KindLimit, "integer has more than %d bits", maxBigBits)
	}
	if base.BitLen() <= 1 { // 0, 1 and -1, whatever the exponent
		exp = new(big.Int).SetUint64(uint64(exp.Bit(0)) + 2*uint64(min(1, exp.BitLen()>>1)))
	}
	if err := rt.step(int(exp.Int64()) * base.BitLen() >> 8); err != nil {
		return nil, err
	}
	return rt.bigResult(new(big.Int).Exp(base, exp, nil))
}

// divModFloats is Python's divmod of floats.
func divModFloats(x, y float64) (div, mod float64) {
	mod = math.Mod(x, y)
	div = (x - mod) / y
	if mod != 0 {
		if (y < 0) != (mod < 0) {
			mod += y
			div--
		}
	} else {
		mod = math.Copysign(0, y)
	}
	if div == 0 {
		return math.Copysign(0, x/y), mod
	}
	floor := math.Floor(div)
	if div-floor > 0.5 {
		floor++
	}
	return floor, mod
}

func powFloats(x, y float64) (any, error) {
	if x == 0 && y < 0 {
		return nil, raise(KindArithmetic, "0.0 cannot be raised to a negative power")
	}
	if x < 0 && !math.IsInf(x, 0) && y != math.Trunc(y) {
		return nil, typeError("complex numbers are not supported")
	}
	f := pow(x, y)
	if math.IsInf(f, 0) && !math.IsInf(x, 0) && !math.IsInf(y, 0) {
		return nil, raise(KindArithmetic, "(34, 'Numerical result out of range')")
	}
	return f, nil
}

// numberAttr reads the attributes numbers have.
func numberAttr(v any, name string) (any, bool) {
	if f, ok := v.(float64); ok {
		switch name {
		case "real":
			return f, true
		case "imag":
			return 0.0, true
		}
		return nil, false
	}
	if d, ok := v.(decimal.Decimal); ok {
		switch name {
		case "real":
			return d, true
		case "imag":
			return decimal.Decimal{}, true
		}
		return nil, false
	}
	n, _ := asNumber(v)
	switch name {
	case "real", "numerator":
		return n, true
	case "imag":
		return int64(0), true
	case "denominator":
		return int64(1), true
	}
	return nil, false
}
