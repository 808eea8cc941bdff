// Package xml encodes trees as XML 1.0. A key @name is an attribute, #text and
// #cdata are text, a list repeats its element, null is left out and "" is an
// empty element. Namespaces are ordinary: @xmlns:cbc and cbc:ID. Text cannot
// break the document; there are no comments, which firewalls refuse.
package xml

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/document"
)

// Options of the format.
type Options struct {
	// Indent with two spaces.
	Indent bool
	// NoDeclaration leaves out <?xml version="1.0" encoding="UTF-8"?>.
	NoDeclaration bool
	// ContentType is application/xml, the default, or text/xml.
	ContentType string
}

// ContentTypes are what XML may be called (RFC 7303), the default first.
func ContentTypes() []string { return []string{"application/xml", "text/xml"} }

// ParseOptions reads `indent: true`, `declaration: false` and `content_type: text/xml`.
func ParseOptions(node configs.Node) (Options, error) {
	r := document.ReadOptions(node)
	opts := Options{
		Indent: r.Flag("indent", false), NoDeclaration: !r.Flag("declaration", true), ContentType: r.Choice("content_type", ContentTypes()...),
	}
	return opts, r.Err()
}

// Encode writes a tree, a map with one key: the root. Characters XML cannot hold are dropped, which is noted with the
// place.
func Encode(tree any, opts Options) (document.Document, error) {
	root, ok := tree.(document.Map)
	if !ok || len(root) != 1 {
		return document.Document{}, fmt.Errorf("XML: %w", document.Misshapen("the tree must be a map with one key, the root element"))
	}
	e := encoder{opts: opts}
	if !opts.NoDeclaration {
		e.out.WriteString(`<?xml version="1.0" encoding="UTF-8"?>`)
	}
	name, value := root[0].Key, root[0].Value
	if _, isList := value.(document.List); isList || value == nil {
		return document.Document{}, fmt.Errorf("XML: %w", document.Misshapen("the root element %s is %s", name, document.Describe(value)))
	}
	if err := e.element(name, value, map[string]bool{"xml": true, "": true}); err != nil {
		return document.Document{}, fmt.Errorf("XML: %w", err)
	}
	if opts.Indent {
		e.out.WriteByte('\n')
	}
	return document.Document{
		Body: e.out.Bytes(), Inserts: e.inserts, ContentType: cmp.Or(opts.ContentType, ContentTypes()[0]), Notes: e.tally.Notes(),
	}, nil
}

type encoder struct {
	opts    Options
	out     bytes.Buffer
	path    []string
	inserts []document.Insert
	tally   document.Tally
}

// element writes one element, a list as many, null as none. The prefixes are those declared around it.
func (e *encoder) element(name string, value any, prefixes map[string]bool) error {
	if len(e.path) > document.MaxDepth {
		return document.Misshapen("the tree is deeper than %d levels", document.MaxDepth)
	}
	if list, ok := value.(document.List); ok {
		for _, item := range list {
			if _, nested := item.(document.List); nested {
				return e.at(document.Misshapen("%s is a list in a list", name))
			}
			if err := e.element(name, item, prefixes); err != nil {
				return err
			}
		}
		return nil
	}
	if value == nil {
		return nil
	}
	e.newLine()
	e.path = append(e.path, name)
	err := e.single(name, value, prefixes)
	e.path = e.path[:len(e.path)-1]
	return err
}

func (e *encoder) single(name string, value any, prefixes map[string]bool) error {
	content, isMap := value.(document.Map)
	if !isMap {
		content = document.Map{{Key: "#text", Value: value}}
	}
	prefixes, err := declare(content, prefixes)
	if err != nil {
		return e.at(err)
	}
	if err := checkName(name, prefixes); err != nil {
		return e.at(err)
	}
	e.out.WriteByte('<')
	e.out.WriteString(name)
	if err := e.attributes(content, prefixes); err != nil {
		return err
	}
	start := e.out.Len()
	e.out.WriteByte('>')
	children, err := e.content(content, prefixes)
	if err != nil {
		return err
	}
	if e.out.Len() == start+1 && !e.inserted() {
		e.out.Truncate(start)
		e.out.WriteString("/>")
		return nil
	}
	if children {
		e.path = e.path[:len(e.path)-1]
		e.newLine()
		e.path = append(e.path, name)
	}
	e.out.WriteString("</")
	e.out.WriteString(name)
	e.out.WriteByte('>')
	return nil
}

