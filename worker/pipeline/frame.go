package pipeline

import "context"

// frame is what one step's expressions see: the names bound around them, then those of the view.
type frame struct {
	view    *view
	notes   *notes
	locals  []local // innermost last
	lenient bool    // undefined values are nothing, as in template files

	response *response       // of the names response and hit, nil before there is one
	ctx      context.Context // a frame lives for one call; filters find their run through it
}

type local struct {
	name  string
	value any
}

// frameKey finds the frame of a running evaluation in its context.
type frameKey struct{}

// frame starts evaluations in a view.
func (v *view) frame(ctx context.Context, locals ...local) *frame {
	f := &frame{view: v, notes: &v.scope.notes, locals: locals}
	f.ctx = context.WithValue(ctx, frameKey{}, f)
	return f
}

// frameOf is the frame of the evaluation that calls a filter; nil outside of one.
func frameOf(ctx context.Context) *frame {
	f, _ := ctx.Value(frameKey{}).(*frame)
	return f
}

// Lookup resolves a name: a local one, else one of the view.
func (f *frame) Lookup(ctx context.Context, name string) (any, bool, error) {
	for i := len(f.locals) - 1; i >= 0; i-- {
		if f.locals[i].name == name {
			return f.locals[i].value, true, nil
		}
	}
	if f.response != nil {
		switch name {
		case "response":
			return f.response, true, nil
		case "hit": // what was created; a look-up binds what was found
			return f.response.Lookup(ctx, "body")
		}
	}
	v, ok, err := f.view.lookup(ctx, name)
	if !ok && err == nil {
		f.notes.missing = name
	}
	return v, ok, err
}

// bind makes names visible until unbind is called with the mark it returns.
func (f *frame) bind(locals ...local) (mark int) {
	mark = len(f.locals)
	f.locals = append(f.locals, locals...)
	return mark
}

func (f *frame) unbind(mark int) { f.locals = f.locals[:mark] }
