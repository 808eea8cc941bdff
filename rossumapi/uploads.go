package rossumapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// NewUpload is a file to import into a queue.
type NewUpload struct {
	Name            string
	Content         []byte            // at most MaxFile bytes
	Values          map[string]string // initial values; keys begin with "upload:"
	Metadata        map[string]any    // of the annotation
	RejectIdentical bool              // 409 if the organization has the file already: makes the call safe to repeat
}

// Upload imports a file and returns the URL of the task to wait for.
func (c *Client) Upload(ctx context.Context, queueID int64, file NewUpload) (taskURL string, err error) {
	if len(file.Content) > MaxFile {
		return "", fmt.Errorf("rossum: file of %d bytes, at most %d are allowed", len(file.Content), MaxFile)
	}
	var form form
	form.file("content", file.Name, file.Content)
	if file.Values != nil {
		form.json("values", file.Values)
	}
	if file.Metadata != nil {
		form.json("metadata", file.Metadata)
	}
	query := url.Values{"queue": {strconv.FormatInt(queueID, 10)}}
	if file.RejectIdentical {
		query.Set("reject_identical", "true")
	}
	var task struct {
		URL string `json:"url"`
	}
	err = c.post(ctx, withQuery(c.URL("uploads"), query), &form, &task)
	return task.URL, err
}

// Task is work that Rossum does in the background.
type Task struct {
	ID        int64           `json:"id"`
	URL       string          `json:"url"`
	Type      string          `json:"type"`
	Status    string          `json:"status"` // running, succeeded or failed
	Detail    string          `json:"detail"`
	Content   json.RawMessage `json:"content"`
	ResultURL string          `json:"result_url"`
}

// Task returns the state of a task.
func (c *Client) Task(ctx context.Context, taskURL string) (Task, error) {
	var task Task
	err := c.Get(ctx, withQuery(taskURL, url.Values{"no_redirect": {"true"}}), &task)
	return task, err
}

// WaitTask blocks until a task has ended, asking every 3 seconds as Rossum's
// own SDK does. A failed task is an error.
func (c *Client) WaitTask(ctx context.Context, taskURL string) (Task, error) {
	for {
		task, err := c.Task(ctx, taskURL)
		switch {
		case err != nil || task.Status == "succeeded":
			return task, err
		case task.Status == "failed":
			return task, fmt.Errorf("rossum: task %d failed: %s", task.ID, clipTo(task.Detail, 500))
		}
		if err := sleep(ctx, 3*time.Second); err != nil {
			return task, err
		}
	}
}

// UploadResult is what became of an upload.
type UploadResult struct {
	ID          int64    `json:"id"`
	URL         string   `json:"url"`
	Queue       string   `json:"queue"`
	Documents   []string `json:"documents"`
	Annotations []string `json:"annotations"`
}
