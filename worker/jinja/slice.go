package jinja

import (
	"math/big"
	"strings"
	"unicode/utf8"
)

// slice is obj[start:stop:step].
func (rt *runtime) slice(obj any, bounds [3]any) (any, error) {
	if u, ok := obj.(*undefined); ok {
		if u.kind == Chainable {
			return u, nil
		}
		return nil, u.err()
	}
	n, err := rt.sliceable(obj)
	if err == nil && isText(obj) {
		err = rt.step(workOf(obj))
	}
	if err != nil {
		return nil, err
	}
	start, stop, step, err := sliceIndices(bounds, n)
	if err != nil {
		return nil, err
	}
	if r, ok := obj.(*rangeValue); ok {
		return r.slice(start, stop, step), nil
	}
	count := countSteps(start, stop, step)
	if err := rt.growItems(count, itemBytes); err != nil {
		return nil, err
	}
	switch obj := obj.(type) {
	case *List:
		items := make([]any, count)
		for i := range items {
			items[i] = obj.get(start + i*step)
		}
		return &List{items: items, tuple: obj.tuple}, nil
	case string:
		return sliceString(obj, start, step, count), nil
	case markup:
		return markup(sliceString(string(obj), start, step, count)), nil
	case bytesValue:
		b := make([]byte, count)
		for i := range b {
			b[i] = obj[start+i*step]
		}
		return bytesValue(b), nil
	}
	return nil, typeError("%s object is not subscriptable", quoteRepr(typeName(obj)))
}

func (rt *runtime) sliceable(obj any) (int, error) {
	switch obj.(type) {
	case *List, string, markup, bytesValue, *rangeValue:
		return rt.length(obj)
	case *Dict:
		return 0, typeError("unhashable type: 'slice'")
	}
	return 0, typeError("%s object is not subscriptable", quoteRepr(typeName(obj)))
}

// sliceIndices resolves the bounds of a slice of a sequence of n items.
func sliceIndices(bounds [3]any, n int) (start, stop, step int, err error) {
	step = 1
	if bounds[2] != nil {
		if step, err = sliceIndex(bounds[2]); err != nil {
			return
		}
		if step == 0 {
			return 0, 0, 0, valueError("slice step cannot be zero")
		}
	}
	low, high := 0, n
	if step < 0 {
		low, high = -1, n-1
	}
	clamp := func(v any, def int) (int, error) {
		if v == nil {
			return def, nil
		}
		i, err := sliceIndex(v)
		if i < 0 {
			i += n
		}
		return min(max(i, low), high), err
	}
	first, last := low, high
	if step < 0 {
		first, last = high, low
	}
	if start, err = clamp(bounds[0], first); err != nil {
		return
	}
	stop, err = clamp(bounds[1], last)
	return
}

// countSteps is the length of range(start, stop, step).
func countSteps(start, stop, step int) int {
	switch {
	case step > 0 && start < stop:
		return int((uint64(stop)-uint64(start)-1)/uint64(step)) + 1
	case step < 0 && start > stop:
		return int((uint64(start)-uint64(stop)-1)/(uint64(-(step+1))+1)) + 1
	}
	return 0
}

// sliceIndex reads a bound, which may be any int: far ones are clamped.
func sliceIndex(v any) (int, error) {
	const far = 1 << 40
	switch v := v.(type) {
	case int64:
		return int(min(max(v, -far), far)), nil
	case *big.Int:
		return v.Sign() * far, nil
	case bool:
		i, _ := indexOf(v)
		return i, nil
	case *undefined:
		return 0, typeError("slice indices must be integers or None or have an __index__ method")
	}
	return 0, typeError("slice indices must be integers or None or have an __index__ method")
}

func sliceString(s string, start, step, count int) string {
	if count == 0 {
		return ""
	}
	if isASCII(s) {
		if step == 1 {
			return s[start : start+count]
		}
		var b strings.Builder
		for i := range count {
			b.WriteByte(s[start+i*step])
		}
		return b.String()
	}
	if step == 1 {
		from := runeOffset(s, start)
		return s[from : from+runeOffset(s[from:], count)]
	}
	runes := make([]rune, 0, utf8.RuneCountInString(s))
	for _, r := range s {
		runes = append(runes, r)
	}
	var b strings.Builder
	for i := range count {
		b.WriteRune(runes[start+i*step])
	}
	return b.String()
}
