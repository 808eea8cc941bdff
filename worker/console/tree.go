package console

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// node is one value of a revealed payload.
type node struct {
	Name     string
	Text     string // of a scalar
	Size     int    // of children that there are
	Children []node
}

const (
	maxTreeDepth = 24
	maxTreeNodes = 5000
)

// treeOf shows a JSON document as nested lists. What is too deep or too much stays one text.
func treeOf(payload json.RawMessage) []node {
	left := maxTreeNodes
	return nodeOf("payload", payload, maxTreeDepth, &left).Children
}

func nodeOf(name string, raw json.RawMessage, depth int, left *int) node {
	n := node{Name: name}
	raw = bytes.TrimSpace(raw)
	*left--
	if depth == 0 || *left <= 0 || len(raw) == 0 || raw[0] != '{' && raw[0] != '[' {
		n.Text = scalarOf(raw)
		return n
	}
	var o rossumapi.Object
	var list []json.RawMessage
	if raw[0] == '{' && json.Unmarshal(raw, &o) == nil {
		n.Size = len(o)
		for _, m := range o {
			n.Children = append(n.Children, nodeOf(m.Key, m.Value, depth-1, left))
		}
		return n
	}
	if json.Unmarshal(raw, &list) == nil {
		n.Size = len(list)
		for i, item := range list {
			n.Children = append(n.Children, nodeOf(itemName(i, item), item, depth-1, left))
		}
		return n
	}
	n.Text = scalarOf(raw)
	return n
}

// itemName is the place of an item, with the schema id of a field.
func itemName(i int, raw json.RawMessage) string {
	var field struct {
		SchemaID string `json:"schema_id"`
	}
	if json.Unmarshal(raw, &field) == nil && field.SchemaID != "" {
		return fmt.Sprintf("%d %s", i, field.SchemaID)
	}
	return fmt.Sprint(i)
}

func scalarOf(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}
