package jinja

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

// write appends v's text to the output, escaped if asked.
func (rt *runtime) write(v any, escape bool) error {
	var err error
	if s, ok := v.(string); ok && !escape {
		return rt.writeString(s)
	}
	if rt.out, err = rt.appendText(rt.out, v, escape); err != nil {
		return err
	}
	return rt.checkOutput()
}

// text is Python's str(v).
func (rt *runtime) text(v any) (string, error) {
	if s, ok := textOf(v); ok {
		return s, nil
	}
	buf, err := rt.appendText(nil, v, false)
	if err == nil {
		err = rt.grow(len(buf))
	}
	return string(buf), err
}

// appendText appends str(v), escaped for HTML if asked and v is no Markup.
func (rt *runtime) appendText(buf []byte, v any, escape bool) ([]byte, error) {
	switch v := v.(type) {
	case string:
		if err := rt.checkSize(len(buf) + len(v)); err != nil {
			return nil, err
		}
		if escape {
			return appendEscaped(buf, v), nil
		}
		return append(buf, v...), nil
	case markup:
		if err := rt.checkSize(len(buf) + len(v)); err != nil {
			return nil, err
		}
		return append(buf, v...), nil
	case int64:
		return strconv.AppendInt(buf, v, 10), nil
	case float64:
		return appendFloat(buf, v), nil
	case nil, bool, *big.Int, decimal.Decimal:
		return rt.appendRepr(buf, v, formText)
	case *undefined:
		return buf, v.strict()
	}
	start := len(buf)
	buf, err := rt.appendRepr(buf, v, formText)
	if err != nil || !escape {
		return buf, err
	}
	return appendEscaped(buf[:start:start], string(buf[start:])), nil
}

// checkSize bounds a text while it is being built.
func (rt *runtime) checkSize(n int) error {
	if limit := max(rt.limits.ValueBytes, rt.limits.OutputBytes); n > limit {
		return raise(KindLimit, "text is longer than %d bytes", limit)
	}
	return nil
}

// form chooses between str() and repr() of an object.
type form int

const (
	formText form = iota
	formRepr
)

// repr is Python's repr(v).
func (rt *runtime) repr(v any) (string, error) {
	buf, err := rt.appendRepr(nil, v, formRepr)
	if err == nil {
		err = rt.grow(len(buf))
	}
	return string(buf), err
}

func (rt *runtime) appendRepr(buf []byte, v any, as form) ([]byte, error) {
	if err := rt.checkSize(len(buf)); err != nil {
		return nil, err
	}
	if err := rt.step(1); err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case nil:
		return append(buf, "None"...), nil
	case bool:
		if v {
			return append(buf, "True"...), nil
		}
		return append(buf, "False"...), nil
	case int64:
		return strconv.AppendInt(buf, v, 10), nil
	case *big.Int:
		s, err := bigText(v)
		return append(buf, s...), err
	case float64:
		return appendFloat(buf, v), nil
	case decimal.Decimal:
		s, err := decimalText(v)
		if as == formRepr {
			s = "Decimal('" + s + "')"
		}
		return append(buf, s...), err
	case string:
		return rt.appendQuoted(buf, v)
	case markup:
		buf, err := rt.appendQuoted(append(buf, "Markup("...), string(v))
		return append(buf, ')'), err
	case bytesValue:
		return appendBytesRepr(buf, string(v)), nil
	case *List:
		return rt.appendList(buf, v)
	case *Dict:
		return rt.appendDict(buf, v)
	}
	return rt.appendObject(buf, v, as)
}

// maxIntDigits is CPython 3.11's limit for printing integers.
const maxIntDigits = 4300

func bigText(i *big.Int) (string, error) {
	if i.BitLen() > maxIntDigits*4 {
		return "", valueError("exceeds the limit (%d digits) for integer string conversion", maxIntDigits)
	}
	s := i.String()
	if len(strings.TrimPrefix(s, "-")) > maxIntDigits {
		return "", valueError("exceeds the limit (%d digits) for integer string conversion", maxIntDigits)
	}
	return s, nil
}

func (rt *runtime) appendQuoted(buf []byte, s string) ([]byte, error) {
	if err := rt.checkSize(len(buf) + len(s)); err != nil {
		return nil, err
	}
	return appendQuoted(buf, s), rt.step(len(s) >> 6)
}

func (rt *runtime) appendList(buf []byte, l *List) ([]byte, error) {
	open, end := byte('['), byte(']')
	if l.tuple {
		open, end = '(', ')'
	}
	if slices.Contains(rt.printing, any(l)) {
		return append(buf, open, '.', '.', '.', end), nil
	}
	if err := rt.startPrinting(l); err != nil {
		return nil, err
	}
	defer rt.stopPrinting()
	buf = append(append(buf, l.kind...), open)
	for i := range l.items {
		if i > 0 {
			buf = append(buf, ", "...)
		}
		if l.kind != "" {
			buf = append(append(buf, l.names[i]...), '=')
		}
		var err error
		if buf, err = rt.appendRepr(buf, l.get(i), formRepr); err != nil {
			return nil, err
		}
	}
	if l.tuple && len(l.items) == 1 {
		buf = append(buf, ',')
	}
	return append(buf, end), nil
}

