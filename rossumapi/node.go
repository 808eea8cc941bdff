package rossumapi

import (
	"encoding/json"
	"fmt"
	"iter"
)

// Categories of nodes (Rossum API reference, Annotation data).
const (
	Section    = "section"
	Multivalue = "multivalue"
	Tuple      = "tuple"
	Datapoint  = "datapoint"
)

// Node is a node of the content tree. Sections hold datapoints and
// multivalues, multivalues hold tuples (a table) or datapoints, tuples hold
// datapoints.
type Node struct {
	ID                int64
	URL               string
	Category          string // Section, Multivalue, Tuple or Datapoint
	SchemaID          string
	Children          []*Node
	Content           *Content // of datapoints; nil where Rossum sends null, as for buttons
	ValidationSources []string
	Hidden            bool
	Options           []Option // of enum datapoints, if changed for this annotation
	Extra             Object   // members not listed here, as sent
}

// Option is one choice of an enum field.
type Option struct {
	Value string `json:"value"`
	Label string `json:"label"`
}

// Content is what a datapoint holds.
type Content struct {
	Value           *string // as displayed; nil for null and absence
	NormalizedValue *string // numbers as JSON number text, dates as YYYY-MM-DD; often nil for other types
	Extra           Object  // page, position, rir_*, ocr_*, connector_*: as sent
}

// Tree is the content tree of an annotation: its sections.
type Tree []*Node

// All walks the tree from top to bottom, parents before children.
func (t Tree) All() iter.Seq[*Node] {
	return func(yield func(*Node) bool) { walk(t, yield) }
}

func walk(nodes []*Node, yield func(*Node) bool) bool {
	for _, node := range nodes {
		if !yield(node) || !walk(node.Children, yield) {
			return false
		}
	}
	return true
}

// FindBySchemaID returns all nodes with the schema id, of any category and at
// any depth, in the order of the document.
func (t Tree) FindBySchemaID(schemaID string) []*Node {
	var found []*Node
	for node := range t.All() {
		if node.SchemaID == schemaID {
			found = append(found, node)
		}
	}
	return found
}

// First returns the first node with the schema id, nil if there is none.
// All methods of a nil node answer as for an empty one.
func (t Tree) First(schemaID string) *Node {
	for node := range t.All() {
		if node.SchemaID == schemaID {
			return node
		}
	}
	return nil
}

// ByID returns the node with the id, nil if there is none.
func (t Tree) ByID(id int64) *Node {
	for node := range t.All() {
		if node.ID == id {
			return node
		}
	}
	return nil
}

// Rows returns the children of a multivalue: tuples of a table, datapoints of
// a simple multivalue. Other nodes have no rows.
func (n *Node) Rows() []*Node {
	if n == nil || n.Category != Multivalue {
		return nil
	}
	return n.Children
}

// FindBySchemaID returns all nodes below n with the schema id.
func (n *Node) FindBySchemaID(schemaID string) []*Node {
	if n == nil {
		return nil
	}
	return Tree(n.Children).FindBySchemaID(schemaID)
}

// First returns the first node below n with the schema id, nil if there is none.
func (n *Node) First(schemaID string) *Node {
	if n == nil {
		return nil
	}
	return Tree(n.Children).First(schemaID)
}

// DecodeContent reads the answer of the content endpoint, or a bare list of
// sections. The tree aliases data.
func DecodeContent(data []byte) (Tree, error) {
	s := &scanner{data: data}
	if s.peek() == '[' {
		tree, err := s.nodes()
		if err == nil {
			err = s.end()
		}
		return wrapTree(tree, err)
	}
	members, err := s.members()
	if err == nil {
		err = s.end()
	}
	raw := members.Get("content")
	if err == nil && len(raw) == 0 {
		err = fmt.Errorf("no member %q", "content")
	}
	if err != nil {
		return wrapTree(nil, err)
	}
	return decodeTree(raw)
}

func decodeTree(raw json.RawMessage) (Tree, error) {
	s := &scanner{data: raw}
	return wrapTree(s.nodes())
}

func wrapTree(tree Tree, err error) (Tree, error) {
	if err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	return tree, nil
}
