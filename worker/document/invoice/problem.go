package invoice

import (
	"fmt"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

// Severity is what a problem means for the delivery.
type Severity string

// The severities. A rule that is Off finds no problems.
const (
	Block Severity = "block" // the invoice is not delivered
	Warn  Severity = "warn"  // the reviewer is told
	Off   Severity = "off"
)

// Problem is something wrong with an invoice, at the field where a reviewer
// can mend it.
type Problem struct {
	// Rule is one of Gate's rules, "unreadable", "missing", or a rule of the
	// European standard, such as BR-CO-15.
	Rule     string
	Severity Severity
	// Message is for the reviewer. It may hold values of the invoice: show it
	// in Rossum, do not log it.
	Message string
	Field   string // as in Mapping
	Row     int    // 1-based row of the field's table, 0 for the header
	// SchemaID is where the value belongs, the first choice if there is no such field.
	SchemaID string
	// Datapoint is the id of the field, 0 if the document has none.
	Datapoint int64
}

// Outcome returns the problem in the form in which outcomes carry complaints.
func (p Problem) Outcome() outcome.Field {
	kind := rossumapi.TypeError
	if p.Severity != Block {
		kind = rossumapi.TypeWarning
	}
	return outcome.Field{SchemaID: p.SchemaID, Datapoint: p.Datapoint, Type: kind, Text: p.Message}
}

// Blocks reports whether any of the problems stops the delivery.
func Blocks(problems []Problem) bool {
	for _, p := range problems {
		if p.Severity == Block {
			return true
		}
	}
	return false
}

// Place is a field of an invoice.
type Place struct {
	Field string
	Row   int // 1-based row of the field's table, 0 for the header
}

// Problem returns a problem located at the first of the places that exists in
// the document; the first one's field gives it its name.
func (inv *Invoice) Problem(rule string, severity Severity, places []Place, format string, args ...any) Problem {
	p := Problem{Rule: rule, Severity: severity, Message: fmt.Sprintf(format, args...)}
	for i, place := range places {
		schemaID, datapoint := inv.locate(place)
		if i == 0 {
			p.Field, p.Row, p.SchemaID = place.Field, place.Row, schemaID
		}
		if datapoint != 0 {
			p.SchemaID, p.Datapoint = schemaID, datapoint
			break
		}
	}
	return p
}

func (inv *Invoice) locate(place Place) (schemaID string, datapoint int64) {
	if inv.source == nil {
		return "", 0
	}
	row, inTable := inv.rowOf(place)
	if inTable && row == nil {
		return inv.source.firstID(place.Field), 0
	}
	node := inv.source.find(place.Field, row)
	if node == nil {
		return inv.source.firstID(place.Field), 0
	}
	return node.SchemaID, node.ID
}

// rowOf returns the row a place lies in, nil for a row that was not read.
func (inv *Invoice) rowOf(place Place) (row *rossumapi.Node, inTable bool) {
	i := place.Row - 1
	switch table := TableOf(place.Field); {
	case i < 0:
		return nil, false
	case table == tableLines && i < len(inv.Lines):
		row = inv.Lines[i].row
	case table == tableCharges && i < len(inv.Charges):
		row = inv.Charges[i].row
	case table == tableTaxes && i < len(inv.Taxes):
		row = inv.Taxes[i].row
	}
	return row, true
}
