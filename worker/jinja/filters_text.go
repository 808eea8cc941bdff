package jinja

import (
	"encoding/base64"
	"strings"
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

// filterTitle returns str for Markup, too, as Jinja2's does.
func filterTitle(c *call) (any, error) {
	s, _, err := c.softText(0)
	if err != nil {
		return nil, err
	}
	return c.softResult(titleWords(s), false)
}

// titleWords is Jinja's title: unlike str.title it does not begin a word
// after an apostrophe.
func titleWords(s string) string {
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
