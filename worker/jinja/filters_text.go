package jinja

import (
	"encoding/base64"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

func filterB64encode(c *call) (any, error) {
	var data string
	switch v := c.args[0].(type) {
	case bytesValue:
		data = string(v)
	case string:
		data = v
	case markup:
		data = string(v)
	default:
		return nil, typeError("a bytes-like object is required, not %s", quoteRepr(typeName(v)))
	}
	return c.softResult(base64.StdEncoding.EncodeToString([]byte(data)), false)
}

func filterB64decode(c *call) (any, error) {
	s, err := c.rt.text(c.args[0])
	if err != nil {
		return nil, err
	}
	data, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, valueError("not valid base64")
	}
	if !utf8.Valid(data) {
		return bytesValue(data), c.rt.grow(len(data))
	}
	return c.softResult(string(data), false)
}

func filterReplace(c *call) (any, error) {
	n := -1
	if c.given(3) {
		var err error
		if n, err = c.integer(3, -1); err != nil {
			return nil, err
		}
	}
	var text [3]string
	safe := [3]bool{}
	for i := range text {
		var err error
		if text[i], safe[i], err = c.softText(i); err != nil {
			return nil, err
		}
	}
	if !c.rt.autoescape {
		s, err := c.rt.replace(text[0], text[1], text[2], n)
		return s, err
	}
	if safe[1] || safe[2] && !safe[0] {
		if !safe[0] {
			text[0] = escapeHTML(text[0])
		}
		safe[0] = true
	}
	if safe[0] {
		for i := 1; i < 3; i++ {
			if !safe[i] {
				text[i] = escapeHTML(text[i])
			}
		}
	}
	s, err := c.rt.replace(text[0], text[1], text[2], n)
	if err != nil {
		return nil, err
	}
	if safe[0] {
		return markup(s), nil
	}
	return s, nil
}

func filterTrim(c *call) (any, error) {
	s, safe, err := c.softText(0)
	if err != nil {
		return nil, err
	}
	var self any = s
	if safe {
		self = markup(s)
	}
	var args arguments
	if c.has(1) {
		args.pos = []any{c.args[1]}
	}
	return c.rt.invoke(c.rt.env.lib.str["strip"], self, missing, args)
}

func filterCenter(c *call) (any, error) {
	s, safe, err := c.softText(0)
	if err != nil {
		return nil, err
	}
	width, err := c.integer(1, 80)
	if err != nil {
		return nil, err
	}
	if s, err = c.rt.padText(s, width, " ", '^'); err != nil {
		return nil, err
	}
	return c.softResult(s, safe)
}

// filterTitle is Jinja's title: unlike str.title it does not begin a word
// after an apostrophe.
func filterTitle(s string) string {
	var b strings.Builder
	first := true
	for i, r := range s {
		switch {
		case r == '-' || r == '(' || r == '{' || r == '[' || r == '<' || isSpace(r):
			b.WriteRune(r)
			first = true
		case first:
			writeUpper(&b, r)
			first = false
		default:
			writeLower(&b, s, i, r)
		}
	}
	return b.String()
}

func filterWordcount(c *call) (any, error) {
	s, _, err := c.softText(0)
	if err != nil {
		return nil, err
	}
	n, inWord := int64(0), false
	for _, r := range s {
		word := r == '_' || isAlnum(r)
		if word && !inWord {
			n++
		}
		inWord = word
	}
	return n, nil
}

func filterTruncate(c *call) (any, error) {
	s, err := c.str(0)
	if err != nil {
		return c.truncateOther()
	}
	length, err := c.integer(1, 255)
	if err != nil {
		return nil, err
	}
	kill, err := c.flag(2, false)
	if err != nil {
		return nil, err
	}
	end, leeway := "...", 5
	if c.has(3) {
		if end, err = c.str(3); err != nil {
			return nil, err
		}
	}
	if c.given(4) {
		if leeway, err = c.integer(4, 5); err != nil {
			return nil, err
		}
	}
	endLen := utf8.RuneCountInString(end)
	if length < endLen {
		return nil, raise(KindRuntime, "expected length >= %d, got %d", endLen, length)
	}
	if leeway < 0 {
		return nil, raise(KindRuntime, "expected leeway >= 0, got %d", leeway)
	}
	if utf8.RuneCountInString(s) <= length+leeway {
		return c.args[0], nil
	}
	cut := s[:runeOffset(s, length-endLen)]
	if !kill {
		if i := strings.LastIndexByte(cut, ' '); i >= 0 {
			cut = cut[:i]
		}
	}
	if _, safe := c.args[0].(markup); safe {
		if _, endSafe := c.or(3, nil).(markup); !endSafe {
			end = escapeHTML(end)
		}
		return c.softResult(cut+end, true)
	}
	if _, endSafe := c.or(3, nil).(markup); endSafe {
		return c.softResult(escapeHTML(cut)+end, true)
	}
	return c.softResult(cut+end, false)
}

// truncateOther is truncate of a value that is no text: whatever has a length
// within the limit passes.
func (c *call) truncateOther() (any, error) {
	n, err := c.rt.length(c.args[0])
	if err != nil {
		return nil, err
	}
	length, err := c.integer(1, 255)
	if err != nil {
		return nil, err
	}
	if n <= length+5 {
		return c.args[0], nil
	}
	return nil, typeError("cannot truncate %s", typeName(c.args[0]))
}

func filterIndent(c *call) (any, error) {
	s, err := c.str(0)
	if err != nil {
		return nil, typeError("unsupported operand type(s) for +=: %s and 'str'", quoteRepr(typeName(c.args[0])))
	}
	_, safe := c.args[0].(markup)
	indention := "    "
	if c.has(1) {
		if w, ok := textOf(c.args[1]); ok {
			indention = w
			if _, wSafe := c.args[1].(markup); safe && !wSafe {
				indention = w
			}
		} else {
			width, err := toIndex(c.args[1])
			if err != nil {
				return nil, err
			}
			if err := c.rt.grow(max(width, 0)); err != nil {
				return nil, err
			}
			indention = strings.Repeat(" ", max(width, 0))
		}
	}
	first, err := c.flag(2, false)
	if err != nil {
		return nil, err
	}
	blank, err := c.flag(3, false)
	if err != nil {
		return nil, err
	}
	lines := splitLines(s+"\n", false)
	if err := c.rt.repeatBytes(len(indention)+1, len(lines)); err != nil {
		return nil, err
	}
	var b strings.Builder
	for i, line := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		if i == 0 && first || i > 0 && (blank || line != "") {
			b.WriteString(indention)
		}
		b.WriteString(line)
	}
	return c.softResult(b.String(), safe)
}

func filterFormat(c *call) (any, error) {
	if len(c.rest) > 0 && len(c.named) > 0 {
		return nil, raise(KindRuntime, "can't handle positional and keyword arguments at the same time")
	}
	s, safe, err := c.softText(0)
	if err != nil {
		return nil, err
	}
	p := percentFormat{rt: c.rt, args: c.rest, escape: safe}
	if len(c.named) > 0 {
		d := NewDict(len(c.named))
		for _, a := range c.named {
			d.put(a.name, a.name, a.value)
		}
		p.args, p.single = []any{d}, d
	}
	return p.result(s)
}

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

// asciiWord matches Python's \w for the patterns of this file.
func isWordRune(r rune) bool { return r == '_' || unicode.IsLetter(r) || isNumeric(r) }

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
