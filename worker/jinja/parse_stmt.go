package jinja

import "strings"

// statement reads one block statement, up to its last tag's end. It returns
// nil for a statement that does nothing.
func (p *parser) statement() ([]stmt, error) {
	tok := p.cur
	if tok.kind != tokName {
		return nil, p.failAt(tok.pos, "tag name expected")
	}
	parse := p.statementParser(tok.text)
	if parse == nil {
		return nil, p.failOpen(tok.text)
	}
	p.tags = append(p.tags, tok.text)
	if err := p.advance(); err != nil {
		return nil, err
	}
	s, err := parse(tok.pos)
	p.tags = p.tags[:len(p.tags)-1]
	return s, err
}

func (p *parser) statementParser(tag string) func(position) ([]stmt, error) {
	switch tag {
	case "for":
		return p.forStatement
	case "if":
		return p.ifStatement
	case "set":
		return p.setStatement
	case "macro":
		return p.macroStatement
	case "call":
		return p.callStatement
	case "filter":
		return p.filterStatement
	case "with":
		return p.withStatement
	case "autoescape":
		return p.autoescapeStatement
	case "block":
		return p.blockStatement
	case "extends":
		return p.extendsStatement
	case "include":
		return p.includeStatement
	case "import":
		return p.importStatement
	case "from":
		return p.fromStatement
	case "print":
		return p.printStatement
	}
	switch {
	case tag == "do" && p.env.opts.Do:
		return p.doStatement
	case tag == "break" && p.env.opts.LoopControls:
		return p.loopControl(errBreak)
	case tag == "continue" && p.env.opts.LoopControls:
		return p.loopControl(errContinue)
	}
	return nil
}

func (p *parser) forStatement(pos position) ([]stmt, error) {
	s := &forStmt{pos: pos}
	var err error
	if s.target, err = p.target(targetOpts{tuple: true, end: "in"}); err != nil {
		return nil, err
	}
	if err := p.expectName("in"); err != nil {
		return nil, err
	}
	if s.iter, err = p.tuple(tupleOpts{end: "recursive"}); err != nil {
		return nil, err
	}
	if ok, err := p.skipName("if"); err != nil {
		return nil, err
	} else if ok {
		if s.test, err = p.expression(); err != nil {
			return nil, err
		}
	}
	if s.recursive, err = p.skipName("recursive"); err != nil {
		return nil, err
	}
	p.loops++
	s.body, err = p.block(false, "endfor", "else")
	p.loops--
	if err != nil {
		return nil, err
	}
	hasElse := p.cur.text == "else"
	if err := p.advance(); err != nil || !hasElse {
		return []stmt{s}, err
	}
	s.otherwise, err = p.block(true, "endfor")
	return []stmt{s}, err
}

func (p *parser) ifStatement(pos position) ([]stmt, error) {
	s := &ifStmt{pos: pos}
	for {
		test, err := p.tuple(tupleOpts{})
		if err != nil {
			return nil, err
		}
		body, err := p.block(false, "elif", "else", "endif")
		if err != nil {
			return nil, err
		}
		s.branches = append(s.branches, ifBranch{test, body})
		tag := p.cur.text
		if err := p.advance(); err != nil {
			return nil, err
		}
		switch tag {
		case "elif":
			continue
		case "else":
			body, err := p.block(true, "endif")
			if err != nil {
				return nil, err
			}
			s.branches = append(s.branches, ifBranch{nil, body})
		}
		return []stmt{s}, nil
	}
}

func (p *parser) setStatement(pos position) ([]stmt, error) {
	target, err := p.target(targetOpts{tuple: true, namespace: true})
	if err != nil {
		return nil, err
	}
	if ok, err := p.skip(tokAssign); err != nil {
		return nil, err
	} else if ok {
		value, err := p.tuple(tupleOpts{condExpr: true})
		return []stmt{&setStmt{target: target, value: value, pos: pos}}, err
	}
	s := &setBlockStmt{target: target, pos: pos}
	if s.filter, err = p.filterChain(false); err != nil {
		return nil, err
	}
	s.body, err = p.block(true, "endset")
	return []stmt{s}, err
}

func (p *parser) macroStatement(pos position) ([]stmt, error) {
	name, err := p.nameTarget()
	if err != nil {
		return nil, err
	}
	def := &macroDef{name: name.name, pos: pos}
	if err := p.signature(def); err != nil {
		return nil, err
	}
	if def.body, err = p.functionBody("endmacro"); err != nil {
		return nil, err
	}
	return []stmt{&macroStmt{def: def, target: name}}, nil
}

// functionBody reads a body in which break and continue of the loops around
// mean nothing.
func (p *parser) functionBody(end string) ([]stmt, error) {
	loops := p.loops
	p.loops = 0
	body, err := p.block(true, end)
	p.loops = loops
	return body, err
}

