package jinja

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

func intMethods() map[string]*builtin {
	return methodTable(
		method{"bit_length", "/", func(c *call) (any, error) { return int64(mustBig(c.self).BitLen()), nil }},
		method{"bit_count", "/", intBitCount},
		method{"conjugate", "/", func(c *call) (any, error) { n, _ := asNumber(c.self); return n, nil }},
		method{"as_integer_ratio", "/", func(c *call) (any, error) { n, _ := asNumber(c.self); return newTuple(n, int64(1)), nil }},
	)
}

func floatMethods() map[string]*builtin {
	return methodTable(
		method{"is_integer", "/", func(c *call) (any, error) { f := c.self.(float64); return f == math.Trunc(f), nil }},
		method{"conjugate", "/", func(c *call) (any, error) { return c.self, nil }},
		method{"as_integer_ratio", "/", floatRatio},
		method{"hex", "/", floatHex},
	)
}

func decimalMethods() map[string]*builtin {
	return methodTable(
		method{"quantize", "exp", decimalQuantize},
		method{"is_zero", "/", func(c *call) (any, error) { return c.self.(decimal.Decimal).IsZero(), nil }},
		method{"is_signed", "/", func(c *call) (any, error) { return c.self.(decimal.Decimal).IsNegative(), nil }},
		method{"copy_abs", "/", func(c *call) (any, error) { return c.self.(decimal.Decimal).Abs(), nil }},
		method{"copy_negate", "/", func(c *call) (any, error) { return c.self.(decimal.Decimal).Neg(), nil }},
		method{"normalize", "/", decimalNormalize},
		method{"to_integral_value", "/", decimalIntegral},
	)
}

func intBitCount(c *call) (any, error) {
	n := int64(0)
	for _, r := range new(big.Int).Abs(mustBig(c.self)).Text(2) {
		if r == '1' {
			n++
		}
	}
	return n, nil
}

func floatRatio(c *call) (any, error) {
	f := c.self.(float64)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, raise(KindArithmetic, "cannot convert %s to integer ratio", appendFloat(nil, f))
	}
	r := new(big.Rat).SetFloat64(f)
	return newTuple(normBig(r.Num()), normBig(r.Denom())), nil
}

func floatHex(c *call) (any, error) {
	f := c.self.(float64)
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return string(appendFloat(nil, f)), nil
	case f == 0:
		if math.Signbit(f) {
			return "-0x0.0p+0", nil
		}
		return "0x0.0p+0", nil
	}
	s := strconv.FormatFloat(f, 'x', 13, 64)
	mantissa, exp, _ := strings.Cut(s, "p")
	e, _ := strconv.Atoi(exp)
	if e >= 0 {
		exp = "+" + strconv.Itoa(e)
	} else {
		exp = strconv.Itoa(e)
	}
	return mantissa + "p" + exp, nil
}

func decimalQuantize(c *call) (any, error) {
	exp, ok := toDecimal(c.args[0])
	if !ok {
		return nil, typeError("conversion from %s to Decimal is not supported", typeName(c.args[0]))
	}
	d := c.self.(decimal.Decimal)
	for _, v := range []decimal.Decimal{d, exp} {
		if _, err := checkDecimal(v); err != nil {
			return nil, err
		}
	}
	return roundHalfEven(d, -exp.Exponent()), nil
}

func decimalNormalize(c *call) (any, error) {
	s, err := decimalText(c.self.(decimal.Decimal))
	if err != nil {
		return nil, err
	}
	d, err := decimal.NewFromString(trimZeros(s))
	return d, hostError(err)
}

func decimalIntegral(c *call) (any, error) {
	d := c.self.(decimal.Decimal)
	if _, err := checkDecimal(d); err != nil {
		return nil, err
	}
	return roundHalfEven(d, 0), nil
}