func (e *encoder) attributes(content document.Map, prefixes map[string]bool) error {
	var seen []string
	for _, entry := range content {
		name, isAttribute := strings.CutPrefix(entry.Key, "@")
		if !isAttribute || entry.Value == nil {
			continue
		}
		for _, s := range seen {
			if s == name {
				return e.at(document.Misshapen("attribute %s is given twice", name))
			}
		}
		seen = append(seen, name)
		if name != "xmlns" && !strings.HasPrefix(name, "xmlns:") {
			if err := checkName(name, prefixes); err != nil {
				return e.at(err)
			}
		}
		text, err := document.Text(entry.Value)
		if err != nil {
			return e.at(fmt.Errorf("attribute %s: %w", name, err))
		}
		e.out.WriteByte(' ')
		e.out.WriteString(name)
		e.out.WriteString(`="`)
		e.escape(text, true)
		e.out.WriteByte('"')
	}
	return nil
}

// content writes text and children; children is true where only elements are inside, which may be indented.
func (e *encoder) content(content document.Map, prefixes map[string]bool) (children bool, err error) {
	mixed := false
	for _, entry := range content {
		mixed = mixed || strings.HasPrefix(entry.Key, "#")
	}
	if mixed && e.opts.Indent { // white space would become part of the text
		e.opts.Indent = false
		defer func() { e.opts.Indent = true }()
	}
	for _, entry := range content {
		switch {
		case strings.HasPrefix(entry.Key, "@"):
		case entry.Key == "#text" && isEmbedded(entry.Value):
			e.inserts = append(e.inserts, document.Insert{Embedded: entry.Value.(document.Embedded), At: e.out.Len()})
		case entry.Key == "#text", entry.Key == "#cdata":
			text, err := document.Text(entry.Value)
			if err != nil {
				return false, e.at(err)
			}
			if entry.Key == "#cdata" && text != "" {
				e.cdata(text)
			} else {
				e.escape(text, false)
			}
		default:
			before := e.out.Len()
			if err := e.element(entry.Key, entry.Value, prefixes); err != nil {
				return false, err
			}
			children = children || e.out.Len() > before
		}
	}
	return children && !mixed, nil
}

func isEmbedded(value any) bool { _, ok := value.(document.Embedded); return ok }

// inserted: a file belongs where the document has been written to.
func (e *encoder) inserted() bool {
	return len(e.inserts) > 0 && e.inserts[len(e.inserts)-1].At == e.out.Len()
}

func (e *encoder) newLine() {
	if !e.opts.Indent || e.out.Len() == 0 {
		return
	}
	e.out.WriteByte('\n')
	for range e.path {
		e.out.WriteString("  ")
	}
}

// escape writes text; in attributes white space too, which a parser would make spaces (XML 1.0, 3.3.3).
func (e *encoder) escape(s string, attribute bool) {
	dropped := 0
	for i, c := range s {
		switch {
		case !legal(c) || c == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			dropped++
		case c == '&':
			e.out.WriteString("&amp;")
		case c == '<':
			e.out.WriteString("&lt;")
		case c == '>':
			e.out.WriteString("&gt;")
		case c == '\r':
			e.out.WriteString("&#xD;")
		case attribute && c == '"':
			e.out.WriteString("&quot;")
		case attribute && (c == '\n' || c == '\t'):
			fmt.Fprintf(&e.out, "&#x%X;", c)
		default:
			e.out.WriteRune(c)
		}
	}
	e.dropped(dropped)
}

// cdata writes a section, two where the text would end it.
func (e *encoder) cdata(s string) {
	clean := strings.Map(func(c rune) rune {
		if !legal(c) {
			return -1
		}
		return c
	}, strings.ToValidUTF8(s, ""))
	e.dropped(utf8.RuneCountInString(s) - utf8.RuneCountInString(clean))
	e.out.WriteString("<![CDATA[")
	e.out.WriteString(strings.ReplaceAll(clean, "]]>", "]]]]><![CDATA[>"))
	e.out.WriteString("]]>")
}

func (e *encoder) dropped(n int) {
	if n > 0 {
		e.tally.Add(n, "XML: characters that XML cannot hold were dropped at %s", strings.Join(e.path, "/"))
	}
}

// at adds the place to an error.
func (e *encoder) at(err error) error { return fmt.Errorf("%s: %w", strings.Join(e.path, "/"), err) }
