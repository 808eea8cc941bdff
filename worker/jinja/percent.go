package jinja

import (
	"math/big"
	"strings"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

// percentFormat is one running % formatting.
type percentFormat struct {
	rt      *runtime
	args    []any
	next    int
	single  any  // the right operand, when it is no tuple
	escape  bool // the format is Markup
	mapping bool // a %(name) was used
}

// formatPercent is format % value.
func (rt *runtime) formatPercent(format, value any) (any, error) {
	text, _ := textOf(format)
	_, isMarkup := format.(markup)
	p := percentFormat{rt: rt, single: value, escape: isMarkup, args: []any{value}}
	if t, ok := value.(*List); ok && t.tuple {
		p.args, p.single = t.all(), nil
	}
	return p.result(text)
}

func (p *percentFormat) result(text string) (any, error) {
	s, err := p.run(text)
	if err != nil {
		return nil, err
	}
	if p.escape {
		return markup(s), nil
	}
	return s, nil
}

func (p *percentFormat) run(text string) (string, error) {
	var room [64]byte
	b := room[:0]
	for text != "" {
		i := strings.IndexByte(text, '%')
		if i < 0 {
			b = append(b, text...)
			break
		}
		b = append(b, text[:i]...)
		rest, s, err := p.directive(text[i+1:])
		if err != nil {
			return "", err
		}
		if err := p.rt.grow(len(s)); err != nil {
			return "", err
		}
		b = append(b, s...)
		text = rest
	}
	if p.next < len(p.args) && !p.mapping && !isMappingArg(p.single) {
		return "", typeError("not all arguments converted during string formatting")
	}
	return string(b), p.rt.grow(len(b))
}

// isMappingArg reports whether the operand may be left unused, as Python
// allows for anything with items that is neither a tuple nor a string.
func isMappingArg(v any) bool {
	switch v.(type) {
	case *Dict, *List, *undefined, *rangeValue, bytesValue, Object:
		return true
	}
	return false
}

// directive formats one directive; s begins after the percent sign.
func (p *percentFormat) directive(s string) (rest, out string, err error) {
	if strings.HasPrefix(s, "%") {
		return s[1:], "%", nil
	}
	f := formatSpec{fill: ' ', align: '>', precision: -1}
	keyed := false
	var value any
	if strings.HasPrefix(s, "(") {
		if value, s, err = p.key(s); err != nil {
			return "", "", err
		}
		keyed = true
	}
	if s, err = p.flags(&f, s); err != nil {
		return "", "", err
	}
	if s == "" {
		return "", "", valueError("incomplete format")
	}
	f.verb, s = s[0], s[1:]
	if !keyed {
		if value, err = p.arg(); err != nil {
			return "", "", err
		}
	}
	if err := p.rt.grow(f.width); err != nil {
		return "", "", err
	}
	if err := p.rt.grow(max(f.precision, 0)); err != nil {
		return "", "", err
	}
	out, err = p.convert(f, value)
	return s, out, err
}

func (p *percentFormat) arg() (any, error) {
	if p.next >= len(p.args) {
		return nil, typeError("not enough arguments for format string")
	}
	p.next++
	return p.args[p.next-1], nil
}

// key reads (name) and looks it up.
func (p *percentFormat) key(s string) (any, string, error) {
	if p.single == nil || isText(p.single) || !isMappingArg(p.single) {
		return nil, "", typeError("format requires a mapping")
	}
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 0 {
			p.mapping = true
			v, ok, err := p.rt.itemOnly(p.single, s[1:i])
			if err == nil && !ok {
				err = raise(KindLookup, "%s", quoteRepr(s[1:i]))
			}
			return v, s[i+1:], err
		}
	}
	return nil, "", valueError("incomplete format key")
}

// flags reads flags, width, precision and length modifier.
func (p *percentFormat) flags(f *formatSpec, s string) (string, error) {
	zero, left := false, false
	for s != "" && strings.IndexByte("-+ #0", s[0]) >= 0 {
		switch s[0] {
		case '-':
			left = true
		case '+':
			f.sign = '+'
		case ' ':
			f.sign = max(f.sign, ' ')
		case '#':
			f.alternate = true
		case '0':
			zero = true
		}
		s = s[1:]
	}
	n, s, err := p.size(s, 0)
	if err != nil {
		return "", err
	}
	if f.width = n; n < 0 {
		f.width, left = -n, true
	}
	if strings.HasPrefix(s, ".") {
		if f.precision, s, err = p.size(s[1:], 0); err != nil {
			return "", err
		}
		f.precision = max(f.precision, 0)
	}
	if s != "" && strings.IndexByte("hlL", s[0]) >= 0 {
		s = s[1:]
	}
	switch {
	case left:
		f.align = '<'
	case zero:
		f.align, f.fill = '=', '0'
	}
	return s, nil
}

