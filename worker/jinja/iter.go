package jinja

import (
	"iter"
	"unicode/utf8"
)

// nextFunc yields one item after the other; false when there are no more.
type nextFunc func() (any, bool, error)

// generator is a Python iterator: it can be visited once.
type generator struct {
	next nextFunc
	kind string // Python's name of its type
}

func (g *generator) pyType() string { return g.kind }

// generator makes an iterator of next. Reading it counts as a level, for a
// chain of generators calls as deep as it is long.
func (rt *runtime) generator(next nextFunc) *generator {
	return &generator{kind: "generator", next: func() (any, bool, error) {
		if err := rt.enter(); err != nil {
			return nil, false, err
		}
		defer rt.leave()
		return next()
	}}
}

// emptyIteration yields nothing.
func emptyIteration() (any, bool, error) { return nil, false, nil }

// iterate is Python's iter(v).
func (rt *runtime) iterate(v any) (nextFunc, error) {
	switch v := v.(type) {
	case *List:
		i := 0
		return func() (any, bool, error) {
			if i >= len(v.items) {
				return nil, false, nil
			}
			i++
			return v.get(i - 1), true, nil
		}, nil
	case *Dict:
		return iterateDict(v, func(i int) any { return v.entries[i].key }), nil
	case *dictView:
		return v.iterate(), nil
	case string:
		return iterateString(v), nil
	case markup: // the characters are plain str, as in markupsafe
		return iterateString(string(v)), nil
	case bytesValue:
		return iterateBytes(v), nil
	case *rangeValue:
		return v.iterate(), nil
	case *generator:
		return v.next, nil
	case *loopContext:
		return func() (any, bool, error) {
			item, ok, err := v.next()
			return newTuple(item, v), ok, err
		}, nil
	case *undefined:
		return emptyIteration, v.strict()
	case Iterable:
		return rt.iterateHost(v.Iterate(rt.ctx)), nil
	}
	return nil, typeError("%s object is not iterable", quoteRepr(typeName(v)))
}

// iterateDict yields item(i) for each entry and fails, as Python does, if the
// dict grows or shrinks meanwhile.
func iterateDict(d *Dict, item func(i int) any) nextFunc {
	i, n := 0, len(d.entries)
	return func() (any, bool, error) {
		if len(d.entries) != n {
			return nil, false, raise(KindRuntime, "dictionary changed size during iteration")
		}
		if i >= n {
			return nil, false, nil
		}
		i++
		return item(i - 1), true, nil
	}
}

func iterateString(s string) nextFunc {
	return func() (any, bool, error) {
		if s == "" {
			return nil, false, nil
		}
		_, size := utf8.DecodeRuneInString(s)
		char := s[:size]
		s = s[size:]
		return char, true, nil
	}
}

func iterateBytes(b bytesValue) nextFunc {
	i := 0
	return func() (any, bool, error) {
		if i >= len(b) {
			return nil, false, nil
		}
		i++
		return int64(b[i-1]), true, nil
	}
}

// iterateHost reads a host's sequence ahead in one go, so that no coroutine
// outlives the rendering.
func (rt *runtime) iterateHost(seq iter.Seq2[any, error]) nextFunc {
	var items []any
	var failed error
	loaded := false
	return func() (any, bool, error) {
		if !loaded {
			loaded = true
			for v, err := range seq {
				if err == nil {
					err = rt.grow(itemBytes)
				}
				if failed = hostError(err); failed != nil {
					break
				}
				items = append(items, fromHostLazy(v))
			}
		}
		if failed != nil {
			return nil, false, failed
		}
		if len(items) == 0 {
			return nil, false, nil
		}
		v := items[0]
		items = items[1:]
		return v, true, nil
	}
}

// list is Python's list(v), always a new slice.
func (rt *runtime) list(v any) ([]any, error) {
	if l, ok := v.(*List); ok {
		if err := rt.growItems(len(l.items)+listItems, itemBytes); err != nil {
			return nil, err
		}
		return append([]any(nil), l.all()...), nil
	}
	next, err := rt.iterate(v)
	if err != nil {
		return nil, err
	}
	var items []any
	for {
		item, ok, err := next()
		if err != nil {
			return nil, err
		}
		if !ok {
			return items, nil
		}
		if err := rt.growItem(len(items)); err != nil {
			return nil, err
		}
		items = append(items, item)
	}
}

// growItem accounts for one more item of a list that has n.
func (rt *runtime) growItem(n int) error {
	if err := rt.step(1); err != nil {
		return err
	}
	if n*itemBytes > rt.limits.ValueBytes {
		return rt.grow(rt.limits.ValueBytes + 1)
	}
	return rt.grow(itemBytes)
}

// each calls visit for every item of v.
func (rt *runtime) each(v any, visit func(item any) error) error {
	next, err := rt.iterate(v)
	if err != nil {
		return err
	}
	for {
		item, ok, err := next()
		if err != nil || !ok {
			return err
		}
		if err := rt.step(1); err != nil {
			return err
		}
		if err := visit(item); err != nil {
			return err
		}
	}
}

// length is Python's len(v).
func (rt *runtime) length(v any) (int, error) {
	switch v := v.(type) {
	case string:
		return utf8.RuneCountInString(v), nil
	case markup:
		return utf8.RuneCountInString(string(v)), nil
	case bytesValue:
		return len(v), nil
	case *rangeValue:
		return v.len(), nil
	case *loopContext:
		return v.size()
	case *undefined:
		return 0, v.strict()
	case Sized:
		return v.Len(), nil
	}
	return 0, typeError("object of type %s has no len()", quoteRepr(typeName(v)))
}