// signature reads the parameters of a macro or call block.
func (p *parser) signature(def *macroDef) error {
	if _, err := p.expect(tokLParen); err != nil {
		return err
	}
	for p.cur.kind != tokRParen {
		if len(def.args) > 0 {
			if _, err := p.expect(tokComma); err != nil {
				return err
			}
		}
		arg, err := p.nameTarget()
		if err != nil {
			return err
		}
		if len(def.args) == maxNamed {
			return p.failAt(arg.pos, "more than %d parameters", maxNamed)
		}
		for _, other := range def.args {
			if other.name == arg.name {
				return p.failAt(arg.pos, "duplicate argument '%s' in macro definition", arg.name)
			}
		}
		def.args = append(def.args, arg)
		ok, err := p.skip(tokAssign)
		switch {
		case err != nil:
			return err
		case ok:
			value, err := p.expression()
			if err != nil {
				return err
			}
			def.defaults = append(def.defaults, value)
		case len(def.defaults) > 0:
			return p.failAt(arg.pos, "non-default argument follows default argument")
		}
	}
	return p.advance()
}

func (p *parser) callStatement(pos position) ([]stmt, error) {
	def := &macroDef{pos: pos}
	if p.cur.kind == tokLParen {
		if err := p.signature(def); err != nil {
			return nil, err
		}
	}
	x, err := p.expression()
	if err != nil {
		return nil, err
	}
	call, ok := x.(*callExpr)
	if !ok {
		return nil, p.failAt(pos, "expected call")
	}
	call.caller = def
	if def.body, err = p.functionBody("endcall"); err != nil {
		return nil, err
	}
	return []stmt{&callStmt{call: call, pos: pos}}, nil
}

func (p *parser) filterStatement(pos position) ([]stmt, error) {
	s := &filterStmt{pos: pos}
	var err error
	if s.filter, err = p.filterChain(true); err != nil {
		return nil, err
	}
	s.body, err = p.block(true, "endfilter")
	return []stmt{s}, err
}

func (p *parser) withStatement(pos position) ([]stmt, error) {
	s := &withStmt{pos: pos}
	for p.cur.kind != tokBlockEnd {
		if len(s.targets) > 0 {
			if _, err := p.expect(tokComma); err != nil {
				return nil, err
			}
		}
		target, err := p.target(targetOpts{tuple: true})
		if err != nil {
			return nil, err
		}
		if _, err := p.expect(tokAssign); err != nil {
			return nil, err
		}
		value, err := p.expression()
		if err != nil {
			return nil, err
		}
		s.targets = append(s.targets, target)
		s.values = append(s.values, value)
	}
	var err error
	s.body, err = p.block(true, "endwith")
	return []stmt{s}, err
}

func (p *parser) autoescapeStatement(pos position) ([]stmt, error) {
	on, err := p.expression()
	if err != nil {
		return nil, err
	}
	body, err := p.block(true, "endautoescape")
	return []stmt{&autoescapeStmt{on: on, body: body, pos: pos}}, err
}

func (p *parser) printStatement(pos position) ([]stmt, error) {
	var out []stmt
	for p.cur.kind != tokBlockEnd {
		if len(out) > 0 {
			if _, err := p.expect(tokComma); err != nil {
				return nil, err
			}
		}
		x, err := p.expression()
		if err != nil {
			return nil, err
		}
		out = append(out, &outputStmt{x: x, pos: pos})
	}
	return out, nil
}

func (p *parser) doStatement(pos position) ([]stmt, error) {
	x, err := p.tuple(tupleOpts{condExpr: true})
	return []stmt{&doStmt{x, pos}}, err
}

func (p *parser) loopControl(signal error) func(position) ([]stmt, error) {
	return func(pos position) ([]stmt, error) {
		if p.loops == 0 {
			return nil, p.failAt(pos, "%s", "'"+strings.TrimPrefix(signal.Error(), "loop ")+"' outside loop")
		}
		return []stmt{&loopStmt{signal, pos}}, nil
	}
}

type targetOpts struct {
	tuple     bool
	namespace bool   // allow ns.attr
	end       string // a keyword that ends a tuple
}

func (p *parser) nameTarget() (nameExpr, error) {
	tok, err := p.expect(tokName)
	if err != nil {
		return nameExpr{}, err
	}
	n, ok := nameOrConst(tok).(*nameExpr)
	if !ok {
		return nameExpr{}, p.failAt(tok.pos, "can't assign to 'const'")
	}
	return *n, nil
}

// target reads what an assignment may assign to.
func (p *parser) target(o targetOpts) (expr, error) {
	pos := p.cur.pos
	if o.namespace && p.cur.kind == tokName {
		next, err := p.look()
		if err != nil {
			return nil, err
		}
		if next.kind == tokDot {
			return p.namespaceTarget()
		}
	}
	x, err := p.tuple(tupleOpts{targets: true, end: o.end})
	if err != nil {
		return nil, err
	}
	if !assignable(x) {
		return nil, p.failAt(pos, "can't assign to this expression")
	}
	return x, nil
}

func (p *parser) namespaceTarget() (expr, error) {
	name := nameExpr{name: p.cur.text, pos: p.cur.pos}
	for range 2 {
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	attr, err := p.expect(tokName)
	return &nsRefExpr{name: name, attr: attr.text, pos: name.pos}, err
}

func assignable(x expr) bool {
	switch x := x.(type) {
	case *nameExpr:
		return true
	case *listExpr:
		if !x.tuple {
			return false
		}
		for _, item := range x.items {
			if !assignable(item) {
				return false
			}
		}
		return true
	}
	return false
}