// size reads a number or *.
func (p *percentFormat) size(s string, def int) (int, string, error) {
	if !strings.HasPrefix(s, "*") {
		return takeNumber(s, def)
	}
	v, err := p.arg()
	if err != nil {
		return 0, "", err
	}
	if !isInt(v) {
		return 0, "", typeError("* wants int")
	}
	n, err := toIndex(v)
	return n, s[1:], err
}

func (p *percentFormat) convert(f formatSpec, v any) (string, error) {
	switch f.verb {
	case 's', 'r', 'a':
		return p.text(f, v)
	case 'd', 'i', 'u':
		i, err := p.wholeNumber(v)
		if err != nil {
			return "", err
		}
		return percentInt(f, i, 10)
	case 'o', 'x', 'X':
		i, ok := toBig(v)
		if !ok {
			return "", typeError("%%%c format: an integer is required, not %s", f.verb, typeName(v))
		}
		if f.verb == 'o' {
			return percentInt(f, i, 8)
		}
		return percentInt(f, i, 16)
	case 'e', 'E', 'f', 'F', 'g', 'G':
		return p.float(f, v)
	case 'c':
		return p.char(f, v)
	}
	return "", valueError("unsupported format character '%c'", f.verb)
}

func (p *percentFormat) text(f formatSpec, v any) (string, error) {
	var s string
	var err error
	switch f.verb {
	case 's':
		s, err = p.rt.text(v)
	case 'r':
		s, err = p.rt.repr(v)
	case 'a':
		if s, err = p.rt.repr(v); err == nil {
			s = asciiOnly(s)
		}
	}
	if err != nil {
		return "", err
	}
	if _, safe := v.(markup); p.escape && (f.verb != 's' || !safe) {
		s = escapeHTML(s)
	}
	if f.precision >= 0 {
		s = s[:runeOffset(s, f.precision)]
	}
	if f.align == '=' {
		f.align, f.fill = '>', ' '
	}
	return f.pad("", s, '>'), nil
}

// asciiOnly escapes what is not ASCII, as Python's ascii does.
func asciiOnly(s string) string {
	if isASCII(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r < 0x80:
			b.WriteRune(r)
		case r < 0x100:
			b.WriteString(`\x` + hexPad(r, 2))
		case r < 0x10000:
			b.WriteString(`\u` + hexPad(r, 4))
		default:
			b.WriteString(`\U` + hexPad(r, 8))
		}
	}
	return b.String()
}

// wholeNumber is what %d prints of a number.
func (p *percentFormat) wholeNumber(v any) (*big.Int, error) {
	switch v := v.(type) {
	case int64, *big.Int, bool:
		return mustBig(v), nil
	case float64, decimal.Decimal:
		i, err := toInt(v)
		if err != nil {
			return nil, err
		}
		return mustBig(i), nil
	case *undefined:
		return nil, v.err()
	}
	return nil, typeError("%%d format: a real number is required, not %s", typeName(v))
}

func percentInt(f formatSpec, i *big.Int, base int) (string, error) {
	if base == 10 {
		if _, err := bigText(i); err != nil {
			return "", err
		}
	}
	digits := new(big.Int).Abs(i).Text(base)
	if f.verb == 'X' {
		digits = strings.ToUpper(digits)
	}
	if n := f.precision - len(digits); n > 0 {
		digits = strings.Repeat("0", n) + digits
	}
	sign := f.signOf(i.Sign() < 0)
	if f.alternate {
		switch base {
		case 8:
			sign += "0o"
		case 16:
			sign += "0" + string(f.verb)
		}
	}
	return f.pad(sign, digits, '>'), nil
}

func (p *percentFormat) float(f formatSpec, v any) (string, error) {
	if d, ok := v.(decimal.Decimal); ok && f.verb|0x20 == 'f' {
		if f.precision < 0 {
			f.precision = 6
		}
		return f.decimal(d)
	}
	x, err := realNumber(v)
	if err != nil {
		return "", err
	}
	return f.float(x)
}

// realNumber is the float a number stands for.
func realNumber(v any) (float64, error) {
	switch v := v.(type) {
	case decimal.Decimal:
		return decimalFloat(v), nil
	case *undefined:
		return 0, v.err()
	case bool:
		n, _ := asNumber(v)
		return toFloat(n)
	}
	return toFloat(v)
}

func (p *percentFormat) char(f formatSpec, v any) (string, error) {
	if f.align == '=' {
		f.align, f.fill = '>', ' '
	}
	if s, ok := textOf(v); ok {
		if utf8.RuneCountInString(s) != 1 {
			return "", typeError("%%c requires int or char")
		}
		return f.pad("", s, '>'), nil
	}
	i, ok := toBig(v)
	if !ok {
		return "", typeError("%%c requires int or char")
	}
	if !i.IsInt64() || i.Int64() < 0 || i.Int64() > utf8.MaxRune {
		return "", raise(KindArithmetic, "%%c arg not in range(0x110000)")
	}
	return f.pad("", string(rune(i.Int64())), '>'), nil
}
