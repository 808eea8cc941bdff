package configs

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// The forms of plain values, for messages.
const (
	textForm = "text"
	boolForm = "true or false"
	intForm  = "a whole number"
	listForm = "a list"
	mapForm  = "a map"
)

// decoder fills the types of this package from a Node, strictly, and collects every problem.
type decoder struct {
	dir       string
	env       func(string) (string, bool)
	roles     []Role // whose values are read; none means all roles
	positions map[string]Pos
	failed    map[string]bool   // paths with an error, which are not reported again
	variables map[string]string // paths whose value came from variables, and which
	errs      Errors
	warnings  Errors
}

// place is where a value stands: its path, and the position of its key for what is missing in it.
type place struct {
	path string
	pos  Pos
	tag  reflect.StructTag // of the field: enum lists the words allowed, file marks a path, positive forbids 0
	// roles that need the value, comma separated; empty means all of them
	roles string
}

func (p place) key(name string, pos Pos) place {
	if p.path != "" {
		name = p.path + "." + name
	}
	return place{path: name, pos: pos, roles: p.roles}
}

// field is key for a field of a struct, whose tags rule the value.
func (p place) field(f Entry[reflect.StructField], pos Pos) place {
	below := p.key(f.Name, pos)
	below.tag = f.Value.Tag
	below.roles = cmp.Or(below.tag.Get("roles"), p.roles)
	return below
}

func (p place) item(i int, pos Pos) place {
	return place{path: p.path + "[" + strconv.Itoa(i) + "]", pos: pos, tag: p.tag, roles: p.roles}
}

// of is the position to report for a node: its key for maps and lists, else the value itself.
func (p place) of(n Node) Pos {
	if n.Kind == NodeMap || n.Kind == NodeList {
		return p.pos
	}
	return n.Pos
}

// nodeDecoder is a type with a form of its own.
type nodeDecoder interface {
	decodeNode(d *decoder, n Node, at place)
}

func (d *decoder) report(e Error) {
	d.failed[e.Path] = true
	d.errs = append(d.errs, e)
}

func (d *decoder) fail(pos Pos, path, message, try string) {
	d.report(Error{Pos: pos, Path: path, Message: message, Try: try})
}

func (d *decoder) warn(pos Pos, path, message, try string) {
	d.warnings = append(d.warnings, Error{Pos: pos, Path: path, Message: message, Try: try})
}

// decode fills v from n. An absent or null node leaves v as it is.
func (d *decoder) decode(n Node, v reflect.Value, at place) {
	if n.Kind == NodeNone || n.Kind == NodeNull {
		return
	}
	d.positions[at.path] = at.of(n)
	d.decodeValue(n, v, at)
	if at.tag.Get("positive") != "" && v.IsZero() && !d.failed[at.path] {
		d.fail(n.Pos, at.path, "must be more than 0", "leave it out for the default")
	}
}

func (d *decoder) decodeValue(n Node, v reflect.Value, at place) {
	if own, ok := v.Addr().Interface().(nodeDecoder); ok {
		own.decodeNode(d, n, at)
		return
	}
	switch v.Kind() {
	case reflect.String:
		d.decodeString(n, v, at)
	case reflect.Bool:
		d.decodeBool(n, v, at)
	case reflect.Int:
		d.decodeInt(n, v, at)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.decodeValue(n, v.Elem(), at)
	case reflect.Slice:
		d.decodeList(n, v, at)
	case reflect.Struct:
		d.decodeStruct(n, v, at)
	default:
		panic(fmt.Sprintf("configs: no decoder for %s", v.Type()))
	}
}

func (d *decoder) decodeString(n Node, v reflect.Value, at place) {
	text, ok := d.text(n, at, textForm)
	if !ok {
		return
	}
	if at.tag.Get("file") != "" && text != "" {
		text = relativeTo(d.dir, text)
	}
	v.SetString(text)
	words := strings.Split(at.tag.Get("enum"), ",")
	if words[0] == "" || slices.Contains(words, text) {
		return
	}
	d.wrongType(n, at, "one of "+strings.Join(words, ", "))
	d.errs[len(d.errs)-1].Suggestion = Nearest(n.Text, words)
}

