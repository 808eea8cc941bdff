package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

// Write is what a rossum step writes back to the annotation.
type Write struct {
	Fields []FieldValue
	// Metadata is merged under the relay's own key. It encodes as JSON, decimals as strings.
	Metadata map[string]any
	// Status to PATCH the annotation to, "" for none.
	Status string
	// Labels to add and RemoveLabels to take away, by name or id.
	Labels, RemoveLabels []string
	Note                 string
	// Export is the document relation to write, nil for none.
	Export *Export

	// What reaches Rossum with the answer: messages of any event, blockers of annotation_content.initialize, files of
	// email.received and upload.created, the reply of invocation.manual. The JSON is nil where the step says nothing.
	Messages                      []rossumapi.Message
	AutomationBlockers            []rossumapi.AutomationBlocker
	Files, AdditionalFiles, Reply json.RawMessage
}

// Empty reports whether there is nothing to write through the API.
func (w *Write) Empty() bool {
	return len(w.Fields)+len(w.Metadata)+len(w.Labels)+len(w.RemoveLabels) == 0 && w.Status == "" && w.Note == "" && w.Export == nil
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

// writer is a compiled rossum step.
type writer struct {
	path         string
	set          []named
	metadata     *tree
	status       string
	labels       []*code
	removeLabels []*code
	note         *code
	messages     []message
	blockers     []message
	answers      answerTrees
	export       *exportCode
}

type message struct {
	kind, field string
	text        *code
}

func (c *compiler) writer(path string, r *configs.RossumStep, n names) *writer {
	w := &writer{
		path: path, set: c.all(path+".set", r.Set, n), status: r.Status, note: c.template(path+".note", r.Note, n),
		labels: c.templates(path+".labels", r.Labels, n), removeLabels: c.templates(path+".remove_labels", r.RemoveLabels, n),
	}
	if !r.Metadata.IsZero() {
		w.metadata = c.tree(path+".metadata", r.Metadata, n)
	}
	for i, m := range r.Messages {
		w.messages = append(w.messages, message{m.Type, m.Field, c.template(fmt.Sprintf("%s.messages[%d].text", path, i), m.Text, n)})
	}
	for i, b := range r.AutomationBlockers {
		w.blockers = append(w.blockers, message{field: b.Field, text: c.template(fmt.Sprintf("%s.automation_blockers[%d].text", path, i), b.Text, n)})
	}
	w.answers, w.export = c.answers(path, r, n), c.export(path+".export", r.Export, n)
	return w
}

// dead compiles on_dead; nil where nothing is configured.
func (c *compiler) dead(path string, d *configs.OnDead, n names) *writer {
	if d.Metadata.IsZero() && d.Note.IsZero() && d.Label == "" && d.Status == "" {
		return nil
	}
	r := &configs.RossumStep{Metadata: d.Metadata, Note: d.Note, Status: d.Status}
	if d.Label != "" {
		r.Labels = []configs.Template{{Source: d.Label, Pos: c.cfg.Pos(path + ".label")}}
	}
	return c.writer(path, r, n)
}

func (c *compiler) templates(path string, list []configs.Template, n names) []*code {
	all := make([]*code, 0, len(list))
	for i, t := range list {
		all = append(all, c.template(fmt.Sprintf("%s[%d]", path, i), t, n))
	}
	return all
}

// PrepareWrite makes what a rossum step writes back, without writing it.
func (s *Step) PrepareWrite(ctx context.Context, scope *Scope) (*Write, error) {
	return s.writer.write(ctx, scope)
}

func (w *writer) write(ctx context.Context, scope *Scope) (*Write, error) {
	f := scope.live.frame(ctx)
	done := &Write{Status: w.status}
	for _, step := range []func(*frame, *Write) error{w.writeFields, w.writeMetadata, w.writeLabels, w.writeMessages, w.writeBlockers, w.answers.write, w.export.write} {
		if err := step(f, done); err != nil {
			return nil, err
		}
	}
	var err error
	done.Note, err = w.note.string(f)
	return done, err
}

func (w *writer) writeFields(f *frame, done *Write) error {
	for _, s := range w.set {
		text, err := s.string(f)
		if err != nil {
			return err
		}
		index, err := f.view.scope.fieldIndex(f.ctx)
		if err != nil {
			return err
		}
		node := index[s.name]
		switch {
		case node == nil || node.Category != rossumapi.Datapoint:
			return outcome.Errorf(outcome.Misconfigured, "unknown_field", "%s: the document has no field %s outside of tables", w.path, s.name)
		case utf8.RuneCountInString(text) > rossumapi.MaxValue:
			return outcome.Errorf(outcome.Misconfigured, "too_long", "%s: the value for %s is longer than the %d characters Rossum takes", w.path, s.name, rossumapi.MaxValue)
		}
		done.Fields = append(done.Fields, FieldValue{SchemaID: s.name, Datapoint: node.ID, Value: text})
	}
	return nil
}

func (w *writer) writeMetadata(f *frame, done *Write) error {
	if w.metadata == nil {
		return nil
	}
	built, err := w.metadata.build(f)
	if err != nil {
		return err
	}
	done.Metadata, _ = plainTree(built).(map[string]any) // a map, checked by the configuration
	return nil
}

func (w *writer) writeLabels(f *frame, done *Write) error {
	add := func(codes []*code, to *[]string) error {
		for _, c := range codes {
			text, err := c.string(f)
			if err != nil {
				return err
			}
			if text != "" {
				*to = append(*to, text)
			}
		}
		return nil
	}
	if err := add(w.labels, &done.Labels); err != nil {
		return err
	}
	return add(w.removeLabels, &done.RemoveLabels)
}

func (w *writer) writeMessages(f *frame, done *Write) error {
	for _, m := range w.messages {
		text, datapoint, err := m.say(f)
		if err != nil {
			return err
		}
		done.Messages = append(done.Messages, rossumapi.Message{ID: datapoint, Type: m.kind, Content: text})
	}
	return nil
}

// writeBlockers leaves out those whose text is empty: a blocker that depends on a value says so by its text.
func (w *writer) writeBlockers(f *frame, done *Write) error {
	for _, m := range w.blockers {
		text, datapoint, err := m.say(f)
		if err != nil {
			return err
		}
		if text != "" {
			done.AutomationBlockers = append(done.AutomationBlockers, rossumapi.AutomationBlocker{ID: datapoint, Content: text})
		}
	}
	return nil
}

// say is the text, and the datapoint it belongs to, 0 where there is none.
func (m message) say(f *frame) (text string, datapoint int64, err error) {
	if text, err = m.text.string(f); err != nil {
		return "", 0, err
	}
	if node := f.view.scope.datapoint(f.ctx, m.field); node != nil {
		datapoint = node.ID
	}
	return text, datapoint, nil
}

// plainTree is a document's tree in Go's own types for JSON: numbers beyond int64 and float64 as text.
func plainTree(t any) any {
	switch t := t.(type) {
	case document.Map:
		m := make(map[string]any, len(t))
		for _, e := range t {
			m[e.Key] = plainTree(e.Value)
		}
		return m
	case document.List:
		list := make([]any, 0, len(t))
		for _, item := range t {
			list = append(list, plainTree(item))
		}
		return list
	case nil, bool, string, int64, float64:
		return t
	}
	text, _ := document.Text(t) // a number or date
	return text
}
