package jmespath

// maxDepth bounds the nesting of an expression.
const maxDepth = 100

// projectionStop is the power below which a token ends a projection.
const projectionStop = 10

// parser is a Pratt parser, as Python's.
type parser struct {
	tokens []token
	pos    int
	depth  int
}

func (p *parser) current() token { return p.tokens[p.pos] }

// kindAt is the kind of a token ahead.
func (p *parser) kindAt(ahead int) tokenKind {
	return p.tokens[min(p.pos+ahead, len(p.tokens)-1)].kind
}

func (p *parser) advance() token {
	t := p.current()
	if t.kind != tokenEnd {
		p.pos++
	}
	return t
}

func (p *parser) match(kind tokenKind, what string) error {
	if t := p.advance(); t.kind != kind {
		return errorf(t.offset, "unexpected %s, expected %s", t, what)
	}
	return nil
}

func (p *parser) expression(power int) (node, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxDepth {
		return nil, errorf(p.current().offset, "nested deeper than %d", maxDepth)
	}
	left, err := p.prefix(p.advance())
	for err == nil && power < p.current().kind.power() {
		left, err = p.infix(p.advance(), left)
	}
	return left, err
}

// prefix parses what begins with a token.
func (p *parser) prefix(t token) (node, error) {
	switch t.kind {
	case tokenLiteral:
		return literalNode{t.value}, nil
	case tokenName:
		return fieldNode(t.text), nil
	case tokenQuoted:
		if p.current().kind == tokenOpenParen {
			return nil, errorf(t.offset, "a quoted name cannot be called")
		}
		return fieldNode(t.value.(string)), nil
	case tokenCurrent:
		return identity{}, nil
	case tokenStar:
		if p.current().kind == tokenCloseBracket {
			return valueProjection{identity{}, identity{}}, nil
		}
		return p.projected(tokenStar.power(), func(right node) node { return valueProjection{identity{}, right} })
	case tokenFilter:
		return p.filter(identity{})
	case tokenFlatten:
		return p.projected(tokenFlatten.power(), func(right node) node { return projection{flatten{identity{}}, right} })
	case tokenOpenBrace:
		return p.multiHash()
	case tokenOpenBracket:
		return p.bracket(identity{}, true)
	case tokenOpenParen:
		inner, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		return group{inner}, p.match(tokenCloseParen, ")")
	case tokenNot:
		inner, err := p.expression(tokenNot.power())
		return notNode{inner}, err
	case tokenReference:
		inner, err := p.expression(0)
		return referenceNode{inner}, err
	}
	return nil, errorf(t.offset, "unexpected %s", t)
}

// infix parses what goes on with a token.
func (p *parser) infix(t token, left node) (node, error) {
	switch t.kind {
	case tokenDot:
		if p.current().kind == tokenStar {
			p.advance()
			return p.projected(tokenDot.power(), func(right node) node { return valueProjection{left, right} })
		}
		right, err := p.afterDot(tokenDot.power())
		return sub{left, right}, err
	case tokenPipe, tokenOr, tokenAnd, tokenCompare:
		right, err := p.expression(t.kind.power())
		return binary(t, left, right), err
	case tokenFilter:
		return p.filter(left)
	case tokenFlatten:
		return p.projected(tokenFlatten.power(), func(right node) node { return projection{flatten{left}, right} })
	case tokenOpenBracket:
		return p.bracket(left, false)
	case tokenOpenParen:
		return p.call(t, left)
	}
	return nil, errorf(t.offset, "unexpected %s", t)
}

func binary(t token, left, right node) node {
	switch t.kind {
	case tokenPipe:
		return sub{left, right}
	case tokenOr:
		return orNode{left, right}
	case tokenAnd:
		return andNode{left, right}
	}
	return compare{t.text, left, right}
}

// projected parses what is done with each item of a projection.
func (p *parser) projected(power int, build func(right node) node) (node, error) {
	t := p.current()
	var right node = identity{}
	var err error
	switch {
	case t.kind.power() < projectionStop:
	case t.kind == tokenOpenBracket, t.kind == tokenFilter:
		right, err = p.expression(power)
	case t.kind == tokenDot:
		p.advance()
		right, err = p.afterDot(power)
	default:
		err = errorf(t.offset, "unexpected %s", t)
	}
	if err != nil {
		return nil, err
	}
	return build(right), nil
}

