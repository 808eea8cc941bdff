package rossumapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// Content returns the content tree of an annotation.
func (c *Client) Content(ctx context.Context, annotationID int64) (Tree, error) {
	var raw json.RawMessage
	if err := c.Get(ctx, c.resource("annotations", annotationID)+"/content", &raw); err != nil {
		return nil, err
	}
	return DecodeContent(raw)
}

// PatchNode changes one datapoint. Unlike operations it also reaches enum
// fields and fields of type manual.
func (c *Client) PatchNode(ctx context.Context, annotationID, nodeID int64, cell Cell) (*Node, error) {
	if err := CheckOperations([]Operation{ReplaceCell(nodeID, cell)}); err != nil {
		return nil, err
	}
	target := c.resource("annotations", annotationID) + "/content/" + strconv.FormatInt(nodeID, 10)
	var raw json.RawMessage
	if err := c.call(ctx, http.MethodPatch, target, cell, &raw); err != nil {
		return nil, err
	}
	s := &scanner{data: raw}
	node, err := s.node()
	if err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	return node, nil
}

// ApplyOperations changes the content tree and returns the new one. Rossum
// answers 200 even for changes it ignores: see [Ignored]. Content hooks do not
// run and formulas are not recomputed; see [Client.Validate].
func (c *Client) ApplyOperations(ctx context.Context, annotationID int64, operations []Operation) (Tree, error) {
	if err := CheckOperations(operations); err != nil {
		return nil, err
	}
	target := c.resource("annotations", annotationID) + "/content/operations"
	r, err := jsonRequest(http.MethodPost, target, map[string]any{"operations": operations})
	if err != nil {
		return nil, err
	}
	r.repeatable = true
	for _, o := range operations {
		r.repeatable = r.repeatable && o.Op == "replace"
	}
	var raw json.RawMessage
	if err := c.do(ctx, r, &raw); err != nil {
		return nil, err
	}
	return DecodeContent(raw)
}

// Ignored returns the replace operations whose value is not in the tree that
// came back: Rossum silently skips enum and manual fields, and values that do
// not fit the field's type. [Client.PatchNode] is the second try.
func Ignored(tree Tree, operations []Operation) []Operation {
	nodes := map[int64]*Node{}
	for node := range tree.All() {
		nodes[node.ID] = node
	}
	var ignored []Operation
	for _, o := range operations {
		if o.Op != "replace" || o.Cell == nil || o.Cell.Content == nil || o.Cell.Content.Value == nil {
			continue
		}
		node := nodes[o.ID]
		normalized, _ := node.Normalized()
		if want := *o.Cell.Content.Value; node == nil || node.Value() != want && normalized != want {
			ignored = append(ignored, o)
		}
	}
	return ignored
}

// Validation is the outcome of the hooks and rules of a validation.
type Validation struct {
	Messages          []Message         `json:"messages"`
	UpdatedDatapoints []json.RawMessage `json:"updated_datapoints"` // nodes, as sent
}

// Validate runs hooks, rules and formulas over an annotation that the caller
// reviews ([Client.StartReview]). Actions are user_update alone or with
// updated or started; only user_update and started runs the whole chain
// without an edit.
func (c *Client) Validate(ctx context.Context, annotationID int64, actions []string, updated []int64) (Validation, error) {
	body := map[string]any{"actions": actions, "updated_datapoint_ids": append([]int64{}, updated...)}
	var validation Validation
	err := c.call(ctx, http.MethodPost, c.resource("annotations", annotationID)+"/content/validate", body, &validation)
	return validation, err
}
