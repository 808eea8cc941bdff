package jinja

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

// formatSpec is a parsed format specification, Python's mini-language.
type formatSpec struct {
	fill        rune
	align       byte // one of <>=^, or 0
	sign        byte // one of +- and space, or 0
	zeroSign    bool // z: no negative zero
	alternate   bool
	zero        bool // a 0 before the width: numbers are filled after their sign
	zeroAligned bool // such a 0 after an alignment, which Decimal refuses
	width       int
	group       byte // comma or underscore, or 0
	precision   int  // -1 if absent
	verb        byte // 0 if absent
}

func parseFormatSpec(s string) (formatSpec, error) {
	f := formatSpec{fill: ' ', precision: -1}
	r, size := utf8.DecodeRuneInString(s)
	switch {
	case len(s) > size && strings.IndexByte("<>=^", s[size]) >= 0:
		f.fill, f.align, s = r, s[size], s[size+1:]
	case s != "" && strings.IndexByte("<>=^", s[0]) >= 0:
		f.align, s = s[0], s[1:]
	}
	take := func(set string) byte {
		if s == "" || strings.IndexByte(set, s[0]) < 0 {
			return 0
		}
		c := s[0]
		s = s[1:]
		return c
	}
	f.sign = take("+- ")
	f.zeroSign = take("z") != 0
	f.alternate = take("#") != 0
	if take("0") != 0 {
		f.zero = f.align == 0
		f.zeroAligned = !f.zero
		if f.fill == ' ' {
			f.fill = '0'
		}
	}
	var err error
	if f.width, s, err = takeNumber(s, 0); err != nil {
		return f, err
	}
	f.group = take(",_")
	if f.group != 0 && take(",_") != 0 {
		return f, valueError("cannot specify both ',' and '_'")
	}
	if take(".") != 0 {
		if s == "" || !isDigit(s[0], 10) {
			return f, valueError("format specifier missing precision")
		}
		if f.precision, s, err = takeNumber(s, -1); err != nil {
			return f, err
		}
	}
	if len(s) > 1 {
		return f, valueError("invalid format specifier")
	}
	if s != "" {
		f.verb = s[0]
	}
	return f, nil
}

func takeNumber(s string, def int) (int, string, error) {
	n := 0
	for n < len(s) && isDigit(s[n], 10) {
		n++
	}
	if n == 0 {
		return def, s, nil
	}
	v, err := strconv.Atoi(s[:n])
	if err != nil || v > math.MaxInt32 {
		return 0, s, valueError("too many decimal digits in format string")
	}
	return v, s[n:], nil
}

// format is Python's format(v, spec).
func (rt *runtime) format(v any, spec string) (string, error) {
	if spec == "" {
		return rt.text(v)
	}
	switch v := v.(type) {
	case Date, DateTime, timeOfDay:
		return strftime(v, spec)
	case string, markup, bool, int64, *big.Int, float64, decimal.Decimal:
		f, err := parseFormatSpec(spec)
		if err != nil {
			return "", err
		}
		if err := rt.grow(f.width * utf8.RuneLen(f.fill)); err != nil {
			return "", err
		}
		if err := rt.grow(max(f.precision, 0)); err != nil {
			return "", err
		}
		return rt.formatBy(f, v)
	case *undefined:
		if v.kind == Strict {
			return "", v.err()
		}
	}
	return "", typeError("unsupported format string passed to %s.__format__", typeName(v))
}

func (rt *runtime) formatBy(f formatSpec, v any) (string, error) {
	if s, ok := textOf(v); ok {
		return f.text(s)
	}
	if f.zero {
		f.align = '='
	}
	n, _ := asNumber(v)
	switch n := n.(type) {
	case float64:
		return f.float(n)
	case decimal.Decimal:
		if f.alternate || f.group == '_' || f.zeroAligned {
			return "", valueError("invalid format string")
		}
		return f.decimal(n)
	}
	return f.integer(n)
}

func (f formatSpec) text(s string) (string, error) {
	switch {
	case f.verb != 0 && f.verb != 's':
		return "", valueError("unknown format code '%c' for object of type 'str'", f.verb)
	case f.sign != 0:
		return "", valueError("sign not allowed in string format specifier")
	case f.alternate:
		return "", valueError("alternate form (#) not allowed in string format specifier")
	case f.group != 0:
		return "", valueError("cannot specify '%c' with 's'.", f.group)
	case f.align == '=':
		return "", valueError("'=' alignment not allowed in string format specifier")
	}
	if f.precision >= 0 {
		s = s[:runeOffset(s, f.precision)]
	}
	return f.pad("", s, '<'), nil
}

