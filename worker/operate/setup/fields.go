package setup

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// FieldDifference is one field of a schema that differs.
type FieldDifference struct {
	Field string // schema id
	Text  string // added, removed, or the attributes that change
}

// maxFieldID is the length limit of a field's id (Rossum API reference, Schema content).
const maxFieldID = 50

// entry is a field of schema content with its place.
type entry struct {
	id, category, parent string
	attributes           map[string]any // without children
}

// entries flattens schema content, parents first. The one child of a multivalue is no list.
func entries(content []any, parent string) []entry {
	var list []entry
	for _, v := range content {
		attributes, ok := v.(map[string]any)
		if !ok {
			continue
		}
		e := entry{parent: parent, attributes: maps.Clone(attributes)}
		e.id, _ = attributes["id"].(string)
		e.category, _ = attributes["category"].(string)
		children := asList(attributes["children"])
		if one, isObject := attributes["children"].(map[string]any); isObject {
			children = []any{one}
		}
		delete(e.attributes, "children")
		list = append(append(list, e), entries(children, e.id)...)
	}
	return list
}

func asList(v any) []any {
	list, _ := v.([]any)
	return list
}

// checkSchema finds what is surely wrong, before Rossum is asked.
func checkSchema(content []any) error {
	var problems []error
	seen := map[string]bool{}
	categories := map[string]string{}
	complain := func(e entry, text string) { problems = append(problems, fmt.Errorf("field %q: %s", clip(e.id), text)) }
	for _, e := range entries(content, "") {
		switch {
		case e.id == "" || len(e.id) > maxFieldID:
			complain(e, fmt.Sprintf("an id has 1 to %d characters", maxFieldID))
		case seen[e.id]:
			complain(e, "the id is there twice")
		}
		seen[e.id], categories[e.id] = true, e.category
		if text := wrongPlace(e.category, categories[e.parent], e.parent); text != "" {
			complain(e, text)
		}
		if text := wrongType(e, categories[e.parent]); text != "" {
			complain(e, text)
		}
		if label, _ := e.attributes["label"].(string); label == "" {
			complain(e, "has no label")
		}
	}
	return errors.Join(problems...)
}

// wrongPlace holds a category to where it may stand.
func wrongPlace(category, parent, parentID string) string {
	allowed := map[string][]string{
		rossumapi.Section: {""}, rossumapi.Multivalue: {rossumapi.Section}, rossumapi.Tuple: {rossumapi.Multivalue},
		rossumapi.Datapoint: {rossumapi.Section, rossumapi.Multivalue, rossumapi.Tuple},
	}
	places, known := allowed[category]
	switch {
	case !known:
		return "category is section, multivalue, tuple or datapoint"
	case parentID == "" && category != rossumapi.Section:
		return "only sections stand at the top"
	case !slices.Contains(places, parent):
		return "a " + category + " does not belong into a " + parent
	}
	return ""
}

func wrongType(e entry, parent string) string {
	if e.category != rossumapi.Datapoint {
		return ""
	}
	kind, _ := e.attributes["type"].(string)
	switch {
	case !slices.Contains(fieldTypes(), kind):
		return "type is one of " + strings.Join(fieldTypes(), ", ")
	case kind == "enum" && len(asList(e.attributes["options"])) == 0:
		return "an enum has options"
	case kind == "button" && parent == rossumapi.Multivalue:
		return "a button cannot be the value of a multivalue"
	}
	return ""
}

func fieldTypes() []string { return []string{"string", "number", "date", "enum", "button"} }

// compareFields lists the fields that differ, those of the new content first, in its order.
func compareFields(before, after []any) []FieldDifference {
	old := map[string]entry{}
	for _, e := range entries(before, "") {
		old[e.id] = e
	}
	var list []FieldDifference
	for _, e := range entries(after, "") {
		was, ok := old[e.id]
		delete(old, e.id)
		if !ok {
			kind, _ := e.attributes["type"].(string)
			list = append(list, FieldDifference{e.id, strings.TrimSpace("added to " + e.parent + " as " + e.category + " " + kind)})
			continue
		}
		if text := compareField(was, e); text != "" {
			list = append(list, FieldDifference{e.id, text})
		}
	}
	for _, e := range entries(before, "") {
		if _, gone := old[e.id]; gone {
			list = append(list, FieldDifference{e.id, "removed, with its values"})
		}
	}
	return list
}

func compareField(was, is entry) string {
	var changes []string
	if was.parent != is.parent {
		changes = append(changes, "moved from "+was.parent+" to "+is.parent)
	}
	keys := maps.Clone(was.attributes)
	maps.Copy(keys, is.attributes)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		before, after := effective(key, was.attributes[key]), effective(key, is.attributes[key])
		if before != after {
			changes = append(changes, key+": "+clip(before)+" -> "+clip(after))
		}
	}
	return strings.Join(changes, "; ")
}

// effective is an attribute's value; what is not given is what Rossum then takes (API reference, Schema content).
func effective(key string, v any) string {
	text := canonical(v)
	switch text {
	case "null", `""`, "[]", "{}", "false":
		switch key {
		case "can_export":
			if v == nil {
				return "true"
			}
			return text
		case "max_occurrences":
			return "1000"
		case "min_occurrences":
			return "0"
		}
		return "none"
	}
	if key == "constraints" && text == `{"required":true}` || key == "format" && text == `"YYYY-MM-DD"` {
		return "none"
	}
	return text
}
