package console

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write golden files")

// TestOpenAPIIsCurrent makes the file anew of the routes and their types; -update writes it.
func TestOpenAPIIsCurrent(t *testing.T) {
	doc, err := json.MarshalIndent(describe(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	doc = append(doc, '\n')
	if *update {
		if err := os.WriteFile("openapi.json", doc, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(doc, openAPI) {
		t.Error("openapi.json does not fit the routes; write it with: go test ./worker/console -run OpenAPI -update")
	}
}

type object = map[string]any

// describer makes an OpenAPI document of the routes.
type describer struct {
	schemas object
	types   map[string]reflect.Type // by name
}

func describe() object {
	d := &describer{schemas: object{}, types: map[string]reflect.Type{}}
	paths := object{}
	for _, r := range routes() {
		at, _ := paths[r.path].(object)
		if at == nil {
			at = object{}
			paths[r.path] = at
		}
		at[strings.ToLower(r.method)] = d.operation(r)
	}
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title": "rossum-relay console", "version": "1",
			"description": "All that the console's pages can do. Values of invoices are masked unless revealed; credentials are never shown.",
		},
		"servers":    []any{object{"url": apiPath}},
		"paths":      paths,
		"components": object{"schemas": d.schemas, "securitySchemes": object{"token": object{"type": "http", "scheme": "bearer"}, "session": object{"type": "apiKey", "in": "cookie", "name": "rossum-relay"}}},
		"security":   []any{object{"token": []string{}}, object{"session": []string{}}},
	}
}

var pathParam = regexp.MustCompile(`\{(\w+)\}`)

func (d *describer) operation(r route) object {
	var params []any
	for _, m := range pathParam.FindAllStringSubmatch(r.path, -1) {
		params = append(params, object{"name": m[1], "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	for _, p := range r.query {
		params = append(params, object{"name": p.name, "in": "query", "description": p.about, "schema": object{"type": "string"}})
	}
	success := object{"description": "done"}
	if r.result != nil {
		success["content"] = object{"application/json": object{"schema": d.schema(reflect.TypeOf(r.result))}}
	}
	op := object{
		"summary": r.summary, "description": "Needs the role " + string(r.role) + ".", "operationId": operationID(r),
		"responses": object{
			strconv.Itoa(r.okStatus()): success,
			"default":                  object{"description": "what went wrong", "content": object{"application/json": object{"schema": d.schema(reflect.TypeFor[APIError]())}}},
		},
	}
	if params != nil {
		op["parameters"] = params
	}
	if r.body != nil {
		op["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": d.schema(reflect.TypeOf(r.body))}}}
	}
	return op
}

func operationID(r route) string {
	id := strings.ToLower(r.method)
	for part := range strings.SplitSeq(pathParam.ReplaceAllString(r.path, "$1"), "/") {
		if part != "" {
			id += strings.ToUpper(part[:1]) + part[1:]
		}
	}
	return id
}

func (d *describer) schema(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[time.Duration]():
		return object{"type": "integer", "description": "nanoseconds"}
	case t == reflect.TypeFor[json.RawMessage]():
		return object{"description": "any JSON"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return d.schema(t.Elem())
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return object{"type": "integer"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Slice:
		return object{"type": []string{"array", "null"}, "items": d.schema(t.Elem())}
	case reflect.Map:
		return object{"type": []string{"object", "null"}, "additionalProperties": d.schema(t.Elem())}
	case reflect.Struct:
		return d.ref(t)
	}
	panic(fmt.Sprintf("no schema for %s", t))
}

func (d *describer) ref(t reflect.Type) object {
	name := t.Name()
	if known := d.types[name]; known != nil && known != t { // two packages have a type of the name
		pkg := t.PkgPath()[strings.LastIndexByte(t.PkgPath(), '/')+1:]
		name = strings.ToUpper(pkg[:1]) + pkg[1:] + name
	}
	if d.types[name] == nil {
		d.types[name] = t // before its fields: against recursion
		properties, required := object{}, []string{}
		d.fields(t, properties, &required)
		d.schemas[name] = object{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
	}
	return object{"$ref": "#/components/schemas/" + name}
}

// fields are a struct's, with those of embedded structs, as encoding/json writes them.
func (d *describer) fields(t reflect.Type, properties object, required *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, flags, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			d.fields(f.Type, properties, required)
			continue
		case !f.IsExported() || name == "-":
			continue
		case name == "":
			name = f.Name
		}
		properties[name] = d.schema(f.Type)
		if !strings.Contains(flags, "omit") {
			*required = append(*required, name)
		}
	}
}
