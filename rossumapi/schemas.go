package rossumapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// Schema describes the fields of a queue.
type Schema struct {
	ID       int64         `json:"id"`
	URL      string        `json:"url"`
	Name     string        `json:"name"`
	Queues   []string      `json:"queues"`
	Content  []SchemaField `json:"content"` // sections
	Metadata Object        `json:"metadata"`

	Raw json.RawMessage `json:"-"` // the object as sent
}

// UnmarshalJSON reads a schema and keeps it as sent.
func (s *Schema) UnmarshalJSON(data []byte) error {
	type plain Schema
	return keepRaw(data, (*plain)(s), &s.Raw)
}

// SchemaField is a section, multivalue, tuple or datapoint of a schema.
type SchemaField struct {
	Category string       `json:"category"`
	ID       string       `json:"id"` // the schema_id of its nodes
	Label    string       `json:"label"`
	Type     string       `json:"type"`   // of datapoints: string, number, date, enum or button
	Format   string       `json:"format"` // of numbers and dates
	Options  []Option     `json:"options"`
	Hidden   bool         `json:"hidden"`
	UI       SchemaUI     `json:"ui_configuration"`
	Children SchemaFields `json:"children"`

	Raw json.RawMessage `json:"-"` // the object as sent
}

// SchemaUI says where a field gets its value from.
type SchemaUI struct {
	Type string `json:"type"` // captured, data, manual, formula or reasoning
	Edit string `json:"edit"`
}

// SchemaFields are the children of a field. A multivalue has one, which Rossum
// writes as an object instead of a list.
type SchemaFields []SchemaField

// UnmarshalJSON reads a list or a single field.
func (f *SchemaFields) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '{' {
		*f = make(SchemaFields, 1)
		return json.Unmarshal(data, &(*f)[0])
	}
	return json.Unmarshal(data, (*[]SchemaField)(f))
}

// UnmarshalJSON reads a field and keeps it as sent.
func (f *SchemaField) UnmarshalJSON(data []byte) error {
	type plain SchemaField
	return keepRaw(data, (*plain)(f), &f.Raw)
}

// Field returns the field with the id at any depth, nil if there is none.
func (s Schema) Field(id string) *SchemaField {
	return findField(s.Content, id)
}

func findField(fields []SchemaField, id string) *SchemaField {
	for i := range fields {
		if fields[i].ID == id {
			return &fields[i]
		}
		if found := findField(fields[i].Children, id); found != nil {
			return found
		}
	}
	return nil
}

// Schema returns a schema.
func (c *Client) Schema(ctx context.Context, id int64) (Schema, error) {
	var schema Schema
	err := c.Get(ctx, c.resource("schemas", id), &schema)
	return schema, err
}

// CreateSchema makes a schema of sections. A queue gets it with [Client.PatchQueue]; its older annotations keep theirs.
func (c *Client) CreateSchema(ctx context.Context, name string, sections any) (Schema, error) {
	var created Schema
	err := c.call(ctx, http.MethodPost, c.URL("schemas"), map[string]any{"name": name, "content": sections}, &created)
	return created, err
}

// ValidateSchema reports what Rossum finds wrong with schema content.
func (c *Client) ValidateSchema(ctx context.Context, schema any) (json.RawMessage, error) {
	r, err := jsonRequest(http.MethodPost, c.URL("schemas/validate"), schema)
	if err != nil {
		return nil, err
	}
	r.repeatable = true
	var complaints json.RawMessage
	err = c.do(ctx, r, &complaints)
	return complaints, err
}

// UpdateSchema reads a schema, lets change return the attributes to PATCH, and
// writes them; when someone else changed the schema meanwhile (412) it starts
// over, five times at most. It reshapes all annotations of the schema.
func (c *Client) UpdateSchema(ctx context.Context, id int64, change func(Schema) (map[string]any, error)) (Schema, error) {
	const tries = 5
	for try := 1; ; try++ {
		schema, err := c.Schema(ctx, id)
		if err != nil {
			return Schema{}, err
		}
		attributes, err := change(schema)
		if err != nil {
			return Schema{}, fmt.Errorf("change of schema %d: %w", id, err)
		}
		var updated Schema
		err = c.call(ctx, http.MethodPatch, c.resource("schemas", id), attributes, &updated)
		if StatusOf(err) != http.StatusPreconditionFailed || try == tries {
			return updated, err
		}
		if sleepErr := sleep(ctx, backOffPause(try)); sleepErr != nil {
			return Schema{}, errors.Join(err, sleepErr)
		}
	}
}
