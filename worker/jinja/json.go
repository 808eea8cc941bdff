package jinja

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonWriter writes what Python's json.dumps(sort_keys=True) does, with the
// characters escaped that could end a script element or an attribute.
type jsonWriter struct {
	rt     *runtime
	buf    []byte
	indent string // per level; with multiline
	multi  bool
	level  int
}

func filterTojson(c *call) (any, error) {
	w := &jsonWriter{rt: c.rt}
	if c.given(1) {
		w.multi = true
		if s, ok := textOf(c.args[1]); ok {
			w.indent = s
		} else {
			n, err := c.integer(1, 0)
			if err != nil {
				return nil, err
			}
			if err := c.rt.grow(max(n, 0)); err != nil {
				return nil, err
			}
			w.indent = strings.Repeat(" ", max(n, 0))
		}
	}
	if err := w.value(c.args[0]); err != nil {
		return nil, err
	}
	return c.softResult(string(w.buf), true)
}

func (w *jsonWriter) value(v any) error {
	if err := w.rt.step(1); err != nil {
		return err
	}
	if err := w.rt.checkSize(len(w.buf)); err != nil {
		return err
	}
	switch v := v.(type) {
	case nil:
		w.buf = append(w.buf, "null"...)
	case bool:
		w.buf = strconv.AppendBool(w.buf, v)
	case int64:
		w.buf = strconv.AppendInt(w.buf, v, 10)
	case *big.Int:
		s, err := bigText(v)
		w.buf = append(w.buf, s...)
		return err
	case float64:
		w.buf = append(w.buf, jsonFloat(v)...)
	case string:
		w.text(v)
	case markup:
		w.text(string(v))
	case *List:
		return w.list(v)
	case *Dict:
		return w.dict(v)
	default:
		return typeError("Object of type %s is not JSON serializable", typeName(v))
	}
	return nil
}

func jsonFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return string(appendFloat(nil, f))
}

// text writes a string in ASCII.
func (w *jsonWriter) text(s string) {
	w.buf = append(w.buf, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			w.buf = append(w.buf, '\\', byte(r))
		case r == '\n':
			w.buf = append(w.buf, `\n`...)
		case r == '\r':
			w.buf = append(w.buf, `\r`...)
		case r == '\t':
			w.buf = append(w.buf, `\t`...)
		case r == '\b':
			w.buf = append(w.buf, `\b`...)
		case r == '\f':
			w.buf = append(w.buf, `\f`...)
		case r >= 0x10000:
			hi, lo := utf16.EncodeRune(r)
			w.buf = fmt.Appendf(w.buf, `\u%04x\u%04x`, hi, lo)
		case r < ' ' || r > '~' || r == '<' || r == '>' || r == '&' || r == '\'':
			w.buf = fmt.Appendf(w.buf, `\u%04x`, r)
		default:
			w.buf = utf8.AppendRune(w.buf, r)
		}
	}
	w.buf = append(w.buf, '"')
}

// open begins a list or dict, next precedes each of its items, end closes it.
func (w *jsonWriter) open(c byte) error {
	w.buf = append(w.buf, c)
	w.level++
	return w.rt.enter()
}

func (w *jsonWriter) next(first bool) error {
	if !first {
		w.buf = append(w.buf, ',')
		if !w.multi {
			w.buf = append(w.buf, ' ')
		}
	}
	return w.newline()
}

func (w *jsonWriter) newline() error {
	if !w.multi {
		return nil
	}
	if err := w.rt.repeatBytes(len(w.indent), w.level); err != nil {
		return err
	}
	w.buf = append(w.buf, '\n')
	w.buf = append(w.buf, strings.Repeat(w.indent, w.level)...)
	return nil
}

func (w *jsonWriter) end(c byte, empty bool) error {
	w.rt.leave()
	w.level--
	if !empty {
		if err := w.newline(); err != nil {
			return err
		}
	}
	w.buf = append(w.buf, c)
	return nil
}

func (w *jsonWriter) list(l *List) error {
	if err := w.open('['); err != nil {
		return err
	}
	for i := range l.items {
		if err := w.next(i == 0); err != nil {
			return err
		}
		if err := w.value(l.get(i)); err != nil {
			return err
		}
	}
	return w.end(']', len(l.items) == 0)
}

func (w *jsonWriter) dict(d *Dict) error {
	items, err := w.rt.list(&dictView{d, viewItems})
	if err != nil {
		return err
	}
	err = w.rt.sort(items, false, func(item any) (any, error) { return item.(*List).items[0], nil })
	if err != nil {
		return err
	}
	if err := w.open('{'); err != nil {
		return err
	}
	for i, item := range items {
		if err := w.next(i == 0); err != nil {
			return err
		}
		kv := item.(*List).items
		if err := w.key(kv[0]); err != nil {
			return err
		}
		w.buf = append(w.buf, ": "...)
		if err := w.value(kv[1]); err != nil {
			return err
		}
	}
	return w.end('}', len(items) == 0)
}

func (w *jsonWriter) key(k any) error {
	switch k := k.(type) {
	case string:
		w.text(k)
		return nil
	case markup:
		w.text(string(k))
		return nil
	case nil, bool, int64, *big.Int, float64:
		w.buf = append(w.buf, '"')
		err := w.value(k)
		w.buf = append(w.buf, '"')
		return err
	}
	return typeError("keys must be str, int, float, bool or None, not %s", typeName(k))
}
