package jinja

import "math/big"

// attribute reads .name or .0 after x.
func (p *parser) attribute(x expr) (expr, error) {
	pos := p.cur.pos
	if err := p.advance(); err != nil {
		return nil, err
	}
	tok := p.cur
	switch tok.kind {
	case tokName:
		_, method := p.env.lib.dict[tok.text]
		return &getattrExpr{obj: x, name: tok.text, pos: pos, method: method}, p.advance()
	case tokInteger:
		i, ok := new(big.Int).SetString(tok.text, 0)
		if !ok {
			i = new(big.Int)
		}
		return &getitemExpr{obj: x, arg: &constExpr{normBig(i)}, pos: pos}, p.advance()
	}
	return nil, p.failAt(tok.pos, "expected name or number")
}

// subscript reads [item] or [start:stop:step] after x.
func (p *parser) subscript(x expr) (expr, error) {
	pos := p.cur.pos
	if err := p.advance(); err != nil {
		return nil, err
	}
	var items []expr
	comma := false
	for p.cur.kind != tokRBracket {
		if len(items) > 0 {
			if _, err := p.expect(tokComma); err != nil {
				return nil, err
			}
			comma = true
		}
		item, err := p.subscribed(x)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if len(items) == 1 {
		if s, ok := items[0].(*sliceExpr); ok {
			s.pos = pos
			return s, nil
		}
		return &getitemExpr{obj: x, arg: items[0], pos: pos}, nil
	}
	for _, item := range items {
		if s, ok := item.(*sliceExpr); ok && s.obj == x && comma {
			return nil, p.failAt(pos, "a slice cannot be combined with other items")
		}
	}
	return &getitemExpr{obj: x, arg: &listExpr{items: items, tuple: true, pos: pos}, pos: pos}, nil
}

// subscribed reads one item between brackets; a slice is of x.
func (p *parser) subscribed(x expr) (expr, error) {
	s := &sliceExpr{obj: x}
	var err error
	if p.cur.kind != tokColon {
		if s.start, err = p.expression(); err != nil || p.cur.kind != tokColon {
			return s.start, err
		}
	}
	for _, part := range []*expr{&s.stop, &s.steps} {
		if p.cur.kind != tokColon {
			break
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
		switch p.cur.kind {
		case tokColon, tokRBracket, tokComma:
		default:
			if *part, err = p.expression(); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// foldable reports whether Jinja2 evaluates the expression when it compiles; volatile where it does not know then whether
// output is escaped, and leaves filters and tests alone.
func foldable(x expr, volatile bool) bool {
	switch x := x.(type) {
	case nil, *constExpr:
		return true
	case *nameExpr, *callExpr:
		return false
	case *testExpr:
		if volatile {
			return false
		}
	case *logicExpr: // what is not evaluated need not be foldable
		if on, known := literalTruth(x.x); known && on == x.or && foldable(x.x, volatile) {
			return true
		}
	case *condExpr:
		if on, known := literalTruth(x.test); known && on {
			return foldable(x.yes, volatile)
		} else if known {
			return foldable(x.no, volatile)
		}
	case *filterExpr:
		switch x.name {
		case "map", "select", "selectattr", "reject", "rejectattr", "random":
			return false
		}
		if volatile {
			return false
		}
	}
	for _, child := range children(x) {
		if !foldable(child, volatile) {
			return false
		}
	}
	return true
}

// literalTruth is the truth of a literal; known is false for other expressions.
func literalTruth(x expr) (on, known bool) {
	switch x := x.(type) {
	case *constExpr:
		on, err := truth(x.value)
		return on, err == nil
	case *listExpr:
		return len(x.items) > 0, true
	case *dictExpr:
		return len(x.pairs) > 0, true
	}
	return false, false
}

// callArgs reads the arguments of a call between parentheses.
func (p *parser) callArgs() (callArgs, error) {
	var args callArgs
	pos := p.cur.pos
	if err := p.advance(); err != nil {
		return args, err
	}
	for first := true; p.cur.kind != tokRParen; first = false {
		if !first {
			if _, err := p.expect(tokComma); err != nil {
				return args, err
			}
			if p.cur.kind == tokRParen {
				break
			}
		}
		ok, err := p.callArg(&args)
		if err != nil {
			return args, err
		}
		if !ok {
			return args, p.failAt(pos, "invalid syntax for function call expression")
		}
	}
	return args, p.advance()
}

// callArg reads one argument; it reports false for one that may not follow
// those before it.
func (p *parser) callArg(args *callArgs) (ok bool, err error) {
	switch p.cur.kind {
	case tokMul:
		if args.star != nil || args.starstar != nil {
			return false, nil
		}
		if err = p.advance(); err == nil {
			args.star, err = p.expression()
		}
		return true, err
	case tokPow:
		if args.starstar != nil {
			return false, nil
		}
		if err = p.advance(); err == nil {
			args.starstar, err = p.expression()
		}
		return true, err
	case tokName:
		next, err := p.look()
		if err != nil {
			return false, err
		}
		if next.kind == tokAssign {
			return p.namedArg(args)
		}
	}
	if args.star != nil || args.starstar != nil || len(args.named) > 0 {
		return false, nil
	}
	x, err := p.expression()
	args.pos = append(args.pos, x)
	return true, err
}

// maxNamed bounds the parameters of a macro and the named arguments of a call.
const maxNamed = 255

func (p *parser) namedArg(args *callArgs) (bool, error) {
	name := p.cur
	if args.starstar != nil {
		return false, nil
	}
	if len(args.named) == maxNamed {
		return false, p.failAt(name.pos, "more than %d keyword arguments", maxNamed)
	}
	for _, a := range args.named {
		if a.name == name.text {
			return false, p.failAt(name.pos, "keyword argument repeated: %s", name.text)
		}
	}
	for range 2 {
		if err := p.advance(); err != nil {
			return false, err
		}
	}
	x, err := p.expression()
	args.named = append(args.named, namedArg{name.text, x})
	return true, err
}

// filter reads | name(args) after x.
func (p *parser) filter(x expr) (expr, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	return p.filterCall(x)
}

func (p *parser) filterCall(x expr) (*filterExpr, error) {
	pos := p.cur.pos
	name, err := p.dottedName()
	if err != nil {
		return nil, err
	}
	f := &filterExpr{value: x, name: name, fn: p.env.filter(name), pos: pos}
	if p.cur.kind == tokLParen {
		f.args, err = p.callArgs()
	}
	return f, err
}

// filterChain reads filters without a value, the outermost of which is
// returned; inline, the first has no bar before it.
func (p *parser) filterChain(inline bool) (*filterExpr, error) {
	var f *filterExpr
	entered := 0
	defer func() { p.leave(entered) }()
	for inline || p.cur.kind == tokPipe {
		if !inline {
			if err := p.advance(); err != nil {
				return nil, err
			}
		}
		if err := p.enter(); err != nil {
			return nil, err
		}
		entered++
		inline = false
		var value expr
		if f != nil {
			value = f
		}
		var err error
		if f, err = p.filterCall(value); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (p *parser) dottedName() (string, error) {
	tok, err := p.expect(tokName)
	name := tok.text
	for err == nil && p.cur.kind == tokDot {
		if err = p.advance(); err == nil {
			tok, err = p.expect(tokName)
			name += "." + tok.text
		}
	}
	return name, err
}

// test reads is [not] name [argument] after x.
func (p *parser) test(x expr) (expr, error) {
	pos := p.cur.pos
	if err := p.advance(); err != nil {
		return nil, err
	}
	negated, err := p.skipName("not")
	if err != nil {
		return nil, err
	}
	t := &testExpr{value: x, pos: pos}
	if t.name, err = p.dottedName(); err != nil {
		return nil, err
	}
	t.fn = p.env.test(t.name)
	if err := p.testArgs(t); err != nil {
		return nil, err
	}
	if negated {
		return &notExpr{t, pos}, nil
	}
	return t, nil
}

// testArgs reads a test's arguments: in parentheses, or one without.
func (p *parser) testArgs(t *testExpr) error {
	var err error
	switch p.cur.kind {
	case tokLParen:
		t.args, err = p.callArgs()
		return err
	case tokName:
		switch p.cur.text {
		case "else", "or", "and":
			return nil
		case "is":
			return p.failAt(p.cur.pos, "you cannot chain multiple tests with is")
		}
	case tokString, tokInteger, tokFloat, tokLBracket, tokLBrace:
	default:
		return nil
	}
	arg, err := p.primary()
	for more := true; more && err == nil; {
		filtered := false
		arg, more, err = p.suffix(arg, false, &filtered)
	}
	t.args.pos = []expr{arg}
	return err
}
