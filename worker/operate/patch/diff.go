package patch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// Diff is the patch that makes one JSON object of another. Lists of different lengths are replaced as a whole. The error
// is ErrTooLarge, or that of a document that is no JSON object.
func Diff(from, to []byte) ([]Op, error) {
	if kind(from) != '{' || kind(to) != '{' {
		return nil, fmt.Errorf("a JSON object is needed")
	}
	d := &differ{}
	if err := d.value(nil, from, to); err != nil {
		return nil, err
	}
	return d.ops, nil
}

type differ struct {
	ops  []Op
	size int
}

func (d *differ) add(op string, path []string, value json.RawMessage) error {
	d.size += len(value)
	if d.size > MaxSize || len(d.ops) >= maxOps {
		return ErrTooLarge
	}
	d.ops = append(d.ops, Op{Op: op, Path: Pointer(path...), Value: bytes.Clone(value)})
	return nil
}

func (d *differ) value(path []string, from, to json.RawMessage) error {
	if len(path) < maxDepth && kind(from) == kind(to) {
		switch kind(from) {
		case '{':
			return d.object(path, from, to)
		case '[':
			if done, err := d.list(path, from, to); done || err != nil {
				return err
			}
		}
	}
	same, err := equal(from, to)
	if same || err != nil {
		return err
	}
	return d.add(Replace, path, to)
}

func (d *differ) object(path []string, from, to json.RawMessage) error {
	var a, b rossumapi.Object
	if err := json.Unmarshal(from, &a); err != nil {
		return err
	}
	if err := json.Unmarshal(to, &b); err != nil {
		return err
	}
	for _, m := range a {
		now := b.Get(m.Key)
		if now == nil {
			if err := d.add(Remove, at(path, m.Key), nil); err != nil {
				return err
			}
			continue
		}
		if err := d.value(at(path, m.Key), m.Value, now); err != nil {
			return err
		}
	}
	for _, m := range b {
		if a.Get(m.Key) == nil {
			if err := d.add(Add, at(path, m.Key), m.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

// list compares lists of one length element by element; done is false for others.
func (d *differ) list(path []string, from, to json.RawMessage) (done bool, err error) {
	var a, b []json.RawMessage
	if err := json.Unmarshal(from, &a); err != nil {
		return false, err
	}
	if err := json.Unmarshal(to, &b); err != nil {
		return false, err
	}
	if len(a) != len(b) {
		return false, nil
	}
	for i := range a {
		if err := d.value(at(path, strconv.Itoa(i)), a[i], b[i]); err != nil {
			return false, err
		}
	}
	return true, nil
}

func at(path []string, part string) []string {
	return append(path[:len(path):len(path)], part)
}

// equal compares values by what they mean, not by how their strings are escaped or their members indented.
func equal(a, b json.RawMessage) (bool, error) {
	ca, err := canonical(a)
	if err != nil {
		return false, err
	}
	cb, err := canonical(b)
	return bytes.Equal(ca, cb), err
}

func canonical(raw json.RawMessage) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}
