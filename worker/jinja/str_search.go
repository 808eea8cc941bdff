package jinja

import (
	"strings"
	"unicode/utf8"
)

// textList returns parts as a list of the object's type.
func (c *call) textList(parts []string) (any, error) {
	if err := c.rt.growItems(len(parts), 2*itemBytes); err != nil {
		return nil, err
	}
	items := make([]any, len(parts))
	for i, p := range parts {
		items[i] = p
		if _, ok := c.self.(markup); ok {
			items[i] = markup(p)
		}
	}
	return newList(items), nil
}

func (c *call) splitArgs() (sep string, limit int, err error) {
	if c.given(0) {
		if sep, err = c.str(0); err != nil {
			return "", 0, err
		}
		if sep == "" {
			return "", 0, valueError("empty separator")
		}
	}
	limit, err = c.integer(1, -1)
	return sep, limit, err
}

func strSplit(c *call) (any, error) {
	s, _ := textOf(c.self)
	sep, limit, err := c.splitArgs()
	if err != nil {
		return nil, err
	}
	if sep == "" {
		return c.textList(splitSpace(s, limit))
	}
	if err := c.rt.growItems(strings.Count(s, sep), itemBytes); err != nil {
		return nil, err
	}
	if limit < 0 {
		return c.textList(strings.Split(s, sep))
	}
	return c.textList(strings.SplitN(s, sep, limit+1))
}

func strRsplit(c *call) (any, error) {
	s, _ := textOf(c.self)
	sep, limit, err := c.splitArgs()
	if err != nil {
		return nil, err
	}
	if limit < 0 {
		return strSplit(c)
	}
	return c.textList(rsplit(s, sep, limit))
}

// splitSpace splits at runs of white space, at most limit times if that is
// not negative.
func splitSpace(s string, limit int) []string {
	var parts []string
	for {
		s = strings.TrimLeftFunc(s, isSpace)
		if s == "" {
			return parts
		}
		if limit == 0 {
			return append(parts, s)
		}
		limit--
		end := strings.IndexFunc(s, isSpace)
		if end < 0 {
			return append(parts, s)
		}
		parts = append(parts, s[:end])
		s = s[end:]
	}
}

// rsplit splits from the right, at most limit times, at sep or with no sep at
// runs of white space.
func rsplit(s, sep string, limit int) []string {
	var parts []string
	for {
		var end int
		width := len(sep)
		if sep == "" {
			if s = strings.TrimRightFunc(s, isSpace); s == "" {
				break
			}
			if end = strings.LastIndexFunc(s, isSpace); end >= 0 {
				_, width = utf8.DecodeRuneInString(s[end:])
			}
		} else {
			end = strings.LastIndex(s, sep)
		}
		if limit == 0 || end < 0 {
			parts = append(parts, s)
			break
		}
		limit--
		parts = append(parts, s[end+width:])
		s = s[:end]
	}
	for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
		parts[i], parts[j] = parts[j], parts[i]
	}
	return parts
}

func strSplitlines(c *call) (any, error) {
	s, _ := textOf(c.self)
	keep, err := c.flag(0, false)
	if err != nil {
		return nil, err
	}
	return c.textList(splitLines(s, keep))
}

// splitLines splits at every line boundary Python knows.
func splitLines(s string, keep bool) []string {
	var lines []string
	for s != "" {
		i := strings.IndexFunc(s, isLineEnd)
		if i < 0 {
			return append(lines, s)
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		if strings.HasPrefix(s[i:], "\r\n") {
			size = 2
		}
		end := i
		if keep {
			end += size
		}
		lines = append(lines, s[:end])
		s = s[i+size:]
	}
	return lines
}

func isLineEnd(r rune) bool {
	return r >= '\n' && r <= '\r' || r >= 0x1c && r <= 0x1e || r == 0x85 || r == 0x2028 || r == 0x2029
}

func (c *call) textTuple(parts ...string) (any, error) {
	v, err := c.textList(parts)
	if err == nil {
		v.(*List).tuple = true
	}
	return v, err
}

func strPartition(c *call) (any, error) {
	s, _ := textOf(c.self)
	sep, err := c.textArg(0)
	if err != nil {
		return nil, err
	}
	if sep == "" {
		return nil, valueError("empty separator")
	}
	before, after, found := strings.Cut(s, sep)
	if !found {
		return c.textTuple(s, "", "")
	}
	return c.textTuple(before, sep, after)
}

func strRpartition(c *call) (any, error) {
	s, _ := textOf(c.self)
	sep, err := c.textArg(0)
	if err != nil {
		return nil, err
	}
	if sep == "" {
		return nil, valueError("empty separator")
	}
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return c.textTuple("", "", s)
	}
	return c.textTuple(s[:i], sep, s[i+len(sep):])
}

// window cuts the text to [start:end) in code points, given as parameters i
// and i+1, and reports false where start lies beyond the end.
func (c *call) window(s string, i int) (cut string, offset int, ok bool, err error) {
	if !c.given(i) && !c.given(i+1) {
		return s, 0, true, nil
	}
	n := utf8.RuneCountInString(s)
	bounds := [2]int{0, n}
	for j := range bounds {
		if !c.given(i + j) {
			continue
		}
		if bounds[j], err = sliceIndex(c.args[i+j]); err != nil {
			return "", 0, false, err
		}
		if bounds[j] < 0 {
			bounds[j] = max(bounds[j]+n, 0)
		}
	}
	start, end := bounds[0], min(bounds[1], n)
	if start > n || start > end {
		return "", 0, false, nil
	}
	from := runeOffset(s, start)
	return s[from : from+runeOffset(s[from:], end-start)], start, true, nil
}

func strAffix(has func(s, affix string) bool) func(*call) (any, error) {
	return func(c *call) (any, error) {
		s, _ := textOf(c.self)
		s, _, ok, err := c.window(s, 1)
		if err != nil {
			return nil, err
		}
		if t, isTuple := c.args[0].(*List); isTuple && t.tuple {
			for _, item := range t.all() {
				affix, isStr := textOf(item)
				if !isStr {
					return nil, typeError("tuple for startswith must only contain str, not %s", typeName(item))
				}
				if ok && has(s, affix) {
					return true, nil
				}
			}
			return false, nil
		}
		affix, err := c.str(0)
		return ok && err == nil && has(s, affix), err
	}
}

func strRemove(remove func(s, affix string) string) func(*call) (any, error) {
	return func(c *call) (any, error) {
		s, _ := textOf(c.self)
		affix, err := c.str(0)
		if err != nil {
			return nil, err
		}
		return remove(s, affix), nil
	}
}

func strFind(find func(s, sub string) int, must bool) func(*call) (any, error) {
	return func(c *call) (any, error) {
		s, _ := textOf(c.self)
		sub, err := c.str(0)
		if err != nil {
			return nil, err
		}
		cut, offset, ok, err := c.window(s, 1)
		if err != nil {
			return nil, err
		}
		i := -1
		if ok {
			i = find(cut, sub)
		}
		switch {
		case i >= 0:
			return int64(offset + utf8.RuneCountInString(cut[:i])), nil
		case must:
			return nil, valueError("substring not found")
		}
		return int64(-1), nil
	}
}

func strCount(c *call) (any, error) {
	s, _ := textOf(c.self)
	sub, err := c.str(0)
	if err != nil {
		return nil, err
	}
	cut, _, ok, err := c.window(s, 1)
	if err != nil || !ok {
		return int64(0), err
	}
	return int64(strings.Count(cut, sub)), nil
}
