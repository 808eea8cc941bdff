package console

import (
	"errors"
	"net/http"

	"github.com/rossum-relay/rossum-relay/worker/console/access"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/operate"
	"github.com/rossum-relay/rossum-relay/worker/queue"
)

// badRequest is a request that makes no sense.
type badRequest struct{ err error }

func (e *badRequest) Error() string { return e.err.Error() }

func (e *badRequest) Unwrap() error { return e.err }

func bad(text string) error { return &badRequest{errors.New(text)} }

// The errors of the console's own.
var (
	// errChanged: something moved between the look and the action.
	errChanged = errors.New("it changed since you looked: look again")
	// errBusy: enough bulk actions are under way.
	errBusy = errors.New("four bulk actions are under way: wait for one, or stop it")
	// errNoSuchPage: nothing is there.
	errNoSuchPage = errors.New("there is no such page")
)

// statusOf is the HTTP status of an error and the text that may be shown. What is not known is this side's trouble: its text
// stands in the log only.
func statusOf(err error) (int, string) {
	var wrong *badRequest
	var throttled *access.ThrottledError
	var large *http.MaxBytesError
	switch {
	case errors.Is(err, access.ErrUnknown), errors.Is(err, access.ErrRefused):
		return http.StatusUnauthorized, err.Error()
	case errors.Is(err, errForbidden), errors.Is(err, access.ErrHost):
		return http.StatusForbidden, err.Error()
	case errors.As(err, &throttled), errors.Is(err, errBusy):
		return http.StatusTooManyRequests, err.Error()
	case errors.Is(err, queue.ErrNotFound), errors.Is(err, queue.ErrNoLetter), errors.Is(err, errNoSuchPage), errors.Is(err, operate.ErrUnknown):
		return http.StatusNotFound, err.Error()
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge, "the request is too large"
	case errors.As(err, &wrong) || isOneOf(err, operate.ErrNoReason, operate.ErrKept, operate.ErrField, operate.ErrNoChange, operate.ErrNotEditable,
		operate.ErrShortID, operate.ErrAmbiguous):
		return http.StatusBadRequest, err.Error()
	case isOneOf(err, operate.ErrNotDead, operate.ErrNotWaiting, operate.ErrEnded, operate.ErrObsolete, operate.ErrNotUncertain,
		operate.ErrCurrentContent, operate.ErrNoPipelines, operate.ErrNobodyWorks, journal.ErrLost, journal.ErrReserved, journal.ErrDelivered,
		queue.ErrNoSchedule, errChanged):
		return http.StatusConflict, err.Error()
	}
	return http.StatusInternalServerError, "this did not work: the queue or the index does not answer; the console's log says more"
}

func isOneOf(err error, known ...error) bool {
	for _, k := range known {
		if errors.Is(err, k) {
			return true
		}
	}
	return false
}
