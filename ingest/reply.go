package ingest

import (
	"net/http"
	"strconv"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// retryAfter is told with every 503.
const retryAfter = 5 * time.Second

// reason says why a request was refused: a bounded set, fit for a metric label.
type reason string

const (
	unknownPath   reason = "unknown_path"
	unknownHook   reason = "unknown_hook"
	wrongMethod   reason = "method"
	wrongMode     reason = "mode"
	tooLarge      reason = "too_large"
	tooBusy       reason = "bytes_in_flight"
	incomplete    reason = "incomplete"
	badSignature  reason = "signature"
	badPayload    reason = "payload"
	foreignURL    reason = "foreign_url"
	backlogFull   reason = "backlog"
	queueFull     reason = "queue_full"
	notStored     reason = "store"
	draining      reason = "draining"
	noClientCert  reason = "client_certificate"
	unknownAnswer reason = "unknown_answer"
)

// reply is an HTTP answer.
type reply struct {
	status   int
	body     []byte // JSON
	location string
	allow    string
	reason   reason // of a refusal
	err      error  // for the log
}

// empty is the body of an answer with nothing to say: Rossum expects JSON from content events.
const empty = "{}"

// refuse makes a refusal. The text goes to Rossum, which shows messages of failed calls too; err goes to the log.
func refuse(status int, why reason, text string, err error) reply {
	body, encodeErr := rossumapi.HookResponse{Messages: []rossumapi.Message{rossumapi.Error("rossum-relay: " + text)}}.Encode()
	if encodeErr != nil {
		body = []byte(empty)
	}
	return reply{status: status, body: body, reason: why, err: err}
}

func refuseMethod(allow string) reply {
	r := refuse(http.StatusMethodNotAllowed, wrongMethod, "use "+allow, nil)
	r.allow = allow
	return r
}

func (r reply) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if r.location != "" {
		h.Set("Location", r.location)
	}
	if r.allow != "" {
		h.Set("Allow", r.allow)
	}
	switch r.status {
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
	case http.StatusRequestEntityTooLarge:
		h.Set("Connection", "close") // the rest of the body is not worth reading
	}
	h.Set("Content-Length", strconv.Itoa(len(r.body)))
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body) // a caller who is gone asks again
}
