package jmespath

import (
	"fmt"
	"math/big"
	"strings"
	"unicode/utf16"

	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/worker/jinja"
	"github.com/rossum-relay/rossum-relay/worker/pipeline/jsonvalue"
)

// literal reads JSON between back quotes. What is no JSON is a string, as in the first version of the language.
func literal(text string) (any, error) {
	v, err := jsonvalue.Decode([]byte(text))
	if err != nil {
		return jsonvalue.Decode([]byte(`"` + strings.TrimLeft(text, " \t\r\n") + `"`))
	}
	return v, nil
}

// kind is a JSON type, or several of them as a set.
type kind int

const (
	isNull kind = 1 << iota
	isBoolean
	isNumber
	isString
	isArray
	isObject
	isReference
	isAny = isNull | isBoolean | isNumber | isString | isArray | isObject
)

func (k kind) takes(v any) bool { return k&kindOf(v) != 0 }

func kindOf(v any) kind {
	switch v.(type) {
	case nil:
		return isNull
	case bool:
		return isBoolean
	case string:
		return isString
	case *jinja.List:
		return isArray
	case *jinja.Dict:
		return isObject
	case reference:
		return isReference
	}
	if _, ok := numberOf(v); ok {
		return isNumber
	}
	return isString // dates and other scalars of the engine
}

// typeOf names the type of a value, as the function type does.
func typeOf(v any) string {
	return map[kind]string{isNull: "null", isBoolean: "boolean", isNumber: "number", isString: "string", isArray: "array",
		isObject: "object", isReference: "an expression reference"}[kindOf(v)]
}

func numberOf(v any) (decimal.Decimal, bool) {
	switch v := v.(type) {
	case int64:
		return decimal.NewFromInt(v), true
	case *big.Int:
		return decimal.NewFromBigInt(v, 0), true
	case decimal.Decimal:
		return v, true
	case float64:
		return decimal.NewFromFloat(v), true
	}
	return decimal.Decimal{}, false
}

func textOf(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return fmt.Sprint(v)
}

// isFalse is the language's own idea: 0 is true.
func isFalse(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case *jinja.List:
		return v.Len() == 0
	case *jinja.Dict:
		return v.Len() == 0
	}
	return false
}

func equal(a, b any) bool {
	if kindOf(a) != kindOf(b) {
		return false
	}
	switch a := a.(type) {
	case *jinja.List:
		return equalLists(a, b.(*jinja.List))
	case *jinja.Dict:
		b := b.(*jinja.Dict)
		if a.Len() != b.Len() {
			return false
		}
		for key, value := range a.All() {
			other, ok := b.Get(textOf(key))
			if !ok || !equal(value, other) {
				return false
			}
		}
		return true
	case reference:
		return false
	}
	if x, ok := numberOf(a); ok {
		y, _ := numberOf(b)
		return x.Equal(y)
	}
	return a == b
}

func equalLists(a, b *jinja.List) bool {
	if a.Len() != b.Len() {
		return false
	}
	for i, value := range a.All() {
		if !equal(value, b.At(i)) {
			return false
		}
	}
	return true
}

// ordered compares two numbers or two strings; others have no order.
func ordered(a, b any) (order int, ok bool) {
	switch {
	case kindOf(a) != kindOf(b):
		return 0, false
	case kindOf(a) == isNumber:
		x, _ := numberOf(a)
		y, _ := numberOf(b)
		return x.Cmp(y), true
	case kindOf(a) == isString:
		return strings.Compare(textOf(a), textOf(b)), true
	}
	return 0, false
}

func items(l *jinja.List) []any {
	list := make([]any, 0, l.Len())
	for _, item := range l.All() {
		list = append(list, item)
	}
	return list
}

func parts(d *jinja.Dict) (keys, values []any) {
	for key, value := range d.All() {
		keys, values = append(keys, textOf(key)), append(values, value)
	}
	return keys, values
}

// dump is a value as Python's json.dumps writes it without blanks: in ASCII.
func dump(b *strings.Builder, v any) {
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		fmt.Fprint(b, v)
	case *jinja.List:
		b.WriteByte('[')
		for i, item := range v.All() {
			if i > 0 {
				b.WriteByte(',')
			}
			dump(b, item)
		}
		b.WriteByte(']')
	case *jinja.Dict:
		b.WriteByte('{')
		keys, values := parts(v)
		for i := range keys {
			if i > 0 {
				b.WriteByte(',')
			}
			dumpText(b, textOf(keys[i]))
			b.WriteByte(':')
			dump(b, values[i])
		}
		b.WriteByte('}')
	default:
		if n, ok := numberOf(v); ok {
			b.WriteString(n.StringFixed(max(0, -n.Exponent())))
			return
		}
		dumpText(b, textOf(v))
	}
}

func dumpText(b *strings.Builder, s string) {
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r >= ' ' && r < 0x7f:
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
}
