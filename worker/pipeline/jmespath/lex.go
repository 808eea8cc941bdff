package jmespath

import (
	"encoding/json"
	"strconv"
	"strings"
)

type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenName
	tokenQuoted
	tokenLiteral
	tokenNumber
	tokenDot
	tokenStar
	tokenOpenBracket
	tokenCloseBracket
	tokenFilter  // [?
	tokenFlatten // []
	tokenOpenBrace
	tokenCloseBrace
	tokenOpenParen
	tokenCloseParen
	tokenComma
	tokenColon
	tokenCurrent
	tokenReference
	tokenOr
	tokenAnd
	tokenNot
	tokenPipe
	tokenCompare
)

// power is how tightly a token binds what stands before it.
func (k tokenKind) power() int {
	switch k {
	case tokenPipe:
		return 1
	case tokenOr:
		return 2
	case tokenAnd:
		return 3
	case tokenCompare:
		return 5
	case tokenFlatten:
		return 9
	case tokenStar:
		return 20
	case tokenFilter:
		return 21
	case tokenDot:
		return 40
	case tokenNot:
		return 45
	case tokenOpenBrace:
		return 50
	case tokenOpenBracket:
		return 55
	case tokenOpenParen:
		return 60
	}
	return 0
}

type token struct {
	kind   tokenKind
	text   string
	value  any // of literals and numbers
	offset int
}

func (t token) String() string {
	if t.kind == tokenEnd {
		return "end of the expression"
	}
	return strconv.Quote(t.text)
}

// symbols are the tokens that are always the same, longer ones first.
func symbols() []token {
	return []token{
		{kind: tokenFilter, text: "[?"}, {kind: tokenFlatten, text: "[]"}, {kind: tokenOr, text: "||"}, {kind: tokenAnd, text: "&&"},
		{kind: tokenCompare, text: "=="}, {kind: tokenCompare, text: "!="}, {kind: tokenCompare, text: "<="}, {kind: tokenCompare, text: ">="},
		{kind: tokenCompare, text: "<"}, {kind: tokenCompare, text: ">"}, {kind: tokenNot, text: "!"}, {kind: tokenPipe, text: "|"},
		{kind: tokenReference, text: "&"}, {kind: tokenDot, text: "."}, {kind: tokenStar, text: "*"}, {kind: tokenOpenBracket, text: "["},
		{kind: tokenCloseBracket, text: "]"}, {kind: tokenOpenBrace, text: "{"}, {kind: tokenCloseBrace, text: "}"}, {kind: tokenOpenParen, text: "("},
		{kind: tokenCloseParen, text: ")"}, {kind: tokenComma, text: ","}, {kind: tokenColon, text: ":"}, {kind: tokenCurrent, text: "@"},
	}
}

func lex(source string) ([]token, error) {
	var tokens []token
	known := symbols()
	for at := 0; at < len(source); {
		if strings.ContainsRune(" \t\r\n", rune(source[at])) {
			at++
			continue
		}
		t, err := next(source, at, known)
		if err != nil {
			return nil, err
		}
		t.offset = at
		tokens = append(tokens, t)
		at += len(t.text)
	}
	return append(tokens, token{kind: tokenEnd, offset: len(source)}), nil
}

func next(source string, at int, known []token) (token, error) {
	rest := source[at:]
	switch c := rest[0]; {
	case isLetter(c):
		return token{kind: tokenName, text: rest[:span(rest, func(c byte) bool { return isLetter(c) || isDigit(c) })]}, nil
	case isDigit(c) || c == '-':
		text := rest[:1+span(rest[1:], isDigit)]
		n, err := strconv.Atoi(text)
		if err != nil {
			return token{}, errorf(at, "a number of at most 18 digits is needed")
		}
		return token{kind: tokenNumber, text: text, value: n}, nil
	case c == '"' || c == '\'' || c == '`':
		return quoted(rest, at, c)
	}
	for _, s := range known {
		if strings.HasPrefix(rest, s.text) {
			return s, nil
		}
	}
	return token{}, errorf(at, "unexpected character")
}

func isLetter(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

func span(s string, is func(byte) bool) int {
	n := 0
	for n < len(s) && is(s[n]) {
		n++
	}
	return n
}

// quoted reads "a name", 'a raw string' or `a JSON literal`.
func quoted(rest string, at int, quote byte) (token, error) {
	end := 1
	for end < len(rest) && rest[end] != quote {
		if rest[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(rest) {
		return token{}, errorf(at, "a quote is not closed")
	}
	text, inner := rest[:end+1], rest[1:end]
	switch quote {
	case '\'':
		return token{kind: tokenLiteral, text: text, value: strings.ReplaceAll(inner, `\'`, `'`)}, nil
	case '"':
		var name string
		if err := json.Unmarshal([]byte(text), &name); err != nil {
			return token{}, errorf(at, "a quoted name is not written as in JSON")
		}
		return token{kind: tokenQuoted, text: text, value: name}, nil
	}
	value, err := literal(strings.ReplaceAll(inner, "\\`", "`"))
	if err != nil {
		return token{}, errorf(at, "a literal is not JSON")
	}
	return token{kind: tokenLiteral, text: text, value: value}, nil
}
