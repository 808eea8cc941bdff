package rossumsim

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// visible returns the annotation of the path if the user may see it. mu must
// be held.
func (s *Sim) visible(r *request) *annotation {
	a := s.annotations[r.id()]
	if a == nil || !sees(r.user, a.text("queue")) {
		return nil
	}
	return a
}

func (s *Sim) getAnnotation(r *request) answer {
	a := s.visible(r)
	if a == nil {
		return notFound()
	}
	return ok(a.attrs)
}

// createAnnotation makes an annotation of a document with the only status allowed. Outside of upload.created, whose end
// Rossum waits for, it is imported at once.
func (s *Sim) createAnnotation(r *request) answer {
	attrs, valid := r.object()
	if !valid {
		return badJSON()
	}
	given := &entity{attrs: attrs}
	queue, document := s.byURL(given.text("queue")), s.byURL(given.text("document"))
	switch {
	case given.text("status") != rossumapi.StatusCreated:
		return invalid("status", `"`+given.text("status")+`" is not a valid choice.`)
	case queue == nil || !sees(r.user, queue.text("url")):
		return invalid("queue", "Invalid hyperlink - Object does not exist.")
	case document == nil:
		return invalid("document", "Invalid hyperlink - Object does not exist.")
	}
	if complaint := metadataComplaint(attrs); complaint != nil {
		return *complaint
	}
	a := s.newAnnotation(queue, document, given.object("metadata"))
	a.tree = s.extract(a)
	created := maps.Clone(a.attrs)
	s.startImport(a)
	return answer{status: http.StatusCreated, body: created}
}

// patchAnnotation changes writable attributes; the others are ignored, as
// usual for APIs built like Rossum's.
func (s *Sim) patchAnnotation(r *request) answer {
	a := s.visible(r)
	changes, valid := r.object()
	switch {
	case a == nil:
		return notFound()
	case !valid:
		return badJSON()
	case a.status() == rossumapi.StatusPurged:
		return problem(http.StatusConflict, rossumapi.ConflictStatus, "Purged annotations cannot be changed.")
	}
	if complaint := metadataComplaint(changes); complaint != nil {
		return *complaint
	}
	for _, key := range []string{"queue", "schema", "document", "modifier", "messages", "time_spent", "metadata",
		"automated", "training_enabled", "rir_poll_id", "relations"} {
		if value, given := changes[key]; given {
			a.attrs[key] = value
		}
	}
	s.touch(a, r.user)
	if status, given := changes["status"].(string); given {
		if !knownStatus(status) {
			return invalid("status", `"`+status+`" is not a valid choice.`)
		}
		if complaint := s.patchStatus(a, status, r.user.text("url")); complaint != "" {
			return invalid("status", complaint)
		}
	}
	return ok(a.attrs)
}

func knownStatus(status string) bool {
	return slices.Contains(strings.Fields("created importing failed_import split to_review reviewing in_workflow confirmed "+
		"rejected exporting exported failed_export postponed deleted purged"), status)
}

// start takes the review lock.
func (s *Sim) start(r *request) answer {
	a := s.visible(r)
	if a == nil {
		return notFound()
	}
	body, _ := r.object() // the body is optional
	statuses := texts(body["statuses"])
	if statuses == nil {
		statuses = []string{rossumapi.StatusToReview, rossumapi.StatusReviewing, rossumapi.StatusPostponed, rossumapi.StatusConfirmed}
	}
	switch {
	case a.status() == rossumapi.StatusReviewing && !a.holds(r.user):
		return problem(http.StatusConflict, rossumapi.ConflictUser, "Document is being annotated by other user.")
	case !slices.Contains(statuses, a.status()):
		return problem(http.StatusConflict, rossumapi.ConflictStatus,
			"Annotation can be started only in states: "+strings.Join(statuses, ", "))
	case a.status() != rossumapi.StatusReviewing:
		s.setStatus(a, rossumapi.StatusReviewing, r.user.text("url"))
	}
	return ok(map[string]any{"annotation": a.text("url"), "session_timeout": s.byURL(a.text("queue")).text("session_timeout")})
}

