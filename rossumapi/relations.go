package rossumapi

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"strconv"
)

// DocumentRelation attaches files to an annotation. Type, key and annotation
// are unique together.
type DocumentRelation struct {
	ID         int64    `json:"id"`
	URL        string   `json:"url"`
	Type       string   `json:"type"` // export or einvoice
	Key        string   `json:"key"`
	Annotation string   `json:"annotation"`
	Documents  []string `json:"documents"`
}

// DocumentRelations yields the document relations that match query.
func (c *Client) DocumentRelations(ctx context.Context, query url.Values) iter.Seq2[DocumentRelation, error] {
	return list[DocumentRelation](ctx, c, "document_relations", query)
}

// PutDocumentRelation makes documents (URLs) the files of the relation with
// this annotation, type and key, creating the relation if there is none.
func (c *Client) PutDocumentRelation(ctx context.Context, annotation, kind, key string, documents []string) (DocumentRelation, error) {
	found, err := c.documentRelation(ctx, annotation, kind, key)
	if err != nil {
		return DocumentRelation{}, err
	}
	if found == nil {
		created, err := c.createDocumentRelation(ctx, annotation, kind, key, documents)
		if err == nil {
			return created, nil
		}
		// Another caller may have been faster: the error for a duplicate is
		// not documented, so look instead of reading it.
		again, lookErr := c.documentRelation(ctx, annotation, kind, key)
		if lookErr != nil || again == nil {
			return DocumentRelation{}, errors.Join(err, lookErr)
		}
		found = again
	}
	var updated DocumentRelation
	err = c.call(ctx, http.MethodPatch, c.resource("document_relations", found.ID),
		map[string]any{"documents": documents}, &updated)
	return updated, err
}

func (c *Client) createDocumentRelation(ctx context.Context, annotation, kind, key string, documents []string) (DocumentRelation, error) {
	body := map[string]any{"type": kind, "key": key, "annotation": annotation, "documents": documents}
	var created DocumentRelation
	err := c.call(ctx, http.MethodPost, c.URL("document_relations"), body, &created)
	return created, err
}

func (c *Client) documentRelation(ctx context.Context, annotation, kind, key string) (*DocumentRelation, error) {
	id, err := IDFromURL(annotation)
	if err != nil {
		return nil, err
	}
	query := url.Values{"annotation": {strconv.FormatInt(id, 10)}, "type": {kind}, "key": {key}}
	for relation, err := range c.DocumentRelations(ctx, query) {
		if err != nil {
			return nil, err
		}
		if relation.Type == kind && relation.Key == key && relation.Annotation == annotation {
			return &relation, nil
		}
	}
	return nil, nil
}

// DeleteDocumentRelation empties a relation, as Rossum demands, and deletes it.
func (c *Client) DeleteDocumentRelation(ctx context.Context, id int64) error {
	target := c.resource("document_relations", id)
	if err := c.call(ctx, http.MethodPatch, target, map[string]any{"documents": []string{}}, nil); err != nil {
		return err
	}
	return c.call(ctx, http.MethodDelete, target, nil, nil)
}

// Relation connects annotations: parts of a split, attachments, duplicates.
type Relation struct {
	ID          int64    `json:"id"`
	URL         string   `json:"url"`
	Type        string   `json:"type"` // edit, attachment or duplicate
	Key         string   `json:"key"`  // of duplicates: MD5 of the document
	Parent      string   `json:"parent"`
	Annotations []string `json:"annotations"`
}

// Relations yields the relations that match query.
func (c *Client) Relations(ctx context.Context, query url.Values) iter.Seq2[Relation, error] {
	return list[Relation](ctx, c, "relations", query)
}

// CreateRelation connects annotations (URLs). A relation of the same type, parent and key is not looked for first.
func (c *Client) CreateRelation(ctx context.Context, r Relation) (Relation, error) {
	body := map[string]any{"type": r.Type, "parent": r.Parent, "annotations": append([]string{}, r.Annotations...)}
	if r.Key != "" {
		body["key"] = r.Key
	}
	var created Relation
	err := c.call(ctx, http.MethodPost, c.URL("relations"), body, &created)
	return created, err
}

// PatchRelation makes annotations (URLs) those of the relation.
func (c *Client) PatchRelation(ctx context.Context, id int64, annotations []string) (Relation, error) {
	var updated Relation
	err := c.call(ctx, http.MethodPatch, c.resource("relations", id), map[string]any{"annotations": annotations}, &updated)
	return updated, err
}

// DeleteRelation deletes a relation; the annotations stay.
func (c *Client) DeleteRelation(ctx context.Context, id int64) error {
	return c.call(ctx, http.MethodDelete, c.resource("relations", id), nil, nil)
}
