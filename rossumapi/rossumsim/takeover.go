package rossumsim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// Imported tells under which ids the objects of a payload were taken over.
type Imported struct {
	Organization, Queue, Schema int64
}

// Import takes over the organization, queue, schema, users, labels and other
// sideloaded objects that a webhook payload of an annotation speaks of, so
// that users and hooks can be added before the first [Sim.Upload]. Objects
// that were taken over before stay as they are. Without a sideloaded schema
// one is inferred from the content.
func (s *Sim) Import(payload []byte) (Imported, error) {
	p, err := rossumapi.DecodePayload(bytes.Clone(payload))
	if err != nil {
		return Imported{}, fmt.Errorf("rossum simulator: %w", err)
	}
	if p.Annotation.Queue == "" {
		return Imported{}, fmt.Errorf("rossum simulator: payload of %s has no annotation", p.Name())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.takeOver(p)
}

func (s *Sim) takeOver(p rossumapi.Payload) (Imported, error) {
	t := takeover{sim: s, base: p.BaseURL, fresh: map[*entity]bool{}}
	queue := s.byURL(t.relink(p.Annotation.Queue))
	schema := s.byURL(t.relink(p.Annotation.Schema))
	organization := s.byURL(t.relink(p.AnnotationObject.Text("organization")))
	if queue == nil || schema == nil {
		return Imported{}, fmt.Errorf("rossum simulator: payload without queue or schema")
	}
	if organization == nil {
		organization = s.anyOrganization()
	}
	if err := t.sideloads(p.Sideloads); err != nil {
		return Imported{}, err
	}
	if t.fresh[queue] {
		queue.attrs["schema"] = schema.text("url")
	}
	if s.byURL(queue.text("workspace")) == nil {
		queue.attrs["workspace"] = s.add("workspaces", map[string]any{"name": "Imported"}).text("url")
	}
	s.byURL(queue.text("workspace")).attrs["organization"] = organization.text("url")
	if fields, _ := schema.attrs["content"].([]any); len(fields) == 0 && p.Content != nil {
		schema.attrs["content"] = inferSchema(p.Content)
	}
	for _, e := range s.collections["users"].items {
		if e.text("organization") == "" {
			e.attrs["organization"] = organization.text("url")
		}
	}
	s.linkHooks()
	return Imported{Organization: organization.id, Queue: queue.id, Schema: schema.id}, nil
}

func (s *Sim) anyOrganization() *entity {
	if list := s.collections["organizations"].ordered(); len(list) > 0 {
		return list[0]
	}
	return s.add("organizations", map[string]any{"name": "Simulated"})
}

// takeover gives the objects of another Rossum ids of this one.
type takeover struct {
	sim   *Sim
	base  string           // of the other Rossum
	fresh map[*entity]bool // made by this takeover; nil if nobody asks
}

// relink translates a link, making the object it leads to if need be. Links
// to kinds that the simulator does not have only change their host.
func (t takeover) relink(link string) string {
	if !strings.HasPrefix(link, t.base+"/api/v1/") {
		return link
	}
	kind, id, ok := splitURL(link)
	shared := []string{"organizations", "workspaces", "users", "groups", "queues", "schemas", "labels", "emails"}
	if !ok || !slices.Contains(shared, kind) {
		return t.sim.base + strings.TrimPrefix(link, t.base)
	}
	key := fmt.Sprintf("%s/%s/%d", t.base, kind, id)
	if t.sim.imported[key] == 0 {
		attrs := map[string]any{}
		switch kind {
		case "users":
			attrs["username"] = fmt.Sprintf("user-%d@simulated.example", id)
		case "organizations", "workspaces", "queues", "schemas", "labels":
			attrs["name"] = fmt.Sprintf("%s %d", strings.TrimSuffix(kind, "s"), id)
		}
		e := t.sim.add(kind, attrs)
		t.sim.imported[key] = e.id
		if t.fresh != nil {
			t.fresh[e] = true
		}
	}
	return t.sim.url(kind, t.sim.imported[key])
}

// relinkAll translates all links inside a decoded JSON value.
func (t takeover) relinkAll(value any) any {
	switch v := value.(type) {
	case string:
		return t.relink(v)
	case []any:
		for i := range v {
			v[i] = t.relinkAll(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = t.relinkAll(v[key])
		}
	}
	return value
}

// sideloads fills the objects that were sent along with their attributes.
func (t takeover) sideloads(lists rossumapi.Object) error {
	for _, m := range lists {
		var objects []map[string]any
		if err := json.Unmarshal(m.Value, &objects); err != nil {
			return fmt.Errorf("rossum simulator: sideload %s: %w", m.Key, err)
		}
		for _, attrs := range objects {
			link, _ := attrs["url"].(string)
			e := t.sim.byURL(t.relink(link))
			if e == nil || !t.fresh[e] {
				continue // a kind that is not shared, or known already
			}
			for key, value := range attrs {
				if key != "id" && key != "url" {
					e.attrs[key] = t.relinkAll(value)
				}
			}
		}
	}
	return nil
}

// tree gives the nodes ids of their own, and the grids those of their rows.
func (t takeover) tree(a *annotation, tree rossumapi.Tree) {
	ids := map[int64]int64{}
	for node := range tree.All() {
		t.sim.nextNode++
		ids[node.ID] = t.sim.nextNode
		node.ID = t.sim.nextNode
		node.URL = nodeURL(a, node.ID)
	}
	for node := range tree.All() {
		for i, m := range node.Extra {
			if m.Key == "grid" {
				node.Extra[i].Value = regrid(m.Value, ids)
			}
		}
	}
	a.tree = tree
}

// regrid translates the tuple ids of a grid.
func regrid(raw json.RawMessage, ids map[int64]int64) json.RawMessage {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var grid any
	if decoder.Decode(&grid) != nil {
		return raw
	}
	var visit func(value any)
	visit = func(value any) {
		switch v := value.(type) {
		case []any:
			for _, entry := range v {
				visit(entry)
			}
		case map[string]any:
			for key, entry := range v {
				number, isNumber := entry.(json.Number)
				if old, err := number.Int64(); key == "tuple_id" && isNumber && err == nil {
					v[key] = ids[old]
				}
				visit(entry)
			}
		}
	}
	visit(grid)
	translated, err := json.Marshal(grid)
	if err != nil {
		return raw
	}
	return translated
}

// inferSchema makes schema content that fits a tree: a field with a numeric or
// ISO date normalized value is a number or date, one with options an enum.
func inferSchema(nodes []*rossumapi.Node) []any {
	fields := []any{}
	seen := map[string]bool{}
	for _, node := range nodes {
		if seen[node.SchemaID] {
			continue
		}
		seen[node.SchemaID] = true
		field := map[string]any{"category": node.Category, "id": node.SchemaID, "label": labelOf(node.SchemaID)}
		children := inferSchema(node.Children)
		switch {
		case node.Category == rossumapi.Datapoint:
			inferType(field, node)
		case node.Category == rossumapi.Multivalue && len(children) > 0:
			field["children"] = children[0]
		case node.Category != rossumapi.Multivalue:
			field["children"] = children
		}
		fields = append(fields, field)
	}
	return fields
}

func inferType(field map[string]any, node *rossumapi.Node) {
	field["type"] = "string"
	normalized, _ := node.Normalized()
	_, isNumber := node.Number()
	_, notISO := time.Parse(time.DateOnly, normalized)
	switch {
	case node.Content == nil:
		field["type"] = "button"
	case len(node.Options) > 0:
		options := []any{}
		for _, option := range node.Options {
			options = append(options, map[string]any{"value": option.Value, "label": option.Label})
		}
		field["type"], field["options"] = "enum", options
	case isNumber:
		field["type"], field["format"] = "number", "# ##0.#"
	case notISO == nil:
		field["type"], field["format"] = "date", "YYYY-MM-DD"
	}
}

func labelOf(schemaID string) string {
	words := strings.ReplaceAll(schemaID, "_", " ")
	return strings.ToUpper(words[:min(1, len(words))]) + words[min(1, len(words)):]
}
