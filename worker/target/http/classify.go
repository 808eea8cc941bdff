package httptarget

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target/netguard"
)

// classify says what is known about the effect. Safe requests have none to be uncertain of.
func (t *Target) classify(a answer, safe bool, timeout time.Duration) outcome.Outcome {
	if a.resp == nil {
		return t.classifyFailure(a, safe, timeout)
	}
	out := t.classifyStatus(a, safe)
	out.Status = a.resp.Status
	if out.Kind != outcome.OK {
		out.Excerpt = outcome.Excerpt(a.resp.Body, t.auth.secrets()...)
	}
	return out
}

// classifyFailure is for a request without an answer: uncertain from the first written byte on.
func (t *Target) classifyFailure(a answer, safe bool, timeout time.Duration) outcome.Outcome {
	reason, what := failureReason(a)
	out := outcome.Outcome{Kind: outcome.Retry, Reason: reason}
	switch {
	case reason == "ssrf":
		out.Kind = outcome.Misconfigured
	case a.wrote && !safe:
		out.Kind = outcome.Uncertain
		what += "; the request may have been applied"
	default:
		out.Doubtful = a.wrote
	}
	if reason == "timeout" {
		what += " (time-out " + timeout.String() + ")"
	}
	out.Message = t.base.Host + ": " + what
	return out
}

// failureReason names an error in a word for metrics and in words for people; the text of net/http's own errors holds
// the URL.
func failureReason(a answer) (reason, what string) {
	var refused *netguard.Error
	var dns *net.DNSError
	var protocol textproto.ProtocolError
	err := a.err
	switch {
	case errors.As(err, &refused):
		return "ssrf", refused.Error()
	case a.fileBroke:
		return "file", "a file broke off while it was being sent"
	case errors.As(err, &dns):
		return "dns", "the host name cannot be resolved"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused", "connection refused"
	case a.tls:
		return "tls", "no TLS connection: " + tlsReason(err)
	case errors.Is(err, context.DeadlineExceeded) || isTimeout(err):
		return "timeout", "no answer in time"
	case errors.Is(err, context.Canceled):
		return "canceled", "interrupted"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "reset", "the connection was closed without an answer"
	case errors.As(err, &protocol), strings.Contains(err.Error(), "malformed HTTP"):
		return "protocol", "the answer is not HTTP"
	}
	return "network", "no connection"
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// tlsReason is the innermost error, without the URL around it.
func tlsReason(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return strings.TrimPrefix(err.Error(), "net/http: ")
		}
		err = inner
	}
}

// statuses are the codes whose meaning does not follow from their class. The kind of a 5xx is that of a request that
// is not safe.
var statuses = map[int]outcome.Kind{
	http.StatusUnauthorized:                  outcome.Reauth,
	http.StatusPaymentRequired:               outcome.Misconfigured,
	http.StatusForbidden:                     outcome.Misconfigured,
	http.StatusNotFound:                      outcome.Misconfigured,
	http.StatusMethodNotAllowed:              outcome.Misconfigured,
	http.StatusNotAcceptable:                 outcome.Misconfigured,
	http.StatusProxyAuthRequired:             outcome.Misconfigured,
	http.StatusRequestTimeout:                outcome.Uncertain,
	http.StatusLengthRequired:                outcome.Misconfigured,
	http.StatusRequestURITooLong:             outcome.Misconfigured,
	http.StatusUnsupportedMediaType:          outcome.Misconfigured,
	http.StatusMisdirectedRequest:            outcome.Misconfigured,
	http.StatusLocked:                        outcome.Retry,
	http.StatusTooEarly:                      outcome.Retry,
	http.StatusTooManyRequests:               outcome.Throttled,
	http.StatusRequestHeaderFieldsTooLarge:   outcome.Misconfigured,
	http.StatusNotImplemented:                outcome.Misconfigured,
	http.StatusServiceUnavailable:            outcome.Retry,
	http.StatusHTTPVersionNotSupported:       outcome.Misconfigured,
	http.StatusNetworkAuthenticationRequired: outcome.Misconfigured,
}

func (t *Target) classifyStatus(a answer, safe bool) outcome.Outcome {
	status := a.resp.Status
	out := outcome.Outcome{
		Reason:  "http_other",
		Message: fmt.Sprintf("%s answered %s", t.base.Host, statusText(status)),
	}
	if status >= 200 && status <= 599 {
		out.Reason = "http_" + strconv.Itoa(status)
	}
	kind, known := statuses[status]
	switch {
	case known:
		out.Kind = kind
	case status >= 200 && status <= 299:
		return t.classifySuccess(a, safe, out.Reason)
	case status >= 300 && status <= 399:
		out.Kind = outcome.Misconfigured
		out.Message += ", a redirect, which is not followed: check base_url and path"
	case status >= 400 && status <= 499:
		out.Kind = outcome.Rejected
	default:
		out.Kind = outcome.Uncertain
	}
	if out.Kind == outcome.Uncertain && safe {
		out.Kind, out.Doubtful = outcome.Retry, true
	}
	if out.Kind == outcome.Retry || out.Kind == outcome.Throttled {
		out.After = min(retryAfter(a.resp.Header, time.Now()), t.opts.MaxRetryAfter)
	}
	return out
}

// classifySuccess is for a 2xx, whose body must be whole: values to keep are in it.
func (t *Target) classifySuccess(a answer, safe bool, reason string) outcome.Outcome {
	switch {
	case a.tooLarge && safe:
		return outcome.Outcome{Kind: outcome.Misconfigured, Reason: "body_too_large", Doubtful: true,
			Message: t.base.Host + ": the answer is larger than max_response"}
	case a.tooLarge:
		return outcome.Outcome{Kind: outcome.Uncertain, Reason: "body_too_large",
			Message: t.base.Host + ": the answer says success, but is larger than max_response"}
	case a.err != nil && safe:
		return outcome.Outcome{Kind: outcome.Retry, Reason: "body_cut", Doubtful: true, Message: t.base.Host + ": the answer broke off"}
	case a.err != nil:
		return outcome.Outcome{Kind: outcome.Uncertain, Reason: "body_cut",
			Message: t.base.Host + ": the answer says success, but broke off"}
	}
	return outcome.Outcome{Kind: outcome.OK, Reason: reason}
}

func statusText(status int) string {
	return strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
}

// retryAfter reads seconds or an HTTP date (RFC 9110, 10.2.3); 0 where there is none or it is past.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(max(0, min(seconds, 1e9))) * time.Second // 1e9 s still fit a Duration
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// fileFailure is for a file that could not be opened: nothing was sent.
func fileFailure(err error) outcome.Outcome {
	var known *outcome.Error
	if errors.As(err, &known) {
		return known.Outcome
	}
	return outcome.Outcome{Kind: outcome.Retry, Reason: "file", Message: err.Error()}
}

// credentialFailure is for a credential that could not be got: nothing was sent.
func (t *Target) credentialFailure(err error) outcome.Outcome {
	var known *outcome.Error
	if errors.As(err, &known) {
		return known.Outcome
	}
	return outcome.Outcome{Kind: outcome.Retry, Reason: "credential", Message: t.base.Host + ": no credential: " + err.Error()}
}
