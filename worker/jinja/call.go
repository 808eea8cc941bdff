package jinja

import (
	"slices"
	"strings"
)

// arguments are the evaluated arguments of one call.
type arguments struct {
	pos   []any
	named []argument
}

type argument struct {
	name  string
	value any
}

// take removes a named argument and returns its value, or def.
func (a *arguments) take(name string, def any) any {
	for i := range a.named {
		if a.named[i].name == name {
			v := a.named[i].value
			a.named = slices.Delete(slices.Clone(a.named), i, i+1)
			return v
		}
	}
	return def
}

// callable is a value of the engine that can be called.
type callable interface {
	call(rt *runtime, args arguments) (any, error)
}

// builtin is a function, method, filter or test written in Go.
type builtin struct {
	name     string
	params   []string
	required int
	posOnly  bool // named arguments are refused
	rest     bool // takes any number of positional arguments
	kwargs   bool // takes any named arguments
	fn       func(c *call) (any, error)
}

// newBuiltin reads a signature such as "old new count?": required parameters,
// then optional ones with a question mark, then * for more positional and **
// for more named arguments. A leading / refuses named arguments.
func newBuiltin(name, signature string, fn func(c *call) (any, error)) *builtin {
	b := &builtin{name: name, fn: fn}
	for _, p := range strings.Fields(signature) {
		switch {
		case p == "/":
			b.posOnly = true
		case p == "*":
			b.rest = true
		case p == "**":
			b.kwargs = true
		case strings.HasSuffix(p, "?"):
			b.params = append(b.params, strings.TrimSuffix(p, "?"))
		default:
			b.params = append(b.params, p)
			b.required++
		}
	}
	return b
}

// call is one running builtin: its parameters' values in order, missing where
// not given.
type call struct {
	rt    *runtime
	self  any // of a method
	args  []any
	rest  []any
	named []argument
	buf   [6]any
	next  *call
}

func (rt *runtime) newCall() *call {
	c := rt.calls
	if c == nil {
		return &call{rt: rt}
	}
	rt.calls = c.next
	return c
}

func (rt *runtime) freeCall(c *call) {
	clear(c.args)
	c.self, c.args, c.rest, c.named = nil, nil, nil, nil
	c.next = rt.calls
	rt.calls = c
}

// invoke binds the arguments and runs b. first, unless missing, goes before
// the positional arguments.
func (rt *runtime) invoke(b *builtin, self, first any, args arguments) (any, error) {
	if err := rt.step(workOf(self) + workOf(first)); err != nil {
		return nil, err
	}
	c := rt.newCall()
	c.self = self
	c.args = c.buf[:0]
	if first != missing {
		c.args = append(c.args, first)
	}
	take := min(len(args.pos), len(b.params)-len(c.args))
	c.args = append(c.args, args.pos[:take]...)
	if take < len(args.pos) {
		if !b.rest {
			return nil, typeError("%s() takes at most %d arguments", b.name, len(b.params))
		}
		c.rest = args.pos[take:]
	}
	given := len(c.args)
	for len(c.args) < len(b.params) {
		c.args = append(c.args, missing)
	}
	if err := c.bindNamed(b, args.named, given); err != nil {
		return nil, err
	}
	for i := range b.required {
		if c.args[i] == missing {
			return nil, typeError("%s() missing required argument: %s", b.name, quoteRepr(b.params[i]))
		}
	}
	v, err := b.fn(c)
	if err == nil {
		rt.freeCall(c)
	}
	return v, err
}

// workOf is the steps a builtin may spend on a text just by looking it over.
func workOf(v any) int {
	switch v := v.(type) {
	case string:
		return len(v) >> 5
	case markup:
		return len(v) >> 5
	case bytesValue:
		return len(v) >> 5
	}
	return 0
}

func (c *call) bindNamed(b *builtin, named []argument, given int) error {
	for _, a := range named {
		i := slices.Index(b.params, a.name)
		switch {
		case i >= 0 && !b.posOnly && i < given:
			return typeError("%s() got multiple values for argument %s", b.name, quoteRepr(a.name))
		case i >= 0 && !b.posOnly:
			c.args[i] = a.value
		case b.kwargs:
			c.named = append(c.named, a)
		default:
			return typeError("%s() got an unexpected keyword argument %s", b.name, quoteRepr(a.name))
		}
	}
	return nil
}

