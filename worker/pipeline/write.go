package pipeline

import "github.com/rossum-relay/rossum-relay/rossumapi"

// Write is what a rossum step writes back to the annotation.
type Write struct {
	Fields []FieldValue
	// Metadata is merged under the relay's own key.
	Metadata map[string]any
	// Status to PATCH the annotation to, "" for none.
	Status string
	// Labels to add and RemoveLabels to take away, by name or id.
	Labels, RemoveLabels []string
	Note                 string
	// Messages reach Rossum with the answer.
	Messages []rossumapi.Message
}

// FieldValue is the new value of one field.
type FieldValue struct {
	SchemaID  string
	Datapoint int64
	Value     string
}

// Operations are the field values as content operations.
func (w *Write) Operations() []rossumapi.Operation {
	ops := make([]rossumapi.Operation, 0, len(w.Fields))
	for _, f := range w.Fields {
		ops = append(ops, rossumapi.Replace(f.Datapoint, f.Value))
	}
	return ops
}
