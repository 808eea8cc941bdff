package configs

import (
	"reflect"
	"slices"
)

// Keys lists every key a configuration can have.
func Keys() []string {
	keys := map[string]bool{}
	seen := map[reflect.Type]bool{}
	var visit func(t reflect.Type)
	visit = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || seen[t] {
			return
		}
		seen[t] = true
		if value, ok := t.FieldByName("Value"); ok && t.NumField() == 3 && t.Field(0).Name == "Name" {
			visit(value.Type)
			return
		}
		for _, f := range fieldsOf(t) {
			keys[f.Name] = true
			visit(f.Value.Type)
		}
	}
	visit(reflect.TypeFor[Config]())
	list := make([]string, 0, len(keys))
	for key := range keys {
		list = append(list, key)
	}
	slices.Sort(list)
	return list
}

// Tree is a YAML file as the types of JSON.
func Tree(name string, data []byte) any {
	tree, errs := parseYAML(name, data)
	if len(errs) > 0 {
		panic(errs)
	}
	return tree.Value()
}
