package pipeline

import (
	"context"
	"iter"
	"strings"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/jinja"
	"github.com/rossum-relay/rossum-relay/worker/pipeline/jsonvalue"
)

// reading says how a datapoint shows itself: as field.x, value.x or dp.x.
type reading int

const (
	asField reading = iota // text, as Rossum's templates see it
	asValue                // exact number, date or null
	asPoint                // the datapoint itself
)

func (r reading) String() string { return [...]string{"field", "value", "dp"}[r] }

// fields is the names field, value and dp: every datapoint and table outside tables by its schema id.
type fields struct {
	view  *view
	as    reading
	cache map[string]any // tables, which are made once
}

var (
	_ jinja.Object   = (*fields)(nil)
	_ jinja.Iterable = (*fields)(nil)
	_ jinja.Sized    = (*fields)(nil)
)

// Lookup finds a schema id. Fields that the pipeline itself writes are empty in the stable view.
func (f *fields) Lookup(ctx context.Context, name string) (any, bool, error) {
	index, err := f.view.scope.fieldIndex(ctx)
	if err != nil {
		return nil, false, err
	}
	if v, ok := f.cache[name]; ok {
		return v, true, nil
	}
	node, ok := index[name]
	if !ok {
		if m := dictMethod(f, name); m != nil {
			return m, true, nil
		}
		f.view.scope.notes.missing = f.as.String() + "." + name
		return nil, false, nil
	}
	if f.view.stable && f.view.own[name] {
		return f.blank(), true, nil
	}
	if node.Category != rossumapi.Multivalue {
		return f.view.read(node, f.as), true, nil
	}
	v := f.view.readMultivalue(node, f.as)
	if f.cache == nil {
		f.cache = map[string]any{}
	}
	f.cache[name] = v
	return v, true, nil
}

// blank is an empty field.
func (f *fields) blank() any {
	if f.as == asField {
		return ""
	}
	return nil
}

// Iterate visits the schema ids in the order of the document.
func (f *fields) Iterate(ctx context.Context) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		index, err := f.view.scope.fieldIndex(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		for node := range f.view.scope.topFields() {
			if index[node.SchemaID] == node && !yield(node.SchemaID, nil) {
				return
			}
		}
	}
}

// Len is the number of schema ids, 0 before the first look-up of one.
func (f *fields) Len() int { return len(f.view.scope.index) }

// read shows one datapoint. Rossum's published template helper takes normalized_value where it is not empty, else value.
func (v *view) read(node *rossumapi.Node, as reading) any {
	switch as {
	case asField:
		return v.readField(node)
	case asValue:
		return v.readValue(node)
	case asPoint:
	}
	v.scope.notes.read(node)
	return &point{node, v}
}

func (v *view) readField(node *rossumapi.Node) any {
	if text, _ := node.Normalized(); text != "" {
		v.scope.notes.read(node)
		return text
	}
	if node.Content == nil || node.Content.Value == nil {
		v.scope.notes.readNull(node, true)
		return nil
	}
	v.scope.notes.read(node)
	return *node.Content.Value
}

// readValue is the number or date of a field, from its normalized value only (Rossum API reference, Annotation data).
func (v *view) readValue(node *rossumapi.Node) any {
	if number, ok := node.Number(); ok {
		v.scope.notes.read(node)
		return number
	}
	if date, ok := node.Date(); ok {
		v.scope.notes.read(node)
		return jinja.Date{Year: date.Year(), Month: date.Month(), Day: date.Day()}
	}
	v.scope.notes.readNull(node, strings.TrimSpace(node.Value()) == "")
	return nil
}

// readMultivalue shows a table as a list of rows, a simple multivalue as a list of its values.
func (v *view) readMultivalue(node *rossumapi.Node, as reading) any {
	list := jinja.NewList()
	columns := map[string]int{}
	for _, child := range node.Children {
		if child.Category == rossumapi.Tuple {
			list.Append(&row{view: v, tuple: child, as: as, columns: columns})
		} else {
			list.Append(v.read(child, as))
		}
	}
	return list
}

// row is one row of a table, its cells by schema id.
type row struct {
	view    *view
	tuple   *rossumapi.Node
	as      reading
	columns map[string]int // where a column stood in the row before: rows of a table look alike
}

var (
	_ jinja.Object   = (*row)(nil)
	_ jinja.Iterable = (*row)(nil)
	_ jinja.Truther  = (*row)(nil)
)

// Lookup finds a cell by schema id.
func (r *row) Lookup(_ context.Context, name string) (any, bool, error) {
	if cell := r.cell(name); cell != nil {
		return r.view.read(cell, r.as), true, nil
	}
	if m := dictMethod(r, name); m != nil {
		return m, true, nil
	}
	r.view.scope.notes.missing = "column " + name
	return nil, false, nil
}

