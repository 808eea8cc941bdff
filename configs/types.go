package configs

import (
	"fmt"
	"time"
)

// Pos is a place in a configuration file.
type Pos struct {
	File         string
	Line, Column int
}

// String is file:line:column.
func (p Pos) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// Named is an ordered map of the file: names in file order, each with its position.
type Named[T any] []Entry[T]

// Entry is one name of a Named.
type Entry[T any] struct {
	Name  string
	Pos   Pos
	Value T
}

// Get finds a name.
func (n Named[T]) Get(name string) (T, bool) {
	for _, e := range n {
		if e.Name == name {
			return e.Value, true
		}
	}
	var zero T
	return zero, false
}

// Expr is a bare Jinja expression, field.document_type != "proforma", with its position.
type Expr struct {
	Source string
	Pos    Pos
}

// IsZero reports whether no expression is given.
func (e Expr) IsZero() bool { return e.Source == "" }

// Template is a string with {{ }}; one that is exactly one {{ }} keeps its native type.
type Template struct {
	Source string
	Pos    Pos
}

// IsZero reports whether no template is given.
func (t Template) IsZero() bool { return t.Source == "" }

// QueueRef names a Rossum queue by name or id.
type QueueRef struct {
	Name string // as written
	ID   int64  // 0 when a name is given
	Pos  Pos
}

// Duration is a time.Duration written as 30s, 5m, 48h or 90d.
type Duration time.Duration

// D is the value as a time.Duration.
func (d Duration) D() time.Duration { return time.Duration(d) }

// Size is a number of bytes written as 512KiB, 64MiB or 2GiB.
type Size int64

// Rate is a number of events per time, written as 20/s or 600/m; the zero Rate means no limit.
type Rate struct {
	N   int
	Per time.Duration
}

// NodeKind is the kind of a Node.
type NodeKind int

// The kinds of a Node. Zero is an absent node.
const (
	NodeNone NodeKind = iota
	NodeNull
	NodeBool
	NodeNumber
	NodeString
	NodeList
	NodeMap
)

// Node is a free YAML tree with positions and the order of keys kept.
type Node struct {
	Kind NodeKind
	Pos  Pos
	Text string      // of a bool, number or string
	List []Node      // of a list
	Map  Named[Node] // of a map
}

// IsZero reports whether the node is absent.
func (n Node) IsZero() bool { return n.Kind == NodeNone }
