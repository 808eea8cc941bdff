package jmespath

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/worker/jinja"
)

// function is one of the language's functions: the kinds of its arguments, and what it does. The last argument of a
// variadic one may be repeated.
type function struct {
	args     []kind
	variadic bool
	call     func(s *search, args []any) (any, error)
}

func functions() map[string]function {
	takes := func(call func(s *search, a []any) (any, error), args ...kind) function {
		return function{args: args, call: call}
	}
	return map[string]function{
		"abs":         takes(onNumber(decimal.Decimal.Abs), isNumber),
		"avg":         takes(average, isArray),
		"ceil":        takes(onNumber(decimal.Decimal.Ceil), isNumber),
		"contains":    takes(contains, isArray|isString, isAny),
		"ends_with":   takes(onTexts(strings.HasSuffix), isString, isString),
		"floor":       takes(onNumber(decimal.Decimal.Floor), isNumber),
		"join":        takes(join, isString, isArray),
		"keys":        takes(keys, isObject),
		"length":      takes(length, isString|isArray|isObject),
		"map":         takes(mapItems, isReference, isArray),
		"max":         takes(extreme(1), isArray),
		"max_by":      takes(extremeBy(1), isArray, isReference),
		"merge":       {args: []kind{isObject}, variadic: true, call: merge},
		"min":         takes(extreme(-1), isArray),
		"min_by":      takes(extremeBy(-1), isArray, isReference),
		"not_null":    {args: []kind{isAny}, variadic: true, call: notNull},
		"reverse":     takes(reverse, isArray|isString),
		"sort":        takes(sortItems, isArray),
		"sort_by":     takes(sortBy, isArray, isReference),
		"starts_with": takes(onTexts(strings.HasPrefix), isString, isString),
		"sum":         takes(sum, isArray),
		"to_array":    takes(toArray, isAny),
		"to_number":   takes(toNumber, isAny),
		"to_string":   takes(toString, isAny),
		"type":        takes(func(_ *search, a []any) (any, error) { return typeOf(a[0]), nil }, isAny),
		"values":      takes(values, isObject),
	}
}

func onNumber(do func(decimal.Decimal) decimal.Decimal) func(*search, []any) (any, error) {
	return func(_ *search, a []any) (any, error) {
		n, _ := numberOf(a[0])
		return do(n), nil
	}
}

func onTexts(do func(a, b string) bool) func(*search, []any) (any, error) {
	return func(_ *search, a []any) (any, error) { return do(textOf(a[0]), textOf(a[1])), nil }
}

func sum(_ *search, a []any) (any, error) {
	total := decimal.Zero
	for _, item := range items(a[0].(*jinja.List)) {
		n, ok := numberOf(item)
		if !ok {
			return nil, errorf(0, "only numbers can be added")
		}
		total = total.Add(n)
	}
	return total, nil
}

func average(s *search, a []any) (any, error) {
	n := a[0].(*jinja.List).Len()
	if n == 0 {
		return nil, nil
	}
	total, err := sum(s, a)
	if err != nil {
		return nil, err
	}
	return total.(decimal.Decimal).Div(decimal.NewFromInt(int64(n))), nil
}

func contains(_ *search, a []any) (any, error) {
	if l, ok := a[0].(*jinja.List); ok {
		return slices.ContainsFunc(items(l), func(item any) bool { return equal(item, a[1]) }), nil
	}
	if kindOf(a[1]) != isString {
		return false, nil
	}
	return strings.Contains(textOf(a[0]), textOf(a[1])), nil
}

func join(_ *search, a []any) (any, error) {
	var texts []string
	for _, item := range items(a[1].(*jinja.List)) {
		if kindOf(item) != isString {
			return nil, errorf(0, "only strings can be joined")
		}
		texts = append(texts, textOf(item))
	}
	return strings.Join(texts, textOf(a[0])), nil
}

func keys(_ *search, a []any) (any, error) {
	names, _ := parts(a[0].(*jinja.Dict))
	return listOf(names), nil
}

func values(_ *search, a []any) (any, error) {
	_, all := parts(a[0].(*jinja.Dict))
	return listOf(all), nil
}

