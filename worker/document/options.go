package document

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rossum-relay/rossum-relay/configs"
)

// OptionReader reads a format's options from its configuration, each by name. Err tells what was wrong, names nobody
// asked for included.
type OptionReader struct {
	node  configs.Node
	known []string
	errs  configs.Errors
}

// ReadOptions begins to read a map of options; an absent node holds none.
func ReadOptions(node configs.Node) *OptionReader {
	r := &OptionReader{node: node}
	if node.Kind != configs.NodeMap && node.Kind != configs.NodeNone && node.Kind != configs.NodeNull {
		r.Fail(node.Pos, "options are a map, not %s", node.Kind)
	}
	return r
}

// Fail notes a problem.
func (r *OptionReader) Fail(pos configs.Pos, format string, args ...any) {
	r.errs = append(r.errs, configs.Error{Pos: pos, Message: fmt.Sprintf(format, args...)})
}

// Node is the value of an option; absent it is the zero Node.
func (r *OptionReader) Node(name string) configs.Node {
	r.known = append(r.known, name)
	value, _ := r.node.Map.Get(name)
	return value
}

// Text is an option that is any text.
func (r *OptionReader) Text(name, fallback string) string {
	n := r.Node(name)
	switch n.Kind {
	case configs.NodeNone, configs.NodeNull:
		return fallback
	case configs.NodeString, configs.NodeNumber:
		return n.Text
	}
	r.Fail(n.Pos, "%s is text, not %s", name, n.Kind)
	return fallback
}

// Choice is an option that is one of several words, the first where it is absent.
func (r *OptionReader) Choice(name string, words ...string) string {
	n := r.Node(name)
	if n.IsZero() {
		return words[0]
	}
	if !slices.Contains(words, n.Text) {
		r.Fail(n.Pos, "%s is one of %s", name, strings.Join(words, ", "))
		return words[0]
	}
	return n.Text
}

// Flag is an option that is true or false.
func (r *OptionReader) Flag(name string, fallback bool) bool {
	n := r.Node(name)
	switch n.Kind {
	case configs.NodeNone:
		return fallback
	case configs.NodeBool:
		return n.Text == "true"
	}
	r.Fail(n.Pos, "%s is true or false", name)
	return fallback
}

// Int is an option that is a whole number within bounds.
func (r *OptionReader) Int(name string, fallback, lowest, highest int) int {
	n := r.Node(name)
	if n.IsZero() {
		return fallback
	}
	v, err := strconv.Atoi(n.Text)
	if n.Kind != configs.NodeNumber || err != nil || v < lowest || v > highest {
		r.Fail(n.Pos, "%s is a whole number from %d to %d", name, lowest, highest)
		return fallback
	}
	return v
}

// Character is an option that is a single character, or tab.
func (r *OptionReader) Character(name string, fallback rune) rune {
	text := r.Text(name, string(fallback))
	if text == "tab" {
		return '\t'
	}
	c, size := utf8.DecodeRuneInString(text)
	if size != len(text) || c == utf8.RuneError || c == '\r' || c == '\n' {
		n, _ := r.node.Map.Get(name)
		r.Fail(n.Pos, "%s is a single character, or tab", name)
		return fallback
	}
	return c
}

// Mask is an option that is a date mask, see Date.Format.
func (r *OptionReader) Mask(name, fallback string) string {
	mask := r.Text(name, fallback)
	if _, err := Date("2000-01-01").Format(mask); err != nil {
		n, _ := r.node.Map.Get(name)
		r.Fail(n.Pos, "%s: %s", name, err)
	}
	return mask
}

// Texts is an option that is a list of texts.
func (r *OptionReader) Texts(name string) []string {
	n := r.Node(name)
	if n.IsZero() {
		return nil
	}
	if n.Kind != configs.NodeList {
		r.Fail(n.Pos, "%s is a list", name)
	}
	texts := make([]string, 0, len(n.List))
	for _, item := range n.List {
		if item.Kind != configs.NodeString && item.Kind != configs.NodeNumber {
			r.Fail(item.Pos, "%s holds texts, not %s", name, item.Kind)
		}
		texts = append(texts, item.Text)
	}
	return texts
}

// Err is what was wrong with the options read so far, and the options that were not read.
func (r *OptionReader) Err() error { return r.problems().Err() }

func (r *OptionReader) problems() configs.Errors {
	errs := r.errs
	for _, entry := range r.node.Map {
		if !slices.Contains(r.known, entry.Name) {
			p := configs.Error{Pos: entry.Pos, Message: "unknown option " + entry.Name}
			p.Try = "use one of " + strings.Join(r.known, ", ")
			errs = append(errs, p)
		}
	}
	return errs
}

// Join is Err with the problems of readers of nested options.
func (r *OptionReader) Join(inner ...*OptionReader) error {
	for _, i := range inner {
		r.errs = append(r.errs, i.problems()...)
	}
	return r.Err()
}