// pad fills the text to the width; prefix is a sign, after which '=' fills.
func (f formatSpec) pad(prefix, s string, align byte) string {
	if f.align != 0 {
		align = f.align
	}
	n := f.width - utf8.RuneCountInString(prefix) - utf8.RuneCountInString(s)
	if n <= 0 {
		return prefix + s
	}
	fill := string(f.fill)
	switch align {
	case '<':
		return prefix + s + strings.Repeat(fill, n)
	case '^':
		return strings.Repeat(fill, n/2) + prefix + s + strings.Repeat(fill, n-n/2)
	case '=':
		return prefix + strings.Repeat(fill, n) + s
	}
	return strings.Repeat(fill, n) + prefix + s
}

func (f formatSpec) signOf(negative bool) string {
	switch {
	case negative:
		return "-"
	case f.sign == '+' || f.sign == ' ':
		return string(f.sign)
	}
	return ""
}

func (f formatSpec) integer(v any) (string, error) {
	if f.precision >= 0 && strings.IndexByte("\x00dnboxXc", f.verb) >= 0 {
		return "", valueError("precision not allowed in integer format specifier")
	}
	i := mustBig(v)
	base := 10
	prefix := ""
	switch f.verb {
	case 0, 'd', 'n':
	case 'b':
		base, prefix = 2, "0b"
	case 'o':
		base, prefix = 8, "0o"
	case 'x', 'X':
		base, prefix = 16, "0"+string(f.verb)
	case 'c':
		return f.char(i)
	case 'e', 'E', 'f', 'F', 'g', 'G', '%':
		x, err := toFloat(v)
		if err != nil {
			return "", err
		}
		return f.float(x)
	default:
		return "", valueError("unknown format code '%c' for object of type 'int'", f.verb)
	}
	if f.zeroSign {
		return "", valueError("negative zero coercion (z) not allowed in format specifier with integer format code")
	}
	if f.group == ',' && base != 10 || f.group != 0 && f.verb == 'n' {
		return "", valueError("cannot specify ',' with '%c'.", f.verb)
	}
	if base == 10 {
		if _, err := bigText(i); err != nil {
			return "", err
		}
	}
	digits := new(big.Int).Abs(i).Text(base)
	if f.verb == 'X' {
		digits = strings.ToUpper(digits)
	}
	sign := f.signOf(i.Sign() < 0)
	if f.alternate {
		sign += prefix
	}
	size := 3
	if base != 10 {
		size = 4
	}
	return f.number(sign, digits, "", size), nil
}

func (f formatSpec) char(i *big.Int) (string, error) {
	switch {
	case f.group != 0:
		return "", valueError("cannot specify '%c' with 'c'.", f.group)
	case f.sign != 0:
		return "", valueError("sign not allowed with integer format specifier 'c'")
	case f.alternate:
		return "", valueError("alternate form (#) not allowed with integer format specifier 'c'")
	case !i.IsInt64() || i.Int64() < 0 || i.Int64() > utf8.MaxRune:
		return "", raise(KindArithmetic, "%%c arg not in range(0x110000)")
	}
	return f.pad("", string(rune(i.Int64())), '>'), nil
}

// number groups the whole part's digits and pads the result.
func (f formatSpec) number(sign, whole, rest string, groupSize int) string {
	if f.group != 0 {
		minWidth := 0
		if f.fill == '0' && f.align == '=' {
			minWidth = f.width - len(sign) - len(rest)
		}
		whole = groupDigits(whole, f.group, groupSize, minWidth)
	}
	return f.pad(sign, whole+rest, '>')
}

// groupDigits puts sep between groups, after padding with zeros so that the
// result has the given width.
func groupDigits(digits string, sep byte, size, width int) string {
	for len(digits)+(len(digits)-1)/size < width {
		digits = "0" + digits
	}
	var b strings.Builder
	for i := range len(digits) {
		if i > 0 && (len(digits)-i)%size == 0 {
			b.WriteByte(sep)
		}
		b.WriteByte(digits[i])
	}
	return b.String()
}
