package jinja

import "iter"

// List is a Python list (or, immutable, a tuple). It is shared by reference: a
// template's append is seen by everyone who holds it. It must not be used by
// two renderings at once unless no template changes it.
type List struct {
	items []any
	tuple bool
	names []string // attribute names of a named tuple
	kind  string   // its repr's name, or empty
	lazy  bool     // items may still be Go slices and maps; only inside one rendering
}

// NewList returns a list of the given host values.
func NewList(items ...any) *List {
	l := &List{items: make([]any, len(items))}
	for i, v := range items {
		l.items[i] = fromHost(v)
	}
	return l
}

func newList(items []any) *List { return &List{items: items} }

func newTuple(items ...any) *List { return &List{items: items, tuple: true} }

// Len returns the number of items.
func (l *List) Len() int { return len(l.items) }

// At returns the item at i, which must be in range.
func (l *List) At(i int) any { return toHost(l.get(i)) }

// Append adds a host value at the end.
func (l *List) Append(v any) { l.items = append(l.items, fromHost(v)) }

// All visits the items in order.
func (l *List) All() iter.Seq2[int, any] {
	return func(yield func(int, any) bool) {
		for i := 0; i < len(l.items); i++ {
			if !yield(i, l.At(i)) {
				return
			}
		}
	}
}

func (l *List) get(i int) any {
	v := l.items[i]
	if l.lazy {
		v = fromHostLazy(v)
		l.items[i] = v
	}
	return v
}

// all returns the items, each ready for use.
func (l *List) all() []any {
	if l.lazy {
		for i := range l.items {
			l.get(i)
		}
		l.lazy = false
	}
	return l.items
}
