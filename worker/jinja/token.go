package jinja

import "strings"

// tokenKind is the sort of a token. Operators are their own kind, so that the
// parser compares kinds only.
type tokenKind int

const (
	tokEOF tokenKind = iota
	tokData
	tokVariableBegin
	tokVariableEnd
	tokBlockBegin
	tokBlockEnd
	tokName
	tokString
	tokInteger
	tokFloat
	tokAdd
	tokSub
	tokMul
	tokDiv
	tokFloorDiv
	tokMod
	tokPow
	tokTilde
	tokLBracket
	tokRBracket
	tokLParen
	tokRParen
	tokLBrace
	tokRBrace
	tokEq
	tokNe
	tokGt
	tokGe
	tokLt
	tokLe
	tokAssign
	tokDot
	tokColon
	tokPipe
	tokComma
	tokSemicolon
)

// String describes the kind as Jinja2's messages do.
func (k tokenKind) String() string {
	return [...]string{"end of template", "template data / text", "begin of print statement",
		"end of print statement", "begin of statement block", "end of statement block", "name", "string",
		"integer", "float", "+", "-", "*", "/", "//", "%", "**", "~", "[", "]", "(", ")", "{", "}", "==", "!=",
		">", ">=", "<", "<=", "=", ".", ":", "|", ",", ";"}[k]
}

type token struct {
	kind tokenKind
	text string // a name, the text of data, a number's digits, a string's value
	pos  position
}

func (t token) is(name string) bool { return t.kind == tokName && t.text == name }

// describe names the token in a message.
func (t token) describe() string {
	if t.kind == tokName {
		return t.text
	}
	return t.kind.String()
}

// operatorAt returns the operator s starts with and its length, or 0.
func operatorAt(s string) (tokenKind, int) {
	if len(s) > 1 {
		switch s[:2] {
		case "//":
			return tokFloorDiv, 2
		case "**":
			return tokPow, 2
		case "==":
			return tokEq, 2
		case "!=":
			return tokNe, 2
		case ">=":
			return tokGe, 2
		case "<=":
			return tokLe, 2
		}
	}
	if i := strings.IndexByte(shortOperators, s[0]); i >= 0 {
		return shortKinds()[i], 1
	}
	return tokEOF, 0
}

// shortOperators are the operators of one character, shortKinds their kinds.
const shortOperators = "+-*/%~[](){}><=.:|,;"

func shortKinds() [len(shortOperators)]tokenKind {
	return [...]tokenKind{tokAdd, tokSub, tokMul, tokDiv, tokMod, tokTilde, tokLBracket, tokRBracket, tokLParen, tokRParen,
		tokLBrace, tokRBrace, tokGt, tokLt, tokAssign, tokDot, tokColon, tokPipe, tokComma, tokSemicolon}
}
