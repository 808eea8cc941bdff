package rossumsim

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// entity is an API object: its attributes by name, as decoded JSON.
type entity struct {
	id    int64
	attrs map[string]any
}

// text returns a string attribute. A nil entity has none.
func (e *entity) text(key string) string {
	if e == nil {
		return ""
	}
	text, _ := e.attrs[key].(string)
	return text
}

func (e *entity) flag(key string) bool {
	if e == nil {
		return false
	}
	set, _ := e.attrs[key].(bool)
	return set
}

// list returns the strings of a list attribute.
func (e *entity) list(key string) []string {
	if e == nil {
		return nil
	}
	return texts(e.attrs[key])
}

func texts(value any) []string {
	switch list := value.(type) {
	case []string:
		return list
	case []any:
		var found []string
		for _, entry := range list {
			if text, ok := entry.(string); ok {
				found = append(found, text)
			}
		}
		return found
	}
	return nil
}

// number returns a numeric attribute, or fallback.
func (e *entity) number(key string, fallback int) int {
	return intOf(e.attrs[key], fallback)
}

func intOf(value any, fallback int) int {
	switch n := value.(type) {
	case int:
		return n
	case float64:
		return int(n)
	case json.Number:
		if i, err := n.Int64(); err == nil {
			return int(i)
		}
	}
	return fallback
}

func (e *entity) object(key string) map[string]any {
	if e == nil {
		return nil
	}
	object, _ := e.attrs[key].(map[string]any)
	return object
}

// collection holds the objects of one kind.
type collection struct {
	name     string
	items    map[int64]*entity
	next     int64
	defaults string // JSON of the attributes a new object has
}

func newCollections() map[string]*collection {
	const user = `{"first_name":"","last_name":"","email":null,"phone_number":null,"groups":[],"queues":[],"is_active":true,` +
		`"auth_type":"password","oidc_id":null,"ui_settings":{},"metadata":{},"deleted":false}`
	const queue = `{"workspace":null,"connector":null,"webhooks":[],"hooks":[],"inbox":null,"users":[],"session_timeout":"01:00:00",` +
		`"default_score_threshold":0.8,"automation_enabled":false,"automation_level":"never","locale":"en_GB","metadata":{},` +
		`"use_confirmed_state":false,"document_lifetime":null,"delete_after":null,"status":"active","settings":{},"workflows":[]}`
	const hook = `{"type":"webhook","name":"","queues":[],"run_after":[],"active":true,"events":[],"sideload":[],"metadata":{},"config":{},` +
		`"token_owner":null,"token_lifetime_s":null,"test":{},"description":null,"extension_source":"custom","settings":{},` +
		`"settings_schema":null,"secrets":{},"secrets_schema":{"type":"object","additionalProperties":{"type":"string"}},"hook_template":null}`
	kinds := []struct {
		name     string
		next     int64
		defaults string
	}{
		{"organizations", 771, `{"metadata":{},"ui_settings":{},"is_trial":false,"workspaces":[],"users":[]}`},
		{"workspaces", 9021, `{"metadata":{},"queues":[],"autopilot":true}`},
		{"users", 33012, user},
		{"groups", 1, `{}`},
		{"queues", 48213, queue},
		{"schemas", 60177, `{"queues":[],"content":[],"metadata":{}}`},
		{"hooks", 15870, hook},
		{"annotations", 7204415, `{}`},
		{"documents", 7311902, `{"parent":null,"email":null,"annotations":[],"attachment_status":null,"metadata":{}}`},
		{"pages", 18820456, `{"number":1,"rotation_deg":0,"mime_type":"image/png","metadata":{}}`},
		{"labels", 42, `{"color":null}`},
		{"notes", 5100, `{"type":"rejection","metadata":{}}`},
		{"relations", 610, `{"key":null,"parent":null,"annotations":[]}`},
		{"document_relations", 880, `{"type":"export","key":null,"documents":[]}`},
		{"automation_blockers", 88120, `{"content":[]}`},
		{"tasks", 550121, `{"detail":null,"expires_at":null}`},
		{"uploads", 41877, `{"email":null,"documents":[],"additional_documents":null,"annotations":[]}`},
		{"emails", 5720019, `{}`},
	}
	collections := map[string]*collection{}
	for _, kind := range kinds {
		collections[kind.name] = &collection{name: kind.name, items: map[int64]*entity{}, next: kind.next, defaults: kind.defaults}
	}
	return collections
}

// add makes an object of the defaults and attrs; mu must be held.
func (s *Sim) add(kind string, attrs map[string]any) *entity {
	if s.base == "" {
		panic("rossumsim: Start or SetBaseURL comes before adding objects")
	}
	c := s.collections[kind]
	c.next++
	e := &entity{id: c.next, attrs: mustObject(c.defaults)}
	maps.Copy(e.attrs, attrs)
	e.attrs["id"] = e.id
	e.attrs["url"] = s.url(kind, e.id)
	c.items[e.id] = e
	return e
}

// mustObject decodes JSON written in this package.
func mustObject(text string) map[string]any {
	object := map[string]any{}
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		panic(fmt.Sprintf("rossumsim: %v in %s", err, text))
	}
	return object
}

func (s *Sim) url(kind string, id int64) string {
	return s.base + "/api/v1/" + kind + "/" + strconv.FormatInt(id, 10)
}

// byURL returns the object with the URL, nil if there is none.
func (s *Sim) byURL(link string) *entity {
	kind, id, ok := splitURL(link)
	if !ok || s.collections[kind] == nil || !strings.HasPrefix(link, s.base+"/") {
		return nil
	}
	return s.collections[kind].items[id]
}

// splitURL takes kind and id out of an object's URL.
func splitURL(link string) (kind string, id int64, ok bool) {
	_, path, found := strings.Cut(link, "/api/v1/")
	parts := strings.Split(path, "/")
	if !found || len(parts) < 2 {
		return "", 0, false
	}
	id, err := strconv.ParseInt(parts[1], 10, 64)
	return parts[0], id, err == nil
}

// ordered returns the objects by id.
func (c *collection) ordered() []*entity {
	ids := slices.Sorted(maps.Keys(c.items))
	list := make([]*entity, len(ids))
	for i, id := range ids {
		list[i] = c.items[id]
	}
	return list
}
