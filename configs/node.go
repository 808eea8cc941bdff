package configs

import (
	"strconv"
	"strings"
)

// String names the kind for messages.
func (k NodeKind) String() string {
	return [...]string{"nothing", "nothing", "true or false", "a number", "text", "a list", "a map"}[k]
}

// At is the place of a line and column inside a value that starts at p, both counted from 1: where a template of the
// configuration is wrong. It is exact for plain, quoted and block scalars without escapes, and near for others.
func (p Pos) At(line, column int) Pos {
	return Pos{File: p.File, Line: p.Line + line - 1, Column: p.Column + column - 1}
}

// Value is the tree in Go's own types: nil, bool, int64 (float64 where it has a fraction, an exponent or does not fit),
// string, []any and map[string]any.
func (n Node) Value() any {
	switch n.Kind {
	case NodeBool:
		return n.Text == "true"
	case NodeNumber:
		return number(n.Text)
	case NodeString:
		return n.Text
	case NodeList:
		list := make([]any, len(n.List))
		for i, item := range n.List {
			list[i] = item.Value()
		}
		return list
	case NodeMap:
		m := make(map[string]any, len(n.Map))
		for _, entry := range n.Map {
			m[entry.Name] = entry.Value.Value()
		}
		return m
	}
	return nil
}

func number(text string) any {
	if !strings.ContainsAny(text, ".eE") {
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return i
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return text
	}
	return f
}

// size is the number of nodes of the tree.
func (n Node) size() int {
	total := 1
	for _, item := range n.List {
		total += item.size()
	}
	for _, entry := range n.Map {
		total += entry.Value.size()
	}
	return total
}

// depth is the number of levels below the node.
func (n Node) depth() int {
	below := 0
	for _, item := range n.List {
		below = max(below, 1+item.depth())
	}
	for _, entry := range n.Map {
		below = max(below, 1+entry.Value.depth())
	}
	return below
}
