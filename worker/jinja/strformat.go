package jinja

import (
	"strconv"
	"strings"
)

// strFormat is one running str.format.
type strFormat struct {
	rt     *runtime
	pos    []any
	named  func(name string) (any, error)
	auto   int  // next automatic number, -1 once numbers are given by hand
	manual bool // numbers are given by hand
	escape bool // the format is Markup
	// kept is Markup that is the whole result, as its format changed nothing: Python returns the same object.
	kept bool
}

// maxFieldDepth is how deep replacement fields nest, as in Python.
const maxFieldDepth = 2

func (sf *strFormat) run(text string, depth int) (string, error) {
	if depth > maxFieldDepth {
		return "", valueError("max string recursion exceeded")
	}
	var b []byte
	for text != "" {
		i := strings.IndexAny(text, "{}")
		if i < 0 {
			b = append(b, text...)
			break
		}
		b = append(b, text[:i]...)
		if i+1 < len(text) && text[i+1] == text[i] {
			b = append(b, text[i])
			text = text[i+2:]
			continue
		}
		if text[i] == '}' {
			return "", valueError("single '}' encountered in format string")
		}
		field, rest, err := cutField(text[i+1:])
		if err != nil {
			return "", err
		}
		s, err := sf.field(field, depth)
		if err == nil {
			err = sf.rt.grow(len(s))
		}
		if err != nil {
			return "", err
		}
		sf.kept = sf.kept && len(b) == 0 && rest == ""
		b = append(b, s...)
		text = rest
	}
	return string(b), sf.rt.grow(len(b))
}

// cutField splits after the brace that closes a replacement field.
func cutField(s string) (field, rest string, err error) {
	depth := 1
	inIndex := false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '[' && depth == 1:
			inIndex = true
		case c == ']':
			inIndex = false
		case inIndex:
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				return s[:i], s[i+1:], nil
			}
		}
	}
	if s == "" {
		return "", "", valueError("single '{' encountered in format string")
	}
	return "", "", valueError("expected '}' before end of string")
}

// field formats name!conversion:spec.
func (sf *strFormat) field(field string, depth int) (string, error) {
	name, conversion, spec, err := splitField(field)
	if err != nil {
		return "", err
	}
	v, err := sf.value(name)
	if err != nil {
		return "", err
	}
	if strings.IndexByte(spec, '{') >= 0 || strings.IndexByte(spec, '}') >= 0 {
		if spec, err = sf.run(spec, depth+1); err != nil {
			return "", err
		}
	}
	switch conversion {
	case 's':
		v, err = sf.rt.text(v)
	case 'r':
		v, err = sf.rt.repr(v)
	case 'a':
		var s string
		s, err = sf.rt.repr(v)
		v = asciiOnly(s)
	}
	if err != nil {
		return "", err
	}
	s, err := sf.rt.format(v, spec)
	m, safe := v.(markup)
	sf.kept = safe && spec != "" && s == string(m)
	if err != nil || !sf.escape {
		return s, err
	}
	if safe {
		if spec != "" {
			return "", valueError("unsupported format specification for Markup")
		}
		return s, nil
	}
	return escapeHTML(s), nil
}

func splitField(field string) (name string, conversion byte, spec string, err error) {
	end := len(field)
	inIndex := false
	for i := range len(field) {
		if c := field[i]; c == '[' {
			inIndex = true
		} else if c == ']' {
			inIndex = false
		} else if !inIndex && (c == '!' || c == ':') {
			end = i
			break
		}
	}
	name, rest := field[:end], field[end:]
	if strings.ContainsAny(name, "{}") {
		return "", 0, "", valueError("unexpected '{' in field name")
	}
	if strings.HasPrefix(rest, "!") {
		if len(rest) < 2 {
			return "", 0, "", valueError("end of string while looking for conversion specifier")
		}
		conversion, rest = rest[1], rest[2:]
		if rest != "" && rest[0] != ':' {
			return "", 0, "", valueError("expected ':' after conversion specifier")
		}
		if strings.IndexByte("sra", conversion) < 0 {
			return "", 0, "", valueError("unknown conversion specifier %c", conversion)
		}
	}
	return name, conversion, strings.TrimPrefix(rest, ":"), nil
}

