package jinja

import (
	"math"
	"math/big"
)

// powPrecision is the precision in bits of the powers below: enough to round
// the result once and rightly, where math.Pow is often off by the last digit,
// which a repr shows.
const powPrecision = 160

func newBig(x float64) *big.Float { return new(big.Float).SetPrec(powPrecision).SetFloat64(x) }

// pow is x to the power y.
func pow(x, y float64) float64 {
	const mostWhole = 1100
	switch {
	case x == 0 || x == 1 || y == 0 || math.IsInf(x, 0) || math.IsNaN(x) || math.IsInf(y, 0) || math.IsNaN(y):
		return math.Pow(x, y)
	case y == math.Trunc(y) && math.Abs(y) <= mostWhole:
		f, _ := wholePower(newBig(x), int(y)).Float64()
		return f
	case x < 0:
		return math.Pow(x, y)
	}
	t := new(big.Float).Mul(logarithm(x), newBig(y))
	if t.Cmp(newBig(710)) > 0 || t.Cmp(newBig(-746)) < 0 {
		return math.Pow(x, y)
	}
	f, _ := exponential(t).Float64()
	return f
}

func wholePower(base *big.Float, n int) *big.Float {
	p := newBig(1)
	for k := max(n, -n); k > 0; k >>= 1 {
		if k&1 == 1 {
			p.Mul(p, base)
		}
		base.Mul(base, base)
	}
	if n < 0 {
		p.Quo(newBig(1), p)
	}
	return p
}

// logarithm is the natural logarithm of a positive number.
func logarithm(x float64) *big.Float {
	mantissa, exp := math.Frexp(x)
	if mantissa < math.Sqrt2/2 {
		mantissa *= 2
		exp--
	}
	m := newBig(mantissa)
	z := new(big.Float).Quo(new(big.Float).Sub(m, newBig(1)), new(big.Float).Add(m, newBig(1)))
	log := artanh(z)
	k := new(big.Float).Mul(log2(), newBig(float64(exp)))
	return k.Add(k, log.Mul(log, newBig(2)))
}

func log2() *big.Float {
	third := new(big.Float).Quo(newBig(1), newBig(3))
	l := artanh(third)
	return l.Mul(l, newBig(2))
}

// artanh sums the series z + z³/3 + z⁵/5 + … for |z| up to 1/3.
func artanh(z *big.Float) *big.Float {
	square := new(big.Float).Mul(z, z)
	power := new(big.Float).Copy(z)
	sum := new(big.Float).Copy(z)
	for n := 3.0; n < powPrecision; n += 2 {
		power.Mul(power, square)
		sum.Add(sum, new(big.Float).Quo(power, newBig(n)))
	}
	return sum
}

// exponential is e to the power t.
func exponential(t *big.Float) *big.Float {
	const halvings = 8
	l2 := log2()
	approx, _ := new(big.Float).Quo(t, l2).Float64()
	k := math.Round(approx)
	r := new(big.Float).Sub(t, new(big.Float).Mul(l2, newBig(k)))
	r.SetMantExp(r, -halvings)
	term, sum := newBig(1), newBig(1)
	for n := 1.0; n < 20; n++ {
		term.Quo(term.Mul(term, r), newBig(n))
		sum.Add(sum, term)
	}
	for range halvings {
		sum.Mul(sum, sum)
	}
	return sum.SetMantExp(sum, int(k))
}
