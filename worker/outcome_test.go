package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/jinja"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

// TestOutcomeOf: only what surely needs a human is final; trouble with a network, a limiter or the queue passes.
func TestOutcomeOf(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want outcome.Kind
	}{
		"connection cut":      {&rossumapi.TransportError{Err: io.EOF}, outcome.Retry},
		"limiter out of time": {fmt.Errorf("rate limit: %w", context.DeadlineExceeded), outcome.Retry},
		"queue":               {errors.New("queue: bucket tokens: no responders"), outcome.Retry},
		"throttled":           {&rossumapi.APIError{Status: 429}, outcome.Throttled},
		"server error":        {&rossumapi.APIError{Status: 503}, outcome.Retry},
		"conflict":            {&rossumapi.APIError{Status: 409}, outcome.Retry},
		"wrong status":        {&rossumapi.APIError{Status: 409, Code: rossumapi.ConflictStatus}, outcome.Retry},
		"under review":        {&rossumapi.APIError{Status: 409, Code: rossumapi.ConflictUser}, outcome.Throttled},
		"changed meanwhile":   {&rossumapi.APIError{Status: 412}, outcome.Retry},
		"not allowed":         {&rossumapi.APIError{Status: 403}, outcome.Reauth},
		"refused":             {&rossumapi.APIError{Status: 400}, outcome.Rejected},
		"not visible":         {&rossumapi.APIError{Status: 404}, outcome.Rejected},
		"token refused":       {fmt.Errorf("annotation: %w", rossumapi.ErrTokenRejected), outcome.Reauth},
		"template":            {fmt.Errorf("step: %w", &jinja.Error{Message: "no such name"}), outcome.Misconfigured},
		"typed":               {fmt.Errorf("x: %w", outcome.Errorf(outcome.Rejected, "r", "m")), outcome.Rejected},
	} {
		if got := outcomeOf(c.err); got.Kind != c.want {
			t.Errorf("%s: %s (%s), want %s", name, got.Kind, got.Reason, c.want)
		}
	}
	if o := outcomeOf(&rossumapi.APIError{Status: 404}); gone(o) {
		t.Error("a 404 alone ends a run as skipped: it also stands for a queue the user may not see")
	}
}
