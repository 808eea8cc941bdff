package jinja

import "fmt"

// loopContext is the variable loop of a for statement.
type loopContext struct {
	rt      *runtime
	pull    nextFunc
	source  any // what is visited, if its length may be asked
	index0  int
	length  int // -1 until known
	depth0  int
	recurse func(source any, depth int) (string, error) // nil unless recursive

	after, current, before any // missing where there is none
	changed                any // what changed() last saw, or nil
}

func (*loopContext) pyType() string { return "LoopContext" }

// next moves to the next item.
func (l *loopContext) next() (any, bool, error) {
	item := l.after
	if item != missing {
		l.after = missing
	} else {
		v, ok, err := l.pull()
		if !ok || err != nil {
			return nil, false, err
		}
		item = v
	}
	l.index0++
	l.before, l.current = l.current, item
	return item, true, nil
}

func (l *loopContext) peek() (any, error) {
	if l.after == missing {
		v, ok, err := l.pull()
		if err != nil {
			return nil, err
		}
		if ok {
			l.after = v
		}
	}
	return l.after, nil
}

// size is the number of items; a source without a length is read to its end.
func (l *loopContext) size() (int, error) {
	if l.length >= 0 {
		return l.length, nil
	}
	if l.source != nil {
		n, err := l.rt.length(l.source)
		if err == nil {
			l.length = n
			return n, nil
		}
		if !isKind(err, KindType) {
			return 0, err
		}
	}
	var rest []any
	for {
		v, ok, err := l.pull()
		if err == nil {
			err = l.rt.growItem(len(rest))
		}
		if err != nil {
			return 0, err
		}
		if !ok {
			break
		}
		rest = append(rest, v)
	}
	l.length = len(rest) + l.index0 + 1
	if l.after != missing {
		l.length++
	}
	l.pull = func() (any, bool, error) {
		if len(rest) == 0 {
			return nil, false, nil
		}
		v := rest[0]
		rest = rest[1:]
		return v, true, nil
	}
	return l.length, nil
}

// attr reads loop.name; methods are found elsewhere.
func (l *loopContext) attr(name string) (any, bool, error) {
	switch name {
	case "index":
		return int64(l.index0 + 1), true, nil
	case "index0":
		return int64(l.index0), true, nil
	case "first":
		return l.index0 == 0, true, nil
	case "depth":
		return int64(l.depth0 + 1), true, nil
	case "depth0":
		return int64(l.depth0), true, nil
	case "last":
		v, err := l.peek()
		return v == missing, true, err
	case "previtem":
		if l.index0 == 0 {
			return l.rt.undefinedHint("there is no previous item"), true, nil
		}
		return l.before, true, nil
	case "nextitem":
		v, err := l.peek()
		if v == missing {
			return l.rt.undefinedHint("there is no next item"), true, err
		}
		return v, true, err
	case "length", "revindex", "revindex0":
		n, err := l.size()
		switch name {
		case "revindex":
			n -= l.index0
		case "revindex0":
			n -= l.index0 + 1
		}
		return int64(n), true, err
	}
	return nil, false, nil
}

// call is loop(items) in a recursive loop.
func (l *loopContext) call(rt *runtime, args arguments) (any, error) {
	if l.recurse == nil {
		return nil, typeError("the loop must have the 'recursive' marker to be called recursively")
	}
	source := args.take("iterable", missing)
	if len(args.pos) > 0 {
		source = args.pos[0]
	}
	if source == missing || len(args.pos) > 1 || len(args.named) > 0 {
		return nil, typeError("loop() takes one argument")
	}
	text, err := l.recurse(source, l.depth0+1)
	if err != nil {
		return nil, err
	}
	return rt.markedUp(text), nil
}

func (l *loopContext) appendRepr(_ *runtime, buf []byte) ([]byte, error) {
	n, err := l.size()
	return fmt.Appendf(buf, "<LoopContext %d/%d>", l.index0+1, n), err
}

func loopCycle(c *call) (any, error) {
	if len(c.rest) == 0 {
		return nil, typeError("no items for cycling given")
	}
	return c.rest[c.self.(*loopContext).index0%len(c.rest)], nil
}

func loopChanged(c *call) (any, error) {
	l := c.self.(*loopContext)
	now := newTuple(append([]any(nil), c.rest...)...)
	if l.changed != nil {
		eq, err := c.rt.equal(l.changed, now)
		if eq || err != nil {
			return false, err
		}
	}
	l.changed = now
	return true, nil
}
