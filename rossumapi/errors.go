package rossumapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-resty/resty/v2"
)

// Codes of conflicts (status 409), see [ConflictCode].
const (
	ConflictUser         = "conflict_user"   // another user reviews the document
	ConflictStatus       = "conflict_status" // the status does not allow the call
	ConflictNotAnnotated = "not_annotated"   // the document is not being reviewed by the caller
)

// APIError is an answer of Rossum other than 2xx.
type APIError struct {
	Method     string
	Path       string // without the query
	Status     int
	Code       string              // Rossum's code, "" in older deployments
	Detail     string              // Rossum's words, "" if the body has none
	Fields     map[string][]string // complaints about single attributes
	RetryAfter time.Duration       // of 429 and 503, 0 if not given
	Body       []byte              // start of the body: may hold values of the document
}

// maxErrorBody bounds APIError.Body.
const maxErrorBody = 16 << 10

// Error gives status, code, detail and the names of the fields complained of.
func (e *APIError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "rossum: %s %s: %d %s", e.Method, e.Path, e.Status, http.StatusText(e.Status))
	if e.Code != "" {
		b.WriteString(", " + clip(e.Code))
	}
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	names := make([]string, 0, len(e.Fields))
	for name, complaints := range e.Fields {
		names = append(names, fmt.Sprintf("%s (%s)", clip(name), clip(strings.Join(complaints, " "))))
	}
	slices.Sort(names)
	if len(names) > 0 {
		b.WriteString(": " + strings.Join(names, ", "))
	}
	return b.String()
}

// TransportError is a request without an answer: refused, reset, timed out,
// or the answer could not be read.
type TransportError struct {
	Method  string
	Path    string // without the query
	Written bool   // the request may have been applied
	Err     error
}

func (e *TransportError) Error() string {
	return fmt.Sprintf("rossum: %s %s: %v", e.Method, e.Path, e.Err)
}

func (e *TransportError) Unwrap() error { return e.Err }

// StatusOf returns the HTTP status of an [APIError] in err's chain, 0 if there
// is none.
func StatusOf(err error) int {
	var api *APIError
	if errors.As(err, &api) {
		return api.Status
	}
	return 0
}

// IsNotFound reports a 404: gone, never there, or not visible to this user.
func IsNotFound(err error) bool { return StatusOf(err) == http.StatusNotFound }

// IsUnauthorized reports a 401 that a refreshed token did not cure.
func IsUnauthorized(err error) bool { return StatusOf(err) == http.StatusUnauthorized }

// IsForbidden reports a 403.
func IsForbidden(err error) bool { return StatusOf(err) == http.StatusForbidden }

// IsThrottled reports a 429 with a longer wait than the client may take; see
// APIError.RetryAfter.
func IsThrottled(err error) bool { return StatusOf(err) == http.StatusTooManyRequests }

// IsConflict reports a 409; [ConflictCode] says of which kind.
func IsConflict(err error) bool { return StatusOf(err) == http.StatusConflict }

// ConflictCode returns the code of a 409, told from the text where an older
// deployment sends none; "" for other errors and unknown conflicts.
func ConflictCode(err error) string {
	var api *APIError
	if !errors.As(err, &api) || api.Status != http.StatusConflict {
		return ""
	}
	switch {
	case strings.Contains(api.Detail, "not being annotated"):
		return ConflictNotAnnotated
	case api.Code != "":
		return api.Code
	case strings.Contains(api.Detail, "by other user"):
		return ConflictUser
	case strings.Contains(api.Detail, "in states"):
		return ConflictStatus
	}
	return ""
}

func newAPIError(method, target string, response *resty.Response, stream bool) *APIError {
	body := response.Body()
	if stream {
		body, _ = io.ReadAll(io.LimitReader(response.RawBody(), maxErrorBody)) // half a text is better than none
		response.RawBody().Close()
	}
	e := &APIError{
		Method:     method,
		Path:       pathOf(target),
		Status:     response.StatusCode(),
		RetryAfter: retryAfter(response.Header().Get("Retry-After")),
		Body:       body[:min(len(body), maxErrorBody)],
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return e // an export may fail with plain text
	}
	for key, raw := range members {
		text, isText := textOf(raw)
		var complaints []string
		switch {
		case key == "detail" && isText:
			e.Detail = clipTo(text, 500)
		case key == "code" && isText:
			e.Code = text
		case json.Unmarshal(raw, &complaints) == nil && len(complaints) > 0:
			if e.Fields == nil {
				e.Fields = map[string][]string{}
			}
			e.Fields[key] = complaints
		}
	}
	return e
}

// retryAfter reads seconds or an HTTP date.
func retryAfter(header string) time.Duration {
	if seconds, err := strconv.Atoi(header); err == nil && seconds >= 0 {
		return min(time.Duration(seconds), 7*24*3600) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}
