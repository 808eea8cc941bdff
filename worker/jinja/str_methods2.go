package jinja

import (
	"strings"
	"unicode/utf8"
)

func strPad(align byte) func(*call) (any, error) {
	return func(c *call) (any, error) {
		s, _ := textOf(c.self)
		width, err := c.integer(0, 0)
		if err != nil {
			return nil, err
		}
		fill := " "
		if c.has(1) {
			if fill, err = c.textArg(1); err != nil {
				return nil, err
			}
			if utf8.RuneCountInString(fill) != 1 {
				return nil, typeError("the fill character must be exactly one character long")
			}
		}
		s, err = c.rt.padText(s, width, fill, align)
		if err != nil {
			return nil, err
		}
		return c.likeSelf(s)
	}
}

// padText pads to width code points. Centered text leans as Python's does.
func (rt *runtime) padText(s string, width int, fill string, align byte) (string, error) {
	n := width - utf8.RuneCountInString(s)
	if n <= 0 {
		return s, nil
	}
	if err := rt.repeatBytes(len(fill), n); err != nil {
		return "", err
	}
	left, right := 0, n
	switch align {
	case '>':
		left, right = n, 0
	case '^':
		left = n/2 + n&width&1
		right = n - left
	}
	return strings.Repeat(fill, left) + s + strings.Repeat(fill, right), nil
}

func strZfill(c *call) (any, error) {
	s, _ := textOf(c.self)
	width, err := c.integer(0, 0)
	if err != nil {
		return nil, err
	}
	sign := ""
	if s != "" && (s[0] == '+' || s[0] == '-') {
		sign, s = s[:1], s[1:]
	}
	if s, err = c.rt.padText(s, width-len(sign), "0", '>'); err != nil {
		return nil, err
	}
	return c.likeSelf(sign + s)
}

func strExpandtabs(c *call) (any, error) {
	s, _ := textOf(c.self)
	size, err := c.integer(0, 8)
	if err != nil {
		return nil, err
	}
	if err := c.rt.repeatBytes(max(size, 0), strings.Count(s, "\t")); err != nil {
		return nil, err
	}
	var b strings.Builder
	col := 0
	for _, r := range s {
		switch {
		case r == '\t':
			if size > 0 {
				n := size - col%size
				b.WriteString(strings.Repeat(" ", n))
				col += n
			}
			continue
		case r == '\n' || r == '\r':
			col = -1
		}
		col++
		b.WriteRune(r)
	}
	return c.likeSelf(b.String())
}

func strEncode(c *call) (any, error) {
	s, _ := textOf(c.self)
	encoding, errs := "utf-8", "strict"
	var err error
	if c.has(0) {
		if encoding, err = c.str(0); err != nil {
			return nil, err
		}
	}
	if c.has(1) {
		if errs, err = c.str(1); err != nil {
			return nil, err
		}
	}
	b, err := encodeText(s, encoding, errs)
	if err != nil {
		return nil, err
	}
	return bytesValue(b), c.rt.grow(len(b))
}

func encodeText(s, encoding, errs string) (string, error) {
	limit := rune(0)
	switch strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(encoding)) {
	case "utf8", "u8":
		return s, nil
	case "ascii", "usascii":
		limit = 0x80
	case "latin1", "iso88591", "l1":
		limit = 0x100
	default:
		return "", raise(KindLookup, "unknown encoding: %s", encoding)
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r < limit:
			b.WriteByte(byte(r))
		case errs == "ignore":
		case errs == "replace":
			b.WriteByte('?')
		case errs == "xmlcharrefreplace":
			b.WriteString("&#" + (int64Text(int64(r))) + ";")
		case errs == "backslashreplace":
			b.WriteString(asciiOnly(string(r)))
		default:
			return "", valueError("%s codec can't encode a character: ordinal not in range(%d)", quoteRepr(encoding), limit)
		}
	}
	return b.String(), nil
}

func strTranslate(c *call) (any, error) {
	s, _ := textOf(c.self)
	table, ok := c.args[0].(*Dict)
	if !ok {
		return nil, typeError("translate() needs a dict of code points")
	}
	var b strings.Builder
	for _, r := range s {
		v, found, err := table.get(int64(r))
		if err != nil {
			return nil, err
		}
		if !found {
			b.WriteRune(r)
			continue
		}
		switch v := v.(type) {
		case nil:
		case int64:
			b.WriteRune(rune(v))
		case string:
			b.WriteString(v)
		default:
			return nil, typeError("character mapping must return integer, None or str")
		}
		if err := c.rt.checkSize(b.Len()); err != nil {
			return nil, err
		}
	}
	return c.likeSelf(b.String())
}

func bytesMethods() map[string]*builtin {
	return methodTable(
		method{"decode", "encoding? errors?", bytesDecode},
		method{"hex", "/", bytesHex},
	)
}

func bytesHex(c *call) (any, error) {
	b := c.self.(bytesValue)
	return hexText(string(b)), c.rt.grow(2 * len(b))
}

func hexText(s string) string {
	const digits = "0123456789abcdef"
	b := make([]byte, 0, 2*len(s))
	for i := range len(s) {
		b = append(b, digits[s[i]>>4], digits[s[i]&15])
	}
	return string(b)
}

func bytesDecode(c *call) (any, error) {
	s := string(c.self.(bytesValue))
	encoding, errs := "utf-8", "strict"
	var err error
	if c.has(0) {
		if encoding, err = c.str(0); err != nil {
			return nil, err
		}
	}
	if c.has(1) {
		if errs, err = c.str(1); err != nil {
			return nil, err
		}
	}
	switch strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(encoding)) {
	case "utf8", "u8", "ascii", "usascii":
		if !utf8.ValidString(s) {
			switch errs {
			case "ignore":
				return strings.ToValidUTF8(s, ""), nil
			case "replace":
				return strings.ToValidUTF8(s, "\uFFFD"), nil
			}
			return nil, valueError("%s codec can't decode bytes", quoteRepr(encoding))
		}
		return s, nil
	case "latin1", "iso88591", "l1":
		runes := make([]rune, len(s))
		for i := range len(s) {
			runes[i] = rune(s[i])
		}
		return string(runes), c.rt.grow(2 * len(s))
	}
	return nil, raise(KindLookup, "unknown encoding: %s", encoding)
}
