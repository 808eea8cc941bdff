package rossumsim

import (
	"slices"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// annotation is an annotation with its content. Its attributes are those of
// the API; content is a link there.
type annotation struct {
	*entity
	tree         rossumapi.Tree
	previous     string // status before the current one
	beforeReview string // status that cancel restores
}

func (a *annotation) status() string { return a.text("status") }

// setStatus changes the status, sets the times and users that go with it, and
// tells the status hooks; mu must be held. The user's URL is "" for changes
// Rossum makes by itself.
func (s *Sim) setStatus(a *annotation, status, user string) {
	a.previous = a.status()
	if status == rossumapi.StatusReviewing && a.previous != status {
		a.beforeReview = a.previous
	}
	a.attrs["status"] = status
	now := s.now()
	a.attrs["modified_at"] = now
	if user != "" {
		a.attrs["modifier"], a.attrs["modified_by"] = user, user
	}
	if stamp := stampOf(status); stamp != "" {
		a.attrs[stamp+"_at"] = now
		if _, hasUser := a.attrs[stamp+"_by"]; hasUser {
			a.attrs[stamp+"_by"] = orNil(user)
		}
	}
	close(s.changed)
	s.changed = make(chan struct{})
	s.fire(a, "annotation_status", "changed")
}

// stampOf names the attributes <stamp>_at and <stamp>_by that record a status.
func stampOf(status string) string {
	switch status {
	case rossumapi.StatusReviewing:
		return "assigned"
	case rossumapi.StatusConfirmed, rossumapi.StatusDeleted, rossumapi.StatusExported,
		rossumapi.StatusPurged, rossumapi.StatusRejected:
		return status
	case rossumapi.StatusFailedExport:
		return "export_failed"
	}
	return ""
}

func orNil(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// patchStatus does what a PATCH of the status does; mu must be held. The
// complaint is "" if the change is allowed.
func (s *Sim) patchStatus(a *annotation, status, user string) (complaint string) {
	if !s.options.AnyStatus && !allowed(a.status(), status) {
		return "Status cannot be changed from " + a.status() + " to this value."
	}
	switch status {
	case rossumapi.StatusExporting: // also while exporting: delivers twice
		s.startExport(a, user)
	case rossumapi.StatusImporting:
		s.startImport(a)
	default:
		s.setStatus(a, status, user)
	}
	return ""
}

// allowed is the transition table of the fact sheet, section 3.2, for PATCH.
func allowed(from, to string) bool {
	reviewable := []string{rossumapi.StatusToReview, rossumapi.StatusReviewing, rossumapi.StatusPostponed, rossumapi.StatusConfirmed}
	switch to {
	case rossumapi.StatusDeleted:
		return from != rossumapi.StatusPurged
	case rossumapi.StatusExporting:
		return slices.Contains([]string{rossumapi.StatusFailedExport, rossumapi.StatusExported,
			rossumapi.StatusExporting, rossumapi.StatusConfirmed}, from)
	case rossumapi.StatusToReview:
		return slices.Contains([]string{rossumapi.StatusFailedExport, rossumapi.StatusDeleted, rossumapi.StatusRejected,
			rossumapi.StatusExported}, from) || slices.Contains(reviewable, from)
	case rossumapi.StatusPostponed, rossumapi.StatusRejected, rossumapi.StatusConfirmed:
		return slices.Contains(reviewable, from)
	case rossumapi.StatusImporting:
		return from != rossumapi.StatusPurged && from != rossumapi.StatusImporting
	}
	return false
}

// holds tells whether the user has the annotation's review lock.
func (a *annotation) holds(user *entity) bool {
	return a.status() == rossumapi.StatusReviewing && a.text("modified_by") == user.text("url")
}

// finishReview is what follows the confirmation; mu must be held.
func (s *Sim) finishReview(a *annotation, user string) {
	queue := s.byURL(a.text("queue"))
	a.attrs["confirmed_at"], a.attrs["confirmed_by"] = s.now(), orNil(user)
	switch {
	case queue.flag("use_confirmed_state"):
		s.setStatus(a, rossumapi.StatusConfirmed, user)
	case len(s.subscribed(a.text("queue"), "annotation_content", "export")) == 0:
		s.setStatus(a, rossumapi.StatusExported, user)
	default:
		s.startExport(a, user)
	}
}
