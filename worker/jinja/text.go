package jinja

import (
	"strings"
	"unicode"
)

// isSpace is Python's str.isspace for one code point.
func isSpace(r rune) bool {
	switch {
	case r < 0x80:
		return r == ' ' || r >= '\t' && r <= '\r' || r >= 0x1c && r <= 0x1f
	case r == 0x85 || r == 0xa0 || r == 0x1680 || r == 0x2028 || r == 0x2029 || r == 0x202f || r == 0x205f || r == 0x3000:
		return true
	}
	return r >= 0x2000 && r <= 0x200a
}

func isPrintable(r rune) bool { return unicode.IsPrint(r) }

// isIdentifier is Python's str.isidentifier.
func isIdentifier(s string) bool {
	for i, r := range s {
		start := r == '_' || unicode.In(r, unicode.L, unicode.Nl, unicode.Other_ID_Start)
		if !start && (i == 0 || !unicode.In(r, unicode.Nd, unicode.Mn, unicode.Mc, unicode.Pc, unicode.Other_ID_Continue)) {
			return false
		}
	}
	return s != ""
}

// escapeHTML escapes as markupsafe does.
func escapeHTML(s string) string {
	more := 0
	for i := 0; i < len(s); i++ {
		if s[i] > '>' {
			continue
		}
		if esc := escapeOf(s[i]); esc != "" {
			more += len(esc) - 1
		}
	}
	if more == 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + more)
	last := 0
	for i := 0; i < len(s); i++ {
		if esc := escapeOf(s[i]); esc != "" {
			b.WriteString(s[last:i])
			b.WriteString(esc)
			last = i + 1
		}
	}
	b.WriteString(s[last:])
	return b.String()
}

func escapeOf(c byte) string {
	switch c {
	case '&':
		return "&amp;"
	case '<':
		return "&lt;"
	case '>':
		return "&gt;"
	case '\'':
		return "&#39;"
	case '"':
		return "&#34;"
	}
	return ""
}

func appendEscaped(buf []byte, s string) []byte {
	last := 0
	for i := 0; i < len(s); i++ {
		if esc := escapeOf(s[i]); esc != "" {
			buf = append(append(buf, s[last:i]...), esc...)
			last = i + 1
		}
	}
	return append(buf, s[last:]...)
}

// escape is markupsafe.escape(v).
func (rt *runtime) escape(v any) (markup, error) {
	if m, ok := v.(markup); ok {
		return m, nil
	}
	s, err := rt.text(v)
	if err != nil {
		return "", err
	}
	s = escapeHTML(s)
	return markup(s), rt.grow(len(s))
}

// toMarkup is Markup(v): v's text, taken as safe.
func (rt *runtime) toMarkup(v any) (any, error) {
	s, err := rt.text(v)
	return markup(s), err
}
