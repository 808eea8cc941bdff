package worker

import (
	"context"
	"fmt"
	"net/http"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

// rossumOutcome says what a refusal of Rossum's API means for the run, in words for people who do not know the API.
func rossumOutcome(e *rossumapi.APIError) outcome.Outcome {
	kind, text := refusal(e)
	o := outcome.Outcome{
		Kind: kind, Status: e.Status, Reason: fmt.Sprintf("rossum_%d", e.Status), After: e.RetryAfter,
		Message: fmt.Sprintf("%s (%s)", text, e.Error()),
	}
	if locked(e) {
		o.Reason, o.After = reasonReviewing, guardPause
	}
	return o
}

func refusal(e *rossumapi.APIError) (outcome.Kind, string) {
	switch {
	case locked(e):
		return outcome.Throttled, "the annotation is open in somebody's review; the relay goes on once that has ended"
	case e.Status == http.StatusConflict:
		return outcome.Retry, "the annotation's status does not allow this now"
	case e.Status == http.StatusPreconditionFailed:
		return outcome.Retry, "somebody else changed the same thing in Rossum at this moment"
	case e.Status == http.StatusTooManyRequests:
		return outcome.Throttled, "Rossum asks the organization to call less often"
	case e.Status >= 500 || e.Status == http.StatusRequestTimeout:
		return outcome.Retry, "Rossum has trouble of its own"
	case e.Status == http.StatusUnauthorized:
		return outcome.Reauth, "Rossum does not accept the relay's login"
	case e.Status == http.StatusForbidden:
		return outcome.Reauth, "Rossum does not allow this to the relay's user: give the user the right to, or another token_owner to the hook"
	case e.Status == http.StatusNotFound:
		return outcome.Rejected, "Rossum has no such thing, or the relay's user may not see its queue: assign the queue to the user"
	case e.Status == http.StatusBadRequest:
		return outcome.Rejected, "Rossum refuses what the pipeline writes"
	}
	return outcome.Misconfigured, "Rossum refuses the request"
}

// locked: another user has the annotation open, which lasts as long as a review session (Rossum API reference, 409).
func locked(e *rossumapi.APIError) bool {
	code := rossumapi.ConflictCode(e)
	return code == rossumapi.ConflictUser || code == rossumapi.ConflictNotAnnotated
}

// unlessGone ends a run as skipped that would die because its annotation was deleted or purged meanwhile, and nothing of
// it was delivered.
func unlessGone(ctx context.Context, t *turnState, v *verdict) *verdict {
	if v.failure == nil || t.r.Annotation == 0 || t.delivered() || t.r.Unsure() {
		return v
	}
	missing := v.failure.Outcome.Reason == "rossum_404"
	if !missing && (v.failure.Target != "" || !t.fetches()) {
		return v
	}
	ctx, cancel := context.WithTimeout(ctx, writeWithin)
	defer cancel()
	a, err := t.client.Annotation(ctx, t.r.Annotation)
	gone := err == nil && (a.Status == rossumapi.StatusPurged || missing && hasGone(a.Status))
	if rossumapi.IsNotFound(err) { // by itself it also stands for a user who may not see the queue
		gone = t.seesQueue(ctx)
	}
	if gone {
		return ptr(skippedGone())
	}
	return v
}

// fetches reports whether the run reads the annotation's content from Rossum: of a purged one nothing is left.
func (t *turnState) fetches() bool {
	return t.p.Config.Content == configs.ContentCurrent || len(t.payload.Content) == 0
}

func (t *turnState) seesQueue(ctx context.Context) bool {
	id, err := rossumapi.IDFromURL(t.payload.Annotation.Queue)
	if err != nil {
		return false
	}
	_, err = t.client.Queue(ctx, id)
	return err == nil
}

func skippedGone() verdict {
	return skipped(reasonGone, "the annotation was deleted or purged meanwhile")
}

// hasGone tells the statuses of annotations that are not written to any more.
func hasGone(status string) bool {
	return status == rossumapi.StatusPurged || status == rossumapi.StatusDeleted || status == rossumapi.StatusSplit
}
