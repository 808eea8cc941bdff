package pipeline

import (
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

// pathTemplate is the template of a path. What comes out of a {{ }} stays within its part: a slash in an invoice number
// makes no directory, a question mark no query.
type pathTemplate struct {
	path  string // of the configuration
	pos   configs.Pos
	parts []pathPart
	file  bool // a file name, not a URL
}

type pathPart struct {
	literal string
	code    *code // nil for a literal
	query   bool  // stands behind a question mark
}

// pathTemplate compiles the template of a path; nil where none is given. Only {{ }} is allowed in it.
func (c *compiler) pathTemplate(at string, t configs.Template, n names, file bool) *pathTemplate {
	if t.IsZero() {
		return nil
	}
	p := &pathTemplate{path: at, pos: t.Pos, file: file}
	rest, offset, query := t.Source, 0, false
	for {
		literal, tail, found := strings.Cut(rest, "{{")
		length := len(literal)
		if strings.Contains(literal, "{%") || strings.Contains(literal, "{#") {
			c.fail(at, t.Pos, "only {{ }} is allowed in a path", "", "compute the value in a set step before")
			return p
		}
		if !file {
			literal, query = c.urlLiteral(at, t, literal, query)
		}
		p.parts = append(p.parts, pathPart{literal: literal})
		if !found {
			return p
		}
		inner, ok := expressionEnd(tail)
		if !ok {
			c.fail(at, t.Pos, "a {{ without its }}", "", "")
			return p
		}
		line, column := place(t.Source, offset+length+2)
		built := c.expression(at, strings.TrimSuffix(strings.TrimPrefix(tail[:inner], "-"), "-"), t.Pos.At(line, column), n)
		p.parts = append(p.parts, pathPart{code: built, query: query})
		offset += length + 2 + inner + 2
		rest = tail[inner+2:]
	}
}

// urlLiteral escapes what stands literally in a URL's path, and tells whether what follows belongs to the query.
func (c *compiler) urlLiteral(at string, t configs.Template, literal string, query bool) (string, bool) {
	if strings.Contains(literal, "://") && !query {
		c.fail(at, t.Pos, "a URL where a path belongs", "", "write the path below the target's base_url")
	}
	if query {
		return literal, true
	}
	before, after, query := strings.Cut(literal, "?")
	var b strings.Builder
	for i := range len(before) {
		if ch := before[i]; ch <= ' ' || ch >= 0x7f || strings.IndexByte("\"<>\\^`{|}#", ch) >= 0 {
			fmt.Fprintf(&b, "%%%02X", ch)
		} else {
			b.WriteByte(ch)
		}
	}
	if query {
		b.WriteString("?" + after)
	}
	return b.String(), query
}

// expressionEnd is where the }} of an expression stands, outside of its quotes and braces.
func expressionEnd(s string) (int, bool) {
	depth := 0
	var quote byte
	for i := 0; i < len(s); i++ {
		switch ch := s[i]; {
		case quote != 0:
			if ch == '\\' {
				i++
			} else if ch == quote {
				quote = 0
			}
		case ch == '\'' || ch == '"':
			quote = ch
		case ch == '{':
			depth++
		case ch == '}' && depth > 0:
			depth--
		case ch == '}' && i+1 < len(s) && s[i+1] == '}':
			return i, true
		}
	}
	return 0, false
}

// build makes the path, escaped, and the query behind it.
func (p *pathTemplate) build(f *frame) (string, url.Values, error) {
	if p == nil {
		return "", nil, nil
	}
	var b strings.Builder
	for _, part := range p.parts {
		if part.code == nil {
			b.WriteString(part.literal)
			continue
		}
		text, err := p.part(f, part)
		if err != nil {
			return "", nil, err
		}
		b.WriteString(text)
	}
	if p.file {
		return b.String(), nil, p.checkElements(f, b.String())
	}
	before, after, _ := strings.Cut(b.String(), "?")
	query, err := url.ParseQuery(after)
	if err != nil {
		return "", nil, outcome.Errorf(outcome.Misconfigured, "path", "%s (%s): the query of the path is malformed", p.path, p.pos)
	}
	return before, query, p.checkElements(f, before)
}

// part evaluates and escapes one {{ }}. An empty one would name another object than the one meant.
func (p *pathTemplate) part(f *frame, part pathPart) (string, error) {
	text, err := part.code.string(f)
	if err != nil {
		return "", err
	}
	switch {
	case part.query:
		return url.QueryEscape(text), nil
	case strings.TrimSpace(text) == "":
		return "", p.refuse(f, "empty_path_part", "is empty, but part of a path")
	case p.file:
		return safeName(text), nil
	}
	return url.PathEscape(text), nil
}

// checkElements refuses the elements . and .. where anything of the path was computed.
func (p *pathTemplate) checkElements(f *frame, built string) error {
	if len(p.parts) == 1 {
		return nil
	}
	for element := range strings.SplitSeq(built, "/") {
		if plain, err := url.PathUnescape(element); err == nil && (plain == "." || plain == "..") {
			return p.refuse(f, "path_traversal", "would lead a path elsewhere")
		}
	}
	if p.file && path.Base(built) != built[strings.LastIndexByte(built, '/')+1:] {
		return p.refuse(f, "empty_path_part", "gives no file name")
	}
	return nil
}

// refuse rejects at the field read last, else it is the configuration's fault.
func (p *pathTemplate) refuse(f *frame, reason, complaint string) error {
	if node := f.notes.last(); node != nil {
		return rejectAt(reason, complaint, node)
	}
	return outcome.Errorf(outcome.Misconfigured, reason, "%s (%s): a value %s", p.path, p.pos, complaint)
}
