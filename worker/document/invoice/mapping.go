package invoice

import (
	"fmt"
	"slices"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// Mapping tells where the fields of an invoice come from. The zero Mapping
// reads Rossum's standard AP schema and its usual variants.
type Mapping struct {
	// Fields replace defaults, by the names that Fields returns: "number",
	// "seller.vat_id", "line.unit_price", or a table: "lines", "taxes", "charges".
	Fields map[string]Source
	// Units add to the known units of measure: text on the document, in lower
	// case, to code of UN/ECE recommendation 20.
	Units map[string]string
	// Evaluate evaluates an expression for a row, which is nil for header
	// fields. Texts, numbers and dates may be returned, nil for nothing.
	Evaluate func(expression string, row *rossumapi.Node) (any, error)
}

// Source is where a field comes from: the first of the schema ids that holds a
// value, or an expression. The zero Source leaves the field empty.
type Source struct {
	SchemaIDs  []string
	Expression string
}

// Check reports the first field that does not exist, or an expression that
// cannot be evaluated.
func (m Mapping) Check() error {
	known := Fields()
	for name, source := range m.Fields {
		if !slices.Contains(known, name) {
			return fmt.Errorf("invoice mapping: unknown field %q", name)
		}
		if source.Expression != "" && (m.Evaluate == nil || name == tableLines || name == tableTaxes || name == tableCharges) {
			return fmt.Errorf("invoice mapping: %s cannot be an expression", name)
		}
	}
	for text, code := range m.Units {
		if !IsUnit(code) {
			return fmt.Errorf("invoice mapping: unit %q: %q is no code of UN/ECE recommendation 20", text, code)
		}
	}
	return nil
}
