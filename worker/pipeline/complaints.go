package pipeline

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/jinja"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

// fieldRule leads an ERP's error path to a field.
type fieldRule struct {
	path     []string // parts, * matches one
	schemaID string
}

func (c *compiler) fieldRules(p *Pipeline) []fieldRule {
	rules := make([]fieldRule, 0, len(p.Config.Fields))
	for _, e := range p.Config.Fields {
		path := splitPath(e.Name)
		if len(path) == 0 {
			c.fail("pipelines."+p.Name+".fields", e.Pos, "a path without a part", "", "write the path of the ERP's error, such as invoice-lines.*.price")
			continue
		}
		rules = append(rules, fieldRule{path, e.Value})
	}
	return rules
}

// splitPath takes apart error paths as ERPs write them: invoice-lines.0.price, /lines/0/price, lines[0].price.
func splitPath(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return strings.ContainsRune("./[]", r) })
}

// The bounds of what is taken from an ERP's answer.
const (
	maxComplaints     = 20
	maxComplaintDepth = 20
)

// complaints are what the ERP says about single fields, as the pipeline's fields lead to them.
func (s *Send) complaints(f *frame) []outcome.Field {
	rules := s.Step.send.fields
	if len(rules) == 0 {
		return nil
	}
	body, err := f.response.json()
	if err != nil {
		return nil // not JSON: the outcome's excerpt shows it
	}
	var found []outcome.Field
	visitTexts(body, nil, func(path []string, text string) bool {
		for _, r := range rules {
			row, ok := r.match(path)
			if !ok {
				continue
			}
			c := s.complaint(f.ctx, r.schemaID, row, outcome.Excerpt([]byte(text)))
			if !slices.Contains(found, c) {
				found = append(found, c)
			}
			break
		}
		return len(found) < maxComplaints
	})
	return found
}

// visitTexts visits the texts of an answer with their paths. An object that names a path beside its text (target,
// errorPath, field and the like) is visited with that path, too. It stops when visit returns false.
func visitTexts(v any, path []string, visit func(path []string, text string) bool) bool {
	if len(path) > maxComplaintDepth {
		return true
	}
	switch v := v.(type) {
	case string:
		return visit(path, v)
	case *jinja.List:
		for i, item := range v.All() {
			if !visitTexts(item, append(slices.Clone(path), strconv.Itoa(i)), visit) {
				return false
			}
		}
	case *jinja.Dict:
		if named, text := selfNamed(v); text != "" && !visit(named, text) {
			return false
		}
		for key, item := range v.All() {
			name, _ := key.(string)
			if !visitTexts(item, append(slices.Clone(path), name), visit) {
				return false
			}
		}
	}
	return true
}

// selfNamed is the path and text of an object such as OData's error details, problem+json and BAPI return rows.
func selfNamed(d *jinja.Dict) (path []string, text string) {
	for key, value := range d.All() {
		name, _ := key.(string)
		if inner, ok := value.(*jinja.Dict); ok { // OData V2: {"message": {"value": "..."}}
			value, _ = inner.Get("value")
		}
		content, ok := value.(string)
		if !ok || content == "" {
			continue
		}
		switch strings.ToLower(name) {
		case "target", "propertyref", "o:errorpath", "field", "path", "pointer", "property":
			path = splitPath(content)
		case "message", "detail", "msg", "text", "description":
			text = content
		}
	}
	if len(path) == 0 {
		return nil, ""
	}
	return path, text
}

// match compares the end of a path with the rule; list indexes at the path's end do not count. The row is the first index
// a * stands for, -1 without one.
func (r *fieldRule) match(path []string) (row int, ok bool) {
	for len(path) > 0 && isIndex(path[len(path)-1]) && !isIndex(r.path[len(r.path)-1]) {
		path = path[:len(path)-1]
	}
	if len(path) < len(r.path) {
		return -1, false
	}
	row = -1
	for i, part := range path[len(path)-len(r.path):] {
		switch {
		case r.path[i] == "*":
			if n, err := strconv.Atoi(part); err == nil && row < 0 {
				row = n
			}
		case r.path[i] != part:
			return -1, false
		}
	}
	return row, true
}

func isIndex(part string) bool {
	_, err := strconv.Atoi(part)
	return err == nil
}

// cell finds a field, or the cell of a column in a row counted from 0; the field's first one where the row is unknown.
func (s *Scope) cell(ctx context.Context, schemaID string, row int) *rossumapi.Node {
	if row < 0 {
		return s.datapoint(ctx, schemaID)
	}
	for _, node := range s.content.FindBySchemaID(schemaID) {
		if row == 0 {
			return node
		}
		row--
	}
	return s.datapoint(ctx, schemaID)
}
