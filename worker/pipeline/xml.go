package pipeline

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/encoding/ianaindex"

	"github.com/rossum-relay/rossum-relay/worker/jinja"
)

// element is an element of an answer in XML. Names with a namespace are {uri}name, as in Python's ElementTree.
type element struct {
	name     string
	attrs    map[string]string
	text     []byte // before the first child
	tail     []byte // behind its end
	children []*element
	parent   *element
}

// maxElements bounds the elements of one answer.
const maxElements = 500_000

// xml is response.xml('path'): the text of the first element, null without one; with all=true the texts of all. Paths are
// those of Python's ElementTree, relative to the root element.
func (r *response) xml(_ context.Context, args []any, kwargs map[string]any) (any, error) {
	a := arguments{args, kwargs}
	source, ok := a.text(0, "path", "")
	if !ok || source == "" {
		return nil, typeError("xml takes a path")
	}
	path, err := compileXMLPath(source)
	if err != nil {
		return nil, &jinja.Error{Kind: jinja.KindValue, Message: err.Error()}
	}
	if r.root == nil {
		if r.root, err = parseXML(r.resp.Body); err != nil {
			r.err = err
			return nil, &jinja.Error{Kind: jinja.KindValue, Message: err.Error()}
		}
	}
	found := path.find(r.root)
	if every, _ := a.get(1, "all"); every == true {
		list := jinja.NewList()
		for _, e := range found {
			list.Append(e.own())
		}
		return list, nil
	}
	if len(found) == 0 {
		return nil, nil
	}
	return found[0].own(), nil
}

// parseXML reads a document. Its encoding may be any that IANA names; its entities only XML's own.
func parseXML(data []byte) (*element, error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	d.CharsetReader = func(charset string, input io.Reader) (io.Reader, error) {
		e, err := ianaindex.IANA.Encoding(charset)
		if err != nil || e == nil {
			return nil, fmt.Errorf("unknown encoding")
		}
		return e.NewDecoder().Reader(input), nil
	}
	var root, at *element
	for count, depth := 0, 0; ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && root != nil && at == nil {
			return root, nil
		}
		if err != nil {
			return nil, fmt.Errorf("the response's body is not XML")
		}
		switch token := token.(type) {
		case xml.StartElement:
			if count, depth = count+1, depth+1; count > maxElements || depth > maxDepth {
				return nil, fmt.Errorf("the response's XML is too large")
			}
			at = newElement(token, at)
			if root == nil {
				root = at
			}
		case xml.EndElement:
			at, depth = at.parent, depth-1
		case xml.CharData:
			if at != nil {
				at.addText(token)
			}
		}
	}
}

func newElement(token xml.StartElement, parent *element) *element {
	e := &element{name: qualified(token.Name), attrs: map[string]string{}, parent: parent}
	for _, a := range token.Attr {
		if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
			e.attrs[qualified(a.Name)] = a.Value
		}
	}
	if parent != nil {
		parent.children = append(parent.children, e)
	}
	return e
}

func (e *element) addText(text []byte) {
	if n := len(e.children); n > 0 {
		e.children[n-1].tail = append(e.children[n-1].tail, text...)
		return
	}
	e.text = append(e.text, text...)
}

func qualified(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return "{" + n.Space + "}" + n.Local
}

// allText is the text of the element and everything below it.
func (e *element) allText() string {
	var b strings.Builder
	e.writeText(&b)
	return b.String()
}

func (e *element) writeText(b *strings.Builder) {
	b.Write(e.text)
	for _, c := range e.children {
		c.writeText(b)
		b.Write(c.tail)
	}
}

// own is the text before the first child, trimmed.
func (e *element) own() string { return strings.TrimSpace(string(e.text)) }
