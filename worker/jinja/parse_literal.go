package jinja

import (
	"math/big"
	"strconv"
)

func (p *parser) primary() (expr, error) {
	tok := p.cur
	switch tok.kind {
	case tokLParen:
		if err := p.advance(); err != nil {
			return nil, err
		}
		x, err := p.tuple(tupleOpts{condExpr: true, parens: true})
		if err != nil {
			return nil, err
		}
		_, err = p.expect(tokRParen)
		return x, err
	case tokLBracket:
		return p.list()
	case tokLBrace:
		return p.dict()
	case tokString:
		return p.stringConst()
	case tokName:
		return nameOrConst(tok), p.advance()
	case tokInteger, tokFloat:
		x, err := p.numberConst(tok)
		if err != nil {
			return nil, err
		}
		return x, p.advance()
	case tokEOF:
		return nil, p.failAt(tok.pos, "unexpected end of template, expected an expression")
	}
	return nil, p.failAt(tok.pos, "unexpected '%s'", tok.describe())
}

func nameOrConst(tok token) expr {
	switch tok.text {
	case "true", "True":
		return &constExpr{true}
	case "false", "False":
		return &constExpr{false}
	case "none", "None":
		return &constExpr{nil}
	}
	return &nameExpr{name: tok.text, pos: tok.pos}
}

// stringConst reads adjacent string literals as one.
func (p *parser) stringConst() (expr, error) {
	s := p.cur.text
	for {
		if err := p.advance(); err != nil {
			return nil, err
		}
		if p.cur.kind != tokString {
			return &constExpr{s}, nil
		}
		s += p.cur.text
	}
}

// maxLiteralDigits is CPython's limit for integers written out in decimal.
const maxLiteralDigits = 4300

func (p *parser) numberConst(tok token) (expr, error) {
	if tok.kind == tokFloat {
		f, err := strconv.ParseFloat(tok.text, 64)
		if err != nil && f == 0 {
			return nil, p.failAt(tok.pos, "invalid number")
		}
		return &constExpr{f}, nil
	}
	if len(tok.text) > maxLiteralDigits {
		return nil, p.failAt(tok.pos, "integer literal has more than %d digits", maxLiteralDigits)
	}
	i, ok := new(big.Int).SetString(tok.text, 0)
	if !ok { // zeros only: 00 is not octal
		i = new(big.Int)
	}
	return &constExpr{normBig(i)}, nil
}

type tupleOpts struct {
	targets  bool   // only primaries: names and literals
	condExpr bool   // allow inline if
	parens   bool   // () is an empty tuple
	end      string // a keyword that ends the tuple
}

// tuple reads an expression, or several with commas between as a tuple.
func (p *parser) tuple(o tupleOpts) (expr, error) {
	item := p.or
	switch {
	case o.targets:
		item = p.primary
	case o.condExpr:
		item = p.expression
	}
	t := &listExpr{tuple: true, pos: p.cur.pos}
	comma := false
	for {
		if p.tupleEnd(o.end) {
			break
		}
		x, err := item()
		if err != nil {
			return nil, err
		}
		t.items = append(t.items, x)
		ok, err := p.skip(tokComma)
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		comma = true
	}
	switch {
	case comma || len(t.items) == 0 && o.parens:
		return t, nil
	case len(t.items) == 1:
		return t.items[0], nil
	}
	return nil, p.failAt(p.cur.pos, "expected an expression, got '%s'", p.cur.describe())
}

func (p *parser) tupleEnd(end string) bool {
	switch p.cur.kind {
	case tokVariableEnd, tokBlockEnd, tokRParen:
		return true
	}
	return end != "" && p.cur.is(end)
}

func (p *parser) list() (expr, error) {
	l := &listExpr{pos: p.cur.pos}
	if err := p.advance(); err != nil {
		return nil, err
	}
	for p.cur.kind != tokRBracket {
		if len(l.items) > 0 {
			if _, err := p.expect(tokComma); err != nil {
				return nil, err
			}
			if p.cur.kind == tokRBracket {
				break
			}
		}
		x, err := p.expression()
		if err != nil {
			return nil, err
		}
		l.items = append(l.items, x)
	}
	return l, p.advance()
}

func (p *parser) dict() (expr, error) {
	d := &dictExpr{pos: p.cur.pos}
	if err := p.advance(); err != nil {
		return nil, err
	}
	for p.cur.kind != tokRBrace {
		if len(d.pairs) > 0 {
			if _, err := p.expect(tokComma); err != nil {
				return nil, err
			}
			if p.cur.kind == tokRBrace {
				break
			}
		}
		key, err := p.expression()
		if err != nil {
			return nil, err
		}
		if _, err := p.expect(tokColon); err != nil {
			return nil, err
		}
		value, err := p.expression()
		if err != nil {
			return nil, err
		}
		d.pairs = append(d.pairs, pair{key, value})
	}
	return d, p.advance()
}
