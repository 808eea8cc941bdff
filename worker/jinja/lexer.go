package jinja

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// lexState is what the lexer is inside of.
type lexState int

const (
	inData lexState = iota
	inBlock
	inVariable
	inExpression // all of the source is one expression
)

// lexer splits a template's source into tokens, one at a time.
type lexer struct {
	src      string
	pos      int
	state    lexState
	brackets []byte // closing brackets still expected inside a tag
	trim     bool
	lstrip   bool

	lineStarting bool // the text before pos ended a line
	place        position
	placed       int // byte offset of place
}

func newLexer(src string, opts *Options) *lexer {
	src = strings.ToValidUTF8(src, "\uFFFD")
	src = normalizeNewlines(src)
	if !opts.KeepTrailingNewline {
		src = strings.TrimSuffix(src, "\n")
	}
	return &lexer{src: src, trim: opts.TrimBlocks, lstrip: opts.LstripBlocks, lineStarting: true, place: position{1, 1}}
}

func normalizeNewlines(s string) string {
	if strings.IndexByte(s, '\r') < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// at returns the position of a byte offset. Offsets must not go back far:
// counting resumes where the last call ended.
func (l *lexer) at(offset int) position {
	if offset < l.placed {
		return l.place
	}
	for l.placed < offset {
		r, size := utf8.DecodeRuneInString(l.src[l.placed:])
		l.placed += size
		if r == '\n' {
			l.place.line++
			l.place.col = 1
		} else {
			l.place.col++
		}
	}
	return l.place
}

func (l *lexer) fail(offset int, format string, args ...any) error {
	pos := l.at(offset)
	return &Error{Kind: KindSyntax, Line: pos.line, Column: pos.col, Message: fmt.Sprintf(format, args...)}
}

// advance consumes n bytes and remembers whether they ended a line.
func (l *lexer) advance(n int) {
	if n > 0 {
		l.lineStarting = l.src[l.pos+n-1] == '\n'
	}
	l.pos += n
}

// next returns the next token; at the end, tokEOF again and again.
func (l *lexer) next() (token, error) {
	for {
		if l.pos >= len(l.src) {
			return token{kind: tokEOF, pos: l.at(l.pos)}, nil
		}
		if l.state != inData {
			return l.nextInTag()
		}
		tok, ok, err := l.nextData()
		if ok || err != nil {
			return tok, err
		}
	}
}

// nextData returns the text up to the next tag, or the tag's begin if there
// is no text. Comments and empty text yield nothing.
func (l *lexer) nextData() (token, bool, error) {
	start := l.pos
	open := l.findTag(start)
	if open < 0 {
		tok := token{kind: tokData, text: l.src[start:], pos: l.at(start)}
		l.advance(len(l.src) - start)
		return tok, true, nil
	}
	sign := signAt(l.src, open+2)
	text := l.strip(l.src[start:open], sign, l.src[open+1] == '{')
	if text != "" {
		tok := token{kind: tokData, text: text, pos: l.at(start)}
		l.advance(open - start)
		l.lineStarting = false // the tag that follows must not strip again
		return tok, true, nil
	}
	l.advance(open - start)
	return l.openTag(sign)
}

// findTag returns the offset of the next {{, {% or {#, or -1.
func (l *lexer) findTag(from int) int {
	for {
		i := strings.IndexByte(l.src[from:], '{')
		if i < 0 || from+i+1 >= len(l.src) {
			return -1
		}
		from += i
		switch l.src[from+1] {
		case '{', '%', '#':
			return from
		}
		from++
	}
}

func signAt(s string, i int) byte {
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		return s[i]
	}
	return 0
}

// strip removes what a tag's sign or the lstrip option takes off the text
// before the tag.
func (l *lexer) strip(text string, sign byte, variable bool) string {
	switch {
	case sign == '-':
		return strings.TrimRightFunc(text, isSpace)
	case sign == '+' || !l.lstrip || variable:
		return text
	}
	line := strings.LastIndexByte(text, '\n') + 1
	if (line > 0 || l.lineStarting) && strings.TrimLeftFunc(text[line:], isSpace) == "" {
		return text[:line]
	}
	return text
}

// openTag consumes a tag's begin; comments and raw blocks as a whole.
func (l *lexer) openTag(sign byte) (token, bool, error) {
	size := 2
	if sign != 0 {
		size++
	}
	begin := l.pos
	pos := l.at(begin)
	switch l.src[begin+1] {
	case '#':
		l.advance(size)
		return token{}, false, l.skipComment(begin)
	case '{':
		l.advance(size)
		l.state = inVariable
		return token{kind: tokVariableBegin, pos: pos}, true, nil
	}
	if n := l.rawBegin(begin + size); n > 0 {
		l.advance(size + n)
		return l.rawBlock(begin)
	}
	l.advance(size)
	l.state = inBlock
	return token{kind: tokBlockBegin, pos: pos}, true, nil
}

func (l *lexer) skipComment(begin int) error {
	i := strings.Index(l.src[l.pos:], "#}")
	if i < 0 {
		return l.fail(begin, "missing end of comment tag")
	}
	sign := byte(0)
	if i > 0 {
		sign = signAt(l.src, l.pos+i-1)
	}
	l.advance(i + 2)
	l.afterTag(sign, true)
	return nil
}

// afterTag consumes the white space or the newline that a tag's end takes.
func (l *lexer) afterTag(sign byte, mayTrim bool) {
	switch {
	case sign == '-':
		l.advance(spaceLen(l.src[l.pos:]))
	case sign == 0 && mayTrim && l.trim && strings.HasPrefix(l.src[l.pos:], "\n"):
		l.advance(1)
	}
}