// toInt is Python's int(v) for numbers: towards zero.
func toInt(v any) (any, error) {
	switch v := v.(type) {
	case int64, *big.Int:
		return v, nil
	case bool:
		n, _ := asNumber(v)
		return n, nil
	case float64:
		if math.IsNaN(v) {
			return nil, valueError("cannot convert float NaN to integer")
		}
		if math.IsInf(v, 0) {
			return nil, raise(KindArithmetic, "cannot convert float infinity to integer")
		}
		i, _ := new(big.Float).SetFloat64(v).Int(nil)
		return normBig(i), nil
	case decimal.Decimal:
		if _, err := checkDecimal(v); err != nil {
			return nil, err
		}
		return normBig(v.Truncate(0).BigInt()), nil
	case *undefined:
		return nil, v.err()
	}
	return nil, typeError("int() argument must be a string, a bytes-like object or a real number, not %s", quoteRepr(typeName(v)))
}

// parseInt is Python's int(s, base).
func parseInt(s string, base int) (any, error) {
	if base != 0 && (base < 2 || base > 36) {
		return nil, valueError("int() base must be >= 2 and <= 36, or 0")
	}
	digits := strings.TrimFunc(s, isSpace)
	negative := strings.HasPrefix(digits, "-")
	if negative || strings.HasPrefix(digits, "+") {
		digits = digits[1:]
	}
	digits, base, ok := cutIntPrefix(digits, base)
	digits, valid := plainDigits(digits)
	if len(digits) > maxIntDigits && base&(base-1) != 0 {
		return nil, valueError("exceeds the limit (%d digits) for integer string conversion", maxIntDigits)
	}
	i, parsed := new(big.Int), false
	if ok && valid && len(digits) < maxBigBits {
		i, parsed = i.SetString(digits, base)
	}
	if !parsed {
		return nil, valueError("invalid literal for int() with base %d", base)
	}
	if negative {
		i.Neg(i)
	}
	return normBig(i), nil
}

// cutIntPrefix drops a prefix such as 0x that fits the base.
func cutIntPrefix(s string, base int) (string, int, bool) {
	if len(s) > 1 && s[0] == '0' {
		prefixed := map[byte]int{'x': 16, 'o': 8, 'b': 2}[s[1]|0x20]
		if prefixed != 0 && (base == 0 || base == prefixed) {
			return strings.TrimPrefix(s[2:], "_"), prefixed, true
		}
	}
	if base == 0 {
		return s, 10, s == "" || s[0] != '0' || strings.Trim(s, "0_") == ""
	}
	return s, base, true
}

// plainDigits drops underscores between digits and turns the decimal digits
// of every script into ASCII.
func plainDigits(s string) (string, bool) {
	if s == "" || s[0] == '_' || s[len(s)-1] == '_' || strings.Contains(s, "__") {
		return s, false
	}
	s = strings.ReplaceAll(s, "_", "")
	if strings.ContainsAny(s, "+-") {
		return s, false
	}
	if isASCII(s) {
		return s, true
	}
	return strings.Map(func(r rune) rune {
		if d := decimalValue(r); d >= 0 {
			return '0' + rune(d)
		}
		return r
	}, s), true
}

// parseFloat is Python's float(s).
func parseFloat(s string) (float64, error) {
	digits := strings.TrimFunc(s, isSpace)
	if strings.ContainsAny(digits, "xXpP") {
		return 0, valueError("could not convert string to float")
	}
	if !isASCII(digits) {
		digits = strings.Map(func(r rune) rune {
			if d := decimalValue(r); d >= 0 {
				return '0' + rune(d)
			}
			return r
		}, digits)
	}
	if strings.IndexByte(digits, '_') >= 0 {
		if !underscoresOK(digits) {
			return 0, valueError("could not convert string to float")
		}
		digits = strings.ReplaceAll(digits, "_", "")
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil && !math.IsInf(f, 0) && f == 0 {
		return 0, valueError("could not convert string to float")
	}
	return f, nil
}

// underscoresOK reports whether every underscore stands between digits.
func underscoresOK(s string) bool {
	for i := range len(s) {
		if s[i] == '_' && (i == 0 || i == len(s)-1 || !isDigit(s[i-1], 10) || !isDigit(s[i+1], 10)) {
			return false
		}
	}
	return true
}
