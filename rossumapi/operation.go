package rossumapi

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Operation changes the content tree, through the answer of a hook or through
// the content/operations endpoint (Rossum API reference, Annotation data
// operations). Operations run in order.
type Operation struct {
	Op                string   // "replace", "add" or "remove"
	ID                int64    // datapoint, multivalue or child of a multivalue
	Cell              *Cell    // of replace, and of add to a simple multivalue
	Row               []Cell   // of add to a table
	ValidationSources []string // of add to a table: default for the new row
}

// Cell is the new state of a datapoint; absent parts stay as they are.
type Cell struct {
	SchemaID          string       `json:"schema_id,omitempty"` // only in new rows
	Content           *CellContent `json:"content,omitempty"`
	ValidationSources []string     `json:"validation_sources,omitempty"`
	Hidden            *bool        `json:"hidden,omitempty"`
	Options           []Option     `json:"options,omitempty"`
}

// CellContent is the value of a [Cell]. Give Value alone: Rossum parses it by
// the field's format, and silently changes nothing if both values are given
// and do not match.
type CellContent struct {
	Value           *string `json:"value,omitempty"`
	NormalizedValue *string `json:"normalized_value,omitempty"`
	Page            *int    `json:"page,omitempty"`
	Position        []int   `json:"position,omitempty"` // left, top, right, bottom in pixels
}

// Text returns a cell with the value, marked as validated by an extension
// (else it would block automation). The empty string clears the field.
func Text(value string) Cell {
	return Cell{Content: &CellContent{Value: &value}, ValidationSources: []string{"connector"}}
}

// TextOf returns a cell of a new row: [Text] for the column schemaID.
func TextOf(schemaID, value string) Cell {
	cell := Text(value)
	cell.SchemaID = schemaID
	return cell
}

// Replace sets the value of a datapoint.
func Replace(datapointID int64, value string) Operation {
	return ReplaceCell(datapointID, Text(value))
}

// ReplaceCell changes the given parts of a datapoint.
func ReplaceCell(datapointID int64, cell Cell) Operation {
	return Operation{Op: "replace", ID: datapointID, Cell: &cell}
}

// Add appends a row to a table; columns not given start empty.
func Add(multivalueID int64, row ...Cell) Operation {
	return Operation{Op: "add", ID: multivalueID, Row: append([]Cell{}, row...)}
}

// AddValue appends a value to a multivalue without columns.
func AddValue(multivalueID int64, value string) Operation {
	cell := Text(value)
	return Operation{Op: "add", ID: multivalueID, Cell: &cell}
}

// Remove deletes a row of a table, or a value of a simple multivalue.
func Remove(childID int64) Operation {
	return Operation{Op: "remove", ID: childID}
}

// CheckOperations reports the first operation that breaks Rossum's rules: an
// unknown op, a missing id or value, a value longer than MaxValue characters.
func CheckOperations(operations []Operation) error {
	for _, o := range operations {
		if err := o.check(); err != nil {
			return fmt.Errorf("operation %s on %d: %w", clip(o.Op), o.ID, err)
		}
	}
	return nil
}

func (o Operation) check() error {
	cells := o.Row
	if o.Cell != nil {
		cells = append([]Cell{*o.Cell}, cells...)
	}
	switch {
	case o.ID == 0:
		return fmt.Errorf("no id")
	case o.Op == "replace" && (o.Cell == nil || o.Row != nil),
		o.Op == "add" && (o.Cell == nil) == (o.Row == nil),
		o.Op == "remove" && len(cells) > 0:
		return fmt.Errorf("value of the wrong shape")
	case o.Op != "replace" && o.Op != "add" && o.Op != "remove":
		return fmt.Errorf("unknown op")
	}
	for _, cell := range cells {
		if cell.Content == nil || cell.Content.Value == nil {
			continue
		}
		if n := utf8.RuneCountInString(*cell.Content.Value); n > MaxValue {
			return fmt.Errorf("value of %d characters, at most %d are allowed", n, MaxValue)
		}
	}
	return nil
}

// operationJSON is the wire form of an Operation.
type operationJSON struct {
	Op                string          `json:"op"`
	ID                json.RawMessage `json:"id"`
	Value             json.RawMessage `json:"value,omitempty"`
	ValidationSources []string        `json:"validation_sources,omitempty"`
}

// MarshalJSON writes Rossum's wire form.
func (o Operation) MarshalJSON() ([]byte, error) {
	wire := operationJSON{Op: o.Op, ValidationSources: o.ValidationSources}
	var err error
	if wire.ID, err = json.Marshal(o.ID); err != nil {
		return nil, err
	}
	switch {
	case o.Row != nil:
		wire.Value, err = encode(o.Row)
	case o.Cell != nil:
		wire.Value, err = encode(o.Cell)
	}
	if err != nil {
		return nil, err
	}
	return encode(wire)
}

// UnmarshalJSON reads Rossum's wire form; ids may be numbers or strings.
func (o *Operation) UnmarshalJSON(data []byte) error {
	var wire operationJSON
	if err := json.Unmarshal(data, &wire); err != nil {
		return err
	}
	id, err := idOf(wire.ID)
	if err != nil {
		return err
	}
	*o = Operation{Op: wire.Op, ID: id, ValidationSources: wire.ValidationSources}
	switch {
	case len(wire.Value) == 0 || string(wire.Value) == "null":
		return nil
	case wire.Value[0] == '[':
		return json.Unmarshal(wire.Value, &o.Row)
	}
	return json.Unmarshal(wire.Value, &o.Cell)
}
