package invoice

import (
	"strings"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// source finds the datapoints of fields in a tree.
type source struct {
	fields      map[string][]string
	expressions map[string]string
	header      map[string][]*rossumapi.Node // datapoints outside of tables
	tables      map[string]*rossumapi.Node   // multivalues
}

func newSource(tree rossumapi.Tree, m Mapping) *source {
	s := &source{
		fields:      defaults(),
		expressions: map[string]string{},
		header:      map[string][]*rossumapi.Node{},
		tables:      map[string]*rossumapi.Node{},
	}
	for name, from := range m.Fields {
		s.fields[name] = from.SchemaIDs
		if from.Expression != "" {
			s.expressions[name] = from.Expression
		}
	}
	for _, section := range tree {
		s.index(section)
	}
	s.keepPresent()
	return s
}

// index notes the datapoints of a section. Those of a simple multivalue share
// a schema id.
func (s *source) index(n *rossumapi.Node) {
	switch n.Category {
	case rossumapi.Datapoint:
		s.header[n.SchemaID] = append(s.header[n.SchemaID], n)
		return
	case rossumapi.Tuple:
		return
	case rossumapi.Multivalue:
		s.tables[n.SchemaID] = n
	}
	for _, child := range n.Children {
		s.index(child)
	}
}

// keepPresent drops the schema ids that no row of a table has, so that rows are
// searched for those only that can be found. A field of which none is left
// keeps its first, for messages.
func (s *source) keepPresent() {
	for _, name := range []string{tableLines, tableTaxes, tableCharges} {
		present := map[string]bool{}
		for _, row := range s.rows(name) {
			for _, cell := range row.Children {
				present[cell.SchemaID] = true
			}
		}
		for field, ids := range s.fields {
			if TableOf(field) != name {
				continue
			}
			kept := make([]string, 0, len(ids))
			for _, id := range ids {
				if present[id] {
					kept = append(kept, id)
				}
			}
			if len(kept) == 0 {
				kept = ids[:min(1, len(ids))]
			}
			s.fields[field] = kept
		}
	}
}

// rows returns the rows of the first table that exists and is not empty.
func (s *source) rows(table string) []*rossumapi.Node {
	for _, id := range s.fields[table] {
		if rows := s.tables[id].Rows(); len(rows) > 0 && rows[0].Category == rossumapi.Tuple {
			return rows
		}
	}
	return nil
}

// all returns the datapoints of the first schema id that holds a value.
func (s *source) all(field string, row *rossumapi.Node) []*rossumapi.Node {
	for _, id := range s.fields[field] {
		if row != nil {
			if cell := cellOf(row, id); !blank(cell) {
				return []*rossumapi.Node{cell}
			}
			continue
		}
		var held []*rossumapi.Node
		for _, n := range s.header[id] {
			if !blank(n) {
				held = append(held, n)
			}
		}
		if len(held) > 0 {
			return held
		}
	}
	return nil
}

// find returns the datapoint that holds the field's value, else the first that
// could, else nil.
func (s *source) find(field string, row *rossumapi.Node) *rossumapi.Node {
	if held := s.all(field, row); len(held) > 0 {
		return held[0]
	}
	for _, id := range s.fields[field] {
		if row != nil {
			if cell := cellOf(row, id); cell != nil {
				return cell
			}
		} else if nodes := s.header[id]; len(nodes) > 0 {
			return nodes[0]
		}
	}
	return nil
}

func (s *source) firstID(field string) string {
	if ids := s.fields[field]; len(ids) > 0 {
		return ids[0]
	}
	return ""
}

func cellOf(row *rossumapi.Node, id string) *rossumapi.Node {
	for _, cell := range row.Children {
		if cell.SchemaID == id {
			return cell
		}
	}
	return nil
}

// blank reports a datapoint without a value. White space and characters no
// document can show are none.
func blank(n *rossumapi.Node) bool {
	if n == nil {
		return true
	}
	text, _ := n.Normalized()
	return trim(text) == "" && trim(n.Value()) == ""
}

// trim cuts white space, control characters and what has no width from both
// ends.
func trim(s string) string {
	return strings.TrimFunc(s, func(c rune) bool {
		return c <= ' ' || c >= 0x7F && c <= 0xA0 || c == 0x200B || c == 0x3000 || c == 0xFEFF || c == 0xFFFE || c == 0xFFFF
	})
}
