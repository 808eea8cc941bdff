package rossumsim

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// contentAnswer is the content endpoint's body; results is a deprecated copy.
func contentAnswer(a *annotation) answer {
	raw := encodeTree(a.tree)
	return ok(map[string]any{"content": raw, "results": raw})
}

func (s *Sim) getContent(r *request) answer {
	a := s.visible(r)
	if a == nil {
		return notFound()
	}
	return contentAnswer(a)
}

// writable tells whether the content may be changed through the API now.
func (s *Sim) writable(a *annotation, user *entity) *answer {
	refuse := func(a answer) *answer { return &a }
	switch status := a.status(); {
	case status == rossumapi.StatusPurged || status == rossumapi.StatusInWorkflow,
		status == rossumapi.StatusExported && s.options.FrozenExported:
		return refuse(problem(http.StatusConflict, rossumapi.ConflictStatus, "Content cannot be changed in status "+status+"."))
	case s.options.LockedOperations && !a.holds(user):
		return refuse(problem(http.StatusConflict, "", "Document is not being annotated"))
	}
	return nil
}

// operate is POST content/operations. A list with an impossible operation is
// refused whole.
func (s *Sim) operate(r *request) answer {
	a := s.visible(r)
	if a == nil {
		return notFound()
	}
	var body struct {
		Operations []rossumapi.Operation `json:"operations"`
	}
	if json.Unmarshal(r.data, &body) != nil {
		return badJSON()
	}
	if refusal := s.writable(a, r.user); refusal != nil {
		return *refusal
	}
	for _, o := range body.Operations {
		if text := complaint(a.tree, o); text != "" {
			return invalid("operations", text)
		}
	}
	s.apply(a, body.Operations, fromBulk)
	s.touch(a, r.user)
	return contentAnswer(a)
}

// touch records who changed the annotation last.
func (s *Sim) touch(a *annotation, user *entity) {
	a.attrs["modified_at"] = s.now()
	a.attrs["modifier"], a.attrs["modified_by"] = user.text("url"), user.text("url")
}

func (s *Sim) node(r *request) (*annotation, *rossumapi.Node) {
	a := s.visible(r)
	id, err := strconv.ParseInt(r.PathValue("node"), 10, 64)
	if a == nil || err != nil {
		return nil, nil
	}
	return a, a.tree.ByID(id)
}

func (s *Sim) getNode(r *request) answer {
	_, node := s.node(r)
	if node == nil {
		return notFound()
	}
	return ok(node)
}

func (s *Sim) patchNode(r *request) answer {
	a, node := s.node(r)
	if node == nil {
		return notFound()
	}
	var cell rossumapi.Cell
	if json.Unmarshal(r.data, &cell) != nil {
		return badJSON()
	}
	if refusal := s.writable(a, r.user); refusal != nil {
		return *refusal
	}
	o := rossumapi.ReplaceCell(node.ID, cell)
	if text := complaint(a.tree, o); text != "" {
		return invalid("content", text)
	}
	if cell.Content != nil && cell.Content.Value != nil {
		cell.Content.NormalizedValue = nil // value wins here
	}
	s.apply(a, []rossumapi.Operation{o}, fromNode)
	s.touch(a, r.user)
	return ok(node)
}

// validate runs the hooks of the named actions in order.
func (s *Sim) validate(r *request) answer {
	var body struct {
		Actions []string `json:"actions"`
		Updated []int64  `json:"updated_datapoint_ids"`
	}
	if len(r.data) > 0 && json.Unmarshal(r.data, &body) != nil {
		return badJSON()
	}
	if body.Actions == nil {
		body.Actions = []string{"user_update"}
	}
	known := [][]string{{"user_update"}, {"user_update", "updated"}, {"user_update", "started"}}
	if !slices.ContainsFunc(known, func(actions []string) bool { return slices.Equal(actions, body.Actions) }) {
		complaint := "Selected actions: [HookActions." + strings.Join(body.Actions, ", HookActions.") + "] not allowed."
		return invalid("actions", complaint)
	}
	s.mu.Lock()
	a := s.visible(r)
	reviewing := a != nil && a.holds(r.user)
	s.mu.Unlock()
	switch {
	case a == nil:
		return notFound()
	case !reviewing:
		return problem(http.StatusConflict, "", "Document is not being annotated")
	}
	result := hookResult{messages: []any{}, updated: body.Updated}
	for _, action := range body.Actions {
		// Without edits only the action started runs hooks (observed live).
		if action != "started" && len(body.Updated) == 0 {
			continue
		}
		got := s.runHooks(r.Context(), a, "annotation_content", action, result.updated)
		result.messages, result.updated = append(result.messages, got.messages...), got.updated
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	updated := []any{}
	for _, id := range result.updated {
		if node := a.tree.ByID(id); node != nil {
			updated = append(updated, node)
		}
	}
	return ok(map[string]any{"messages": result.messages, "updated_datapoints": updated,
		"suggested_operations": []any{}, "matched_trigger_rules": []any{}})
}
