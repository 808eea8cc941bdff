package setup

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// Difference is one attribute that Rossum has otherwise.
type Difference struct {
	Attribute string // such as config.timeout_s
	Text      string // what was and what becomes; of secrets only that they change
}

// differences compares a hook object with what it shall be; the zero hook has nothing.
func (s *Setup) differences(current rossumapi.Hook, w *wanted) []Difference {
	was := map[string]any{}
	if current.Raw != nil {
		_ = json.Unmarshal(current.Raw, &was) // it was decoded before
	}
	var list []Difference
	for _, key := range slices.Sorted(maps.Keys(w.attributes)) {
		becomes := w.attributes[key]
		if key == "run_after" {
			becomes = append(slices.Clone(becomes.([]string)), w.after...)
		}
		if text, differ := s.compare(was[key], becomes); differ {
			list = append(list, Difference{key, text})
		}
	}
	config, _ := was["config"].(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(w.config)) {
		if text, differ := s.compare(config[key], w.config[key]); differ {
			list = append(list, Difference{"config." + key, text})
		}
	}
	if text := w.secretChange(current); text != "" {
		list = append(list, Difference{"config.secret", text})
	}
	return list
}

// secretChange says how the signing secret differs. A secret that Rossum does not show (private hooks, and accounts
// that are no admins) cannot be compared and is no difference: it is sent with whatever else changes.
func (w *wanted) secretChange(current rossumapi.Hook) string {
	shown := current.Config.Get("secret")
	has := current.Config.Text("secret")
	switch {
	case w.pending:
		return "will be made"
	case current.ID == 0 && w.secret != "":
		return "set"
	case shown == nil, subtle.ConstantTimeCompare([]byte(has), []byte(w.secret)) == 1:
		return ""
	case has == "":
		return "set"
	case w.secret == "":
		return "removed: calls are no longer signed"
	}
	return "changed"
}

// compare tells whether two values of an attribute differ, and how. Lists are sets.
func (s *Setup) compare(was, becomes any) (text string, differ bool) {
	if set, ok := becomes.([]string); ok {
		return s.compareSets(texts(was), set)
	}
	before, after := canonical(was), canonical(becomes)
	if before == after {
		return "", false
	}
	if was == nil {
		return clip(after), true
	}
	return clip(before) + " -> " + clip(after), true
}

func (s *Setup) compareSets(was, becomes []string) (text string, differ bool) {
	var changes []string
	for _, v := range becomes {
		if !slices.Contains(was, v) {
			changes = append(changes, "+ "+s.show(v))
		}
	}
	for _, v := range was {
		if !slices.Contains(becomes, v) {
			changes = append(changes, "- "+s.show(v))
		}
	}
	return strings.Join(changes, ", "), len(changes) > 0
}

// show names a queue or hook instead of its URL.
func (s *Setup) show(value string) string {
	for _, q := range s.queues {
		if q.URL == value {
			return fmt.Sprintf("%s (%d)", q.Name, q.ID)
		}
	}
	for _, h := range s.hooks {
		if h.URL == value {
			return fmt.Sprintf("%s (%d)", h.Name, h.ID)
		}
	}
	return value
}

func texts(v any) []string {
	list, _ := v.([]any)
	out := make([]string, 0, len(list))
	for _, item := range list {
		text, _ := item.(string)
		out = append(out, text)
	}
	return out
}

// canonical is a value as JSON with sorted keys.
func canonical(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	var plain any
	if json.Unmarshal(raw, &plain) != nil {
		return string(raw)
	}
	raw, err = json.Marshal(plain)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}
