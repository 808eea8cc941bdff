// Package outcome says how an attempt at a side effect ended. It is a typed
// value, never a bool: "we do not know" must not be confused with "it failed".
package outcome

import (
	"fmt"
	"time"
)

// Kind is how an attempt ended.
type Kind string

// The kinds of outcome.
const (
	// OK: the effect is there.
	OK Kind = "ok"
	// Duplicate: the effect was there before; its values were taken over.
	Duplicate Kind = "duplicate"
	// Retry: surely not applied, worth repeating.
	Retry Kind = "retry"
	// Throttled: refused for load, worth repeating after a while; spends no attempt.
	Throttled Kind = "throttled"
	// Uncertain: sent, result unknown. Look before sending again.
	Uncertain Kind = "uncertain"
	// Reauth: the credentials were refused.
	Reauth Kind = "reauth"
	// Rejected: a business refusal an operator can mend in the document.
	Rejected Kind = "rejected"
	// Misconfigured: an administrator must mend the configuration.
	Misconfigured Kind = "misconfigured"
)

// Outcome is how one attempt ended.
type Outcome struct {
	Kind Kind `json:"kind"`
	// Reason is a code from a bounded set, http_503 or body_not_ok: fit for a metric label.
	Reason string `json:"reason,omitempty"`
	// Doubtful: it may have been applied all the same, and is no Uncertain only as repeating it is harmless.
	Doubtful bool `json:"doubtful,omitempty"`
	// Message is for people; it holds no credential.
	Message string `json:"message,omitempty"`
	// After is how long to wait before the next attempt, where the target said so.
	After time.Duration `json:"after,omitempty"`
	// Status is the HTTP status, 0 where there is none.
	Status int `json:"status,omitempty"`
	// Excerpt is the beginning of the response, redacted, at most 4 KiB.
	Excerpt string `json:"excerpt,omitempty"`
	// Fields are the complaints that name a field.
	Fields []Field `json:"fields,omitempty"`
}

// Field is a complaint about one field of the annotation.
type Field struct {
	// SchemaID of the field.
	SchemaID string `json:"schema_id,omitempty"`
	// Datapoint id, where known; it wins over SchemaID.
	Datapoint int64 `json:"datapoint,omitempty"`
	// Type is error, warning or info.
	Type string `json:"type"`
	Text string `json:"text"`
}

// Done reports whether the effect is at the target.
func (o Outcome) Done() bool { return o.Kind == OK || o.Kind == Duplicate }

// Final reports whether repeating cannot help without a human.
func (o Outcome) Final() bool {
	return o.Kind == Rejected || o.Kind == Misconfigured || o.Kind == Reauth
}

// Error is an Outcome as an error, for code that computes before it sends.
type Error struct{ Outcome Outcome }

// Error is the message for people.
func (e *Error) Error() string { return e.Outcome.Message }

// Errorf makes an error whose attempt ends as kind for reason.
func Errorf(kind Kind, reason, format string, args ...any) *Error {
	return &Error{Outcome{Kind: kind, Reason: reason, Message: fmt.Sprintf(format, args...)}}
}
