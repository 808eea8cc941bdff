package setup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// NewField is a field to add to a schema.
type NewField struct {
	ID, Label, Type string
	// In is the id of the section or of the table (multivalue) it is put into, as the last.
	In string
	// Format of numbers and dates.
	Format string
	// Options of an enum, value and label.
	Options []rossumapi.Option
	// Hidden fields do not show in Rossum's screens; Required ones block the confirmation while they are empty.
	Hidden, Required bool
}

// definition is the field as schema content. It is made for the relay to write: filled by data, not by the AI.
func (f NewField) definition() map[string]any {
	d := map[string]any{
		"category": rossumapi.Datapoint, "id": f.ID, "label": f.Label, "type": f.Type, "rir_field_names": []any{},
		"constraints": map[string]any{"required": f.Required}, "ui_configuration": map[string]any{"type": "data", "edit": "enabled"},
	}
	if f.Format != "" {
		d["format"] = f.Format
	}
	if f.Hidden {
		d["hidden"] = true
	}
	if len(f.Options) > 0 {
		options := make([]any, 0, len(f.Options))
		for _, o := range f.Options {
			options = append(options, map[string]any{"value": o.Value, "label": o.Label})
		}
		d["options"] = options
	}
	return d
}

// AddField compares a queue's schema with the same and one field more. A field of the same id, label and type that is there
// already leaves nothing to do; another with the id is an error.
func (s *Setup) AddField(ctx context.Context, q rossumapi.Queue, f NewField) (*SchemaChange, error) {
	current, err := s.SchemaOf(ctx, q)
	if err != nil {
		return nil, err
	}
	if have := current.Field(f.ID); have != nil {
		if have.Category != rossumapi.Datapoint || have.Type != f.Type || have.Label != f.Label {
			return nil, fmt.Errorf("the schema has a %s %s %q with label %q already", have.Category, have.Type, f.ID, clip(have.Label))
		}
		return &SchemaChange{Schema: current}, nil
	}
	content, err := sectionsOf(current.Raw)
	if err != nil {
		return nil, fmt.Errorf("schema %d: %w", current.ID, err)
	}
	if !insert(content, f.In, f.definition()) {
		return nil, &UnknownError{Kind: "section or table", Name: f.In, Known: containers(content)}
	}
	raw, err := json.Marshal(content)
	if err != nil {
		return nil, err
	}
	return s.CompareSchema(ctx, q, raw)
}

// insert puts a field into the section or table with an id.
func insert(content []any, into string, field map[string]any) bool {
	for _, v := range content {
		attributes, ok := v.(map[string]any)
		if !ok {
			continue
		}
		row, isTable := attributes["children"].(map[string]any)
		switch {
		case attributes["id"] == into && isTable && row["category"] == rossumapi.Tuple:
			row["children"] = append(asList(row["children"]), field)
			return true
		case attributes["id"] == into && attributes["category"] == rossumapi.Section:
			attributes["children"] = append(asList(attributes["children"]), field)
			return true
		case insert(asList(attributes["children"]), into, field):
			return true
		}
	}
	return false
}

// containers lists the sections and tables.
func containers(content []any) []string {
	var ids []string
	for _, e := range entries(content, "") {
		if e.category == rossumapi.Section || e.category == rossumapi.Multivalue {
			ids = append(ids, e.id)
		}
	}
	return ids
}

// ParseOptions reads options written as value=label, or just value.
func ParseOptions(written []string) ([]rossumapi.Option, error) {
	options := make([]rossumapi.Option, 0, len(written))
	for _, text := range written {
		value, label, found := strings.Cut(text, "=")
		if !found {
			label = value
		}
		if value == "" || label == "" {
			return nil, errors.New("an option is VALUE=LABEL, or just VALUE")
		}
		options = append(options, rossumapi.Option{Value: value, Label: label})
	}
	return options, nil
}
