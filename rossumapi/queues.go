package rossumapi

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
)

// Queue is a queue of annotations with one schema.
type Queue struct {
	ID              int64          `json:"id"`
	URL             string         `json:"url"`
	Name            string         `json:"name"`
	Workspace       string         `json:"workspace"`
	Schema          string         `json:"schema"`
	Inbox           string         `json:"inbox"`
	Hooks           []string       `json:"hooks"`
	Users           []string       `json:"users"`
	SessionTimeout  string         `json:"session_timeout"` // HH:MM:SS, the life of a review lock
	UseConfirmed    bool           `json:"use_confirmed_state"`
	AutomationLevel string         `json:"automation_level"`
	Counts          map[string]int `json:"counts"` // annotations by status
	Metadata        Object         `json:"metadata"`

	Raw json.RawMessage `json:"-"` // the object as sent
}

// UnmarshalJSON reads a queue and keeps it as sent.
func (q *Queue) UnmarshalJSON(data []byte) error {
	type plain Queue
	return keepRaw(data, (*plain)(q), &q.Raw)
}

// Queue returns a queue.
func (c *Client) Queue(ctx context.Context, id int64) (Queue, error) {
	var queue Queue
	err := c.Get(ctx, c.resource("queues", id), &queue)
	return queue, err
}

// Queues yields the queues that match query and that the user may see.
func (c *Client) Queues(ctx context.Context, query url.Values) iter.Seq2[Queue, error] {
	return list[Queue](ctx, c, "queues", query)
}

// PatchQueue changes attributes of a queue, such as hooks or schema.
func (c *Client) PatchQueue(ctx context.Context, id int64, changes map[string]any) (Queue, error) {
	var queue Queue
	err := c.call(ctx, http.MethodPatch, c.resource("queues", id), changes, &queue)
	return queue, err
}

// Organization is a customer of Rossum; rate limits hold per organization.
type Organization struct {
	ID       int64  `json:"id"`
	URL      string `json:"url"`
	Name     string `json:"name"`
	Metadata Object `json:"metadata"`

	Raw json.RawMessage `json:"-"` // the object as sent
}

// UnmarshalJSON reads an organization and keeps it as sent.
func (o *Organization) UnmarshalJSON(data []byte) error {
	type plain Organization
	return keepRaw(data, (*plain)(o), &o.Raw)
}

// Organizations yields the organizations the user belongs to.
func (c *Client) Organizations(ctx context.Context) iter.Seq2[Organization, error] {
	return list[Organization](ctx, c, "organizations", nil)
}
