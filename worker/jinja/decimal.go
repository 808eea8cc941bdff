package jinja

import (
	"math"
	"math/big"

	"github.com/shopspring/decimal"
)

// maxDecimalExponent bounds what a Decimal may need to be written out.
const maxDecimalExponent = 4000

// decimalDigits is the precision of divisions, as in Python's default context.
const decimalDigits = 28

func toDecimal(v any) (decimal.Decimal, bool) {
	switch v := v.(type) {
	case decimal.Decimal:
		return v, true
	case int64:
		return decimal.NewFromInt(v), true
	case *big.Int:
		return decimal.NewFromBigInt(v, 0), true
	}
	return decimal.Decimal{}, false
}

func checkDecimal(d decimal.Decimal) (any, error) {
	if e := int(d.Exponent()); e > maxDecimalExponent || e < -maxDecimalExponent || d.Coefficient().BitLen() > maxBigBits {
		return nil, raise(KindLimit, "decimal has more than %d digits", maxDecimalExponent)
	}
	return d, nil
}

// decimalArithmetic is exact, but for division. A Decimal and a float do not
// mix, as in Python.
func (rt *runtime) decimalArithmetic(op tokenKind, a, b any) (any, error) {
	x, xOK := toDecimal(a)
	y, yOK := toDecimal(b)
	if !xOK || !yOK {
		return nil, typeError("unsupported operand type(s) for %s: %s and %s; convert the float with a filter first, or write a decimal",
			op, quoteRepr(typeName(a)), quoteRepr(typeName(b)))
	}
	for _, d := range []decimal.Decimal{x, y} {
		if _, err := checkDecimal(d); err != nil {
			return nil, err
		}
	}
	switch op {
	case tokAdd:
		return checkDecimal(x.Add(y))
	case tokSub:
		return checkDecimal(x.Sub(y))
	case tokMul:
		return checkDecimal(x.Mul(y))
	case tokPow:
		return rt.decimalPow(x, y)
	}
	if y.IsZero() {
		return nil, raise(KindArithmetic, "division by zero")
	}
	if op == tokDiv {
		return divDecimals(x, y), nil
	}
	q, r := x.QuoRem(y, 0) // rounds towards zero, as Python's Decimal does
	if op == tokFloorDiv {
		return checkDecimal(q)
	}
	return checkDecimal(r)
}

// divDecimals divides to 28 significant digits, half to even, and drops the
// zeros an exact quotient does not need.
func divDecimals(x, y decimal.Decimal) decimal.Decimal {
	ideal := x.Exponent() - y.Exponent()
	if x.IsZero() {
		return decimal.New(0, ideal)
	}
	scale := int32(decimalDigits + y.NumDigits() - x.NumDigits() + 1)
	num := new(big.Int).Set(x.Coefficient())
	den := new(big.Int).Set(y.Coefficient())
	shift := max(scale, 0)
	num.Mul(num, pow10(shift))
	quo, rem := new(big.Int).QuoRem(num, den, new(big.Int))
	d := decimal.NewFromBigInt(quo, ideal-shift)
	if rem.Sign() != 0 { // a sticky digit keeps the rounding honest
		quo.Mul(quo, big.NewInt(10))
		quo.Add(quo, big.NewInt(int64(num.Sign()*den.Sign())))
		d = decimal.NewFromBigInt(quo, ideal-shift-1)
	}
	if extra := d.NumDigits() - decimalDigits; extra > 0 {
		d = roundHalfEven(d, -d.Exponent()-int32(extra))
	}
	for d.Exponent() < ideal && !d.IsZero() {
		q, r := new(big.Int).QuoRem(d.Coefficient(), big.NewInt(10), new(big.Int))
		if r.Sign() != 0 {
			break
		}
		d = decimal.NewFromBigInt(q, d.Exponent()+1)
	}
	return d
}

func pow10(n int32) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// roundHalfEven quantizes d to the given number of decimal places, which may
// be negative; the result has exactly that exponent.
func roundHalfEven(d decimal.Decimal, places int32) decimal.Decimal {
	drop := -places - d.Exponent()
	if drop <= 0 {
		return decimal.NewFromBigInt(new(big.Int).Mul(d.Coefficient(), pow10(-drop)), -places)
	}
	unit := pow10(drop)
	q, r := new(big.Int).QuoRem(d.Coefficient(), unit, new(big.Int))
	r.Abs(r).Lsh(r, 1)
	if c := r.Cmp(unit); c > 0 || c == 0 && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(int64(d.Sign())))
	}
	return decimal.NewFromBigInt(q, -places)
}

func (rt *runtime) decimalPow(x, y decimal.Decimal) (any, error) {
	if !y.IsInteger() {
		return nil, typeError("a Decimal can only be raised to a whole power")
	}
	n := y.BigInt()
	if !n.IsInt64() || n.Int64() > maxDecimalExponent || n.Int64() < -maxDecimalExponent {
		return nil, raise(KindLimit, "decimal power is too large")
	}
	k := n.Int64()
	bits := int64(x.Coefficient().BitLen()+1) * max(k, -k)
	if bits > maxBigBits || int64(x.Exponent())*k > maxDecimalExponent || int64(x.Exponent())*k < -maxDecimalExponent {
		return nil, raise(KindLimit, "decimal has more than %d digits", maxDecimalExponent)
	}
	if x.IsZero() && k <= 0 {
		return nil, raise(KindArithmetic, "division by zero")
	}
	p := new(big.Int).Exp(x.Coefficient(), big.NewInt(max(k, -k)), nil)
	r := decimal.NewFromBigInt(p, x.Exponent()*int32(max(k, -k)))
	if k < 0 {
		r = divDecimals(decimal.NewFromInt(1), r)
	}
	return r, nil
}

// decimalFloat is Python's float(d).
func decimalFloat(d decimal.Decimal) float64 {
	if e := d.Exponent(); e > maxDecimalExponent {
		return math.Inf(d.Sign())
	} else if e < -maxDecimalExponent {
		return 0
	}
	f, _ := d.Float64()
	return f
}

// decimalText prints without an exponent.
func decimalText(d decimal.Decimal) (string, error) {
	if _, err := checkDecimal(d); err != nil {
		return "", err
	}
	return d.StringFixed(max(0, -d.Exponent())), nil
}
