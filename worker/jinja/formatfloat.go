package jinja

import (
	"math"
	"strconv"
	"strings"
)

func (f formatSpec) float(x float64) (string, error) {
	digits, err := f.floatDigits(math.Abs(x))
	if err != nil {
		return "", err
	}
	negative := math.Signbit(x) && !math.IsNaN(x)
	if f.zeroSign && strings.Trim(digits, "0.") == "" {
		negative = false
	}
	return f.finish(f.signOf(negative), digits), nil
}

// finish groups and pads the digits of a number that is no int.
func (f formatSpec) finish(sign, digits string) string {
	end := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(digits)
	}
	if end == 0 { // inf, nan
		f.group = 0
	}
	return f.number(sign, digits[:end], digits[end:], 3)
}

// floatDigits formats a float that is not negative.
func (f formatSpec) floatDigits(x float64) (string, error) {
	prec := f.precision
	if prec < 0 {
		prec = 6
	}
	suffix := ""
	verb := f.verb
	switch verb {
	case 0:
		return f.floatDefault(x), nil
	case '%':
		verb, suffix = 'f', "%"
		x *= 100
	case 'n':
		if f.group != 0 {
			return "", valueError("cannot specify '%c' with 'n'.", f.group)
		}
		verb = 'g'
	case 'e', 'E', 'f', 'F', 'g', 'G':
	default:
		return "", valueError("unknown format code '%c' for object of type 'float'", verb)
	}
	return formatFloat(x, verb, prec, f.alternate) + suffix, nil
}

// floatDefault is the format without a verb: like repr, or with a precision
// like g but with a digit after the point.
func (f formatSpec) floatDefault(x float64) string {
	if f.precision < 0 {
		return string(appendFloat(nil, x))
	}
	prec := max(f.precision, 1)
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return formatFloat(x, 'g', prec, false)
	}
	e := strconv.FormatFloat(x, 'e', prec-1, 64)
	exp, _ := strconv.Atoi(e[strings.IndexByte(e, 'e')+1:])
	trim := trimZeros
	if f.alternate {
		trim = addPoint
	}
	if exp < -4 || exp >= prec-1 {
		return trim(e)
	}
	s := trim(strconv.FormatFloat(x, 'f', prec-1-exp, 64))
	if strings.IndexByte(s, '.') < 0 {
		s += ".0"
	}
	return s
}

// formatFloat formats as C's printf does.
func formatFloat(x float64, verb byte, prec int, alternate bool) string {
	var s string
	switch {
	case math.IsInf(x, 0):
		s = "inf"
		if x < 0 {
			s = "-inf"
		}
	case math.IsNaN(x):
		s = "nan"
	case verb == 'g' || verb == 'G':
		s = formatG(x, max(prec, 1), alternate)
	default:
		s = strconv.FormatFloat(x, verb|0x20, prec, 64)
		if alternate && prec == 0 {
			s = addPoint(s)
		}
	}
	if verb < 'a' {
		s = strings.ToUpper(s)
	}
	return s
}

func formatG(x float64, prec int, alternate bool) string {
	e := strconv.FormatFloat(x, 'e', prec-1, 64)
	exp, _ := strconv.Atoi(e[strings.IndexByte(e, 'e')+1:])
	s := e
	if exp >= -4 && exp < prec {
		s = strconv.FormatFloat(x, 'f', prec-1-exp, 64)
	}
	if alternate {
		return addPoint(s)
	}
	return trimZeros(s)
}

// trimZeros drops the zeros at the end of a fraction.
func trimZeros(s string) string {
	mantissa, exp := s, ""
	if i := strings.IndexByte(s, 'e'); i >= 0 {
		mantissa, exp = s[:i], s[i:]
	}
	if strings.IndexByte(mantissa, '.') >= 0 {
		mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
	}
	return mantissa + exp
}

func addPoint(s string) string {
	if strings.IndexByte(s, '.') >= 0 {
		return s
	}
	if i := strings.IndexByte(s, 'e'); i >= 0 {
		return s[:i] + "." + s[i:]
	}
	return s + "."
}
