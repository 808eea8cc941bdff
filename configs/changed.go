package configs

import (
	"reflect"
	"slices"
)

// Changed lists what differs between two configurations in some sections (queue, ingest): single values as queue.listen,
// lists and named entries as a whole, alerts.receivers. Where something stands in the file does not count. Secrets differ
// where what was fetched does, or how they are written where nothing was.
func Changed(was, is *Config, sections ...string) []string {
	var found []string
	v, w := reflect.ValueOf(was).Elem(), reflect.ValueOf(is).Elem()
	for field := range v.Type().Fields() {
		if key := field.Tag.Get("yaml"); slices.Contains(sections, key) {
			found = changed(found, key, v.FieldByIndex(field.Index), w.FieldByIndex(field.Index))
		}
	}
	return found
}

func changed(found []string, at string, v, w reflect.Value) []string {
	if v.Kind() != reflect.Struct || !hasKeys(v.Type()) {
		if !same(v, w) {
			found = append(found, at)
		}
		return found
	}
	for field := range v.Type().Fields() {
		found = changed(found, at+"."+field.Tag.Get("yaml"), v.FieldByIndex(field.Index), w.FieldByIndex(field.Index))
	}
	return found
}

// hasKeys reports whether a struct is a map of the file, rather than one value.
func hasKeys(t reflect.Type) bool {
	return t.NumField() > 0 && t.Field(0).Tag.Get("yaml") != ""
}

// same is reflect.DeepEqual that looks into secrets and past positions.
func same(v, w reflect.Value) bool {
	switch v.Kind() {
	case reflect.Struct:
		switch v.Type() {
		case reflect.TypeFor[Pos]():
			return true
		case reflect.TypeFor[Secret]():
			return sameSecret(v.Interface().(Secret), w.Interface().(Secret)) //nolint:forcetypeassert // of this type
		}
		for i := range v.NumField() {
			if !same(v.Field(i), w.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice:
		if v.Len() != w.Len() {
			return false
		}
		for i := range v.Len() {
			if !same(v.Index(i), w.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Pointer:
		if v.IsNil() || w.IsNil() {
			return v.IsNil() == w.IsNil()
		}
		return same(v.Elem(), w.Elem())
	}
	return reflect.DeepEqual(v.Interface(), w.Interface())
}

func sameSecret(a, b Secret) bool {
	if a.IsZero() || b.IsZero() {
		return a.IsZero() == b.IsZero()
	}
	x, y := a.hidden(), b.hidden()
	if x.resolved && y.resolved {
		return x.value == y.value
	}
	return x.written == y.written
}
