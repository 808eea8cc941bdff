package jmespath

import (
	"slices"

	"github.com/rossum-relay/rossum-relay/worker/jinja"
)

// node is a part of an expression.
type node interface {
	eval(s *search, value any) (any, error)
}

type (
	identity    struct{}
	literalNode struct{ value any }
	fieldNode   string
	indexNode   int
	slice       [3]*int
	group       struct{ inner node } // ends a projection's reach: (a[*])[0]
	sub         struct{ left, right node }
	orNode      struct{ left, right node }
	andNode     struct{ left, right node }
	notNode     struct{ inner node }
	compare     struct {
		op          string
		left, right node
	}
	flatten          struct{ inner node }
	projection       struct{ left, right node }
	valueProjection  struct{ left, right node }
	filterProjection struct{ left, condition, right node }
	multiList        []node
	multiHash        []hashEntry
	hashEntry        struct {
		name  string
		value node
	}
	referenceNode struct{ inner node }
	// reference is the value of &expression: an argument of functions only.
	reference struct{ inner node }
	call      struct {
		name     string
		function function
		args     []node
	}
)

func (identity) eval(_ *search, value any) (any, error) { return value, nil }
func (n literalNode) eval(*search, any) (any, error)    { return n.value, nil }
func (n group) eval(s *search, value any) (any, error)  { return s.visit(n.inner, value) }
func (n referenceNode) eval(*search, any) (any, error)  { return reference(n), nil }

func (n fieldNode) eval(_ *search, value any) (any, error) {
	if d, ok := value.(*jinja.Dict); ok {
		v, _ := d.Get(string(n))
		return v, nil
	}
	return nil, nil
}

func (n indexNode) eval(_ *search, value any) (any, error) {
	l, ok := value.(*jinja.List)
	if !ok {
		return nil, nil
	}
	i := int(n)
	if i < 0 {
		i += l.Len()
	}
	if i < 0 || i >= l.Len() {
		return nil, nil
	}
	return l.At(i), nil
}

// eval takes a slice as Python does.
func (n slice) eval(_ *search, value any) (any, error) {
	l, ok := value.(*jinja.List)
	if !ok {
		return nil, nil
	}
	step := 1
	if n[2] != nil {
		step = *n[2]
	}
	if step == 0 {
		return nil, errorf(0, "the step of a slice is 0")
	}
	first, last, lowest := 0, l.Len(), 0
	if step < 0 {
		first, last, lowest = l.Len()-1, -1, -1
	}
	bound := func(part *int, otherwise int) int {
		if part == nil {
			return otherwise
		}
		i := *part
		if i < 0 {
			i += l.Len()
		}
		return min(max(i, lowest), l.Len()+lowest)
	}
	found := jinja.NewList()
	from, to := bound(n[0], first), bound(n[1], last)
	for i := from; step > 0 && i < to || step < 0 && i > to; i += step {
		found.Append(l.At(i))
		if step > 0 && i > to-step || step < 0 && i < to-step {
			break // before i overflows
		}
	}
	return found, nil
}

func (n sub) eval(s *search, value any) (any, error) {
	left, err := s.visit(n.left, value)
	if err != nil {
		return nil, err
	}
	return s.visit(n.right, left)
}

func (n orNode) eval(s *search, value any) (any, error) {
	left, err := s.visit(n.left, value)
	if err != nil || !isFalse(left) {
		return left, err
	}
	return s.visit(n.right, value)
}

func (n andNode) eval(s *search, value any) (any, error) {
	left, err := s.visit(n.left, value)
	if err != nil || isFalse(left) {
		return left, err
	}
	return s.visit(n.right, value)
}

func (n notNode) eval(s *search, value any) (any, error) {
	v, err := s.visit(n.inner, value)
	return isFalse(v), err
}

func (n compare) eval(s *search, value any) (any, error) {
	left, err := s.visit(n.left, value)
	if err != nil {
		return nil, err
	}
	right, err := s.visit(n.right, value)
	if err != nil {
		return nil, err
	}
	switch n.op {
	case "==":
		return equal(left, right), nil
	case "!=":
		return !equal(left, right), nil
	}
	order, ok := ordered(left, right)
	if !ok {
		return nil, nil
	}
	return map[string]bool{"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[n.op], nil
}

func (n flatten) eval(s *search, value any) (any, error) {
	v, err := s.visit(n.inner, value)
	l, ok := v.(*jinja.List)
	if err != nil || !ok {
		return nil, err
	}
	flat := jinja.NewList()
	for _, item := range l.All() {
		inner, ok := item.(*jinja.List)
		if !ok {
			flat.Append(item)
			continue
		}
		for _, v := range inner.All() {
			flat.Append(v)
		}
	}
	return flat, nil
}

func (n projection) eval(s *search, value any) (any, error) {
	v, err := s.visit(n.left, value)
	l, ok := v.(*jinja.List)
	if err != nil || !ok {
		return nil, err
	}
	return s.each(n.right, items(l))
}

func (n valueProjection) eval(s *search, value any) (any, error) {
	v, err := s.visit(n.left, value)
	d, ok := v.(*jinja.Dict)
	if err != nil || !ok {
		return nil, err
	}
	_, values := parts(d)
	return s.each(n.right, values)
}

func (n filterProjection) eval(s *search, value any) (any, error) {
	v, err := s.visit(n.left, value)
	l, ok := v.(*jinja.List)
	if err != nil || !ok {
		return nil, err
	}
	kept := items(l)
	var failed error
	kept = slices.DeleteFunc(kept, func(item any) bool {
		holds, err := s.visit(n.condition, item)
		if failed == nil {
			failed = err
		}
		return isFalse(holds)
	})
	if failed != nil {
		return nil, failed
	}
	return s.each(n.right, kept)
}

// each evaluates a node for each item, and leaves nulls out.
func (s *search) each(n node, values []any) (any, error) {
	found := jinja.NewList()
	for _, item := range values {
		v, err := s.visit(n, item)
		if err != nil {
			return nil, err
		}
		if v != nil {
			found.Append(v)
		}
	}
	return found, nil
}

func (n multiList) eval(s *search, value any) (any, error) {
	if value == nil {
		return nil, nil
	}
	found := jinja.NewList()
	for _, item := range n {
		v, err := s.visit(item, value)
		if err != nil {
			return nil, err
		}
		found.Append(v)
	}
	return found, nil
}

func (n multiHash) eval(s *search, value any) (any, error) {
	if value == nil {
		return nil, nil
	}
	found := jinja.NewDict(len(n))
	for _, e := range n {
		v, err := s.visit(e.value, value)
		if err != nil {
			return nil, err
		}
		found.Set(e.name, v)
	}
	return found, nil
}

func (n call) eval(s *search, value any) (any, error) {
	args := make([]any, 0, len(n.args))
	for i, a := range n.args {
		v, err := s.visit(a, value)
		if err != nil {
			return nil, err
		}
		if wanted := n.function.args[min(i, len(n.function.args)-1)]; !wanted.takes(v) {
			return nil, errorf(0, "%s does not take %s", n.name, typeOf(v))
		}
		args = append(args, v)
	}
	return n.function.call(s, args)
}
