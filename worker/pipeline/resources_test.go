package pipeline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// resources are objects and files by URL.
type resources map[string]string

func (r resources) Object(_ context.Context, url string) (rossumapi.Object, error) {
	text, ok := r[url]
	if !ok {
		return nil, &rossumapi.APIError{Method: "GET", Status: 404, Detail: "not found"}
	}
	var object rossumapi.Object
	err := json.Unmarshal([]byte(text), &object)
	return object, err
}

func (r resources) Open(_ context.Context, url string) (*rossumapi.File, error) {
	text, ok := r[url]
	if !ok {
		return nil, fmt.Errorf("no file")
	}
	return &rossumapi.File{Body: io.NopCloser(strings.NewReader(text)), Size: int64(len(text)), ContentType: "application/pdf"}, nil
}

// countingResources counts what is asked for.
type countingResources struct {
	resources
	asked int
}

func (r *countingResources) Object(ctx context.Context, url string) (rossumapi.Object, error) {
	r.asked++
	return r.resources.Object(ctx, url)
}

// brokenResources end with their context.
type brokenResources struct{ resources }

func (brokenResources) Object(ctx context.Context, _ string) (rossumapi.Object, error) {
	return nil, ctx.Err()
}