// spaceLen returns the length of the white space s starts with.
func spaceLen(s string) int { return len(s) - len(strings.TrimLeftFunc(s, isSpace)) }

// rawBegin returns the length of the rest of a {% raw %} tag at offset i.
func (l *lexer) rawBegin(i int) int {
	start := i
	i += spaceLen(l.src[i:])
	if !strings.HasPrefix(l.src[i:], "raw") {
		return 0
	}
	i += len("raw")
	i += spaceLen(l.src[i:])
	switch {
	case strings.HasPrefix(l.src[i:], "-%}"):
		i += 3
		i += spaceLen(l.src[i:])
	case strings.HasPrefix(l.src[i:], "%}"):
		i += 2
	default:
		return 0
	}
	return i - start
}

// rawBlock returns the text up to {% endraw %} as data.
func (l *lexer) rawBlock(begin int) (token, bool, error) {
	start := l.pos
	for from := start; ; {
		i := strings.Index(l.src[from:], "{%")
		if i < 0 {
			return token{}, false, l.fail(begin, "missing end of raw directive")
		}
		open := from + i
		sign := signAt(l.src, open+2)
		n, endSign := endRaw(l.src[open:], sign)
		if n == 0 {
			from = open + 2
			continue
		}
		text := l.strip(l.src[start:open], sign, false)
		tok := token{kind: tokData, text: text, pos: l.at(start)}
		l.advance(open + n - start)
		l.afterTag(endSign, true)
		return tok, text != "", nil
	}
}

// endRaw returns the length of an {% endraw %} tag at the start of s and the
// sign before its end, or 0.
func endRaw(s string, sign byte) (int, byte) {
	i := 2
	if sign != 0 {
		i++
	}
	i += spaceLen(s[i:])
	if !strings.HasPrefix(s[i:], "endraw") {
		return 0, 0
	}
	i += len("endraw")
	i += spaceLen(s[i:])
	end := signAt(s, i)
	if end != 0 {
		i++
	}
	if !strings.HasPrefix(s[i:], "%}") {
		return 0, 0
	}
	return i + 2, end
}

// nextInTag returns the next token inside {{ }} or {% %}.
func (l *lexer) nextInTag() (token, error) {
	if n := spaceLen(l.src[l.pos:]); n > 0 {
		l.advance(n)
		if l.pos >= len(l.src) {
			return token{kind: tokEOF, pos: l.at(l.pos)}, nil
		}
	}
	pos := l.at(l.pos)
	if l.atTagEnd() {
		return l.closeTag(pos), nil
	}
	s := l.src[l.pos:]
	c := s[0]
	switch {
	case c >= '0' && c <= '9':
		return l.number(pos), nil
	case c == '\'' || c == '"':
		return l.stringLiteral(pos)
	}
	if n := nameLen(s); n > 0 {
		if !isIdentifier(s[:n]) {
			return token{}, l.fail(l.pos, "invalid character in identifier")
		}
		l.advance(n)
		return token{kind: tokName, text: s[:n], pos: pos}, nil
	}
	kind, n := operatorAt(s)
	if n == 0 {
		r, _ := utf8.DecodeRuneInString(s)
		return token{}, l.fail(l.pos, "unexpected char %s", quoteRepr(string(r)))
	}
	if err := l.balance(s[0]); err != nil {
		return token{}, err
	}
	l.advance(n)
	return token{kind: kind, pos: pos}, nil
}

// atTagEnd reports whether the tag ends here. Inside brackets it cannot.
func (l *lexer) atTagEnd() bool {
	if len(l.brackets) > 0 || l.state == inExpression {
		return false
	}
	s := l.src[l.pos:]
	if l.state == inVariable {
		return strings.HasPrefix(s, "}}") || strings.HasPrefix(s, "-}}")
	}
	return strings.HasPrefix(s, "%}") || strings.HasPrefix(s, "-%}") || strings.HasPrefix(s, "+%}")
}

func (l *lexer) closeTag(pos position) token {
	kind := tokBlockEnd
	if l.state == inVariable {
		kind = tokVariableEnd
	}
	sign := signAt(l.src, l.pos)
	if sign != 0 {
		l.advance(1)
	}
	l.advance(2)
	l.afterTag(sign, kind == tokBlockEnd)
	l.state = inData
	return token{kind: kind, pos: pos}
}

// balance tracks brackets, so that }} inside them does not end the tag.
func (l *lexer) balance(c byte) error {
	switch c {
	case '{':
		l.brackets = append(l.brackets, '}')
	case '(':
		l.brackets = append(l.brackets, ')')
	case '[':
		l.brackets = append(l.brackets, ']')
	case '}', ')', ']':
		if len(l.brackets) == 0 {
			return l.fail(l.pos, "unexpected '%c'", c)
		}
		want := l.brackets[len(l.brackets)-1]
		if want != c {
			return l.fail(l.pos, "unexpected '%c', expected '%c'", c, want)
		}
		l.brackets = l.brackets[:len(l.brackets)-1]
	}
	return nil
}

func nameLen(s string) int {
	for i, r := range s {
		if r < utf8.RuneSelf {
			if r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
				continue
			}
			return i
		}
		if !unicode.In(r, unicode.L, unicode.N, unicode.Mn, unicode.Mc, unicode.Pc) {
			return i
		}
	}
	return len(s)
}