func (d *decoder) decodeBool(n Node, v reflect.Value, at place) {
	text := n.Text
	if n.Kind == NodeString && len(variables(text)) > 0 {
		var ok bool
		if text, ok = d.text(n, at, boolForm); !ok {
			return
		}
	} else if n.Kind != NodeBool {
		d.wrongType(n, at, boolForm)
		return
	}
	if text != "true" && text != "false" {
		d.wrongType(n, at, boolForm)
	}
	v.SetBool(text == "true")
}

func (d *decoder) decodeInt(n Node, v reflect.Value, at place) {
	if n.Kind == NodeString && len(variables(n.Text)) == 0 {
		d.wrongType(n, at, intForm)
		return
	}
	text, ok := d.text(n, at, intForm)
	if !ok {
		return
	}
	i, err := strconv.ParseInt(text, 10, 32)
	if err != nil || i < 0 {
		d.wrongType(n, at, intForm)
		return
	}
	v.SetInt(i)
}

func (d *decoder) decodeList(n Node, v reflect.Value, at place) {
	if n.Kind != NodeList {
		d.wrongType(n, at, listForm)
		return
	}
	list := reflect.MakeSlice(v.Type(), len(n.List), len(n.List))
	for i, item := range n.List {
		below := at.item(i, item.Pos)
		if item.Kind == NodeNull {
			d.fail(item.Pos, below.path, "an empty list item", "remove it, or write a value")
		}
		d.decode(item, list.Index(i), below)
	}
	v.Set(list)
}

// decodeStruct fills the fields by their yaml tags, gives defaults, and reports unknown and missing keys. A field Pos is
// where the struct stands; an inline Node takes the keys that no other field has.
func (d *decoder) decodeStruct(n Node, v reflect.Value, at place) {
	if n.Kind != NodeMap {
		d.wrongType(n, at, mapForm)
		return
	}
	fields := fieldsOf(v.Type())
	var rest Named[Node]
	for _, e := range n.Map {
		f, ok := fields.Get(e.Name)
		if !ok {
			rest = append(rest, e)
			continue
		}
		d.decode(e.Value, v.FieldByIndex(f.Index), at.field(Entry[reflect.StructField]{Name: e.Name, Value: f}, e.Pos))
	}
	d.takeRest(rest, n.Pos, v, fields, at)
	if pos := v.FieldByName("Pos"); pos.IsValid() && pos.Type() == reflect.TypeFor[Pos]() {
		pos.Set(reflect.ValueOf(at.pos))
	}
	d.complete(n, v, fields, at)
}

// takeRest puts keys without a field into the inline Node, or reports them.
func (d *decoder) takeRest(rest Named[Node], pos Pos, v reflect.Value, fields Named[reflect.StructField], at place) {
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("yaml") == ",inline" && len(rest) > 0 {
			d.decode(Node{Kind: NodeMap, Pos: pos, Map: rest}, v.Field(i), at)
			return
		}
	}
	for _, e := range rest {
		if at.path == "" && strings.HasPrefix(e.Name, "x-") {
			continue // a place for anchors
		}
		known := make([]string, 0, len(fields))
		for _, f := range fields {
			known = append(known, f.Name)
		}
		d.report(Error{
			Pos: e.Pos, Path: at.path, Message: fmt.Sprintf("unknown key %q", clip(e.Name)),
			Suggestion: Nearest(e.Name, known), Try: tryKey(e.Name, known),
		})
	}
}

func tryKey(name string, known []string) string {
	if Nearest(name, known) != "" {
		return ""
	}
	return "one of " + strings.Join(known, ", ")
}

// complete gives absent fields their defaults, those of nested structs too, and reports required ones.
func (d *decoder) complete(n Node, v reflect.Value, fields Named[reflect.StructField], at place) {
	for _, f := range fields {
		given, _ := n.Map.Get(f.Name)
		absent := given.Kind == NodeNone || given.Kind == NodeNull
		field, path := v.FieldByIndex(f.Value.Index), at.key(f.Name, Pos{}).path
		switch text := f.Value.Tag.Get("default"); {
		case f.Value.Tag.Get("required") != "" && absent:
			d.fail(at.pos, at.path, fmt.Sprintf("missing key %q", f.Name), fmt.Sprintf("add %s: ...", f.Name))
		case f.Value.Tag.Get("required") != "" && isEmpty(field) && !d.failed[path]:
			d.fail(given.Pos, path, "must not be empty", "")
		case absent && text != "":
			d.setDefault(field, f.Value.Tag)
		case absent && len(fieldsOf(field.Type())) > 0:
			d.decodeStruct(Node{Kind: NodeMap, Pos: at.pos}, field, at.field(f, at.pos))
		}
	}
}

