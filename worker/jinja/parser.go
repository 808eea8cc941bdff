package jinja

import (
	"slices"
	"strings"
)

// parser turns tokens into statements and expressions.
type parser struct {
	lex        *lexer
	env        *Environment
	cur        token
	ahead      []token // at most one
	depth      int
	tags       []string   // open block tags, innermost last
	ends       [][]string // what the open blocks wait for
	blocks     []*blockStmt
	blockNames map[string]bool
	loops      int // open for loops, for break and continue
}

func newParser(env *Environment, source string) (*parser, error) {
	if len(source) > env.limits.SourceBytes {
		return nil, raise(KindLimit, "template source is longer than %d bytes", env.limits.SourceBytes)
	}
	p := &parser{lex: newLexer(source, &env.opts), env: env, blockNames: map[string]bool{}}
	return p, p.advance()
}

// advance moves to the next token.
func (p *parser) advance() error {
	if len(p.ahead) > 0 {
		p.cur, p.ahead = p.ahead[0], nil
		return nil
	}
	var err error
	p.cur, err = p.lex.next()
	return err
}

// look returns the token after the current one.
func (p *parser) look() (token, error) {
	if len(p.ahead) == 0 {
		tok, err := p.lex.next()
		if err != nil {
			return token{}, err
		}
		p.ahead = append(p.ahead, tok)
	}
	return p.ahead[0], nil
}

func (p *parser) failAt(pos position, format string, args ...any) error {
	e := raise(KindSyntax, format, args...).(*Error)
	e.Line, e.Column = pos.line, pos.col
	return e
}

// enter counts one level of nesting.
func (p *parser) enter() error {
	p.depth++
	if p.depth > p.env.limits.ParseDepth {
		e := raise(KindLimit, "template nests deeper than %d", p.env.limits.ParseDepth).(*Error)
		e.Line, e.Column = p.cur.pos.line, p.cur.pos.col
		return e
	}
	return nil
}

func (p *parser) leave(n int) { p.depth -= n }

func (p *parser) unexpected(want string) error {
	if p.cur.kind == tokEOF {
		return p.failAt(p.cur.pos, "unexpected end of template, expected '%s'", want)
	}
	return p.failAt(p.cur.pos, "expected token '%s', got '%s'", want, p.cur.describe())
}

// expect consumes a token of the kind.
func (p *parser) expect(kind tokenKind) (token, error) {
	tok := p.cur
	if tok.kind != kind {
		return tok, p.unexpected(kind.String())
	}
	return tok, p.advance()
}

// expectName consumes the given keyword.
func (p *parser) expectName(name string) error {
	if !p.cur.is(name) {
		return p.unexpected(name)
	}
	return p.advance()
}

// skipName consumes the keyword if it is the current token.
func (p *parser) skipName(name string) (bool, error) {
	if !p.cur.is(name) {
		return false, nil
	}
	return true, p.advance()
}

func (p *parser) skip(kind tokenKind) (bool, error) {
	if p.cur.kind != kind {
		return false, nil
	}
	return true, p.advance()
}

// parse reads a whole template.
func (p *parser) parse() ([]stmt, error) {
	body, err := p.body(nil)
	if err == nil && p.cur.kind != tokEOF {
		err = p.unexpected(tokEOF.String())
	}
	return body, err
}

// body reads statements up to a tag named in ends, or to the template's end.
// The tag's name is then the current token.
func (p *parser) body(ends []string) ([]stmt, error) {
	if ends != nil {
		p.ends = append(p.ends, ends)
		defer func() { p.ends = p.ends[:len(p.ends)-1] }()
	}
	var body []stmt
	for {
		switch p.cur.kind {
		case tokEOF:
			return body, nil
		case tokData:
			body = append(body, &dataStmt{p.cur.text})
			if err := p.advance(); err != nil {
				return nil, err
			}
		case tokVariableBegin:
			s, err := p.output()
			if err != nil {
				return nil, err
			}
			body = append(body, s)
		case tokBlockBegin:
			if err := p.advance(); err != nil {
				return nil, err
			}
			if p.cur.kind == tokName && slices.Contains(ends, p.cur.text) {
				return body, nil
			}
			s, err := p.statement()
			if err != nil {
				return nil, err
			}
			if s != nil {
				body = append(body, s...)
			}
			if _, err := p.expect(tokBlockEnd); err != nil {
				return nil, err
			}
		default:
			return nil, p.unexpected("end of template")
		}
	}
}

// output reads {{ expression }}.
func (p *parser) output() (stmt, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	pos := p.cur.pos
	x, err := p.tuple(tupleOpts{condExpr: true})
	if err != nil {
		return nil, err
	}
	if _, err := p.expect(tokVariableEnd); err != nil {
		return nil, err
	}
	call, _ := x.(*callExpr)
	return &outputStmt{x: x, call: call, pos: pos}, nil
}

// block reads the rest of an opening tag and the statements up to one of ends.
// With drop the end's name is consumed.
func (p *parser) block(drop bool, ends ...string) ([]stmt, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave(1)
	if _, err := p.skip(tokColon); err != nil {
		return nil, err
	}
	if _, err := p.expect(tokBlockEnd); err != nil {
		return nil, err
	}
	body, err := p.body(ends)
	if err != nil {
		return nil, err
	}
	if p.cur.kind == tokEOF {
		p.ends = append(p.ends, ends)
		return nil, p.failOpen("")
	}
	if drop {
		err = p.advance()
	}
	return body, err
}

// failOpen reports an unknown tag, or with no name the end of the template.
func (p *parser) failOpen(name string) error {
	msg := "unexpected end of template."
	if name != "" {
		msg = "encountered unknown tag " + quoteRepr(name) + "."
	}
	if len(p.ends) > 0 {
		var want []string
		known := false
		for _, e := range p.ends[len(p.ends)-1] {
			want = append(want, quoteRepr(e))
		}
		for _, ends := range p.ends {
			known = known || slices.Contains(ends, name)
		}
		if known {
			msg += " You probably made a nesting mistake. Jinja is expecting this tag, but currently looking for " + strings.Join(want, " or ") + "."
		} else {
			msg += " Jinja was looking for the following tags: " + strings.Join(want, " or ") + "."
		}
	}
	if len(p.tags) > 0 {
		msg += " The innermost block that needs to be closed is " + quoteRepr(p.tags[len(p.tags)-1]) + "."
	}
	return p.failAt(p.cur.pos, "%s", msg)
}
