package rossumapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Object is a JSON object as it was sent: members in their order, values as
// raw JSON that may alias the decoded body. Keys are unique.
type Object []Member

// Member is one key of an [Object] with its value.
type Member struct {
	Key   string
	Value json.RawMessage
}

// Get returns the raw value of key, nil if the object has none.
func (o Object) Get(key string) json.RawMessage {
	for i := range o {
		if o[i].Key == key {
			return o[i].Value
		}
	}
	return nil
}

// Text returns the string value of key, "" if it is absent, null or no string.
func (o Object) Text(key string) string {
	text, _ := textOf(o.Get(key))
	return text
}

// MarshalJSON writes the members in their order.
func (o Object) MarshalJSON() ([]byte, error) {
	if o == nil {
		return []byte("null"), nil
	}
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(m.Key)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(m.Value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON reads an object; a repeated key is an error.
func (o *Object) UnmarshalJSON(data []byte) error {
	s := &scanner{data: bytes.Clone(data)}
	if s.peek() == 'n' {
		*o = nil
		return s.skip()
	}
	members, err := s.members()
	*o = members
	return err
}

// members reads an object into an Object; a repeated key is an error.
func (s *scanner) members() (Object, error) {
	return s.membersFunc(func(string) (json.RawMessage, error) { return s.raw() })
}

// membersFunc is members with a say in how each value is read.
func (s *scanner) membersFunc(value func(key string) (json.RawMessage, error)) (Object, error) {
	object := make(Object, 0, 16)
	var seen keySet
	err := s.object(func(key []byte) error {
		name := string(key)
		if !seen.add(object, name) {
			return s.fail(s.pos, "key %q occurs twice", clip(name))
		}
		raw, err := value(name)
		object = append(object, Member{Key: name, Value: raw})
		return err
	})
	return object, err
}

// keySet knows the keys of a growing object: those of a small one by looking through it.
type keySet map[string]struct{}

// add takes a key that is about to be appended to o; false if o has it.
func (k *keySet) add(o Object, key string) bool {
	const small = 64
	if len(o) < small {
		return !slices.ContainsFunc(o, func(m Member) bool { return m.Key == key })
	}
	if *k == nil {
		*k = make(keySet, 2*small)
		for _, m := range o {
			(*k)[m.Key] = struct{}{}
		}
	}
	if _, known := (*k)[key]; known {
		return false
	}
	(*k)[key] = struct{}{}
	return true
}

// clip shortens a foreign name for an error message.
func clip(text string) string { return clipTo(text, 80) }

func clipTo(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}

// textOf decodes a raw string; ok is false for null, absence and other kinds.
func textOf(raw json.RawMessage) (text string, ok bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') >= 0 {
		inner = unquote(raw)
	}
	return string(inner), true
}

// idOf decodes an id: a JSON integer, or a string holding one (connector
// payloads and message ids use strings). Absent and null give 0.
func idOf(raw json.RawMessage) (int64, error) {
	digits := string(raw)
	if text, ok := textOf(raw); ok {
		digits = text
	}
	if digits == "" || digits == "null" {
		return 0, nil
	}
	id, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("id is not a 64-bit integer: %s", clip(digits))
	}
	return id, nil
}
