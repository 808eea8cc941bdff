package pipeline

import (
	"context"
	"fmt"
	"mime"
	"strings"

	"github.com/rossum-relay/rossum-relay/worker/jinja"
	"github.com/rossum-relay/rossum-relay/worker/pipeline/jsonvalue"
	"github.com/rossum-relay/rossum-relay/worker/target"
)

// response is the name response: status, headers, body, json, text and xml('path').
type response struct {
	notes  *notes
	resp   *target.Response
	parsed bool
	body   any
	err    error    // why the body could not be parsed
	root   *element // of a body in XML
}

var _ jinja.Object = (*response)(nil)

// Lookup finds a part of the response. A body that claims to be JSON and is not is an error; any other is text.
func (r *response) Lookup(_ context.Context, name string) (any, bool, error) {
	switch name {
	case "status":
		return r.resp.Status, true, nil
	case "headers":
		return headers{r}, true, nil
	case "text":
		return r.text(), true, nil
	case "body":
		if !r.isJSON() {
			return r.text(), true, nil
		}
		v, err := r.json()
		return v, true, err
	case "json":
		v, err := r.json()
		return v, true, err
	case "xml":
		return jinja.Func(r.xml), true, nil
	}
	r.notes.missing = "response." + name
	return nil, false, nil
}

func (r *response) text() string { return strings.ToValidUTF8(string(r.resp.Body), "\uFFFD") }

// isJSON tells whether the body claims to be JSON, or looks so where it claims nothing.
func (r *response) isJSON() bool {
	kind, _, err := mime.ParseMediaType(r.resp.Header.Get("Content-Type"))
	if err != nil || kind == "text/plain" || kind == "application/octet-stream" {
		start := strings.TrimLeft(string(r.resp.Body[:min(len(r.resp.Body), 64)]), " \t\r\n\ufeff")
		return strings.HasPrefix(start, "{") || strings.HasPrefix(start, "[")
	}
	return kind == "application/json" || strings.HasSuffix(kind, "+json") || kind == "text/json"
}

func (r *response) json() (any, error) {
	if !r.parsed {
		r.parsed = true
		data := strings.TrimPrefix(string(r.resp.Body), "\ufeff")
		if r.body, r.err = jsonvalue.Decode([]byte(data)); r.err != nil {
			r.err = fmt.Errorf("the response's body: %w", r.err)
		}
	}
	return r.body, r.err
}

// headers is response.headers: values by name in any case, several of one name joined by a comma.
type headers struct{ r *response }

// Lookup finds a header.
func (h headers) Lookup(_ context.Context, name string) (any, bool, error) {
	values := h.r.resp.Header.Values(name)
	if len(values) == 0 {
		h.r.notes.missing = "response.headers['" + name + "']"
		return nil, false, nil
	}
	return strings.Join(values, ", "), true, nil
}