// lockHeld refuses calls that only the holder of the review lock may make.
func lockHeld(a *annotation, user *entity) *answer {
	refuse := func(a answer) *answer { return &a }
	switch {
	case a.status() != rossumapi.StatusReviewing:
		return refuse(problem(http.StatusConflict, "", "Document is not being annotated"))
	case !a.holds(user):
		return refuse(problem(http.StatusConflict, rossumapi.ConflictUser, "Document is being annotated by other user."))
	}
	return nil
}

func (s *Sim) cancelReview(r *request) answer {
	a := s.visible(r)
	if a == nil {
		return notFound()
	}
	if refusal := lockHeld(a, r.user); refusal != nil {
		return *refusal
	}
	s.setStatus(a, a.beforeReview, r.user.text("url"))
	return answer{status: http.StatusNoContent}
}

// confirm runs the confirm hooks, whose errors block it, and goes on.
func (s *Sim) confirm(r *request) answer {
	s.mu.Lock()
	a := s.visible(r)
	var refusal *answer
	if a != nil {
		refusal = lockHeld(a, r.user)
	}
	s.mu.Unlock()
	switch {
	case a == nil:
		return notFound()
	case refusal != nil:
		return *refusal
	}
	if complaint := s.confirmAs(r.Context(), a, r.user.text("url")); complaint != "" {
		return problem(http.StatusBadRequest, "bad_request", complaint)
	}
	return answer{status: http.StatusNoContent}
}

func (s *Sim) confirmAs(ctx context.Context, a *annotation, user string) (complaint string) {
	result := s.runHooks(ctx, a, "annotation_content", "confirm", nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case result.failed:
		a.attrs["messages"] = result.messages
		return "Annotation has errors."
	case a.status() != rossumapi.StatusReviewing:
		return "Document is not being annotated"
	}
	s.finishReview(a, user)
	return ""
}

// change is an action that switches the status, as PATCH does.
func (s *Sim) change(status string) endpoint {
	return func(r *request) answer {
		a := s.visible(r)
		if a == nil {
			return notFound()
		}
		if a.status() == rossumapi.StatusReviewing && !a.holds(r.user) {
			return *lockHeld(a, r.user)
		}
		if complaint := s.patchStatus(a, status, r.user.text("url")); complaint != "" {
			return problem(http.StatusConflict, rossumapi.ConflictStatus, complaint)
		}
		return answer{status: http.StatusNoContent}
	}
}

func (s *Sim) reject(r *request) answer {
	given := s.change(rossumapi.StatusRejected)(r)
	if given.status != http.StatusNoContent {
		return given
	}
	body, _ := r.object() // the body is optional
	fields := &entity{attrs: body}
	result := map[string]any{"status": rossumapi.StatusRejected, "note": nil}
	if text := fields.text("note_content"); text != "" {
		note := s.add("notes", map[string]any{"content": text, "annotation": s.annotations[r.id()].text("url"),
			"creator": r.user.text("url"), "created_at": s.now(), "modified_at": s.now()})
		result["note"] = note.text("url")
	}
	return ok(result)
}

// purgeDeleted empties deleted annotations.
func (s *Sim) purgeDeleted(r *request) answer {
	body, valid := r.object()
	if !valid {
		return badJSON()
	}
	links, queue := texts(body["annotations"]), (&entity{attrs: body}).text("queue")
	for _, e := range s.collections["annotations"].ordered() {
		a := s.annotations[e.id]
		chosen := slices.Contains(links, a.text("url")) || queue != "" && a.text("queue") == queue
		if chosen && a.status() == rossumapi.StatusDeleted && sees(r.user, a.text("queue")) {
			s.purge(a)
		}
	}
	return answer{status: http.StatusAccepted}
}

func (s *Sim) purge(a *annotation) {
	a.tree = rossumapi.Tree{}
	a.attrs["pages"] = []string{}
	if document := s.byURL(a.text("document")); document != nil {
		delete(s.files, document.id)
		document.attrs["content"], document.attrs["original_file_name"] = nil, ""
	}
	s.setStatus(a, rossumapi.StatusPurged, "")
}
