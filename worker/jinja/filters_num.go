package jinja

import (
	"html"
	"math"
	"math/big"
	"strconv"

	"github.com/shopspring/decimal"
)

func unescapeHTML(s string) string { return html.UnescapeString(s) }

func filterAbs(c *call) (any, error) {
	n, ok := asNumber(c.args[0])
	if !ok {
		switch v := c.args[0].(type) {
		case TimeDelta:
			return max(v, -v), nil
		case *undefined:
			return nil, typeError("bad operand type for abs(): %s", quoteRepr(typeName(v)))
		}
		return nil, typeError("bad operand type for abs(): %s", quoteRepr(typeName(c.args[0])))
	}
	switch n := n.(type) {
	case float64:
		return math.Abs(n), nil
	case decimal.Decimal:
		return n.Abs(), nil
	}
	if mustBig(n).Sign() < 0 {
		return subInts(int64(0), n), nil
	}
	return n, nil
}

// convertible reports whether a failed conversion yields the default.
func convertible(err error) bool { return isKind(err, KindType, KindValue) }

func filterInt(c *call) (any, error) {
	base, err := c.integer(2, 10)
	if err != nil {
		return nil, err
	}
	var v any
	if s, ok := textOf(c.args[0]); ok {
		v, err = parseInt(s, base)
	} else if b, ok := c.args[0].(bytesValue); ok {
		v, err = parseInt(string(b), 10)
	} else {
		v, err = toInt(c.args[0])
	}
	if !convertible(err) {
		return v, err
	}
	f, err := c.rt.float(c.args[0])
	if err == nil {
		v, err = toInt(f)
	}
	if convertible(err) {
		return c.or(1, int64(0)), nil
	}
	return v, err
}

// float is Python's float(v).
func (rt *runtime) float(v any) (float64, error) {
	if s, ok := textOf(v); ok {
		return parseFloat(s)
	}
	if b, ok := v.(bytesValue); ok {
		return parseFloat(string(b))
	}
	return realNumber(v)
}

func filterFloat(c *call) (any, error) {
	f, err := c.rt.float(c.args[0])
	if convertible(err) {
		return c.or(1, 0.0), nil
	}
	return f, err
}

func filterRound(c *call) (any, error) {
	method := c.or(2, "common")
	if s, ok := textOf(method); !ok || s != "common" && s != "ceil" && s != "floor" {
		return nil, raise(KindRuntime, "method must be common, ceil or floor")
	}
	text, _ := textOf(method)
	n, ok := asNumber(c.args[0])
	if !ok {
		if u, isUndef := c.args[0].(*undefined); isUndef {
			if text == "common" {
				return nil, typeError("type %s doesn't define __round__ method", typeName(u))
			}
			return nil, u.err()
		}
		return nil, typeError("type %s doesn't define __round__ method", typeName(c.args[0]))
	}
	if text == "common" && c.has(1) && c.args[1] == nil {
		return toIntRounded(n)
	}
	places, err := c.integer(1, 0)
	if err != nil {
		return nil, err
	}
	if text == "common" {
		return roundNumber(n, places)
	}
	return c.roundTo(n, places, text)
}

// roundTo rounds up or down, with the float detour that Jinja2 takes.
func (c *call) roundTo(n any, places int, method string) (any, error) {
	scale, err := c.rt.binary(tokPow, int64(10), int64(places))
	if err != nil {
		return nil, err
	}
	scaled, err := c.rt.binary(tokMul, n, scale)
	if err != nil {
		return nil, err
	}
	switch v := scaled.(type) {
	case float64:
		if method == "ceil" {
			v = math.Ceil(v)
		} else {
			v = math.Floor(v)
		}
		if scaled, err = toInt(v); err != nil {
			return nil, err
		}
	case decimal.Decimal:
		if method == "ceil" {
			v = v.Ceil()
		} else {
			v = v.Floor()
		}
		scaled = normBig(v.BigInt())
		if d, isDec := scale.(decimal.Decimal); isDec {
			return checkDecimal(divDecimals(v, d))
		}
	}
	return c.rt.binary(tokDiv, scaled, scale)
}

// toIntRounded is round(n) without digits: the nearest int.
func toIntRounded(n any) (any, error) {
	switch n := n.(type) {
	case float64:
		return toInt(math.RoundToEven(n))
	case decimal.Decimal:
		if _, err := checkDecimal(n); err != nil {
			return nil, err
		}
		return normBig(roundHalfEven(n, 0).BigInt()), nil
	}
	return n, nil
}

// roundNumber is round(n, places).
func roundNumber(n any, places int) (any, error) {
	switch n := n.(type) {
	case float64:
		return roundFloat(n, places)
	case decimal.Decimal:
		if _, err := checkDecimal(n); err != nil {
			return nil, err
		}
		if places > maxDecimalExponent || places < -maxDecimalExponent {
			return nil, raise(KindLimit, "decimal has more than %d digits", maxDecimalExponent)
		}
		d := roundHalfEven(n, int32(places))
		return d, nil
	}
	if places >= 0 {
		return n, nil
	}
	i := mustBig(n)
	if -places > i.BitLen() {
		return int64(0), nil
	}
	d := roundHalfEven(decimal.NewFromBigInt(i, 0), int32(places))
	return normBig(d.BigInt()), nil
}

// roundFloat rounds half to even on the exact decimal value of the float, as
// CPython does.
func roundFloat(f float64, places int) (any, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) || f == 0 || places > 323 {
		return f, nil
	}
	if places < -308 {
		return math.Copysign(0, f), nil
	}
	if places >= 0 {
		s := strconv.FormatFloat(f, 'f', places, 64)
		r, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return nil, raise(KindArithmetic, "rounded value too large to represent")
		}
		return r, nil
	}
	exact, _ := exactDecimal(f)
	d := roundHalfEven(exact, int32(places))
	r, _ := new(big.Rat).SetInt(d.BigInt()).Float64()
	if math.IsInf(r, 0) {
		return nil, raise(KindArithmetic, "rounded value too large to represent")
	}
	if r == 0 {
		r = math.Copysign(0, f)
	}
	return r, nil
}

func filterFilesizeformat(c *call) (any, error) {
	size, err := c.rt.float(c.args[0])
	if err != nil {
		return nil, err
	}
	binary, err := c.flag(1, false)
	if err != nil {
		return nil, err
	}
	base, suffix := 1000.0, "B"
	prefixes := []string{"k", "M", "G", "T", "P", "E", "Z", "Y"}
	if binary {
		base, suffix = 1024, "iB"
		prefixes[0] = "K"
	}
	switch {
	case size == 1:
		return "1 Byte", nil
	case size < base:
		i, err := toInt(size)
		if err != nil {
			return nil, err
		}
		s, err := c.rt.text(i)
		return s + " Bytes", err
	}
	unit := base
	for i, p := range prefixes {
		unit *= base
		if size < unit || i == len(prefixes)-1 {
			return formatFloat(base*size/unit, 'f', 1, false) + " " + p + suffix, nil
		}
	}
	return nil, nil
}
