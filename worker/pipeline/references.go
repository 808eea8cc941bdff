package pipeline

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
)

// Reference is one place where an expression reads a field of the annotation.
type Reference struct {
	Pipeline string
	Path     string // of the expression, pipelines.coupa-invoice.steps.draft.map.total
	Pos      configs.Pos
	// As is the name it is read by: field, value or dp.
	As       string
	SchemaID string
	// Table is the schema id of the table whose column is read, "" for fields outside tables. The column of a row that
	// is not bound by $for over a table is not known.
	Table string
}

// References lists where the pipelines read fields, in the order in which they were compiled. What a template file
// includes, loops of templates over rows, JMESPath, and fields of an invoice that may come from several are not looked
// into.
func (s *Set) References() []Reference { return slices.Clone(s.refs) }

// rowOf is what a local name of $for stands for: a row of a table.
type rowOf struct{ as, table string }

// note keeps the fields that the code reads.
func (c *compiler) note(built *code, n names) {
	owner, _, _ := strings.Cut(strings.TrimPrefix(built.path, "pipelines."), ".")
	if !strings.HasPrefix(built.path, "pipelines.") {
		return // of a target
	}
	for _, ref := range built.refs {
		if len(ref.Path) < 2 {
			continue
		}
		r := Reference{Pipeline: owner, Path: built.path, Pos: at(built, ref), As: ref.Path[0], SchemaID: ref.Path[1]}
		row, isRow := n.rows[ref.Path[0]]
		switch {
		case isRow:
			r.As, r.Table = row.as, row.table
		case slices.Contains(n.locals, ref.Path[0]), !isReading(ref.Path[0]):
			continue
		}
		if !slices.Contains(dictMethods(), r.SchemaID) {
			c.refs = append(c.refs, r)
		}
	}
}

// noteID keeps a field that is read by its schema id, without an expression.
func (c *compiler) noteID(path string, pos configs.Pos, schemaID, table string) {
	owner, _, _ := strings.Cut(strings.TrimPrefix(path, "pipelines."), ".")
	c.refs = append(c.refs, Reference{Pipeline: owner, Path: path, Pos: pos, As: asField.String(), SchemaID: schemaID, Table: table})
}

func isReading(name string) bool {
	return name == asField.String() || name == asValue.String() || name == asPoint.String()
}

// dictMethods are what field, value and rows have beside schema ids.
func dictMethods() []string { return []string{"get", "items", "keys", "values"} }

// wholeTable is an expression whose items are the rows of one table, all or some of them.
var wholeTable = regexp.MustCompile(`^\(*\s*(field|value|dp)\.([A-Za-z_][A-Za-z0-9_]*)\s*(?:\|\s*(?:list|reverse|select|reject|selectattr|rejectattr|sort|unique)\b[^|]*)*$`)

// rowsOf binds the name of a $for to the table it goes through, where that is plain to see.
func (n names) rowsOf(targets []string, items *code, source string) names {
	m := wholeTable.FindStringSubmatch(strings.TrimSpace(source))
	if items == nil || m == nil || len(targets) != 1 {
		return n
	}
	bound := n
	bound.rows = maps.Clone(n.rows)
	if bound.rows == nil {
		bound.rows = map[string]rowOf{}
	}
	bound.rows[targets[0]] = rowOf{as: m[1], table: m[2]}
	return bound
}

// inRow binds the row that expressions of a field of the invoice see; the table is "" where it is not known.
func (n names) inRow(field, table string) names {
	if invoice.TableOf(field) == "" {
		return n
	}
	n = n.with(rowName)
	if table != "" {
		rows := map[string]rowOf{rowName: {as: asField.String(), table: table}}
		maps.Copy(rows, n.rows)
		n.rows = rows
	}
	return n
}

// unbound forgets what shadowed names stood for.
func (n names) unbound(locals []string) map[string]rowOf {
	rows := maps.Clone(n.rows)
	for _, name := range locals {
		delete(rows, name)
	}
	return rows
}
