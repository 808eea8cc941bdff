package setup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// ErrSchemaChanged means that somebody changed the schema since it was compared.
var ErrSchemaChanged = errors.New("the schema was changed meanwhile: look at the differences again")

// SchemaOf reads the schema of a queue.
func (s *Setup) SchemaOf(ctx context.Context, q rossumapi.Queue) (rossumapi.Schema, error) {
	return s.schema(ctx, q.Schema)
}

// SchemaChange is a change of a schema that was compared and can be applied.
type SchemaChange struct {
	Schema      rossumapi.Schema
	Differences []FieldDifference
	// Queues that use the schema, and how many annotations of theirs the change reshapes, exported ones included.
	Queues      []string
	Annotations int

	content []any
}

// CompareSchema checks new content (a list of sections, or a schema object with it) and compares it with a queue's schema.
// Nothing is changed. What is wrong with the content, in Rossum's view too, is an error.
func (s *Setup) CompareSchema(ctx context.Context, q rossumapi.Queue, content json.RawMessage) (*SchemaChange, error) {
	sections, err := sectionsOf(content)
	if err != nil {
		return nil, err
	}
	current, err := s.SchemaOf(ctx, q)
	if err != nil {
		return nil, err
	}
	before, err := sectionsOf(current.Raw)
	if err != nil {
		return nil, fmt.Errorf("schema %d: %w", current.ID, err)
	}
	if err := checkSchema(sections); err != nil {
		return nil, err
	}
	c := &SchemaChange{Schema: current, content: sections, Differences: compareFields(before, sections)}
	if len(c.Differences) == 0 {
		return c, nil
	}
	if err := s.askRossum(ctx, current.Name, sections); err != nil {
		return nil, err
	}
	all, err := s.AllQueues(ctx)
	if err != nil {
		return nil, err
	}
	for _, other := range all {
		if other.Schema != q.Schema {
			continue
		}
		c.Queues = append(c.Queues, other.Name)
		for _, n := range other.Counts {
			c.Annotations += n
		}
	}
	return c, nil
}

// sectionsOf takes the sections out of a list or a schema object.
func sectionsOf(raw json.RawMessage) ([]any, error) {
	var content any
	if err := json.Unmarshal(raw, &content); err != nil {
		return nil, fmt.Errorf("schema content: %w", err)
	}
	if schema, ok := content.(map[string]any); ok {
		content = schema["content"]
	}
	sections, ok := content.([]any)
	if !ok {
		return nil, errors.New("schema content is a list of sections, or a schema with it as content")
	}
	return sections, nil
}

// askRossum lets Rossum validate, which answers 200 with what is wrong (Rossum API reference, Schema).
func (s *Setup) askRossum(ctx context.Context, name string, content []any) error {
	answer, err := s.client.ValidateSchema(ctx, map[string]any{"name": name, "content": content})
	if err != nil {
		return fmt.Errorf("validation of the schema: %w", err)
	}
	var said any
	if json.Unmarshal(answer, &said) != nil || isEcho(said) {
		return nil
	}
	if found := complaints(said); len(found) > 0 {
		return errors.New("Rossum refuses the schema: " + clip(strings.Join(found, "; ")))
	}
	return nil
}

// isEcho tells the valid schema itself, which some deployments answer with, from complaints about it.
func isEcho(answer any) bool {
	said, _ := answer.(map[string]any)
	for _, section := range asList(said["content"]) {
		if attributes, ok := section.(map[string]any); ok && attributes["category"] == rossumapi.Section {
			return true
		}
	}
	return false
}

// complaints are the texts in lists of texts, which is how Rossum words what is wrong with an attribute.
func complaints(v any) []string {
	var found []string
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			list := asList(v[key])
			if !allTexts(list) {
				found = append(found, complaints(v[key])...)
				continue
			}
			for _, text := range list {
				found = append(found, key+": "+fmt.Sprint(text))
			}
		}
	case []any:
		for _, item := range v {
			found = append(found, complaints(item)...)
		}
	}
	return found
}

func allTexts(list []any) bool {
	for _, v := range list {
		if _, ok := v.(string); !ok {
			return false
		}
	}
	return len(list) > 0
}

// ApplySchema writes a change. Writes of others at the same moment are waited out (412); ErrSchemaChanged where the schema
// is no longer the one that was compared.
func (s *Setup) ApplySchema(ctx context.Context, c *SchemaChange) error {
	if len(c.Differences) == 0 {
		return nil
	}
	base, err := sectionsOf(c.Schema.Raw)
	if err != nil {
		return err
	}
	updated, err := s.client.UpdateSchema(ctx, c.Schema.ID, func(now rossumapi.Schema) (map[string]any, error) {
		current, err := sectionsOf(now.Raw)
		if err != nil {
			return nil, err
		}
		if canonical(current) != canonical(base) {
			return nil, ErrSchemaChanged
		}
		return map[string]any{"content": c.content}, nil
	})
	if err != nil {
		return err
	}
	after, err := sectionsOf(updated.Raw)
	if err != nil {
		return fmt.Errorf("schema %d after the change: %w", c.Schema.ID, err)
	}
	if left := compareFields(after, c.content); len(left) > 0 {
		return fmt.Errorf("schema %d: Rossum took the change but kept its own %s", c.Schema.ID, left[0].Field)
	}
	return nil
}
