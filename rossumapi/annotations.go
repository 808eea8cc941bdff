package rossumapi

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/url"
)

// MaxMetadata is the size limit of an object's metadata in bytes of JSON.
const MaxMetadata = 4096

// Annotation statuses (Rossum API reference, Annotation Lifecycle). Others may
// appear at any time.
const (
	StatusCreated      = "created"
	StatusImporting    = "importing"
	StatusFailedImport = "failed_import"
	StatusSplit        = "split"
	StatusToReview     = "to_review"
	StatusReviewing    = "reviewing" // someone holds the review lock
	StatusInWorkflow   = "in_workflow"
	StatusConfirmed    = "confirmed"
	StatusRejected     = "rejected"
	StatusExporting    = "exporting"
	StatusExported     = "exported"
	StatusFailedExport = "failed_export"
	StatusPostponed    = "postponed"
	StatusDeleted      = "deleted"
	StatusPurged       = "purged" // only metadata is left; final
)

// Annotation is one document in work. Null strings read as "".
type Annotation struct {
	ID             int64     `json:"id"`
	URL            string    `json:"url"`
	Status         string    `json:"status"`
	Document       string    `json:"document"` // URL
	Queue          string    `json:"queue"`    // URL
	Schema         string    `json:"schema"`   // URL
	Organization   string    `json:"organization"`
	Modifier       string    `json:"modifier"`    // URL; the holder of the lock while reviewing
	ModifiedBy     string    `json:"modified_by"` // URL
	CreatedAt      string    `json:"created_at"`
	ModifiedAt     string    `json:"modified_at"`
	AssignedAt     string    `json:"assigned_at"`
	ConfirmedAt    string    `json:"confirmed_at"`
	ExportedAt     string    `json:"exported_at"`
	ExportFailedAt string    `json:"export_failed_at"`
	Automated      bool      `json:"automated"`
	Messages       []Message `json:"messages"`
	Labels         []string  `json:"labels"` // URLs
	Metadata       Object    `json:"metadata"`

	Raw json.RawMessage `json:"-"` // the object as sent
}

// UnmarshalJSON reads an annotation and keeps it as sent.
func (a *Annotation) UnmarshalJSON(data []byte) error {
	type plain Annotation
	return keepRaw(data, (*plain)(a), &a.Raw)
}

// keepRaw decodes data into object, which must not be an Unmarshaler, and
// stores a copy of data.
func keepRaw(data []byte, object any, raw *json.RawMessage) error {
	if err := json.Unmarshal(data, object); err != nil {
		return err
	}
	*raw = append(json.RawMessage(nil), data...)
	return nil
}

// Annotation returns an annotation.
func (c *Client) Annotation(ctx context.Context, id int64) (Annotation, error) {
	var annotation Annotation
	err := c.Get(ctx, c.resource("annotations", id), &annotation)
	return annotation, err
}

// Annotations yields the annotations that match query, whose values are ids
// and statuses, not URLs (such as queue=1,2&status=exported).
func (c *Client) Annotations(ctx context.Context, query url.Values) iter.Seq2[Annotation, error] {
	return list[Annotation](ctx, c, "annotations", query)
}

// AnnotationPages yields whole pages, for lists with sideloads.
func (c *Client) AnnotationPages(ctx context.Context, query url.Values) iter.Seq2[Page[Annotation], error] {
	return pages[Annotation](ctx, c, get(withQuery(c.URL("annotations"), pageSize(query))))
}

// SearchAnnotations yields the annotations found by a search: search is the
// body with query and query_string, query may hold ordering and sideload. The
// index lags behind: do not check a fresh write with it.
func (c *Client) SearchAnnotations(ctx context.Context, search any, query url.Values) iter.Seq2[Annotation, error] {
	r, err := jsonRequest(http.MethodPost, withQuery(c.URL("annotations/search"), pageSize(query)), search)
	if err != nil {
		return func(yield func(Annotation, error) bool) { yield(Annotation{}, err) }
	}
	r.repeatable = true // reads only
	return objectsOf(pages[Annotation](ctx, c, r))
}

