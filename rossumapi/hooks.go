package rossumapi

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
)

// Hook is a hook object: whom Rossum calls, when, and with what.
type Hook struct {
	ID             int64           `json:"id"`
	URL            string          `json:"url"`
	Type           string          `json:"type"` // webhook, function or job
	Name           string          `json:"name"`
	Active         bool            `json:"active"`
	Queues         []string        `json:"queues"`    // URLs
	RunAfter       []string        `json:"run_after"` // URLs
	Events         []string        `json:"events"`
	Sideload       []string        `json:"sideload"`
	Config         Object          `json:"config"` // send it back whole: whether a PATCH merges is not documented
	TokenOwner     string          `json:"token_owner"`
	TokenLifetime  *int            `json:"token_lifetime_s"` // nil: the token dies with the answer
	Settings       json.RawMessage `json:"settings"`
	SettingsSchema json.RawMessage `json:"settings_schema"`
	SecretsSchema  json.RawMessage `json:"secrets_schema"`
	Metadata       Object          `json:"metadata"`

	Raw json.RawMessage `json:"-"` // the object as sent
}

// UnmarshalJSON reads a hook and keeps it as sent.
func (h *Hook) UnmarshalJSON(data []byte) error {
	type plain Hook
	return keepRaw(data, (*plain)(h), &h.Raw)
}

// Hook returns a hook.
func (c *Client) Hook(ctx context.Context, id int64) (Hook, error) {
	var hook Hook
	err := c.Get(ctx, c.resource("hooks", id), &hook)
	return hook, err
}

// Hooks yields the hooks that match query.
func (c *Client) Hooks(ctx context.Context, query url.Values) iter.Seq2[Hook, error] {
	return list[Hook](ctx, c, "hooks", query)
}

// CreateHook makes a hook of the attributes; name, queues, events and config
// are required.
func (c *Client) CreateHook(ctx context.Context, attributes map[string]any) (Hook, error) {
	var hook Hook
	err := c.call(ctx, http.MethodPost, c.URL("hooks"), attributes, &hook)
	return hook, err
}

// PatchHook changes attributes of a hook. Give config and secrets whole.
func (c *Client) PatchHook(ctx context.Context, id int64, changes map[string]any) (Hook, error) {
	var hook Hook
	err := c.call(ctx, http.MethodPatch, c.resource("hooks", id), changes, &hook)
	return hook, err
}

// DeleteHook deletes a hook.
func (c *Client) DeleteHook(ctx context.Context, id int64) error {
	return c.call(ctx, http.MethodDelete, c.resource("hooks", id), nil, nil)
}

// TestHook makes Rossum call the hook with a payload, optionally with another
// config, and returns the hook's answer as Rossum reports it.
func (c *Client) TestHook(ctx context.Context, id int64, payload json.RawMessage, config map[string]any) (json.RawMessage, error) {
	body := map[string]any{"payload": payload}
	if config != nil {
		body["config"] = config
	}
	var answer struct {
		Response json.RawMessage `json:"response"`
	}
	err := c.call(ctx, http.MethodPost, c.resource("hooks", id)+"/test", body, &answer)
	return answer.Response, err
}

// InvokeHook fires invocation.manual with the members of body and returns the
// hook's answer.
func (c *Client) InvokeHook(ctx context.Context, id int64, body map[string]any) (json.RawMessage, error) {
	var answer json.RawMessage
	err := c.call(ctx, http.MethodPost, c.resource("hooks", id)+"/invoke", body, &answer)
	return answer, err
}

// SecretsKeys returns the names of the hook's secrets; values cannot be read.
func (c *Client) SecretsKeys(ctx context.Context, id int64) ([]string, error) {
	var keys []string
	err := c.Get(ctx, c.resource("hooks", id)+"/secrets_keys", &keys)
	return keys, err
}

// PayloadRequest says which payload to generate.
type PayloadRequest struct {
	Event          string `json:"event"`
	Action         string `json:"action"`
	Annotation     string `json:"annotation,omitempty"` // URL
	Status         string `json:"status,omitempty"`
	PreviousStatus string `json:"previous_status,omitempty"`
	Email          string `json:"email,omitempty"`  // URL
	Upload         string `json:"upload,omitempty"` // URL
}

// GeneratePayload returns the payload the hook would be called with. Secrets
// in it are redacted, the token is the caller's own.
func (c *Client) GeneratePayload(ctx context.Context, id int64, want PayloadRequest) (json.RawMessage, error) {
	r, err := jsonRequest(http.MethodPost, c.resource("hooks", id)+"/generate_payload", want)
	if err != nil {
		return nil, err
	}
	r.repeatable = true // reads only
	var payload json.RawMessage
	err = c.do(ctx, r, &payload)
	return payload, err
}

// HookLog is one call of a hook. Rossum keeps logs for 7 days.
type HookLog struct {
	Timestamp    string `json:"timestamp"` // UTC, may lack the Z
	RequestID    string `json:"request_id"`
	Event        string `json:"event"`
	Action       string `json:"action"`
	HookID       int64  `json:"hook_id"`
	QueueID      int64  `json:"queue_id"`
	AnnotationID int64  `json:"annotation_id"`
	Level        string `json:"log_level"`   // INFO, WARNING or ERROR
	Status       string `json:"status"`      // waiting, running, completed, cancelled or failed
	StatusCode   int    `json:"status_code"` // of the hook's answer
	Message      string `json:"message"`

	Raw json.RawMessage `json:"-"` // the object as sent
}

// UnmarshalJSON reads a log entry and keeps it as sent.
func (l *HookLog) UnmarshalJSON(data []byte) error {
	type plain HookLog
	return keepRaw(data, (*plain)(l), &l.Raw)
}

// HookLogs yields the log entries that match query (such as
// hook=1&status=failed), newest first.
func (c *Client) HookLogs(ctx context.Context, query url.Values) iter.Seq2[HookLog, error] {
	return list[HookLog](ctx, c, "hooks/logs", query)
}
