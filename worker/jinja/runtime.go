package jinja

import (
	"context"
	"io"
)

// runtime is the state of one rendering: what it has written and what it may
// still use.
type runtime struct {
	env        *Environment
	ctx        context.Context
	limits     Limits
	steps      int // left
	untilCheck int // steps until the context is looked at again
	alloc      int // bytes left
	depth      int
	out        []byte
	autoescape bool
	calls      *call  // free list
	frames     *frame // free list
	args       []any  // arguments of the calls under way
	printing   []any  // lists and dicts whose repr is under way
	modules    map[*program]*module
}

const stepsPerCheck = 1024

func newRuntime(ctx context.Context, env *Environment) *runtime {
	if ctx == nil {
		ctx = context.Background()
	}
	rt := &runtime{env: env, ctx: ctx, limits: env.limits, steps: env.limits.Steps, untilCheck: stepsPerCheck,
		alloc: env.limits.AllocBytes, autoescape: env.opts.Autoescape}
	if buf, ok := env.buffers.Get().(*[]byte); ok {
		rt.out = (*buf)[:0]
	}
	return rt
}

// maxKeptBuffer is the size in bytes above which an output buffer is left to
// the garbage collector.
const maxKeptBuffer = 4 << 20

// close hands the output buffer to the next rendering.
func (rt *runtime) close() {
	if cap(rt.out) <= maxKeptBuffer {
		rt.env.buffers.Put(&rt.out)
	}
}

// step spends n steps.
func (rt *runtime) step(n int) error {
	rt.steps -= n
	rt.untilCheck -= n
	if rt.untilCheck > 0 && rt.steps >= 0 {
		return nil
	}
	rt.untilCheck = stepsPerCheck
	if rt.steps < 0 {
		return raise(KindLimit, "template used more than %d steps", rt.limits.Steps)
	}
	if err := rt.ctx.Err(); err != nil {
		return &Error{Kind: KindCanceled, Message: "rendering stopped: " + err.Error(), Err: context.Cause(rt.ctx)}
	}
	return nil
}

// grow spends n bytes before a value of that size is made. It must be called
// before the memory is taken.
func (rt *runtime) grow(n int) error {
	if n > rt.limits.ValueBytes || n < 0 {
		return raise(KindLimit, "a single value would need more than %d bytes", rt.limits.ValueBytes)
	}
	rt.alloc -= n
	if rt.alloc < 0 {
		return raise(KindLimit, "template allocated more than %d bytes", rt.limits.AllocBytes)
	}
	return rt.step(n >> 8)
}

// Approximate sizes of what lists and dicts are made of, in bytes.
const (
	itemBytes  = 16
	entryBytes = 64
	objectSize = 64
	listItems  = 6 // a list itself weighs as much as so many items
)

// growItems is grow for n items of the given size; it cannot overflow.
func (rt *runtime) growItems(n, size int) error {
	if n > rt.limits.ValueBytes/size {
		return rt.grow(rt.limits.ValueBytes + 1)
	}
	return rt.grow(n * size)
}

func (rt *runtime) enter() error {
	rt.depth++
	if rt.depth > rt.limits.Depth {
		return raise(KindLimit, "nested deeper than %d", rt.limits.Depth)
	}
	return nil
}

func (rt *runtime) leave() { rt.depth-- }

// checkOutput is called after every write.
func (rt *runtime) checkOutput() error {
	if len(rt.out) > rt.limits.OutputBytes {
		return raise(KindLimit, "output is longer than %d bytes", rt.limits.OutputBytes)
	}
	return nil
}

func (rt *runtime) writeString(s string) error {
	if len(s) > rt.limits.OutputBytes-len(rt.out) {
		return raise(KindLimit, "output is longer than %d bytes", rt.limits.OutputBytes)
	}
	rt.out = append(rt.out, s...)
	return nil
}

// capture runs body and returns what it wrote instead of writing it.
func (rt *runtime) capture(body func() error) (string, error) {
	start := len(rt.out)
	err := body()
	if err == nil {
		err = rt.grow(len(rt.out) - start)
	}
	s := ""
	if err == nil {
		s = string(rt.out[start:])
	}
	rt.out = rt.out[:start]
	return s, err
}

// markedUp is Markup(s) where autoescaping is on, else s.
func (rt *runtime) markedUp(s string) any {
	if rt.autoescape {
		return markup(s)
	}
	return s
}

func (rt *runtime) undefinedName(name string) *undefined {
	return &undefined{kind: rt.env.opts.Undefined, name: name}
}

func (rt *runtime) undefinedAttr(obj any, name string) *undefined {
	return &undefined{kind: rt.env.opts.Undefined, obj: objectRepr(obj), name: name}
}

func (rt *runtime) undefinedHint(hint string) *undefined {
	return &undefined{kind: rt.env.opts.Undefined, hint: hint}
}

func writeAll(w io.Writer, b []byte) error {
	if _, err := w.Write(b); err != nil {
		return &Error{Kind: KindHost, Message: "write output: " + err.Error(), Err: err}
	}
	return nil
}
