package rossumsim

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// search is POST annotations/search: $and of meta fields and datapoint values
// with $eq, $ne, $in, $nin, $gt, $gte, $lt, $lte and $startsWith, and
// query_string over all values. Other operators are a 400.
func (s *Sim) search(r *request) answer {
	var body struct {
		Query struct {
			And []map[string]map[string]any `json:"$and"`
		} `json:"query"`
		QueryString struct {
			String string `json:"string"`
		} `json:"query_string"`
	}
	if json.Unmarshal(r.data, &body) != nil {
		return badJSON()
	}
	var found []*entity
	for _, e := range s.collections["annotations"].ordered() {
		a := s.annotations[e.id]
		hit := sees(r.user, a.text("queue")) && holdsText(a.tree, body.QueryString.String)
		for _, condition := range body.Query.And {
			for key, tests := range condition {
				for operator, wanted := range tests {
					holds, known := compare(operator, s.searchValue(a, key), wanted)
					if !known {
						return invalid("query", "Unknown operator "+operator)
					}
					hit = hit && holds
				}
			}
		}
		if hit {
			found = append(found, e)
		}
	}
	order(found, r.URL.Query().Get("ordering"))
	page, pagination, refusal := s.page(r, found, 500)
	if refusal != nil {
		return answer{status: http.StatusBadRequest, body: refusal.body}
	}
	results := make([]any, len(page))
	for i, e := range page {
		results[i] = e.attrs
	}
	return ok(map[string]any{"pagination": pagination, "results": results})
}

// searchValue returns the texts of a meta field or of field.<schema id>.<type>.
func (s *Sim) searchValue(a *annotation, key string) []string {
	if rest, isField := strings.CutPrefix(key, "field."); isField {
		schemaID, _, _ := strings.Cut(rest, ".")
		var values []string
		for _, node := range a.tree.FindBySchemaID(schemaID) {
			value := node.Value()
			if normalized, given := node.Normalized(); given {
				value = normalized
			}
			values = append(values, value)
		}
		return values
	}
	if key == "annotation" {
		key = "url"
	}
	if values := a.list(key); values != nil {
		return values
	}
	if text := a.text(key); text != "" {
		return []string{text}
	}
	return nil
}

func compare(operator string, have []string, wanted any) (holds, known bool) {
	list := texts(wanted)
	if text, isText := wanted.(string); isText {
		list = []string{text}
	}
	in := slices.ContainsFunc(have, func(value string) bool { return slices.Contains(list, value) })
	one := func(test func(a, b string) bool) bool {
		return len(list) == 1 && slices.ContainsFunc(have, func(value string) bool { return test(value, list[0]) })
	}
	switch operator {
	case "$eq", "$in":
		return in, true
	case "$ne", "$nin":
		return !in, true
	case "$gt":
		return one(func(a, b string) bool { return a > b }), true
	case "$gte":
		return one(func(a, b string) bool { return a >= b }), true
	case "$lt":
		return one(func(a, b string) bool { return a < b }), true
	case "$lte":
		return one(func(a, b string) bool { return a <= b }), true
	case "$startsWith":
		return one(strings.HasPrefix), true
	}
	return false, false
}

// holdsText tells whether every word begins a word of some value.
func holdsText(tree rossumapi.Tree, text string) bool {
	for _, word := range strings.Fields(strings.ToLower(text)) {
		found := false
		for node := range tree.All() {
			for _, have := range strings.Fields(strings.ToLower(node.Value())) {
				found = found || strings.HasPrefix(have, word)
			}
		}
		if !found {
			return false
		}
	}
	return true
}