func length(_ *search, a []any) (any, error) {
	switch v := a[0].(type) {
	case *jinja.List:
		return int64(v.Len()), nil
	case *jinja.Dict:
		return int64(v.Len()), nil
	}
	return int64(utf8.RuneCountInString(textOf(a[0]))), nil
}

func mapItems(s *search, a []any) (any, error) {
	found := jinja.NewList()
	for _, item := range items(a[1].(*jinja.List)) {
		v, err := s.visit(a[0].(reference).inner, item)
		if err != nil {
			return nil, err
		}
		found.Append(v)
	}
	return found, nil
}

func merge(_ *search, a []any) (any, error) {
	merged := jinja.NewDict(0)
	for _, one := range a {
		for key, value := range one.(*jinja.Dict).All() {
			merged.Set(textOf(key), value)
		}
	}
	return merged, nil
}

func notNull(_ *search, a []any) (any, error) {
	for _, v := range a {
		if v != nil {
			return v, nil
		}
	}
	return nil, nil
}

func reverse(_ *search, a []any) (any, error) {
	if l, ok := a[0].(*jinja.List); ok {
		all := items(l)
		slices.Reverse(all)
		return listOf(all), nil
	}
	chars := []rune(textOf(a[0]))
	slices.Reverse(chars)
	return string(chars), nil
}

// keyed is an item with what it is compared by.
type keyed struct{ item, key any }

// keyedBy evaluates the key of each item: all numbers, or all strings.
func keyedBy(s *search, all []any, by node) ([]keyed, error) {
	list := make([]keyed, 0, len(all))
	for _, item := range all {
		key, err := s.visit(by, item)
		if err != nil {
			return nil, err
		}
		k := kindOf(key)
		if k != isNumber && k != isString || len(list) > 0 && k != kindOf(list[0].key) {
			return nil, errorf(0, "only numbers, or only strings, can be put in order")
		}
		list = append(list, keyed{item, key})
	}
	return list, nil
}

func byKey(a, b keyed) int {
	order, _ := ordered(a.key, b.key)
	return order
}

func sorted(s *search, all []any, by node) (any, error) {
	list, err := keyedBy(s, all, by)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(list, byKey)
	found := jinja.NewList()
	for _, k := range list {
		found.Append(k.item)
	}
	return found, nil
}

func sortItems(s *search, a []any) (any, error) {
	return sorted(s, items(a[0].(*jinja.List)), identity{})
}

func sortBy(s *search, a []any) (any, error) {
	return sorted(s, items(a[0].(*jinja.List)), a[1].(reference).inner)
}

// best is the first of the largest items (sign 1) or the smallest (-1), null of none.
func best(s *search, all []any, by node, sign int) (any, error) {
	list, err := keyedBy(s, all, by)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	found := list[0]
	for _, k := range list[1:] {
		if sign*byKey(k, found) > 0 {
			found = k
		}
	}
	return found.item, nil
}

func extreme(sign int) func(*search, []any) (any, error) {
	return func(s *search, a []any) (any, error) { return best(s, items(a[0].(*jinja.List)), identity{}, sign) }
}

func extremeBy(sign int) func(*search, []any) (any, error) {
	return func(s *search, a []any) (any, error) {
		return best(s, items(a[0].(*jinja.List)), a[1].(reference).inner, sign)
	}
}

func toArray(_ *search, a []any) (any, error) {
	if l, ok := a[0].(*jinja.List); ok {
		return l, nil
	}
	return jinja.NewList(a[0]), nil
}

func toNumber(_ *search, a []any) (any, error) {
	switch kindOf(a[0]) {
	case isNumber:
		return a[0], nil
	case isString:
		text := strings.TrimSpace(textOf(a[0]))
		n, err := decimal.NewFromString(text)
		if err != nil || len(text) > 100 || n.Exponent() > 100 || n.Exponent() < -100 {
			return nil, nil
		}
		return n, nil
	}
	return nil, nil
}

func toString(_ *search, a []any) (any, error) {
	if kindOf(a[0]) == isString {
		return textOf(a[0]), nil
	}
	var b strings.Builder
	dump(&b, a[0])
	return b.String(), nil
}
