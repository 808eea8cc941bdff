package jinja

import (
	"regexp"
	"strings"
	"unicode"
)

func filterJoin(c *call) (any, error) {
	rt := c.rt
	get := rt.attrGetter(c.attribute(2), nil, false)
	sep := c.or(1, "")
	values, err := rt.list(c.args[0])
	if err != nil {
		return nil, err
	}
	_, sepSafe := sep.(markup)
	anySafe := sepSafe
	for i := range values {
		if values[i], err = get(values[i]); err != nil {
			return nil, err
		}
		anySafe = anySafe || isEscaped(values[i])
	}
	escape := rt.autoescape && anySafe
	sepText, err := rt.appendText(nil, sep, escape)
	if err != nil {
		return nil, err
	}
	var b []byte
	for i, v := range values {
		if i > 0 {
			b = append(b, sepText...)
		}
		if b, err = rt.appendText(b, v, escape); err != nil {
			return nil, err
		}
		if err := rt.checkSize(len(b)); err != nil {
			return nil, err
		}
	}
	return c.softResult(string(b), escape)
}

const hexDigits = "0123456789ABCDEF"

// urlQuote is urllib.parse.quote.
func urlQuote(s, safe string, forQuery bool) string {
	var b strings.Builder
	for i := range len(s) {
		ch := s[i]
		switch {
		case 'a' <= ch && ch <= 'z' || 'A' <= ch && ch <= 'Z' || '0' <= ch && ch <= '9',
			strings.IndexByte("_.-~", ch) >= 0, strings.IndexByte(safe, ch) >= 0:
			b.WriteByte(ch)
		case ch == ' ' && forQuery:
			b.WriteByte('+')
		default:
			b.WriteByte('%')
			b.WriteByte(hexDigits[ch>>4])
			b.WriteByte(hexDigits[ch&15])
		}
	}
	return b.String()
}

func filterUrlencode(c *call) (any, error) {
	rt := c.rt
	quote := func(v any, forQuery bool) (string, error) {
		var s string
		var err error
		if b, ok := v.(bytesValue); ok {
			s = string(b)
		} else {
			s, err = rt.text(v)
		}
		if forQuery {
			return urlQuote(s, "", true), err
		}
		return urlQuote(s, "/", false), err
	}
	value := c.args[0]
	if d, ok := value.(*Dict); ok {
		value = &dictView{d, viewItems}
	}
	_, iterErr := rt.iterate(value)
	if isText(value) || iterErr != nil {
		s, err := quote(value, false)
		if err != nil {
			return nil, err
		}
		return c.softResult(s, false)
	}
	var b strings.Builder
	err := rt.each(value, func(item any) error {
		kv, err := rt.list(item)
		if err != nil {
			return err
		}
		if len(kv) != 2 {
			return valueError("expected pairs, got a sequence of %d", len(kv))
		}
		k, err := quote(kv[0], true)
		if err != nil {
			return err
		}
		v, err := quote(kv[1], true)
		if err != nil {
			return err
		}
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(k + "=" + v)
		return rt.checkSize(b.Len())
	})
	if err != nil {
		return nil, err
	}
	return c.softResult(b.String(), false)
}

func filterXmlattr(c *call) (any, error) {
	d, ok := c.args[0].(*Dict)
	if !ok {
		return nil, noAttribute(c.args[0], "items")
	}
	space, err := c.flag(1, true)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for i, e := range d.entries {
		v := d.at(i)
		if v == nil || IsUndefined(v) {
			continue
		}
		key, ok := textOf(e.key)
		if !ok {
			return nil, typeError("expected string or bytes-like object, got %s", quoteRepr(typeName(e.key)))
		}
		if strings.ContainsAny(key, " \t\n\r\f\v/>=") {
			return nil, valueError("invalid character in attribute name: %s", quoteRepr(key))
		}
		k, err := c.rt.escape(e.key)
		if err != nil {
			return nil, err
		}
		text, err := c.rt.escape(v)
		if err != nil {
			return nil, err
		}
		if b.Len() > 0 || space {
			b.WriteByte(' ')
		}
		b.WriteString(string(k) + `="` + string(text) + `"`)
	}
	return c.softResult(b.String(), c.rt.autoescape)
}

// isWordRune is what \w matches in a Python pattern.
func isWordRune(r rune) bool { return r == '_' || unicode.IsLetter(r) || isNumeric(r) }

// Tags and comments, as markupsafe finds them.
var (
	commentPattern = regexp.MustCompile(`(?s)<!--.*?-->`)
	tagPattern     = regexp.MustCompile(`(?s)<.*?>`)
)

func filterStriptags(c *call) (any, error) {
	s, err := c.rt.text(c.args[0])
	if err != nil {
		return nil, err
	}
	return c.softResult(stripTags(s), false)
}

func stripTags(s string) string {
	s = commentPattern.ReplaceAllString(s, "")
	s = tagPattern.ReplaceAllString(s, "")
	return unescapeHTML(strings.Join(splitSpace(s, -1), " "))
}

func markupUnescape(c *call) (any, error) {
	s, ok := c.self.(markup)
	if !ok {
		return nil, noAttribute(c.self, "unescape")
	}
	return unescapeHTML(string(s)), nil
}

func markupStriptags(c *call) (any, error) {
	s, ok := c.self.(markup)
	if !ok {
		return nil, noAttribute(c.self, "striptags")
	}
	return c.softResult(stripTags(string(s)), false)
}
