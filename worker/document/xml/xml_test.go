package xml_test

import (
	stdxml "encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/document/documenttest"
	"github.com/rossum-relay/rossum-relay/worker/document/xml"
)

type m = document.Map

func TestGolden(t *testing.T) {
	invoice := documenttest.Invoice(len(documenttest.Hostile()))
	lines, _ := invoice.Get("lines")
	tree := m{{Key: "Invoice", Value: m{
		{Key: "@xmlns", Value: "urn:invoice"}, {Key: "@xmlns:cbc", Value: "urn:basic"},
		{Key: "cbc:ID", Value: m{{Key: "@cbc:scheme", Value: `a"b<&` + "\n\t"}, {Key: "@none", Value: nil}, {Key: "#text", Value: "INV-1"}}},
		{Key: "Total", Value: m{{Key: "#text", Value: documenttest.Dec("12.50")}, {Key: "@currency", Value: "EUR"}}},
		{Key: "Credit", Value: false}, {Key: "Date", Value: document.Date("2026-04-08")},
		{Key: "LeftOut", Value: nil}, {Key: "Empty", Value: ""}, {Key: "NoLines", Value: document.List{}}, {Key: "EmptyMap", Value: m{}},
		{Key: "Mixed", Value: m{{Key: "#text", Value: "before "}, {Key: "b", Value: m{{Key: "i", Value: "bold"}}}, {Key: "#cdata", Value: "<raw> ]]> & \x00"}}},
		{Key: "Line", Value: lines},
	}}}
	for name, opts := range map[string]xml.Options{"plain.xml": {}, "indented.xml": {Indent: true}, "bare.xml": {NoDeclaration: true}} {
		doc, err := xml.Encode(tree, opts)
		if err != nil {
			t.Fatal(err)
		}
		documenttest.Golden(t, name, doc.Body)
		documenttest.Golden(t, "notes.txt", []byte(strings.Join(doc.Notes, "\n")+"\n"))
		if doc.ContentType != "application/xml" {
			t.Errorf("content type %s", doc.ContentType)
		}
		if _, err := parse(string(doc.Body)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRefused(t *testing.T) {
	deep := any("leaf")
	for range 200 {
		deep = m{{Key: "a", Value: deep}}
	}
	root := func(entries ...document.Entry) m { return m{{Key: "r", Value: m(entries)}} }
	for want, tree := range map[string]any{
		"a map with one key":                  document.List{},
		"must be a map with one key":          m{{Key: "a", Value: ""}, {Key: "b", Value: ""}},
		"root element a is a list":            m{{Key: "a", Value: document.List{}}},
		"root element a is nothing":           m{{Key: "a"}},
		`"a b" cannot be a name`:              m{{Key: "a b", Value: ""}},
		`"1a" cannot be a name`:               m{{Key: "1a", Value: ""}},
		`"" cannot be a name`:                 m{{Key: "", Value: ""}},
		`"a><b" cannot be a name`:             m{{Key: "a><b", Value: ""}},
		`"a:b:c" cannot be a name`:            m{{Key: "a:b:c", Value: ""}},
		"prefix of cbc:ID is not declared":    root(document.Entry{Key: "cbc:ID", Value: "1"}),
		`r: "x y" cannot be a name`:           root(document.Entry{Key: "@x y", Value: "1"}),
		"attribute x: a list where":           root(document.Entry{Key: "@x", Value: document.List{}}),
		"attribute x is given twice":          root(document.Entry{Key: "@x", Value: "1"}, document.Entry{Key: "@x", Value: "2"}),
		"r: a is a list in a list":            root(document.Entry{Key: "a", Value: document.List{document.List{}}}),
		"the namespace of p must be a text":   root(document.Entry{Key: "@xmlns:p", Value: ""}),
		`"1" cannot be a namespace prefix`:    root(document.Entry{Key: "@xmlns:1", Value: "u"}),
		"r/a: an unknown kind of value where": root(document.Entry{Key: "a", Value: struct{}{}}),
		"deeper than 100 levels":              deep,
	} {
		_, err := xml.Encode(tree, xml.Options{})
		documenttest.WantError(t, err, want)
	}
}

func TestPrefixesEndWithTheirElement(t *testing.T) {
	inner := m{{Key: "@xmlns:p", Value: "urn:p"}, {Key: "p:x", Value: "1"}}
	if _, err := xml.Encode(m{{Key: "r", Value: m{{Key: "p:a", Value: inner}}}}, xml.Options{}); err != nil {
		t.Error(err) // an element may use what it declares itself
	}
	_, err := xml.Encode(m{{Key: "r", Value: m{{Key: "a", Value: inner}, {Key: "p:b", Value: ""}}}}, xml.Options{})
	documenttest.WantError(t, err, "prefix of p:b is not declared")
}

func TestParseOptions(t *testing.T) {
	opts, err := xml.ParseOptions(documenttest.Options("indent", true, "declaration", false, "content_type", "text/xml"))
	if err != nil || opts != (xml.Options{Indent: true, NoDeclaration: true, ContentType: "text/xml"}) {
		t.Errorf("got %+v, %v", opts, err)
	}
	_, err = xml.ParseOptions(documenttest.Options("intend", true))
	documenttest.WantError(t, err, "test.yaml:2:3: unknown option intend")
}

// element is what a parser sees.
type element struct {
	name     string
	attrs    []string
	text     string
	children []element
}

func parse(text string) (element, error) {
	d := stdxml.NewDecoder(strings.NewReader(text))
	var root element
	stack := []*element{&root}
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return root.children[0], nil
		}
		if err != nil {
			return root, err
		}
		top := stack[len(stack)-1]
		switch token := token.(type) {
		case stdxml.StartElement:
			e := element{name: token.Name.Local}
			for _, a := range token.Attr {
				e.attrs = append(e.attrs, a.Value)
			}
			top.children = append(top.children, e)
			stack = append(stack, &top.children[len(top.children)-1])
		case stdxml.EndElement:
			stack = stack[:len(stack)-1]
		case stdxml.CharData:
			top.text += string(token)
		}
	}
}

// TestRoundTrip: a parser reads back every text but for characters XML cannot hold.
func TestRoundTrip(t *testing.T) {
	legal := func(s string) string {
		return strings.Map(func(c rune) rune {
			if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c >= 0xD800 && c <= 0xDFFF || c == 0xFFFE || c == 0xFFFF {
				return -1
			}
			return c
		}, strings.ToValidUTF8(s, ""))
	}
	rapid.Check(t, func(t *rapid.T) {
		attribute, text, cdata := documenttest.Text(t, "attribute"), documenttest.Text(t, "text"), documenttest.Text(t, "cdata")
		lines := document.List{}
		for range rapid.IntRange(0, 3).Draw(t, "lines") {
			lines = append(lines, m{{Key: "t", Value: documenttest.Text(t, "line")}})
		}
		tree := m{{Key: "r", Value: m{{Key: "@a", Value: attribute}, {Key: "t", Value: text}, {Key: "c", Value: m{{Key: "#cdata", Value: cdata}}}, {Key: "l", Value: lines}}}}
		doc, err := xml.Encode(tree, xml.Options{Indent: rapid.Bool().Draw(t, "indent")})
		if err != nil {
			t.Fatal(err)
		}
		root, err := parse(string(doc.Body))
		if err != nil {
			t.Fatalf("%v in %q", err, doc.Body)
		}
		if len(root.children) != 2+len(lines) || root.attrs[0] != legal(attribute) {
			t.Fatalf("got %+v", root)
		}
		newLines := strings.NewReplacer("\r\n", "\n", "\r", "\n") // in CDATA a parser normalises them, XML 1.0, 2.11
		if root.children[0].text != legal(text) || root.children[1].text != newLines.Replace(legal(cdata)) {
			t.Fatalf("got %+v, want %q and %q", root.children, legal(text), legal(cdata))
		}
		for i, line := range lines {
			want, _ := line.(m).Get("t")
			if got := root.children[2+i].children[0].text; got != legal(want.(string)) {
				t.Fatalf("line %d: %q, want %q", i, got, want)
			}
		}
	})
}

func BenchmarkEncode2000Lines(b *testing.B) {
	tree := m{{Key: "Invoice", Value: documenttest.Invoice(2000)}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := xml.Encode(tree, xml.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
