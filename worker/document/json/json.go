// Package json encodes trees as JSON (RFC 8259): keys in order, decimals
// exact, valid UTF-8, nothing escaped that need not be.
package json

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/shopspring/decimal"
)

// Options of the format.
type Options struct {
	// Indent with two spaces.
	Indent bool
	// DecimalStrings writes decimals as strings, which SAP's OData V2 wants; whole numbers stay numbers.
	DecimalStrings bool
}

// ParseOptions reads `indent: true` and `decimals: number | string`.
func ParseOptions(node configs.Node) (Options, error) {
	r := document.ReadOptions(node)
	opts := Options{
		Indent:         r.Flag("indent", false),
		DecimalStrings: r.Choice("decimals", "number", "string") == "string",
	}
	return opts, r.Err()
}

// Encode writes a tree. Bytes that are not UTF-8 become U+FFFD, which is noted.
func Encode(tree any, opts Options) (document.Document, error) {
	e := encoder{opts: opts}
	if err := e.value(tree, 0); err != nil {
		return document.Document{}, fmt.Errorf("JSON: %w", err)
	}
	return document.Document{Body: e.out.Bytes(), ContentType: "application/json", Notes: e.tally.Notes()}, nil
}

type encoder struct {
	opts  Options
	out   bytes.Buffer
	tally document.Tally
}

func (e *encoder) value(v any, depth int) error {
	if depth > document.MaxDepth {
		return document.Misshapen("the tree is deeper than %d levels", document.MaxDepth)
	}
	switch v := v.(type) {
	case nil:
		e.out.WriteString("null")
	case bool:
		e.out.WriteString(strconv.FormatBool(v))
	case string:
		e.text(v)
	case document.Date:
		e.text(string(v))
	case document.Map:
		return e.object(v, depth)
	case document.List:
		return e.array(v, depth)
	default:
		return e.number(v)
	}
	return nil
}

func (e *encoder) number(v any) error {
	text, ok, err := document.Number(v)
	if !ok {
		return document.Misshapen("%s cannot be written", document.Describe(v))
	}
	if _, isDecimal := v.(decimal.Decimal); isDecimal && e.opts.DecimalStrings {
		text = `"` + text + `"`
	}
	e.out.WriteString(text)
	return err
}

func (e *encoder) object(m document.Map, depth int) error {
	e.out.WriteByte('{')
	seen := make(map[string]bool, len(m))
	for i, entry := range m {
		if seen[entry.Key] {
			return document.Misshapen("key %q is given twice", entry.Key)
		}
		seen[entry.Key] = true
		e.separate(i, depth+1)
		e.text(entry.Key)
		e.out.WriteByte(':')
		if e.opts.Indent {
			e.out.WriteByte(' ')
		}
		if err := e.value(entry.Value, depth+1); err != nil {
			return fmt.Errorf("%s: %w", entry.Key, err)
		}
	}
	e.end(len(m), depth, '}')
	return nil
}

func (e *encoder) array(list document.List, depth int) error {
	e.out.WriteByte('[')
	for i, item := range list {
		e.separate(i, depth+1)
		if err := e.value(item, depth+1); err != nil {
			return fmt.Errorf("%d: %w", i, err)
		}
	}
	e.end(len(list), depth, ']')
	return nil
}

func (e *encoder) separate(i, depth int) {
	if i > 0 {
		e.out.WriteByte(',')
	}
	e.newLine(depth)
}

func (e *encoder) end(n, depth int, bracket byte) {
	if n > 0 {
		e.newLine(depth)
	}
	e.out.WriteByte(bracket)
}

func (e *encoder) newLine(depth int) {
	if !e.opts.Indent {
		return
	}
	e.out.WriteByte('\n')
	for range depth {
		e.out.WriteString("  ")
	}
}

// text escapes what RFC 8259, 7, demands and nothing else: no HTML escaping.
func (e *encoder) text(s string) {
	const hex = "0123456789abcdef"
	e.out.WriteByte('"')
	start := 0
	for i := 0; i < len(s); {
		c, size := utf8.DecodeRuneInString(s[i:])
		broken := c == utf8.RuneError && size == 1
		if c >= ' ' && c != '"' && c != '\\' && !broken {
			i += size
			continue
		}
		e.out.WriteString(s[start:i])
		switch {
		case broken:
			e.tally.Add(1, "JSON: bytes that are not UTF-8 were replaced")
			e.out.WriteRune(utf8.RuneError)
		case c == '"', c == '\\':
			e.out.WriteByte('\\')
			e.out.WriteRune(c)
		case c == '\n':
			e.out.WriteString(`\n`)
		case c == '\r':
			e.out.WriteString(`\r`)
		case c == '\t':
			e.out.WriteString(`\t`)
		default:
			e.out.WriteString(`\u00`)
			e.out.WriteByte(hex[c>>4])
			e.out.WriteByte(hex[c&15])
		}
		i += size
		start = i
	}
	e.out.WriteString(s[start:])
	e.out.WriteByte('"')
}