func (p *parser) afterDot(power int) (node, error) {
	switch t := p.current(); t.kind {
	case tokenName, tokenQuoted, tokenStar:
		return p.expression(power)
	case tokenOpenBracket:
		p.advance()
		return p.multiList()
	case tokenOpenBrace:
		p.advance()
		return p.multiHash()
	default:
		return nil, errorf(t.offset, "unexpected %s behind a dot", t)
	}
}

func (p *parser) filter(left node) (node, error) {
	condition, err := p.expression(0)
	if err == nil {
		err = p.match(tokenCloseBracket, "]")
	}
	if err != nil {
		return nil, err
	}
	if p.current().kind == tokenFlatten {
		return filterProjection{left, condition, identity{}}, nil
	}
	return p.projected(tokenFilter.power(), func(right node) node { return filterProjection{left, condition, right} })
}

// bracket parses [0], [1:2], [*] and, where it may stand, [a, b].
func (p *parser) bracket(left node, list bool) (node, error) {
	switch {
	case p.current().kind == tokenNumber || p.current().kind == tokenColon:
		return p.index(left)
	case p.current().kind == tokenStar && p.kindAt(1) == tokenCloseBracket:
		p.advance()
		p.advance()
		return p.projected(tokenStar.power(), func(right node) node { return projection{left, right} })
	case list:
		return p.multiList()
	}
	return nil, errorf(p.current().offset, "unexpected %s, expected an index, a slice or *", p.current())
}

func (p *parser) index(left node) (node, error) {
	if p.current().kind != tokenColon && p.kindAt(1) != tokenColon {
		i := p.advance().value.(int)
		return sub{left, indexNode(i)}, p.match(tokenCloseBracket, "]")
	}
	var parts slice
	for at := 0; p.current().kind != tokenCloseBracket; {
		switch t := p.advance(); {
		case t.kind == tokenColon && at < 2:
			at++
		case t.kind == tokenNumber && parts[at] == nil:
			n := t.value.(int)
			parts[at] = &n
		default:
			return nil, errorf(t.offset, "unexpected %s in a slice", t)
		}
	}
	p.advance()
	return p.projected(tokenStar.power(), func(right node) node { return projection{sub{left, parts}, right} })
}

func (p *parser) multiList() (node, error) {
	var items multiList
	for {
		item, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
		if p.current().kind == tokenCloseBracket {
			p.advance()
			return items, nil
		}
		if err := p.match(tokenComma, ","); err != nil {
			return nil, err
		}
	}
}

func (p *parser) multiHash() (node, error) {
	var entries multiHash
	for {
		t := p.advance()
		name := t.text
		if t.kind == tokenQuoted {
			name = t.value.(string)
		} else if t.kind != tokenName {
			return nil, errorf(t.offset, "unexpected %s, expected a key", t)
		}
		if err := p.match(tokenColon, ":"); err != nil {
			return nil, err
		}
		value, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		entries = append(entries, hashEntry{name, value})
		if p.current().kind == tokenCloseBrace {
			p.advance()
			return entries, nil
		}
		if err := p.match(tokenComma, ","); err != nil {
			return nil, err
		}
	}
}

func (p *parser) call(t token, left node) (node, error) {
	name, ok := left.(fieldNode)
	if !ok {
		return nil, errorf(t.offset, "only a function can be called")
	}
	f, ok := functions()[string(name)]
	if !ok {
		return nil, errorf(t.offset, "unknown function %s", name)
	}
	c := call{name: string(name), function: f}
	for p.current().kind != tokenCloseParen {
		arg, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		c.args = append(c.args, arg)
		if p.current().kind == tokenComma {
			p.advance()
		} else if p.current().kind != tokenCloseParen {
			return nil, errorf(p.current().offset, "unexpected %s, expected , or )", p.current())
		}
	}
	p.advance()
	if len(c.args) != len(f.args) && !(f.variadic && len(c.args) >= len(f.args)) {
		return nil, errorf(t.offset, "%s takes %d arguments", name, len(f.args))
	}
	return c, nil
}
