package rossumapi

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"unicode/utf8"
)

// Label is a tag for annotations.
type Label struct {
	ID    int64  `json:"id"`
	URL   string `json:"url"`
	Name  string `json:"name"`
	Color string `json:"color"`
}

// Labels yields the labels that match query.
func (c *Client) Labels(ctx context.Context, query url.Values) iter.Seq2[Label, error] {
	return list[Label](ctx, c, "labels", query)
}

// CreateLabel makes a label.
func (c *Client) CreateLabel(ctx context.Context, name string) (Label, error) {
	var label Label
	err := c.call(ctx, http.MethodPost, c.URL("labels"), map[string]any{"name": name}, &label)
	return label, err
}

// ApplyLabels adds labels to annotations and removes others; all are URLs.
func (c *Client) ApplyLabels(ctx context.Context, annotations, add, remove []string) error {
	body := map[string]any{
		"operations": map[string]any{"add": append([]string{}, add...), "remove": append([]string{}, remove...)},
		"objects":    map[string]any{"annotations": annotations},
	}
	r, err := jsonRequest(http.MethodPost, c.URL("labels/apply"), body)
	if err != nil {
		return err
	}
	r.repeatable = true // labels are a set
	return c.do(ctx, r, nil)
}

// Note is a text attached to an annotation.
type Note struct {
	ID         int64  `json:"id"`
	URL        string `json:"url"`
	Type       string `json:"type"`
	Content    string `json:"content"`
	Annotation string `json:"annotation"`
	CreatedAt  string `json:"created_at"`
	Creator    string `json:"creator"`
}

// Notes yields the notes that match query.
func (c *Client) Notes(ctx context.Context, query url.Values) iter.Seq2[Note, error] {
	return list[Note](ctx, c, "notes", query)
}

// CreateNote attaches a note of at most MaxMessage characters to an
// annotation, given by URL.
func (c *Client) CreateNote(ctx context.Context, annotation, content string) (Note, error) {
	if n := utf8.RuneCountInString(content); n > MaxMessage {
		return Note{}, fmt.Errorf("rossum: note of %d characters, at most %d are allowed", n, MaxMessage)
	}
	var note Note
	body := map[string]any{"type": "rejection", "annotation": annotation, "content": content}
	err := c.call(ctx, http.MethodPost, c.URL("notes"), body, &note)
	return note, err
}
