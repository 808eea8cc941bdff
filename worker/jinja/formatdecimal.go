package jinja

import (
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// decimal formats a Decimal exactly, half to even.
func (f formatSpec) decimal(d decimal.Decimal) (string, error) {
	if _, err := checkDecimal(d); err != nil {
		return "", err
	}
	digits, err := f.decimalDigits(d.Abs())
	if err != nil {
		return "", err
	}
	negative := d.Sign() < 0
	if f.zeroSign && strings.Trim(digits, "0.%") == "" {
		negative = false
	}
	return f.finish(f.signOf(negative), digits), nil
}

// decimalDigits formats a Decimal that is not negative.
func (f formatSpec) decimalDigits(d decimal.Decimal) (string, error) {
	places := int32(min(f.precision, maxDecimalExponent))
	switch f.verb {
	case 'f', 'F', '%':
		suffix := ""
		if f.verb == '%' {
			d, suffix = d.Shift(2), "%"
		}
		if f.precision >= 0 {
			d = roundHalfEven(d, places)
		}
		s, err := decimalText(d)
		if f.alternate && strings.IndexByte(s, '.') < 0 {
			s += "."
		}
		return s + suffix, err
	case 'e', 'E':
		if f.precision >= 0 {
			d = padDigits(roundDigits(d, int(places)+1), int(places)+1)
		}
		return scientific(d, f.verb), nil
	case 0, 'g', 'G', 'n':
		if f.precision < 0 {
			return decimalText(d)
		}
		d = roundDigits(d, max(int(places), 1))
		if d.Exponent() > 0 || adjusted(d) < -6 {
			verb := byte('E')
			if f.verb != 0 && f.verb != 'G' {
				verb = 'e'
			}
			return scientific(d, verb), nil
		}
		return decimalText(d)
	}
	return "", valueError("invalid format string")
}

// adjusted is the exponent of the first digit.
func adjusted(d decimal.Decimal) int { return int(d.Exponent()) + d.NumDigits() - 1 }

// scientific writes d.ddde+n.
func scientific(d decimal.Decimal, verb byte) string {
	digits := d.Coefficient().String()
	exp := adjusted(d)
	s := digits[:1]
	if len(digits) > 1 {
		s += "." + digits[1:]
	}
	s += string(verb)
	if exp >= 0 {
		s += "+"
	}
	return s + strconv.Itoa(exp)
}

// roundDigits keeps at most n significant digits.
func roundDigits(d decimal.Decimal, n int) decimal.Decimal {
	for range 2 { // rounding 9.99 up makes one digit more
		if extra := d.NumDigits() - n; extra > 0 {
			d = roundHalfEven(d, -d.Exponent()-int32(extra))
		}
	}
	return d
}

// padDigits adds zeros up to n significant digits. A zero has one digit and
// takes its zeros as decimal places.
func padDigits(d decimal.Decimal, n int) decimal.Decimal {
	missing := n - d.NumDigits()
	if missing <= 0 {
		return d
	}
	return roundHalfEven(d, -d.Exponent()+int32(missing))
}