// CreateAnnotation makes an annotation of a document (URL) in a queue (URL), with the status created: Rossum imports it at
// the end of upload.created. More attributes, such as metadata and values, are optional. It is not repeated on failure.
func (c *Client) CreateAnnotation(ctx context.Context, document, queue string, attributes map[string]any) (Annotation, error) {
	body := map[string]any{}
	maps.Copy(body, attributes)
	body["status"], body["document"], body["queue"] = StatusCreated, document, queue
	var created Annotation
	err := c.call(ctx, http.MethodPost, c.URL("annotations"), body, &created)
	return created, err
}

// PatchAnnotation changes attributes of an annotation. A changed status calls
// the status hooks of the queue, also the caller's own. Statuses that start
// work, exporting and importing, are not sent twice when the answer is lost:
// look before trying again.
func (c *Client) PatchAnnotation(ctx context.Context, id int64, changes map[string]any) (Annotation, error) {
	r, err := jsonRequest(http.MethodPatch, c.resource("annotations", id), changes)
	if err != nil {
		return Annotation{}, err
	}
	r.repeatable = changes["status"] != StatusExporting && changes["status"] != StatusImporting
	var annotation Annotation
	err = c.do(ctx, r, &annotation)
	return annotation, err
}

// SetStatus changes the status. PATCHing exporting starts the export again:
// never do so while it runs, it may deliver twice.
func (c *Client) SetStatus(ctx context.Context, id int64, status string) (Annotation, error) {
	return c.PatchAnnotation(ctx, id, map[string]any{"status": status})
}

// SetMetadata sets keys of an annotation's metadata and leaves the others as
// they are; a nil value removes its key. Rossum has no conditional write: of
// two writers at the same moment the last one wins. More than MaxMetadata
// bytes are refused.
func (c *Client) SetMetadata(ctx context.Context, id int64, changes map[string]any) (Annotation, error) {
	annotation, err := c.Annotation(ctx, id)
	if err != nil {
		return Annotation{}, err
	}
	metadata, err := mergeMetadata(annotation.Metadata, changes)
	if err != nil {
		return Annotation{}, err
	}
	return c.PatchAnnotation(ctx, id, map[string]any{"metadata": metadata})
}

func mergeMetadata(current Object, changes map[string]any) (map[string]any, error) {
	merged := map[string]any{}
	for _, m := range current {
		merged[m.Key] = m.Value
	}
	for key, value := range changes {
		if merged[key] = value; value == nil {
			delete(merged, key)
		}
	}
	size, err := encode(merged)
	if err != nil {
		return nil, err
	}
	if len(size) > MaxMetadata {
		return nil, fmt.Errorf("rossum: metadata of %d bytes, at most %d are allowed", len(size), MaxMetadata)
	}
	return merged, nil
}

// StartReview takes the review lock; 409 tells who is in the way, see
// [ConflictCode].
func (c *Client) StartReview(ctx context.Context, id int64) error {
	return c.act(ctx, id, "start", nil)
}

// CancelReview gives the caller's review lock back; the former status returns.
func (c *Client) CancelReview(ctx context.Context, id int64) error {
	return c.act(ctx, id, "cancel", nil)
}

// Confirm ends the caller's review. The export may still run when it returns.
func (c *Client) Confirm(ctx context.Context, id int64) error {
	return c.act(ctx, id, "confirm", nil)
}

// Postpone puts an annotation aside.
func (c *Client) Postpone(ctx context.Context, id int64) error {
	return c.act(ctx, id, "postpone", nil)
}

// Reject rejects an annotation, with a note of at most MaxMessage characters.
func (c *Client) Reject(ctx context.Context, id int64, note string) error {
	return c.act(ctx, id, "reject", map[string]any{"note_content": note, "automatically_rejected": false})
}

func (c *Client) act(ctx context.Context, id int64, action string, body any) error {
	if body == nil {
		body = struct{}{}
	}
	return c.call(ctx, http.MethodPost, c.resource("annotations", id)+"/"+action, body, nil)
}
