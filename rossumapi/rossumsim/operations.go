package rossumsim

import (
	"encoding/json"
	"slices"
	"unicode/utf8"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// writer says who writes content: the rules differ.
type writer int

const (
	fromHook writer = iota // operations in the answer of a hook
	fromBulk               // content/operations: silently skips enum and manual fields
	fromNode               // PATCH of a single node
)

// apply runs operations and returns the ids of the datapoints they changed;
// those Rossum would silently ignore change none. mu must be held.
func (s *Sim) apply(a *annotation, operations []rossumapi.Operation, by writer) (changed []int64) {
	e := editor{sim: s, annotation: a, schema: s.schemaOf(a), by: by}
	for _, o := range operations {
		node := a.tree.ByID(o.ID)
		switch {
		case node == nil:
		case o.Op == "replace" && o.Cell != nil && node.Category == rossumapi.Datapoint:
			changed = append(changed, e.replace(node, *o.Cell)...)
		case o.Op == "add" && node.Category == rossumapi.Multivalue:
			changed = append(changed, e.addRow(node, o)...)
		case o.Op == "remove":
			changed = append(changed, removeRow(a, o.ID)...)
		}
	}
	return changed
}

// editor changes the content of one annotation.
type editor struct {
	sim        *Sim
	annotation *annotation
	schema     rossumapi.Schema
	by         writer
}

// field returns the schema of a field, that of a string if it has none.
func (e editor) field(schemaID string) rossumapi.SchemaField {
	if field := e.schema.Field(schemaID); field != nil {
		return *field
	}
	return rossumapi.SchemaField{Category: rossumapi.Datapoint, ID: schemaID, Type: "string"}
}

func (e editor) replace(node *rossumapi.Node, cell rossumapi.Cell) []int64 {
	field := e.field(node.SchemaID)
	if e.by == fromBulk && (field.Type == "enum" || field.UI.Type == "manual") {
		return nil
	}
	if cell.Content != nil && !write(node, field, cell.Content) {
		return nil
	}
	if cell.ValidationSources != nil {
		node.ValidationSources = cell.ValidationSources
	}
	if cell.Hidden != nil {
		node.Hidden = *cell.Hidden
	}
	if cell.Options != nil {
		node.Options = cell.Options
	}
	return []int64{node.ID}
}

// write sets the value of a datapoint; false leaves it unchanged because value
// and normalized value contradict each other.
func write(node *rossumapi.Node, field rossumapi.SchemaField, content *rossumapi.CellContent) bool {
	var extra rossumapi.Object
	if node.Content != nil {
		extra = node.Content.Extra
	}
	extra = with(with(extra, "page", content.Page), "position", content.Position)
	changed := &rossumapi.Content{Extra: extra}
	given := content.Value
	if given == nil {
		given = content.NormalizedValue
	}
	if given == nil { // only the place changes
		if node.Content != nil {
			node.Content.Extra = extra
		}
		return true
	}
	shown, machine := parse(field, *given)
	if content.Value != nil && content.NormalizedValue != nil {
		understood := shown
		if machine != nil {
			understood = *machine
		}
		if understood != *content.NormalizedValue {
			return false
		}
	}
	changed.Value, changed.NormalizedValue = &shown, machine
	node.Content = changed
	return true
}

// with returns the object with the member set, unless value is nil.
func with[T any](object rossumapi.Object, key string, value T) rossumapi.Object {
	raw, err := json.Marshal(value)
	if err != nil || string(raw) == "null" {
		return object
	}
	object = slices.DeleteFunc(slices.Clone(object), func(m rossumapi.Member) bool { return m.Key == key })
	return append(object, rossumapi.Member{Key: key, Value: raw})
}

// addRow appends a row to a table, or a value to a simple multivalue.
func (e editor) addRow(multivalue *rossumapi.Node, o rossumapi.Operation) []int64 {
	field := e.schema.Field(multivalue.SchemaID)
	if field == nil || len(field.Children) == 0 {
		return nil
	}
	row := e.sim.emptyNode(e.annotation, field.Children[0])
	e.by = fromHook // a new row takes enums, too
	changed := []int64{multivalue.ID, row.ID}
	cells := o.Row
	if o.Cell != nil {
		cell := *o.Cell
		cell.SchemaID = row.SchemaID
		cells = []rossumapi.Cell{cell}
	}
	for _, cell := range cells {
		if cell.ValidationSources == nil {
			cell.ValidationSources = o.ValidationSources
		}
		for _, node := range append(row.FindBySchemaID(cell.SchemaID), row) {
			if node.SchemaID == cell.SchemaID && node.Category == rossumapi.Datapoint {
				changed = append(changed, e.replace(node, cell)...)
			}
		}
	}
	multivalue.Children = append(multivalue.Children, row)
	return changed
}

func removeRow(a *annotation, id int64) []int64 {
	for node := range a.tree.All() {
		if node.Category != rossumapi.Multivalue {
			continue
		}
		for i, child := range node.Children {
			if child.ID == id {
				node.Children = slices.Delete(slices.Clone(node.Children), i, i+1)
				return []int64{id}
			}
		}
	}
	return nil
}

// emptyNode makes a node of a schema field, with its children.
func (s *Sim) emptyNode(a *annotation, field rossumapi.SchemaField) *rossumapi.Node {
	s.nextNode++
	node := &rossumapi.Node{ID: s.nextNode, Category: field.Category, SchemaID: field.ID, Hidden: field.Hidden}
	node.URL = nodeURL(a, node.ID)
	switch field.Category {
	case rossumapi.Datapoint:
		node.ValidationSources = []string{}
		if field.Type != "button" {
			empty := ""
			node.Content = &rossumapi.Content{Value: &empty}
		}
	case rossumapi.Section, rossumapi.Tuple:
		for _, child := range field.Children {
			node.Children = append(node.Children, s.emptyNode(a, child))
		}
	}
	return node
}

func nodeURL(a *annotation, id int64) string { return a.text("url") + "/content/" + jsonID(id) }

func (s *Sim) schemaOf(a *annotation) rossumapi.Schema {
	var schema rossumapi.Schema
	raw, err := json.Marshal(s.byURL(a.text("schema")).attrs)
	if err == nil {
		err = json.Unmarshal(raw, &schema)
	}
	if err != nil {
		return rossumapi.Schema{} // a schema of a strange shape has no fields
	}
	return schema
}

// complaint returns what Rossum would say of an operation that cannot be, ""
// if it is fine. The form of these errors is not documented.
func complaint(tree rossumapi.Tree, o rossumapi.Operation) string {
	node := tree.ByID(o.ID)
	cells := o.Row
	if o.Cell != nil {
		cells = append(cells, *o.Cell)
	}
	for _, cell := range cells {
		if cell.Content != nil && cell.Content.Value != nil && utf8.RuneCountInString(*cell.Content.Value) > rossumapi.MaxValue {
			return "Ensure this field has no more than 1500 characters."
		}
	}
	switch {
	case node == nil:
		return "Datapoint does not exist."
	case o.Op == "replace" && node.Category != rossumapi.Datapoint:
		return "Only datapoints can be replaced."
	case o.Op == "add" && node.Category != rossumapi.Multivalue:
		return "Only multivalues can be added to."
	case o.Op == "remove" && !isRow(tree, o.ID):
		return "Only children of a multivalue can be removed."
	}
	return ""
}

func isRow(tree rossumapi.Tree, id int64) bool {
	for node := range tree.All() {
		for _, row := range node.Rows() {
			if row.ID == id {
				return true
			}
		}
	}
	return false
}
