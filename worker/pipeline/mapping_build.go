package pipeline

import (
	"context"

	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/jinja"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

// The bounds of a built document: rows times columns, and the bytes of all texts.
const (
	maxTreeNodes = 1_000_000
	maxTreeBytes = 128 << 20
)

// builder builds one document of a tree.
type builder struct {
	frame *frame
	nodes int
	bytes int
}

// build evaluates a tree in a frame.
func (t *tree) build(f *frame) (any, error) {
	b := &builder{frame: f}
	v, _, err := b.single(t, false)
	return v, err
}

// repeats tells whether the tree stands for any number of values.
func (t *tree) repeats() bool { return t.forms != nil && t.forms.items != nil }

// values are what the tree becomes: none where its $if does not hold, one, or one for each item of its $for.
func (b *builder) values(t *tree, omit bool) ([]any, error) {
	if t.forms == nil {
		v, err := b.value(t, omit)
		return []any{v}, err
	}
	if t.forms.omit != nil {
		omit = *t.forms.omit
	}
	if t.repeats() {
		return b.each(t, omit)
	}
	v, ok, err := b.once(t, omit)
	if err != nil || !ok {
		return nil, err
	}
	return []any{v}, nil
}

// each builds the rest of a $for for every item.
func (b *builder) each(t *tree, omit bool) ([]any, error) {
	v, err := t.forms.items.value(b.frame)
	if err != nil {
		return nil, err
	}
	items, ok := v.(*jinja.List)
	if !ok {
		return nil, t.misshapen("$for needs a list, not " + kindOf(v))
	}
	values := make([]any, 0, items.Len())
	for i, item := range items.All() {
		if err := context.Cause(b.frame.ctx); err != nil {
			return nil, err
		}
		locals, err := t.bindItem(item, loop{i, items.Len()})
		if err != nil {
			return nil, err
		}
		mark := b.frame.bind(locals...)
		value, ok, err := b.once(t, omit)
		b.frame.unbind(mark)
		if err != nil {
			return nil, err
		}
		if ok && !(omit && empty(value)) {
			values = append(values, value)
		}
	}
	return values, nil
}

// bindItem gives an item, or its parts, the names of the $for.
func (t *tree) bindItem(item any, l loop) ([]local, error) {
	locals := []local{{"loop", l}}
	names := t.forms.targets
	if len(names) == 1 {
		return append(locals, local{names[0], item}), nil
	}
	parts, ok := item.(*jinja.List)
	if !ok || parts.Len() != len(names) {
		return nil, t.misshapen("$for cannot take an item apart into as many names")
	}
	for i, name := range names {
		locals = append(locals, local{name, parts.At(i)})
	}
	return locals, nil
}

// once builds the rest of a map's forms, false where its $if does not hold.
func (b *builder) once(t *tree, omit bool) (any, bool, error) {
	mark := len(b.frame.locals)
	defer func() { b.frame.unbind(mark) }()
	for _, l := range t.forms.lets {
		v, err := l.value(b.frame)
		if err != nil {
			return nil, false, err
		}
		b.frame.bind(local{l.name, v})
	}
	if t.forms.cond != nil {
		if ok, err := t.forms.cond.truth(b.frame); err != nil || !ok {
			return nil, false, err
		}
	}
	if t.forms.value == nil {
		v, err := b.entries(t, omit)
		return v, true, err
	}
	return b.single(t.forms.value, omit)
}

// single is what the tree becomes where one value belongs: the list of its $for, itself, or nothing.
func (b *builder) single(t *tree, omit bool) (any, bool, error) {
	if t.forms == nil {
		v, err := b.value(t, omit)
		return v, true, err
	}
	values, err := b.values(t, omit)
	switch {
	case err != nil:
		return nil, false, err
	case t.repeats():
		return document.List(values), true, nil
	case len(values) == 0:
		return nil, false, nil
	}
	return values[0], true, nil
}

// value builds a tree without forms.
func (b *builder) value(t *tree, omit bool) (any, error) {
	b.nodes++
	if b.nodes > maxTreeNodes {
		return nil, outcome.Errorf(outcome.Rejected, "too_large", "%s: the document has more than %d values", t.path, maxTreeNodes)
	}
	switch t.kind {
	case treeLeaf:
		return b.leaf(t)
	case treeList:
		return b.list(t, omit)
	case treeMap:
		return b.entries(t, omit)
	case treeConstant:
	}
	return t.constant, nil
}

func (b *builder) leaf(t *tree) (any, error) {
	v, err := t.leaf.value(b.frame)
	if err != nil {
		return nil, err
	}
	value, err := toTree(v)
	if err != nil {
		return nil, t.misshapen(err.Error())
	}
	if text, ok := value.(string); ok {
		b.bytes += len(text)
	}
	if b.bytes > maxTreeBytes {
		return nil, outcome.Errorf(outcome.Rejected, "too_large", "%s: the texts of the document have more than %d MiB", t.path, maxTreeBytes>>20)
	}
	return value, nil
}

func (b *builder) list(t *tree, omit bool) (any, error) {
	list := make(document.List, 0, len(t.list))
	for _, item := range t.list {
		values, err := b.values(item, omit)
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			if !(omit && empty(v)) {
				list = append(list, v)
			}
		}
	}
	return list, nil
}

func (b *builder) entries(t *tree, omit bool) (any, error) {
	m := make(document.Map, 0, len(t.entries))
	for _, e := range t.entries {
		v, ok, err := b.single(e.value, omit)
		if err != nil {
			return nil, err
		}
		if ok && !(omit && empty(v)) {
			m = append(m, document.Entry{Key: e.key, Value: v})
		}
	}
	return m, nil
}

func (t *tree) misshapen(message string) error {
	return outcome.Errorf(outcome.Misconfigured, "document_shape", "%s (%s): %s", t.path, t.pos, message)
}

// loop is the name loop inside a $for, as in a template's for.
type loop struct{ i, n int }

// Lookup finds index, index0, revindex, first, last and length.
func (l loop) Lookup(_ context.Context, name string) (any, bool, error) {
	switch name {
	case "index":
		return l.i + 1, true, nil
	case "index0":
		return l.i, true, nil
	case "revindex":
		return l.n - l.i, true, nil
	case "first":
		return l.i == 0, true, nil
	case "last":
		return l.i == l.n-1, true, nil
	case "length":
		return l.n, true, nil
	}
	return nil, false, nil
}