func (r *row) cell(name string) *rossumapi.Node {
	cells := r.tuple.Children
	if i, ok := r.columns[name]; ok && i < len(cells) && cells[i].SchemaID == name {
		return cells[i]
	}
	for i := len(cells) - 1; i >= 0; i-- {
		if cells[i].SchemaID == name {
			r.columns[name] = i
			return cells[i]
		}
	}
	return nil
}

// Iterate visits the schema ids of the cells.
func (r *row) Iterate(context.Context) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		for _, cell := range r.tuple.Children {
			if !yield(cell.SchemaID, nil) {
				return
			}
		}
	}
}

// Truth tells whether any cell holds something: Rossum sends the empty rows at the end of a table too.
func (r *row) Truth() bool {
	for _, cell := range r.tuple.Children {
		if strings.TrimSpace(cell.Value()) != "" {
			return true
		}
	}
	return false
}

// point is dp.x: what is known of a datapoint beside its value.
type point struct {
	node *rossumapi.Node
	view *view
}

// Lookup finds one of id, schema_id, value, normalized, label, confidence, hidden, options and page.
func (p *point) Lookup(ctx context.Context, name string) (any, bool, error) {
	n := p.node
	switch name {
	case "id":
		return n.ID, true, nil
	case "schema_id":
		return n.SchemaID, true, nil
	case "value":
		return n.Value(), true, nil
	case "normalized":
		if text, ok := n.Normalized(); ok {
			return text, true, nil
		}
		return nil, true, nil
	case "hidden":
		return n.Hidden, true, nil
	case "confidence":
		if c, ok := n.Confidence(); ok {
			return c, true, nil
		}
		return nil, true, nil
	case "label":
		return p.label(ctx)
	case "options":
		return p.options(), true, nil
	case "page":
		return p.page()
	}
	p.view.scope.notes.missing = "dp." + n.SchemaID + "." + name
	return nil, false, nil
}

// label is the label of the chosen option: the datapoint's own, else the schema's, null where neither knows it.
func (p *point) label(ctx context.Context) (any, bool, error) {
	if label := p.node.OptionLabel(); label != "" {
		return label, true, nil
	}
	field, err := p.view.scope.schemaField(ctx, p.node.SchemaID)
	if err != nil || field == nil {
		return nil, true, err
	}
	for _, option := range field.Options {
		if option.Value == p.node.Value() {
			return option.Label, true, nil
		}
	}
	return nil, true, nil
}

func (p *point) options() any {
	list := jinja.NewList()
	for _, option := range p.node.Options {
		d := jinja.NewDict(2)
		d.Set("value", option.Value)
		d.Set("label", option.Label)
		list.Append(d)
	}
	return list
}

func (p *point) page() (any, bool, error) {
	if p.node.Content == nil {
		return nil, true, nil
	}
	raw := p.node.Content.Extra.Get("page")
	if raw == nil {
		return nil, true, nil
	}
	v, err := jsonvalue.Decode(raw)
	return v, true, err
}

// mapping is what the methods of a Python dict are made from.
type mapping interface {
	jinja.Object
	jinja.Iterable
}

// dictMethod gives objects that are dicts in Rossum's templates the methods those use; nil for other names.
func dictMethod(m mapping, name string) jinja.Func {
	switch name {
	case "get":
		return func(ctx context.Context, args []any, _ map[string]any) (any, error) { return dictGet(ctx, m, args) }
	case "keys", "values", "items":
		return func(ctx context.Context, _ []any, _ map[string]any) (any, error) { return dictList(ctx, m, name) }
	}
	return nil
}

func dictGet(ctx context.Context, m mapping, args []any) (any, error) {
	if len(args) == 0 || len(args) > 2 {
		return nil, &jinja.Error{Kind: jinja.KindType, Message: "get takes a key and a default"}
	}
	key, _ := args[0].(string)
	v, ok, err := m.Lookup(ctx, key)
	if err != nil || ok {
		return v, err
	}
	if len(args) == 2 {
		return args[1], nil
	}
	return nil, nil
}

func dictList(ctx context.Context, m mapping, what string) (any, error) {
	list := jinja.NewList()
	for key, err := range m.Iterate(ctx) {
		if err != nil {
			return nil, err
		}
		v, _, err := m.Lookup(ctx, key.(string))
		if err != nil {
			return nil, err
		}
		switch what {
		case "keys":
			list.Append(key)
		case "values":
			list.Append(v)
		case "items":
			list.Append(jinja.NewList(key, v))
		}
	}
	return list, nil
}