// startPrinting remembers a container whose repr begins, so that one that
// holds itself prints as [...].
func (rt *runtime) startPrinting(v any) error {
	rt.printing = append(rt.printing, v)
	return rt.enter()
}

func (rt *runtime) stopPrinting() {
	rt.printing = rt.printing[:len(rt.printing)-1]
	rt.leave()
}

func (rt *runtime) appendDict(buf []byte, d *Dict) ([]byte, error) {
	if slices.Contains(rt.printing, any(d)) {
		return append(buf, "{...}"...), nil
	}
	if err := rt.startPrinting(d); err != nil {
		return nil, err
	}
	defer rt.stopPrinting()
	buf = append(buf, '{')
	for i := range d.entries {
		if i > 0 {
			buf = append(buf, ", "...)
		}
		var err error
		if buf, err = rt.appendRepr(buf, d.entries[i].key, formRepr); err != nil {
			return nil, err
		}
		buf = append(buf, ": "...)
		if buf, err = rt.appendRepr(buf, d.at(i), formRepr); err != nil {
			return nil, err
		}
	}
	return append(buf, '}'), nil
}

// reprer is an object of the engine with a repr of its own.
type reprer interface {
	appendRepr(rt *runtime, buf []byte) ([]byte, error)
}

func (rt *runtime) appendObject(buf []byte, v any, as form) ([]byte, error) {
	switch v := v.(type) {
	case reprer:
		return v.appendRepr(rt, buf)
	case Date, DateTime, TimeDelta, timeOfDay:
		if as == formText {
			return append(buf, v.(fmt.Stringer).String()...), nil
		}
		return append(buf, v.(interface{ repr() string }).repr()...), nil
	case *undefined:
		return append(buf, "Undefined"...), nil
	case *macro:
		name := "anonymous"
		if v.def.name != "" {
			name = quoteRepr(v.def.name)
		}
		return append(buf, "<Macro "+name+">"...), nil
	case fmt.Stringer:
		return append(buf, v.String()...), nil
	}
	return append(buf, "<"+typeName(v)+" object at 0x7f0000000000>"...), nil // as long as CPython writes it
}

// appendFloat appends the shortest text that reads back as f, as Python's
// repr does.
func appendFloat(buf []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(buf, "nan"...)
	case math.IsInf(f, 1):
		return append(buf, "inf"...)
	case math.IsInf(f, -1):
		return append(buf, "-inf"...)
	}
	if abs := math.Abs(f); abs != 0 && (abs < 1e-4 || abs >= 1e16) {
		return strconv.AppendFloat(buf, f, 'e', -1, 64)
	}
	start := len(buf)
	buf = strconv.AppendFloat(buf, f, 'f', -1, 64)
	for _, c := range buf[start:] {
		if c == '.' {
			return buf
		}
	}
	return append(buf, ".0"...)
}

// quoteRepr is the repr of a string.
func quoteRepr(s string) string { return string(appendQuoted(nil, s)) }

func appendQuoted(buf []byte, s string) []byte {
	quote := byte('\'')
	if strings.IndexByte(s, '\'') >= 0 && strings.IndexByte(s, '"') < 0 {
		quote = '"'
	}
	buf = append(buf, quote)
	for _, r := range s {
		switch {
		case r == rune(quote) || r == '\\':
			buf = append(buf, '\\', byte(r))
		case r == '\n':
			buf = append(buf, `\n`...)
		case r == '\r':
			buf = append(buf, `\r`...)
		case r == '\t':
			buf = append(buf, `\t`...)
		case r >= ' ' && r < 0x7f || r > 0x7f && isPrintable(r):
			buf = utf8.AppendRune(buf, r)
		case r < 0x100:
			buf = fmt.Appendf(buf, `\x%02x`, r)
		case r < 0x10000:
			buf = fmt.Appendf(buf, `\u%04x`, r)
		default:
			buf = fmt.Appendf(buf, `\U%08x`, r)
		}
	}
	return append(buf, quote)
}

func appendBytesRepr(buf []byte, s string) []byte {
	quote := byte('\'')
	if strings.IndexByte(s, '\'') >= 0 && strings.IndexByte(s, '"') < 0 {
		quote = '"'
	}
	buf = append(buf, 'b', quote)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == quote || c == '\\':
			buf = append(buf, '\\', c)
		case c == '\n':
			buf = append(buf, `\n`...)
		case c == '\r':
			buf = append(buf, `\r`...)
		case c == '\t':
			buf = append(buf, `\t`...)
		case c >= ' ' && c < 0x7f:
			buf = append(buf, c)
		default:
			buf = fmt.Appendf(buf, `\x%02x`, c)
		}
	}
	return append(buf, quote)
}
