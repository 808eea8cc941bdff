package rossumapi

import (
	"bytes"
	"encoding/json"
	"fmt"
)

func (s *scanner) nodes() ([]*Node, error) {
	nodes := []*Node{}
	if s.peek() == 'n' {
		return nodes, s.literal("null")
	}
	err := s.array(func() error {
		node, err := s.node()
		nodes = append(nodes, node)
		return err
	})
	return nodes, err
}

// node reads a node; of a repeated key the last one counts.
func (s *scanner) node() (*Node, error) {
	n := &Node{}
	err := s.object(func(key []byte) (err error) {
		switch string(key) {
		case "id":
			n.ID, err = s.id()
		case "url":
			n.URL, err = s.text()
		case "category":
			n.Category, err = s.text()
		case "schema_id":
			n.SchemaID, err = s.text()
		case "children":
			n.Children, err = s.nodes()
		case "content":
			n.Content, err = s.content()
		case "validation_sources":
			err = s.value(&n.ValidationSources)
		case "hidden":
			var raw json.RawMessage
			raw, err = s.raw()
			n.Hidden = string(raw) == "true"
		case "options":
			n.Options, err = s.options()
		default:
			n.Extra, err = s.extra(n.Extra, key)
		}
		return err
	})
	return n, err
}

func (s *scanner) content() (*Content, error) {
	if s.peek() == 'n' {
		return nil, s.literal("null")
	}
	c := &Content{}
	err := s.object(func(key []byte) (err error) {
		switch string(key) {
		case "value":
			c.Value, err = s.scalar()
		case "normalized_value":
			c.NormalizedValue, err = s.scalar()
		default:
			c.Extra, err = s.extra(c.Extra, key)
		}
		return err
	})
	return c, err
}

// extra appends an unknown member; of a repeated key the last one counts.
func (s *scanner) extra(extra Object, key []byte) (Object, error) {
	const most = 100 // keeps the search for repeats cheap
	at, name := s.pos, string(key)
	raw, err := s.raw()
	for i := range extra {
		if extra[i].Key == name {
			extra[i].Value = raw
			return extra, err
		}
	}
	if len(extra) == most {
		return nil, s.fail(at, "more than %d unknown members", most)
	}
	return append(extra, Member{Key: name, Value: raw}), err
}

// text reads a string; null and other kinds read as "".
func (s *scanner) text() (string, error) {
	raw, err := s.raw()
	text, _ := textOf(raw)
	return text, err
}

// scalar reads a value as text: strings as such, numbers and booleans as they
// are written, null as nil.
func (s *scanner) scalar() (*string, error) {
	start := s.pos
	raw, err := s.raw()
	if err != nil || string(raw) == "null" {
		return nil, err
	}
	text, ok := textOf(raw)
	if !ok {
		if raw[0] == '{' || raw[0] == '[' {
			return nil, s.fail(start, "want a text as value")
		}
		text = string(raw)
	}
	return &text, nil
}

func (s *scanner) id() (int64, error) {
	start := s.pos
	raw, err := s.raw()
	if err != nil {
		return 0, err
	}
	id, err := idOf(raw)
	if err != nil {
		return 0, s.fail(start, "%v", err)
	}
	return id, nil
}

// value reads the next value with encoding/json.
func (s *scanner) value(into any) error {
	start := s.pos
	raw, err := s.raw()
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return s.fail(start, "value of an unexpected kind")
	}
	return nil
}

func (s *scanner) options() ([]Option, error) {
	if s.peek() == 'n' {
		return nil, s.literal("null")
	}
	options := []Option{}
	err := s.array(func() error {
		var option Option
		err := s.object(func(key []byte) error {
			var text *string
			var err error
			switch string(key) {
			case "value":
				if text, err = s.scalar(); text != nil {
					option.Value = *text
				}
			case "label":
				if text, err = s.scalar(); text != nil {
					option.Label = *text
				}
			default:
				err = s.skip()
			}
			return err
		})
		options = append(options, option)
		return err
	})
	return options, err
}

// MarshalJSON writes the node as the API does: known members, then Extra.
func (n *Node) MarshalJSON() ([]byte, error) {
	w := &objectWriter{}
	w.member("id", n.ID)
	if n.URL != "" {
		w.member("url", n.URL)
	}
	switch {
	case n.Category == Datapoint:
		w.member("content", n.Content)
	case n.Children != nil:
		w.member("children", n.Children)
	default:
		w.member("children", []*Node{})
	}
	w.member("category", n.Category)
	w.member("schema_id", n.SchemaID)
	if n.ValidationSources != nil || n.Category == Datapoint {
		w.member("validation_sources", append([]string{}, n.ValidationSources...))
	}
	if n.Category != Section {
		w.member("hidden", n.Hidden)
	}
	if n.Options != nil {
		w.member("options", n.Options)
	}
	w.members(n.Extra)
	return w.done()
}

// MarshalJSON writes the content as the API does.
func (c *Content) MarshalJSON() ([]byte, error) {
	w := &objectWriter{}
	w.member("value", c.Value)
	w.member("normalized_value", c.NormalizedValue)
	w.members(c.Extra)
	return w.done()
}

// objectWriter writes a JSON object member by member.
type objectWriter struct {
	buf bytes.Buffer
	err error
}

func (w *objectWriter) member(key string, value any) {
	raw, err := json.Marshal(value)
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("%s: %w", key, err)
	}
	w.raw(key, raw)
}

func (w *objectWriter) members(object Object) {
	for _, m := range object {
		w.raw(m.Key, m.Value)
	}
}

func (w *objectWriter) raw(key string, raw []byte) {
	w.buf.WriteByte("{,"[min(w.buf.Len(), 1)])
	name, _ := json.Marshal(key) // a string always encodes
	w.buf.Write(name)
	w.buf.WriteByte(':')
	w.buf.Write(raw)
}

func (w *objectWriter) done() ([]byte, error) {
	if w.buf.Len() == 0 {
		return []byte("{}"), w.err
	}
	w.buf.WriteByte('}')
	return w.buf.Bytes(), w.err
}
