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
	// As is the name it is read by: field, value or dp; content for what JMESPath looks for anywhere in the tree.
	As       string
	SchemaID string
	// Table is the schema id of the table whose column is read, "" for fields outside tables. The column of a row that
	// is not bound by $for over a table is not known.
	Table string
}

// References lists where the pipelines read fields, in the order in which they were compiled. What a template file
// includes, and fields of an invoice that may come from several, are not looked into; of JMESPath only comparisons of
// schema_id with a text.
func (s *Set) References() []Reference { return slices.Clone(s.refs) }

// rowOf is what a local name of $for stands for: a row of a table.
type rowOf struct{ as, table string }

// note keeps the fields that the code reads.
func (c *compiler) note(built *code, n names) {
	if !strings.HasPrefix(built.path, "pipelines.") {
		return // of a target
	}
	for _, ref := range built.refs {
		if len(ref.Path) < 2 {
			continue
		}
		r := Reference{Pipeline: ownerOf(built.path), Path: built.path, Pos: at(built, ref), As: ref.Path[0], SchemaID: ref.Path[1]}
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

// schemaIDTest is a comparison of JMESPath with the schema id of a node, such as [?schema_id=='item_code'].
var schemaIDTest = regexp.MustCompile("\\bschema_id\\s*==\\s*(?:'([A-Za-z0-9_]+)'|`\"?([A-Za-z0-9_]+)\"?`)")

// noteJMES keeps the fields that a JMESPath expression looks for by their schema id. Offset is where it begins in the
// source of the code.
func (c *compiler) noteJMES(path string, pos configs.Pos, source string, offset int) {
	for _, m := range schemaIDTest.FindAllStringSubmatchIndex(source[offset:], -1) {
		from, to := m[2], m[3]
		if from < 0 {
			from, to = m[4], m[5]
		}
		line, column := place(source, offset+from)
		c.refs = append(c.refs, Reference{Pipeline: ownerOf(path), Path: path, Pos: pos.At(line, column), As: AsContent, SchemaID: source[offset+from : offset+to]})
	}
}

// AsContent is Reference.As of what JMESPath looks for.
const AsContent = "content"

// tableLoop is a loop of a template over the rows of a table.
var tableLoop = regexp.MustCompile(`\{%[-+]?\s*for\s+([A-Za-z_]\w*)\s+in\s+([^%]*?)\s*(?:\bif\b[^%]*?)?[-+]?%\}`)

// noteLoops keeps the columns that a template reads of the rows it loops over, up to where the loop ends, or another one
// begins.
func (c *compiler) noteLoops(built *code, source string) {
	for _, m := range tableLoop.FindAllStringSubmatchIndex(source, -1) {
		name, table := source[m[2]:m[3]], wholeTable.FindStringSubmatch(source[m[4]:m[5]])
		if table == nil {
			continue
		}
		body := source[m[1]:]
		if end := loopEdge.FindStringIndex(body); end != nil {
			body = body[:end[0]]
		}
		column := regexp.MustCompile(`(?:^|[^.\w'"])` + name + `\.([A-Za-z_]\w*)`)
		for _, at := range column.FindAllStringSubmatchIndex(body, -1) {
			id := body[at[2]:at[3]]
			if slices.Contains(dictMethods(), id) {
				continue
			}
			line, col := place(source, m[1]+at[2])
			c.refs = append(c.refs, Reference{
				Pipeline: ownerOf(built.path), Path: built.path, Pos: built.pos.At(line, col), As: table[1], SchemaID: id, Table: table[2],
			})
		}
	}
}

var loopEdge = regexp.MustCompile(`\{%[-+]?\s*(?:endfor|for)\b`)

// ownerOf is the pipeline of a path of the configuration.
func ownerOf(path string) string {
	owner, _, _ := strings.Cut(strings.TrimPrefix(path, "pipelines."), ".")
	return owner
}

// noteID keeps a field that is read by its schema id, without an expression.
func (c *compiler) noteID(path string, pos configs.Pos, schemaID, table string) {
	c.refs = append(c.refs, Reference{Pipeline: ownerOf(path), Path: path, Pos: pos, As: asField.String(), SchemaID: schemaID, Table: table})
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
