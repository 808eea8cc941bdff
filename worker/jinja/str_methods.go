package jinja

import (
	"strings"
)

// strMethods are the methods of str and Markup. A Markup's methods escape
// text arguments and return Markup, as markupsafe's do.
func strMethods() map[string]*builtin {
	return methodTable(
		method{"upper", "/", mapText(upper)},
		method{"lower", "/", mapText(lower)},
		method{"casefold", "/", plainText(casefold)},
		method{"capitalize", "/", mapText(capitalize)},
		method{"title", "/", mapText(titleCase)},
		method{"swapcase", "/", mapText(swapcase)},
		method{"strip", "/ chars?", strStrip(true, true)},
		method{"lstrip", "/ chars?", strStrip(true, false)},
		method{"rstrip", "/ chars?", strStrip(false, true)},
		method{"replace", "/ old new count?", strReplace},
		method{"split", "sep? maxsplit?", strSplit},
		method{"rsplit", "sep? maxsplit?", strRsplit},
		method{"splitlines", "keepends?", strSplitlines},
		method{"partition", "/ sep", strPartition},
		method{"rpartition", "/ sep", strRpartition},
		method{"join", "/ items", strJoin},
		method{"startswith", "/ prefix start? end?", strAffix(strings.HasPrefix)},
		method{"endswith", "/ suffix start? end?", strAffix(strings.HasSuffix)},
		method{"removeprefix", "/ prefix", strRemove(strings.TrimPrefix)},
		method{"removesuffix", "/ suffix", strRemove(strings.TrimSuffix)},
		method{"find", "/ sub start? end?", strFind(strings.Index, false)},
		method{"rfind", "/ sub start? end?", strFind(strings.LastIndex, false)},
		method{"index", "/ sub start? end?", strFind(strings.Index, true)},
		method{"rindex", "/ sub start? end?", strFind(strings.LastIndex, true)},
		method{"count", "/ sub start? end?", strCount},
		method{"center", "/ width fill?", strPad('^')},
		method{"ljust", "/ width fill?", strPad('<')},
		method{"rjust", "/ width fill?", strPad('>')},
		method{"zfill", "/ width", strZfill},
		method{"expandtabs", "tabsize?", strExpandtabs},
		method{"format", "* **", strFormatMethod},
		method{"format_map", "/ mapping", strFormatMap},
		method{"encode", "encoding? errors?", strEncode},
		method{"translate", "/ table", strTranslate},
		method{"isalnum", "/", testText(isAlnum)},
		method{"isalpha", "/", testText(isAlpha)},
		method{"isascii", "/", func(c *call) (any, error) { s, _ := textOf(c.self); return isASCII(s), nil }},
		method{"isdecimal", "/", testText(isDecimalDigit)},
		method{"isdigit", "/", testText(isDigitRune)},
		method{"isnumeric", "/", testText(isNumeric)},
		method{"isspace", "/", testText(isSpace)},
		method{"isidentifier", "/", func(c *call) (any, error) { s, _ := textOf(c.self); return isIdentifier(s), nil }},
		method{"isprintable", "/", strIsPrintable},
		method{"islower", "/", func(c *call) (any, error) { s, _ := textOf(c.self); return isLower(s), nil }},
		method{"isupper", "/", func(c *call) (any, error) { s, _ := textOf(c.self); return isUpper(s), nil }},
		method{"istitle", "/", func(c *call) (any, error) { s, _ := textOf(c.self); return isTitle(s), nil }},
		method{"unescape", "/", markupUnescape},
		method{"striptags", "/", markupStriptags},
	)
}

// likeSelf returns s as the type of the method's object.
func (c *call) likeSelf(s string) (any, error) {
	if err := c.rt.grow(len(s)); err != nil {
		return nil, err
	}
	if _, ok := c.self.(markup); ok {
		return markup(s), nil
	}
	return s, nil
}

// textArg returns parameter i as text, escaped if the object is Markup and
// the argument is not.
func (c *call) textArg(i int) (string, error) {
	s, err := c.str(i)
	if err != nil {
		return "", err
	}
	if _, ok := c.self.(markup); ok {
		if _, safe := c.args[i].(markup); !safe {
			s = escapeHTML(s)
		}
	}
	return s, nil
}

func mapText(fn func(string) string) func(*call) (any, error) {
	return func(c *call) (any, error) {
		s, _ := textOf(c.self)
		return c.likeSelf(fn(s))
	}
}

func plainText(fn func(string) string) func(*call) (any, error) {
	return func(c *call) (any, error) {
		s, _ := textOf(c.self)
		s = fn(s)
		return s, c.rt.grow(len(s))
	}
}

// testText is true if the text is not empty and every code point passes.
func testText(fn func(rune) bool) func(*call) (any, error) {
	return func(c *call) (any, error) {
		s, _ := textOf(c.self)
		for _, r := range s {
			if !fn(r) {
				return false, nil
			}
		}
		return s != "", nil
	}
}

func strIsPrintable(c *call) (any, error) {
	s, _ := textOf(c.self)
	for _, r := range s {
		if !isPrintable(r) {
			return false, nil
		}
	}
	return true, nil
}

func strStrip(left, right bool) func(*call) (any, error) {
	return func(c *call) (any, error) {
		s, _ := textOf(c.self)
		inSet := isSpace
		if c.given(0) {
			chars, err := c.textArg(0)
			if err != nil {
				return nil, err
			}
			inSet = func(r rune) bool { return strings.ContainsRune(chars, r) }
			if err := c.rt.step(len(chars) >> 3); err != nil {
				return nil, err
			}
		}
		if left {
			s = strings.TrimLeftFunc(s, inSet)
		}
		if right {
			s = strings.TrimRightFunc(s, inSet)
		}
		return c.likeSelf(s)
	}
}

func strReplace(c *call) (any, error) {
	s, _ := textOf(c.self)
	old, err := c.textArg(0)
	if err != nil {
		return nil, err
	}
	with, err := c.textArg(1)
	if err != nil {
		return nil, err
	}
	n, err := c.integer(2, -1)
	if err != nil {
		return nil, err
	}
	s, err = c.rt.replace(s, old, with, n)
	if err != nil {
		return nil, err
	}
	if _, ok := c.self.(markup); ok {
		return markup(s), nil
	}
	return s, nil
}

// replace is str.replace; the size of the result is checked first.
func (rt *runtime) replace(s, old, with string, n int) (string, error) {
	found := strings.Count(s, old)
	if n >= 0 {
		found = min(found, n)
	}
	grown := len(s)
	if more := len(with) - len(old); more > 0 && found > 0 {
		if found > rt.limits.ValueBytes/more {
			return "", rt.grow(rt.limits.ValueBytes + 1)
		}
		grown += found * more
	}
	if err := rt.grow(grown); err != nil {
		return "", err
	}
	return strings.Replace(s, old, with, n), nil
}

func strJoin(c *call) (any, error) {
	sep, _ := textOf(c.self)
	_, isMarkup := c.self.(markup)
	var b []byte
	first, rt := true, c.rt
	err := rt.each(c.args[0], func(item any) error {
		s, ok := textOf(item)
		if isMarkup {
			m, err := rt.escape(item)
			if err != nil {
				return err
			}
			s = string(m)
		} else if !ok {
			return typeError("sequence item: expected str instance, %s found", typeName(item))
		}
		if !first {
			b = append(b, sep...)
		}
		first = false
		b = append(b, s...)
		return rt.checkSize(len(b))
	})
	if err != nil {
		return nil, err
	}
	return c.likeSelf(string(b))
}
