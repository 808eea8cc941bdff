package jinja

// expression reads a full expression, with an inline if.
func (p *parser) expression() (expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	links := 1
	defer func() { p.leave(links) }()
	pos := p.cur.pos
	x, err := p.or()
	for err == nil && p.cur.is("if") {
		links++
		x, err = p.condTail(x, pos)
		pos = p.cur.pos
	}
	return x, err
}

func (p *parser) condTail(yes expr, pos position) (expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	test, err := p.or()
	if err != nil {
		return nil, err
	}
	c := &condExpr{test: test, yes: yes, pos: pos}
	if ok, err := p.skipName("else"); !ok || err != nil {
		return c, err
	}
	c.no, err = p.expression()
	return c, err
}

// chain reads operands of one precedence joined from the left. Each link
// counts as a level, for the tree it builds is as deep.
func (p *parser) chain(operand func() (expr, error), operator func() bool, join func(x expr, op token) (expr, error)) (expr, error) {
	links := 0
	defer func() { p.leave(links) }()
	x, err := operand()
	for err == nil && operator() {
		links++
		if err = p.enter(); err != nil {
			break
		}
		op := p.cur
		if err = p.advance(); err == nil {
			x, err = join(x, op)
		}
	}
	return x, err
}

func (p *parser) or() (expr, error) {
	return p.chain(p.and, func() bool { return p.cur.is("or") }, func(x expr, op token) (expr, error) {
		y, err := p.and()
		return &logicExpr{x: x, y: y, or: true, pos: op.pos}, err
	})
}

func (p *parser) and() (expr, error) {
	return p.chain(p.not, func() bool { return p.cur.is("and") }, func(x expr, op token) (expr, error) {
		y, err := p.not()
		return &logicExpr{x: x, y: y, pos: op.pos}, err
	})
}

func (p *parser) not() (expr, error) {
	if !p.cur.is("not") {
		return p.compare()
	}
	pos := p.cur.pos
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave(1)
	if err := p.advance(); err != nil {
		return nil, err
	}
	x, err := p.not()
	return &notExpr{x, pos}, err
}

func (p *parser) compare() (expr, error) {
	x, err := p.sum()
	if err != nil {
		return nil, err
	}
	c := &compareExpr{x: x, pos: p.cur.pos}
	for {
		op, ok, err := p.compareOperator()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		y, err := p.sum()
		if err != nil {
			return nil, err
		}
		c.ops = append(c.ops, compareOp{op, y})
	}
	if len(c.ops) == 0 {
		return x, nil
	}
	return c, nil
}

// compareOperator consumes a comparison operator, if there is one.
func (p *parser) compareOperator() (compareKind, bool, error) {
	var op compareKind
	switch p.cur.kind {
	case tokEq:
		op = cmpEq
	case tokNe:
		op = cmpNe
	case tokLt:
		op = cmpLt
	case tokLe:
		op = cmpLe
	case tokGt:
		op = cmpGt
	case tokGe:
		op = cmpGe
	case tokName:
		switch p.cur.text {
		case "in":
			op = cmpIn
		case "not":
			next, err := p.look()
			if err != nil || !next.is("in") {
				return 0, false, err
			}
			if err := p.advance(); err != nil {
				return 0, false, err
			}
			op = cmpNotIn
		default:
			return 0, false, nil
		}
	default:
		return 0, false, nil
	}
	return op, true, p.advance()
}

func (p *parser) binary(operand func() (expr, error), kinds ...tokenKind) (expr, error) {
	operator := func() bool {
		for _, k := range kinds {
			if p.cur.kind == k {
				return true
			}
		}
		return false
	}
	return p.chain(operand, operator, func(x expr, op token) (expr, error) {
		y, err := operand()
		return &binaryExpr{op: op.kind, x: x, y: y, pos: op.pos}, err
	})
}

func (p *parser) sum() (expr, error) { return p.binary(p.concat, tokAdd, tokSub) }

func (p *parser) concat() (expr, error) {
	x, err := p.product()
	if err != nil || p.cur.kind != tokTilde {
		return x, err
	}
	c := &concatExpr{parts: []expr{x}, pos: p.cur.pos}
	for p.cur.kind == tokTilde {
		if err := p.advance(); err != nil {
			return nil, err
		}
		x, err := p.product()
		if err != nil {
			return nil, err
		}
		c.parts = append(c.parts, x)
	}
	return c, nil
}

func (p *parser) product() (expr, error) {
	return p.binary(p.power, tokMul, tokDiv, tokFloorDiv, tokMod)
}

// power binds looser than a sign and from the left, as in Jinja2 and unlike
// Python.
func (p *parser) power() (expr, error) { return p.binary(p.unary, tokPow) }

func (p *parser) unary() (expr, error) { return p.signed(true) }

func (p *parser) signed(withFilter bool) (expr, error) {
	links := 0
	defer func() { p.leave(links) }()
	x, err := p.signedOperand(&links)
	for filtered := false; err == nil; {
		links++
		if err = p.enter(); err != nil {
			break
		}
		var more bool
		if x, more, err = p.suffix(x, withFilter, &filtered); !more {
			break
		}
	}
	return x, err
}

func (p *parser) signedOperand(links *int) (expr, error) {
	tok := p.cur
	if tok.kind != tokSub && tok.kind != tokAdd {
		return p.primary()
	}
	*links++
	if err := p.enter(); err != nil {
		return nil, err
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	x, err := p.signed(false)
	return &unaryExpr{op: tok.kind, x: x, pos: tok.pos}, err
}

// suffix reads one attribute, item, call, filter or test after x. After the
// first filter or test no attributes and items may follow.
func (p *parser) suffix(x expr, withFilter bool, filtered *bool) (expr, bool, error) {
	switch {
	case p.cur.kind == tokDot && !*filtered:
		x, err := p.attribute(x)
		return x, true, err
	case p.cur.kind == tokLBracket && !*filtered:
		x, err := p.subscript(x)
		return x, true, err
	case p.cur.kind == tokLParen:
		pos := p.cur.pos
		args, err := p.callArgs()
		return &callExpr{fn: x, args: args, pos: pos}, true, err
	case p.cur.kind == tokPipe && withFilter:
		*filtered = true
		x, err := p.filter(x)
		return x, true, err
	case withFilter && p.cur.is("is"):
		*filtered = true
		x, err := p.test(x)
		return x, true, err
	}
	return x, false, nil
}
