package configs

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// object is a JSON Schema, or a part of one.
type object = map[string]any

// Schema is the JSON Schema (draft 2020-12) of the configuration, for editors and other tools. It is made from the types
// and their comments, so that it says what Load accepts; what holds between values only Load checks.
func Schema() []byte {
	g := &schemaGenerator{docs: readDocs(), defs: object{
		"variable": object{"type": "string", "pattern": `\$\{[A-Za-z_]`, "description": "An environment variable, ${NAME} or ${NAME:-default}."},
	}}
	root := g.structSchema(reflect.TypeFor[Config]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "rossum-relay configuration"
	root["patternProperties"] = object{"^x-": object{"description": "Ignored: a place for YAML anchors."}}
	root["$defs"] = g.defs
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("configs: schema: %v", err))
	}
	return append(out, '\n')
}

type schemaGenerator struct {
	docs map[string]string
	defs object
}

// structSchema describes a struct by its fields.
func (g *schemaGenerator) structSchema(t reflect.Type) object {
	properties := object{}
	var required []string
	var choices []object
	for _, f := range fieldsOf(t) {
		property := g.schemaOf(f.Value.Type, f.Value.Tag)
		if doc := g.fieldDoc(t, f); doc != "" {
			property["description"] = strings.TrimSpace(doc + " " + textOf(property["description"]))
		}
		if text := f.Value.Tag.Get("default"); text != "" {
			property["default"] = defaultValue(f.Value.Type, text)
		}
		if t == reflect.TypeFor[Config]() && property["additionalProperties"] != nil {
			property["propertyNames"] = object{"pattern": nameForm.String()}
		}
		properties[f.Name] = property
		if f.Value.Tag.Get("required") != "" {
			required = append(required, f.Name)
		}
		if f.Value.Tag.Get("choice") != "" {
			choices = append(choices, object{"required": []string{f.Name}})
		}
	}
	s := object{"type": "object", "properties": properties, "additionalProperties": hasInline(t)}
	if doc := g.docs[t.Name()]; doc != "" {
		s["description"] = doc
	}
	if len(required) > 0 {
		s["required"] = required
	}
	if len(choices) > 0 {
		s["oneOf"] = choices
	}
	return s
}

func hasInline(t reflect.Type) bool {
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("yaml") == ",inline" {
			return true
		}
	}
	return false
}

// fieldDoc is a field's comment, with the key in place of Go's name.
func (g *schemaGenerator) fieldDoc(t reflect.Type, f Entry[reflect.StructField]) string {
	doc := g.docs[t.Name()+"."+f.Value.Name]
	if rest, ok := strings.CutPrefix(doc, f.Value.Name); ok {
		return f.Name + rest
	}
	return doc
}

func textOf(v any) string {
	text, _ := v.(string)
	return text
}

func defaultValue(t reflect.Type, text string) any {
	if n, err := strconv.Atoi(text); err == nil && t.Kind() == reflect.Int {
		return n
	}
	if t.Kind() == reflect.Bool {
		return text == "true"
	}
	return text
}

// schemaOf describes a value. Scalars of other types than text may also be a variable.
func (g *schemaGenerator) schemaOf(t reflect.Type, tag reflect.StructTag) object {
	switch t {
	case reflect.TypeFor[Duration]():
		return scalarSchema(durationPattern, "As "+durationForm+".")
	case reflect.TypeFor[Size]():
		return scalarSchema(sizePattern, "As "+sizeForm+".")
	case reflect.TypeFor[Rate]():
		return scalarSchema(ratePattern, "As "+rateForm+".")
	case reflect.TypeFor[Expr]():
		return object{"type": []string{"string", "number", "boolean"}, "description": "A bare Jinja expression, without {{ }}."}
	case reflect.TypeFor[Template]():
		return object{"type": []string{"string", "number", "boolean"}, "description": "A Jinja template; exactly one {{ }} keeps its type."}
	case reflect.TypeFor[Secret]():
		return object{"type": []string{"string", "number"}, "description": "A secret: ${NAME} or file:PATH."}
	case reflect.TypeFor[QueueRef]():
		return object{"type": []string{"string", "integer"}}
	case reflect.TypeFor[Node]():
		return object{}
	case reflect.TypeFor[Format]():
		types, _ := t.FieldByName("Type")
		return object{"anyOf": []any{object{"enum": strings.Split(types.Tag.Get("enum"), ",")}, g.ref(t)}}
	case reflect.TypeFor[Step]():
		return object{"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": g.ref(t),
			"propertyNames": object{"pattern": nameForm.String()}}
	}
	return g.schemaOfKind(t, tag)
}

func (g *schemaGenerator) schemaOfKind(t reflect.Type, tag reflect.StructTag) object {
	variable := object{"$ref": "#/$defs/variable"}
	switch t.Kind() {
	case reflect.String:
		if enum := tag.Get("enum"); enum != "" {
			return object{"anyOf": []any{object{"enum": strings.Split(enum, ",")}, variable}}
		}
		return object{"type": []string{"string", "number"}}
	case reflect.Bool:
		return object{"anyOf": []any{object{"type": "boolean"}, variable}}
	case reflect.Int:
		return object{"anyOf": []any{object{"type": "integer", "minimum": 0}, variable}}
	case reflect.Pointer:
		return g.schemaOf(t.Elem(), tag)
	case reflect.Slice:
		if value, ok := namedValue(t); ok {
			return object{"type": "object", "additionalProperties": g.schemaOf(value, tag)}
		}
		return object{"type": "array", "items": g.schemaOf(t.Elem(), tag)}
	}
	return g.ref(t)
}

// namedValue is the T of a Named[T].
func namedValue(t reflect.Type) (reflect.Type, bool) {
	if _, own := reflect.New(t).Interface().(nodeDecoder); !own {
		return nil, false
	}
	value, ok := t.Elem().FieldByName("Value")
	return value.Type, ok
}

func scalarSchema(pattern, description string) object {
	return object{
		"anyOf":       []any{object{"type": "string", "pattern": pattern}, object{"const": 0}, object{"$ref": "#/$defs/variable"}},
		"description": description,
	}
}

// ref describes a struct once and refers to it.
func (g *schemaGenerator) ref(t reflect.Type) object {
	if _, done := g.defs[t.Name()]; !done {
		g.defs[t.Name()] = object{} // against recursion
		g.defs[t.Name()] = g.structSchema(t)
	}
	return object{"$ref": "#/$defs/" + t.Name()}
}
