package jinja

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// number reads an integer or float literal.
func (l *lexer) number(pos position) token {
	s := l.src[l.pos:]
	afterDot := l.pos > 0 && l.src[l.pos-1] == '.'
	kind := tokFloat
	n := 0
	if !afterDot {
		n = floatLen(s)
	}
	if n == 0 {
		kind, n = tokInteger, integerLen(s)
	}
	l.advance(n)
	return token{kind: kind, text: strings.ReplaceAll(s[:n], "_", ""), pos: pos}
}

// floatLen returns the length of the float literal s starts with, or 0.
func floatLen(s string) int {
	n := digitsLen(s)
	if n < len(s) && s[n] == '.' {
		if frac := digitsLen(s[n+1:]); frac > 0 {
			n += 1 + frac
			return n + exponentLen(s[n:])
		}
	}
	if e := exponentLen(s[n:]); e > 0 {
		return n + e
	}
	return 0
}

func exponentLen(s string) int {
	if s == "" || s[0] != 'e' && s[0] != 'E' {
		return 0
	}
	n := 1
	if n < len(s) && (s[n] == '+' || s[n] == '-') {
		n++
	}
	if d := digitsLen(s[n:]); d > 0 {
		return n + d
	}
	return 0
}

// digitsLen returns the length of decimal digits with single underscores
// between them.
func digitsLen(s string) int { return baseDigitsLen(s, 10) }

func baseDigitsLen(s string, base int) int {
	n := 0
	for n < len(s) {
		switch {
		case isDigit(s[n], base):
			n++
		case s[n] == '_' && n > 0 && n+1 < len(s) && isDigit(s[n+1], base):
			n += 2
		default:
			return n
		}
	}
	return n
}

func isDigit(c byte, base int) bool {
	v := 99
	switch {
	case '0' <= c && c <= '9':
		v = int(c - '0')
	case 'a' <= c && c <= 'f':
		v = int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		v = int(c-'A') + 10
	}
	return v < base
}

// integerLen returns the length of the integer literal s starts with, at
// least 1. A leading zero ends the literal unless only zeros follow.
func integerLen(s string) int {
	if s[0] != '0' {
		return digitsLen(s)
	}
	if len(s) > 2 {
		base := 0
		switch s[1] {
		case 'b', 'B':
			base = 2
		case 'o', 'O':
			base = 8
		case 'x', 'X':
			base = 16
		}
		if base > 0 {
			digits := s[2:]
			if digits[0] == '_' {
				digits = digits[1:]
			}
			if n := baseDigitsLen(digits, base); n > 0 {
				return len(s) - len(digits) + n
			}
		}
	}
	return baseDigitsLen(s, 1)
}

// stringLiteral reads a quoted string.
func (l *lexer) stringLiteral(pos position) (token, error) {
	s := l.src[l.pos:]
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			value, err := l.unescape(s[1:i])
			l.advance(i + 1)
			return token{kind: tokString, text: value, pos: pos}, err
		}
	}
	return token{}, l.fail(l.pos, "unexpected char %s", quoteRepr(s[:1]))
}

// unescape resolves Python's escapes. Unknown ones stay as written.
func (l *lexer) unescape(s string) (string, error) {
	if strings.IndexByte(s, '\\') < 0 {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] != '\\' || i+1 >= len(s) {
			b.WriteByte(s[i])
			i++
			continue
		}
		n, err := l.unescapeOne(&b, s[i+1:])
		if err != nil {
			return "", err
		}
		i += 1 + n
	}
	return b.String(), nil
}

// unescapeOne writes the escape whose text after the backslash is s and
// returns how much of s it took.
func (l *lexer) unescapeOne(b *strings.Builder, s string) (int, error) {
	const from, to = "\\'\"abfnrtv", "\\'\"\a\b\f\n\r\t\v"
	c := s[0]
	if i := strings.IndexByte(from, c); i >= 0 {
		b.WriteByte(to[i])
		return 1, nil
	}
	switch c {
	case '\n':
		return 1, nil
	case 'x':
		return l.unescapeHex(b, s, 2)
	case 'u':
		return l.unescapeHex(b, s, 4)
	case 'U':
		return l.unescapeHex(b, s, 8)
	case 'N':
		return 0, l.fail(l.pos, "\\N escapes are not supported")
	}
	if isDigit(c, 8) {
		n := 1
		for n < 3 && n < len(s) && isDigit(s[n], 8) {
			n++
		}
		v, _ := strconv.ParseUint(s[:n], 8, 32)
		b.WriteRune(rune(v))
		return n, nil
	}
	b.WriteByte('\\')
	if c < utf8.RuneSelf {
		return 0, nil
	}
	// Jinja2 turns such a character into an escape of its own before it
	// resolves escapes, which the backslash in front then spoils.
	r, size := utf8.DecodeRuneInString(s)
	switch {
	case r < 0x100:
		b.WriteString("x" + hexPad(r, 2))
	case r < 0x10000:
		b.WriteString("u" + hexPad(r, 4))
	default:
		b.WriteString("U" + hexPad(r, 8))
	}
	return size, nil
}

func hexPad(r rune, width int) string {
	s := strconv.FormatInt(int64(r), 16)
	return strings.Repeat("0", max(0, width-len(s))) + s
}

func (l *lexer) unescapeHex(b *strings.Builder, s string, digits int) (int, error) {
	if len(s) < 1+digits {
		return 0, l.fail(l.pos, "truncated \\%c escape", s[0])
	}
	v, err := strconv.ParseUint(s[1:1+digits], 16, 32)
	if err != nil {
		return 0, l.fail(l.pos, "truncated \\%c escape", s[0])
	}
	if v > utf8.MaxRune {
		return 0, l.fail(l.pos, "illegal Unicode character")
	}
	b.WriteRune(rune(v)) // a lone surrogate becomes U+FFFD
	return 1 + digits, nil
}
