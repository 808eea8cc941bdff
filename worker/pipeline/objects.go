package pipeline

import (
	"context"
	"encoding/json"
	"iter"
	"slices"
	"strings"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/jinja"
	"github.com/rossum-relay/rossum-relay/worker/pipeline/jsonvalue"
)

// object is a JSON object whose members are decoded when asked for.
type object struct {
	view     *view
	name     string
	members  rossumapi.Object
	hidden   func(key string) bool // members that do not exist for expressions; nil for none
	volatile func(key string) bool // members the stable view does not show; nil for none
	cache    map[string]any
}

var (
	_ jinja.Object   = (*object)(nil)
	_ jinja.Iterable = (*object)(nil)
)

// hiddenPayload keeps credentials out of templates: secrets are only reached by name, as secrets.x.
func hiddenPayload(key string) bool { return key == "rossum_authorization_token" || key == "secrets" }

// volatilePayload tells what differs when Rossum calls again for the same document.
func volatilePayload(key string) bool {
	return slices.Contains([]string{"request_id", "timestamp", "updated_datapoints"}, key)
}

// volatileAnnotation tells the facts about the annotation's way, which change without a change of the document: exporting
// an annotation again alone changes most of them.
func volatileAnnotation(key string) bool {
	return strings.HasSuffix(key, "_at") || strings.HasSuffix(key, "_by") || strings.HasPrefix(key, "time_spent") ||
		slices.Contains([]string{"status", "previous_status", "modifier", "messages", "metadata", "labels", "relations"}, key)
}

// Lookup decodes a member.
func (o *object) Lookup(_ context.Context, name string) (any, bool, error) {
	if v, ok := o.cache[name]; ok {
		return v, true, nil
	}
	raw := o.members.Get(name)
	if raw == nil || o.hidden != nil && o.hidden(name) {
		if m := dictMethod(o, name); m != nil {
			return m, true, nil
		}
		o.view.scope.notes.missing = o.name + "." + name
		return nil, false, nil
	}
	if o.view.stable && o.volatile != nil && o.volatile(name) {
		return "", true, nil
	}
	v, err := jsonvalue.Decode(raw)
	if err != nil {
		return nil, true, err
	}
	if o.cache == nil {
		o.cache = map[string]any{}
	}
	o.cache[name] = v
	return v, true, nil
}

// Iterate visits the keys in the order they were sent.
func (o *object) Iterate(context.Context) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		for _, m := range o.members {
			if o.hidden != nil && o.hidden(m.Key) {
				continue
			}
			if !yield(m.Key, nil) {
				return
			}
		}
	}
}

// payloadObject is payload: the call as sent, its annotation as the name annotation shows it.
type payloadObject struct{ object }

// Lookup finds a member.
func (p *payloadObject) Lookup(ctx context.Context, name string) (any, bool, error) {
	if name == "annotation" && p.members.Get(name) != nil {
		return p.view.lookup(ctx, name)
	}
	return p.object.Lookup(ctx, name)
}

// documentObject is document: the document object, and its file as document.original.
type documentObject struct{ object }

// Lookup finds original or a member.
func (d *documentObject) Lookup(ctx context.Context, name string) (any, bool, error) {
	if name == "original" {
		return originalFile(d.view.scope, d.members), true, nil
	}
	return d.object.Lookup(ctx, name)
}

// secrets is the name secrets: those of the hook object above those of the configuration, each only by its name.
type secrets struct{ scope *Scope }

// Lookup reveals one secret.
func (s secrets) Lookup(_ context.Context, name string) (any, bool, error) {
	var sent map[string]json.RawMessage
	if raw := s.scope.in.Payload.Secrets; len(raw) > 0 {
		if err := json.Unmarshal(raw, &sent); err != nil {
			sent = nil // not an object: there are none
		}
	}
	if raw, ok := sent[name]; ok {
		v, err := jsonvalue.Decode(raw)
		return v, true, err
	}
	if secret, ok := s.scope.in.Secrets.Get(name); ok {
		return secret.Reveal(), true, nil
	}
	s.scope.notes.missing = "secrets." + name
	return nil, false, nil
}

// tables is the name tables: tables.<table>.<key>.
type tables struct{ scope *Scope }

// Lookup finds a table.
func (t tables) Lookup(_ context.Context, name string) (any, bool, error) {
	found, ok := t.scope.in.Tables.Get(name)
	if !ok {
		t.scope.notes.missing = "tables." + name
		return nil, false, nil
	}
	return &table{scope: t.scope, name: name, table: found}, true, nil
}

// steps is the name steps: the values of the steps before.
type steps struct{ view *view }

// Lookup finds a step's value.
func (s steps) Lookup(_ context.Context, name string) (any, bool, error) {
	v, ok := s.view.scope.steps[name]
	if !ok {
		s.view.scope.notes.missing = "steps." + name
		return nil, false, nil
	}
	if s.view.stable {
		return v.stable, true, nil
	}
	return v.live, true, nil
}

// decodeMembers decodes an object whole.
func decodeMembers(members rossumapi.Object) (any, error) {
	d := jinja.NewDict(len(members))
	for _, m := range members {
		v, err := jsonvalue.Decode(m.Value)
		if err != nil {
			return nil, err
		}
		d.Set(m.Key, v)
	}
	return d, nil
}

// texts reads a JSON list of strings; what is none reads as empty.
func texts(raw json.RawMessage) []string {
	var list []string
	if len(raw) == 0 || json.Unmarshal(raw, &list) != nil {
		return nil
	}
	return list
}
