package rossumsim

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

func (s *Sim) routes() http.Handler {
	mux := http.NewServeMux()
	lock := func(pattern string, h endpoint) { s.route(mux, pattern, s.locked(h)) }
	free := func(pattern string, h endpoint) { s.route(mux, pattern, s.counted(h)) }

	lock("POST auth/login", s.login)
	lock("POST auth/logout", s.logout)
	lock("GET auth/user", func(r *request) answer { return ok(publicUser(r.user)) })

	lock("POST annotations", s.createAnnotation)
	lock("GET annotations/{id}", s.getAnnotation)
	lock("PATCH annotations/{id}", s.patchAnnotation)
	lock("POST annotations/{id}/start", s.start)
	lock("POST annotations/{id}/cancel", s.cancelReview)
	free("POST annotations/{id}/confirm", s.confirm)
	lock("POST annotations/{id}/postpone", s.change(rossumapi.StatusPostponed))
	lock("POST annotations/{id}/delete", s.change(rossumapi.StatusDeleted))
	lock("POST annotations/{id}/reject", s.reject)
	lock("POST annotations/purge_deleted", s.purgeDeleted)
	lock("POST annotations/search", s.search)
	lock("GET annotations/{id}/content", s.getContent)
	lock("POST annotations/{id}/content/operations", s.operate)
	free("POST annotations/{id}/content/validate", s.validate)
	lock("GET annotations/{id}/content/{node}", s.getNode)
	lock("PATCH annotations/{id}/content/{node}", s.patchNode)

	lock("GET documents/{id}/content", s.getDocumentContent)
	lock("POST documents", s.createDocument)
	lock("POST uploads", s.createUpload)
	lock("GET tasks/{id}", s.getTask)
	lock("POST document_relations", s.createDocumentRelation)
	lock("DELETE document_relations/{id}", s.deleteDocumentRelation)

	lock("GET hooks/logs", s.listLogs)
	lock("POST hooks", s.createHook)
	lock("PATCH hooks/{id}", s.patchHook)
	free("POST hooks/{id}/test", s.testHook)
	free("POST hooks/{id}/invoke", s.invokeHook)
	lock("POST hooks/{id}/generate_payload", s.generatePayload)
	lock("GET hooks/{id}/secrets_keys", s.secretsKeys)

	lock("POST labels/apply", s.applyLabels)
	lock("POST schemas/validate", func(*request) answer { return ok(map[string]any{}) })
	lock("GET queues/{id}/export", s.exportQueue)
	lock("POST queues/{id}/export", s.exportQueue)

	for _, kind := range slices.Sorted(maps.Keys(s.collections)) {
		s.collectionRoutes(mux, kind)
	}
	s.controlRoutes(mux)
	return mux
}

// collectionRoutes registers what a collection has without rules of its own.
func (s *Sim) collectionRoutes(mux *http.ServeMux, kind string) {
	lock := func(pattern string, h endpoint) { s.route(mux, pattern, s.locked(h)) }
	lock("GET "+kind, s.listOf(kind))
	if kind == "annotations" {
		return
	}
	if kind != "tasks" {
		lock("GET "+kind+"/{id}", s.getOf(kind))
	}
	switch kind {
	case "labels", "notes", "queues", "schemas", "users", "workspaces", "relations":
		lock("POST "+kind, s.createOf(kind))
	}
	if kind != "hooks" {
		lock("PATCH "+kind+"/{id}", s.patchOf(kind))
	}
	if kind != "document_relations" {
		lock("DELETE "+kind+"/{id}", s.deleteOf(kind))
	}
}

// route registers an endpoint below /api/v1, given as "METHOD path".
func (s *Sim) route(mux *http.ServeMux, pattern string, h endpoint) {
	method, path, _ := strings.Cut(pattern, " ")
	mux.HandleFunc(method+" /api/v1/"+path, s.api(h))
}

// counted lets the clock know that the endpoint calls hooks.
func (s *Sim) counted(h endpoint) endpoint {
	return func(r *request) answer {
		s.clock.add(&s.clock.running, 1)
		defer s.clock.add(&s.clock.running, -1)
		return h(r)
	}
}

func (s *Sim) lookUp(r *request, kind string) *entity {
	e := s.collections[kind].items[r.id()]
	if e == nil || !s.mayRead(r.user, kind, e) {
		return nil
	}
	return e
}

func (s *Sim) getOf(kind string) endpoint {
	return func(r *request) answer {
		e := s.lookUp(r, kind)
		if e == nil {
			return notFound()
		}
		return ok(s.shownTo(r.user, e))
	}
}

// createOf makes an object of whatever the body holds.
func (s *Sim) createOf(kind string) endpoint {
	return func(r *request) answer {
		attrs, valid := r.object()
		if !valid {
			return badJSON()
		}
		if refusal := attributeComplaint(kind, attrs); refusal != nil {
			return *refusal
		}
		e := s.add(kind, attrs)
		e.attrs["created_at"], e.attrs["creator"] = s.now(), r.user.text("url")
		return answer{status: http.StatusCreated, body: s.shownTo(r.user, e)}
	}
}

func (s *Sim) patchOf(kind string) endpoint {
	return func(r *request) answer {
		e := s.lookUp(r, kind)
		changes, valid := r.object()
		switch {
		case e == nil:
			return notFound()
		case !valid:
			return badJSON()
		}
		if refusal := attributeComplaint(kind, changes); refusal != nil {
			return *refusal
		}
		s.update(e, changes)
		e.attrs["modified_at"], e.attrs["modified_by"] = s.now(), r.user.text("url")
		return ok(s.shownTo(r.user, e))
	}
}

// update replaces the given attributes, all but id and url.
func (s *Sim) update(e *entity, changes map[string]any) {
	for key, value := range changes {
		if key != "id" && key != "url" {
			e.attrs[key] = value
		}
	}
}

func (s *Sim) deleteOf(kind string) endpoint {
	return func(r *request) answer {
		if s.lookUp(r, kind) == nil {
			return notFound()
		}
		delete(s.collections[kind].items, r.id())
		return answer{status: http.StatusNoContent}
	}
}

// shownTo is shown without what the user has no right to read.
func (s *Sim) shownTo(user, e *entity) map[string]any {
	shown := s.shown(e)
	if kind, _, _ := splitURL(e.text("url")); kind == "hooks" {
		hideSecrets(shown, user)
	}
	return shown
}

func attributeComplaint(kind string, attrs map[string]any) *answer {
	if kind == "notes" {
		if text, _ := attrs["content"].(string); utf8.RuneCountInString(text) > rossumapi.MaxMessage {
			refusal := invalid("content", "Ensure this field has no more than 4096 characters.")
			return &refusal
		}
	}
	return metadataComplaint(attrs)
}

// metadataComplaint refuses metadata above 4 kB. The form of the error is not
// documented.
func metadataComplaint(attrs map[string]any) *answer {
	raw, err := json.Marshal(attrs["metadata"])
	if err != nil || len(raw) <= rossumapi.MaxMetadata {
		return nil
	}
	refusal := invalid("metadata", "Metadata must not exceed 4 kB.")
	return &refusal
}