func isEmpty(v reflect.Value) bool {
	return v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0
}

// setDefault fills a field from its default tag.
func (d *decoder) setDefault(v reflect.Value, tag reflect.StructTag) {
	text := tag.Get("default")
	n := Node{Kind: NodeString, Text: text}
	switch v.Type() {
	case reflect.TypeFor[int]():
		n.Kind = NodeNumber
	case reflect.TypeFor[bool]():
		n.Kind = NodeBool
	}
	plain := newDecoder(d.dir, d.env)
	plain.decode(n, v, place{tag: tag})
	if len(plain.errs) > 0 {
		panic(fmt.Sprintf("configs: default %q of a %s: %v", text, v.Type(), plain.errs))
	}
}

func newDecoder(dir string, env func(string) (string, bool)) *decoder {
	return &decoder{dir: dir, env: env, positions: map[string]Pos{}, failed: map[string]bool{}, variables: map[string]string{}}
}

// fieldsOf lists the keys of a struct in the order of its fields.
func fieldsOf(t reflect.Type) Named[reflect.StructField] {
	if t.Kind() != reflect.Struct {
		return nil
	}
	var fields Named[reflect.StructField]
	for _, f := range reflect.VisibleFields(t) {
		if name := f.Tag.Get("yaml"); f.IsExported() && name != "-" && name != ",inline" && name != "" {
			fields = append(fields, Entry[reflect.StructField]{Name: name, Value: f})
		}
	}
	return fields
}

// decodeNode reads a map in the order of the file.
func (m *Named[T]) decodeNode(d *decoder, n Node, at place) {
	if n.Kind != NodeMap {
		d.wrongType(n, at, mapForm)
		return
	}
	hasKeys := len(fieldsOf(reflect.TypeFor[T]())) > 0
	for _, e := range n.Map {
		entry := Entry[T]{Name: e.Name, Pos: e.Pos}
		if hasKeys {
			e.Value = orEmptyMap(e)
		}
		d.decode(e.Value, reflect.ValueOf(&entry.Value).Elem(), at.key(e.Name, e.Pos))
		*m = append(*m, entry)
	}
}

// orEmptyMap is what a name without a value stands for where keys are required: the missing ones are reported.
func orEmptyMap(e Entry[Node]) Node {
	if e.Value.Kind == NodeNull {
		return Node{Kind: NodeMap, Pos: e.Pos}
	}
	return e.Value
}

// decodeNode reads a step, a list item - name: {...}.
func (s *Step) decodeNode(d *decoder, n Node, at place) {
	if n.Kind != NodeMap || len(n.Map) != 1 {
		d.fail(n.Pos, at.path, "a step is one name with its settings, - name: {...}", tryStep(n))
		return
	}
	e := n.Map[0]
	list, _, _ := strings.Cut(at.path, ".steps[")
	below := place{path: list + ".steps." + e.Name, pos: e.Pos, roles: at.roles}
	if first, ok := d.positions[below.path]; ok {
		d.fail(e.Pos, list+".steps", fmt.Sprintf("duplicate step %q, first on line %d", clip(e.Name), first.Line), "give it another name")
		return
	}
	type plain Step // without this method
	d.decode(orEmptyMap(e), reflect.ValueOf((*plain)(s)).Elem(), below)
	s.Name, s.Pos = e.Name, e.Pos
}

func tryStep(n Node) string {
	if n.Kind == NodeMap && len(n.Map) > 1 {
		return fmt.Sprintf("indent what follows %s: two more columns, or give every step its own dash", n.Map[0].Name)
	}
	return "write - name: {send: target, post: /path}"
}

// decodeNode reads {type: csv, ...} or just csv.
func (f *Format) decodeNode(d *decoder, n Node, at place) {
	if n.Kind == NodeString {
		n = Node{Kind: NodeMap, Pos: n.Pos, Map: Named[Node]{{Name: "type", Pos: n.Pos, Value: n}}}
	}
	type plain Format
	d.decode(n, reflect.ValueOf((*plain)(f)).Elem(), at)
}