func (b *builtin) call(rt *runtime, args arguments) (any, error) {
	return rt.invoke(b, nil, missing, args)
}

func (*builtin) pyType() string { return "builtin_function_or_method" }

// appendRepr prints the globals that are classes in Python as such.
func (b *builtin) appendRepr(_ *runtime, buf []byte) ([]byte, error) {
	switch b.name {
	case "range", "dict":
		return append(buf, "<class '"+b.name+"'>"...), nil
	case "namespace", "cycler", "joiner":
		return append(buf, "<class 'jinja2.utils."+titleCase(b.name)+"'>"...), nil
	}
	return append(buf, "<built-in function "+b.name+">"...), nil
}

// boundMethod is a method together with its object.
type boundMethod struct {
	self any
	b    *builtin
}

func (*boundMethod) pyType() string { return "builtin_function_or_method" }

func (m *boundMethod) call(rt *runtime, args arguments) (any, error) {
	return rt.invoke(m.b, m.self, missing, args)
}

// has reports whether parameter i was given.
func (c *call) has(i int) bool { return c.args[i] != missing }

// given reports whether parameter i was given and is not None.
func (c *call) given(i int) bool { return c.args[i] != missing && c.args[i] != nil }

// str returns parameter i, which must be a string.
func (c *call) str(i int) (string, error) {
	if s, ok := textOf(c.args[i]); ok {
		return s, nil
	}
	if u, ok := c.args[i].(*undefined); ok && u.kind == Strict {
		return "", u.err()
	}
	return "", typeError("expected str, not %s", typeName(c.args[i]))
}

// integer returns parameter i, which must be an int, or def if not given.
func (c *call) integer(i, def int) (int, error) {
	if !c.has(i) {
		return def, nil
	}
	return toIndex(c.args[i])
}

// flag returns the truth of parameter i, or def if not given.
func (c *call) flag(i int, def bool) (bool, error) {
	if !c.has(i) {
		return def, nil
	}
	return truth(c.args[i])
}

// direction is a reverse argument, which Python's sorted wants as an integer.
func (c *call) direction(i int) (backwards bool, err error) {
	if !c.has(i) {
		return false, nil
	}
	if v := c.args[i]; !isInt(v) {
		return false, typeError("%s object cannot be interpreted as an integer", quoteRepr(typeName(v)))
	}
	return truth(c.args[i])
}

// callValue calls any value.
func (rt *runtime) callValue(fn any, args arguments) (any, error) {
	if err := rt.step(1); err != nil {
		return nil, err
	}
	switch fn := fn.(type) {
	case callable:
		return fn.call(rt, args)
	case Func:
		pos, named, err := rt.hostArguments(args)
		if err != nil {
			return nil, err
		}
		v, err := fn(rt.ctx, pos, named)
		return rt.fromHostCall(v, err)
	case *undefined:
		return nil, fn.err()
	}
	return nil, typeError("%s object is not callable", quoteRepr(typeName(fn)))
}

// hostArguments turns arguments into what host code gets.
func (rt *runtime) hostArguments(args arguments) ([]any, map[string]any, error) {
	pos := make([]any, len(args.pos))
	for i, v := range args.pos {
		h, err := rt.export(v)
		if err != nil {
			return nil, nil, err
		}
		pos[i] = h
	}
	var named map[string]any
	for _, a := range args.named {
		if named == nil {
			named = map[string]any{}
		}
		h, err := rt.export(a.value)
		if err != nil {
			return nil, nil, err
		}
		named[a.name] = h
	}
	return pos, named, nil
}

// fromHostCall takes the result of host code.
func (rt *runtime) fromHostCall(v any, err error) (any, error) {
	if err != nil {
		return nil, hostError(err)
	}
	v = fromHost(v)
	return v, rt.grow(sizeOf(v))
}

// sizeOf estimates the memory of a value one level deep.
func sizeOf(v any) int {
	switch v := v.(type) {
	case string:
		return len(v)
	case bytesValue:
		return len(v)
	case *List:
		return len(v.items) * itemBytes
	case *Dict:
		return len(v.entries) * entryBytes
	}
	return itemBytes
}

// export turns a value into what a host gets; what can only be iterated
// becomes a list.
func (rt *runtime) export(v any) (any, error) {
	switch v.(type) {
	case *generator, *dictView, *rangeValue:
		items, err := rt.list(v)
		return newList(items), err
	}
	return toHost(v), nil
}
