// Package patch changes JSON documents as JSON Patch does (RFC 6902; add,
// replace and remove) and finds the patch between two of them. Members keep
// their order and numbers their digits.
package patch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// The operations of an Op.
const (
	Add     = "add"
	Replace = "replace"
	Remove  = "remove"
)

// Op is one change of a JSON document.
type Op struct {
	Op string `json:"op"`
	// Path is a JSON Pointer (RFC 6901). The whole document cannot be changed at once.
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value,omitempty"`
}

const (
	// maxOps and MaxSize bound one patch: it travels with the run's journal.
	maxOps = 2000
	// MaxSize is the most bytes the values of a patch may have.
	MaxSize = 512 << 10
	// maxDepth bounds the nesting that is looked into.
	maxDepth = 64
)

// ErrTooLarge means that a patch has too many or too large changes.
var ErrTooLarge = errors.New("too many changes")

// Apply returns the document with all operations applied; the document itself is not changed.
func Apply(doc []byte, ops []Op) ([]byte, error) {
	for _, op := range ops {
		path, err := parsePointer(op.Path)
		if err != nil {
			return nil, err
		}
		if op.Op != Remove && !json.Valid(op.Value) {
			return nil, fmt.Errorf("%s %s: the value is not JSON", op.Op, op.Path)
		}
		if doc, err = edit(doc, path, op); err != nil {
			return nil, fmt.Errorf("%s %s: %w", op.Op, op.Path, err)
		}
	}
	return doc, nil
}

// Pointer makes a JSON Pointer of its parts.
func Pointer(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteByte('/')
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(p))
	}
	return b.String()
}

func parsePointer(pointer string) ([]string, error) {
	rest, ok := strings.CutPrefix(pointer, "/")
	if !ok {
		return nil, fmt.Errorf("path %q does not begin with /", pointer)
	}
	parts := strings.Split(rest, "/")
	if len(parts) > maxDepth {
		return nil, fmt.Errorf("path is deeper than %d", maxDepth)
	}
	for i, p := range parts {
		parts[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(p)
	}
	return parts, nil
}

var errNoPlace = errors.New("there is no such place")

// edit applies one operation below raw.
func edit(raw json.RawMessage, path []string, op Op) (json.RawMessage, error) {
	switch kind(raw) {
	case '{':
		return editObject(raw, path, op)
	case '[':
		return editList(raw, path, op)
	}
	return nil, errNoPlace
}

func editObject(raw json.RawMessage, path []string, op Op) (json.RawMessage, error) {
	var o rossumapi.Object
	if err := json.Unmarshal(raw, &o); err != nil {
		return nil, err
	}
	at := slices.IndexFunc(o, func(m rossumapi.Member) bool { return m.Key == path[0] })
	switch {
	case at < 0 && len(path) == 1 && op.Op == Add:
		o = append(o, rossumapi.Member{Key: path[0], Value: op.Value})
	case at < 0:
		return nil, errNoPlace
	case len(path) == 1 && op.Op == Remove:
		o = slices.Delete(o, at, at+1)
	default:
		var err error
		if o[at].Value, err = child(o[at].Value, path, op); err != nil {
			return nil, err
		}
	}
	return o.MarshalJSON()
}

func editList(raw json.RawMessage, path []string, op Op) (json.RawMessage, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, err
	}
	if path[0] == "-" && len(path) == 1 && op.Op == Add {
		return encodeList(append(list, op.Value)), nil
	}
	at, err := strconv.Atoi(path[0])
	switch {
	case err != nil || at < 0 || at >= len(list):
		return nil, errNoPlace
	case len(path) == 1 && op.Op == Remove:
		list = slices.Delete(list, at, at+1)
	case len(path) == 1 && op.Op == Add:
		list = slices.Insert(list, at, op.Value)
	default:
		if list[at], err = child(list[at], path, op); err != nil {
			return nil, err
		}
	}
	return encodeList(list), nil
}

// child is what stands in a member's or element's place after the operation.
func child(raw json.RawMessage, path []string, op Op) (json.RawMessage, error) {
	if len(path) > 1 {
		return edit(raw, path[1:], op)
	}
	if op.Op != Replace && op.Op != Add {
		return nil, fmt.Errorf("unknown operation %q", op.Op)
	}
	return op.Value, nil
}

func encodeList(list []json.RawMessage) json.RawMessage {
	return slices.Concat([]byte{'['}, bytes.Join(asBytes(list), []byte{','}), []byte{']'})
}

func asBytes(list []json.RawMessage) [][]byte {
	out := make([][]byte, len(list))
	for i, raw := range list {
		out[i] = raw
	}
	return out
}

// kind is the first byte of the value.
func kind(raw json.RawMessage) byte {
	if raw = bytes.TrimLeft(raw, " \t\r\n"); len(raw) == 0 {
		return 0
	}
	return raw[0]
}
