package jinja

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// fromHost turns a host value into the engine's, deeply.
func fromHost(v any) any { return convert(v, false, 0) }

// fromHostLazy turns a host value into the engine's, one level deep: what lies
// below is turned when it is first read. Only for values one rendering owns.
func fromHostLazy(v any) any { return convert(v, true, 0) }

// maxHostDepth bounds the nesting of a host's own slices and maps.
const maxHostDepth = 1000

func convert(v any, lazy bool, depth int) any {
	switch v := v.(type) {
	case nil, bool, int64, float64, string, decimal.Decimal, Date, DateTime, TimeDelta, *List, *Dict, Func, *undefined:
		return v
	case int:
		return int64(v)
	case json.Number:
		return fromJSONNumber(v)
	case map[string]any:
		return dictFromMap(v, lazy, depth)
	case []any:
		return listFromSlice(v, lazy, depth)
	case *big.Int:
		return normBig(new(big.Int).Set(v))
	case []byte:
		return bytesValue(v)
	case time.Time:
		return DateTime{Time: v}
	case func(ctx context.Context, args []any, kwargs map[string]any) (any, error):
		return Func(v)
	case markup, bytesValue, interface{ pyType() string }, Object, Indexer, Iterable, fmt.Stringer:
		return v
	}
	return convertReflect(v, depth)
}

func dictFromMap(m map[string]any, lazy bool, depth int) any {
	if depth > maxHostDepth {
		return &undefined{hint: "host value nested too deep"}
	}
	d := &Dict{entries: make([]entry, 0, len(m)), lazy: lazy}
	for k, v := range m {
		if !lazy || isScalar(v) {
			v = convert(v, lazy, depth+1)
		}
		d.entries = append(d.entries, entry{key: k, value: v})
	}
	slices.SortFunc(d.entries, func(a, b entry) int { return strings.Compare(a.key.(string), b.key.(string)) })
	for i := range d.entries {
		d.entries[i].hash = d.entries[i].key
	}
	d.reindex()
	return d
}

func listFromSlice(s []any, lazy bool, depth int) any {
	if depth > maxHostDepth {
		return &undefined{hint: "host value nested too deep"}
	}
	l := &List{items: slices.Clone(s), lazy: lazy}
	if !lazy {
		for i, v := range l.items {
			l.items[i] = convert(v, false, depth+1)
		}
	}
	return l
}

func isScalar(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

// fromJSONNumber reads a number as Python's json module does.
func fromJSONNumber(n json.Number) any {
	s := string(n)
	if !strings.ContainsAny(s, ".eE") {
		if i, err := strconv.ParseInt(s, 10, 64); err == nil {
			return i
		}
		if b, ok := new(big.Int).SetString(s, 10); ok {
			return b
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && f == 0 {
		return s
	}
	return f
}

// convertReflect handles named types and less usual slices and maps. What it
// does not know stays as it is: an object without abilities.
func convertReflect(v any, depth int) any {
	if depth > maxHostDepth {
		return &undefined{hint: "host value nested too deep"}
	}
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Bool:
		return r.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return r.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return normBig(new(big.Int).SetUint64(r.Uint()))
	case reflect.Float32, reflect.Float64:
		return r.Float()
	case reflect.String:
		return r.String()
	case reflect.Slice, reflect.Array:
		l := &List{items: make([]any, r.Len())}
		for i := range l.items {
			l.items[i] = convert(r.Index(i).Interface(), false, depth+1)
		}
		return l
	case reflect.Map:
		if r.Type().Key().Kind() == reflect.String {
			m := make(map[string]any, r.Len())
			for it := r.MapRange(); it.Next(); {
				m[it.Key().String()] = it.Value().Interface()
			}
			return dictFromMap(m, false, depth)
		}
	case reflect.Pointer:
		if r.IsNil() {
			return nil
		}
	}
	return v
}

// settle converts what is still lazy in a value, so that a host may read it
// from several goroutines.
func settle(v any, seen map[any]bool) {
	switch v := v.(type) {
	case *List:
		if seen[v] {
			return
		}
		seen[v] = true
		for _, item := range v.all() {
			settle(item, seen)
		}
	case *Dict:
		if seen[v] {
			return
		}
		seen[v] = true
		for i := range v.entries {
			settle(v.at(i), seen)
		}
		if v.lazy { // a host's own dict is not written to
			v.lazy = false
		}
	}
}

// toHost turns a value of the engine into what a host gets.
func toHost(v any) any {
	switch v := v.(type) {
	case markup:
		return string(v)
	case bytesValue:
		return []byte(v)
	}
	return v
}

// normBig returns i as int64 where it fits.
func normBig(i *big.Int) any {
	if i.IsInt64() {
		return i.Int64()
	}
	return i
}