// value looks up a field name: an argument, then attributes and items.
func (sf *strFormat) value(name string) (any, error) {
	end := strings.IndexAny(name, ".[")
	if end < 0 {
		end = len(name)
	}
	v, err := sf.argument(name[:end])
	for rest := name[end:]; rest != "" && err == nil; {
		v, rest, err = sf.accessor(v, rest)
	}
	return v, err
}

func (sf *strFormat) argument(name string) (any, error) {
	i, err := strconv.Atoi(name)
	switch {
	case name == "":
		if sf.manual {
			return nil, valueError("cannot switch from manual field specification to automatic field numbering")
		}
		i = sf.auto
		sf.auto++
	case err != nil || name[0] == '+' || name[0] == '-':
		if isNumeral(name) {
			return nil, valueError("too many decimal digits in format string")
		}
		return sf.named(name)
	default:
		if sf.auto > 0 {
			return nil, valueError("cannot switch from automatic field numbering to manual field specification")
		}
		sf.manual = true
	}
	if sf.pos == nil && sf.named == nil || i >= len(sf.pos) {
		return nil, raise(KindLookup, "replacement index %d out of range for positional args tuple", i)
	}
	return sf.pos[i], nil
}

func isNumeral(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// accessor applies the .name or [item] that rest begins with.
func (sf *strFormat) accessor(v any, rest string) (any, string, error) {
	if rest[0] == '.' {
		name := rest[1:]
		if i := strings.IndexAny(name, ".["); i >= 0 {
			name = name[:i]
		}
		if name == "" {
			return nil, "", valueError("empty attribute in format string")
		}
		if u, ok := v.(*undefined); ok && u.kind != Chainable {
			return nil, "", u.err()
		}
		x, ok, err := sf.rt.attributeOnly(v, name)
		if err == nil && !ok {
			err = raise(KindAttribute, "%s object has no attribute %s", quoteRepr(typeName(v)), quoteRepr(name))
		}
		return x, rest[1+len(name):], err
	}
	end := strings.IndexByte(rest, ']')
	if end < 0 {
		return nil, "", valueError("missing ']' in format string")
	}
	name := rest[1:end]
	if name == "" {
		return nil, "", valueError("empty attribute in format string")
	}
	after := rest[end+1:]
	if after != "" && after[0] != '.' && after[0] != '[' {
		return nil, "", valueError("only '.' or '[' may follow ']' in format field specifier")
	}
	var key any = name
	if isNumeral(name) {
		i, err := strconv.Atoi(name)
		if err != nil {
			return nil, "", valueError("too many decimal digits in format string")
		}
		key = int64(i)
	}
	x, ok, err := sf.rt.itemOnly(v, key)
	if err == nil && !ok {
		err = raise(KindLookup, "%s", quoteRepr(name))
	}
	return x, after, err
}

// formatMethod is str.format and str.format_map.
func (c *call) formatMethod(pos []any, named func(string) (any, error)) (any, error) {
	text, _ := textOf(c.self)
	_, isMarkup := c.self.(markup)
	sf := &strFormat{rt: c.rt, pos: pos, named: named, escape: isMarkup}
	s, err := sf.run(text, 1)
	if err != nil {
		return nil, err
	}
	if isMarkup || sf.kept {
		return markup(s), nil
	}
	return s, nil
}

func strFormatMethod(c *call) (any, error) {
	named := c.named
	return c.formatMethod(c.rest, func(name string) (any, error) {
		for _, a := range named {
			if a.name == name {
				return a.value, nil
			}
		}
		return nil, raise(KindLookup, "%s", quoteRepr(name))
	})
}

func strFormatMap(c *call) (any, error) {
	mapping, rt := c.args[0], c.rt
	return c.formatMethod(nil, func(name string) (any, error) {
		v, ok, err := rt.itemOnly(mapping, name)
		if err == nil && !ok {
			err = raise(KindLookup, "%s", quoteRepr(name))
		}
		return v, err
	})
}
