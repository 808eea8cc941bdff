package rossumsim

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// createUpload stores the files and imports them in the background: task,
// upload.created hooks, extraction.
func (s *Sim) createUpload(r *request) answer {
	id, _ := strconv.ParseInt(r.URL.Query().Get("queue"), 10, 64) // 0 is never found
	queue := s.collections["queues"].items[id]
	if queue == nil || !sees(r.user, queue.text("url")) {
		return invalid("queue", "Invalid queue.")
	}
	form, refusal := readParts(r)
	if refusal != nil {
		return *refusal
	}
	if r.URL.Query().Get("reject_identical") == "true" && s.identical(form) {
		return problem(http.StatusConflict, "conflict_status", "Identical document already exists.")
	}
	metadata := map[string]any{}
	if text := form.values["metadata"]; text != "" && json.Unmarshal([]byte(text), &metadata) != nil {
		return invalid("metadata", "Value must be valid JSON.")
	}
	user := r.user.text("url")
	upload := s.add("uploads", map[string]any{"queue": queue.text("url"), "creator": user, "created_at": s.now(),
		"organization": r.user.text("organization")})
	var documents []string
	for i, name := range form.names {
		document := s.addDocument(name, mimeOf(name, form.types[i]), form.contents[i], user)
		documents = append(documents, document.text("url"))
	}
	upload.attrs["documents"] = documents
	task := s.add("tasks", map[string]any{"type": "upload_created", "status": "running"})
	s.spawn(func(ctx context.Context) { s.importUpload(ctx, upload, task, metadata) })
	return answer{status: http.StatusAccepted, body: map[string]any{"url": task.text("url")}}
}

// identical tells whether a file of the same name and content is there.
func (s *Sim) identical(form parts) bool {
	for id, content := range s.files {
		document := s.collections["documents"].items[id]
		if document.text("original_file_name") == form.names[0] && bytes.Equal(content, form.contents[0]) {
			return true
		}
	}
	return false
}

// importUpload asks the upload.created hooks and makes the annotations.
func (s *Sim) importUpload(ctx context.Context, upload, task *entity, metadata map[string]any) {
	prevented := s.askUploadHooks(ctx, upload, metadata)
	s.mu.Lock()
	defer s.mu.Unlock()
	var annotations []string
	for _, link := range upload.list("documents") {
		if slices.Contains(prevented, link) {
			continue
		}
		document := s.byURL(link)
		a := s.newAnnotation(s.byURL(upload.text("queue")), document, metadata)
		a.tree = s.extract(a)
		s.relateDuplicates(a, s.files[document.id])
		annotations = append(annotations, a.text("url"))
		s.startImport(a)
	}
	upload.attrs["annotations"] = annotations
	task.attrs["status"] = "succeeded"
	task.attrs["content"] = map[string]any{"upload": upload.text("url")}
	task.attrs["result_url"] = upload.text("url")
}

// askUploadHooks returns the documents that hooks keep from being imported.
func (s *Sim) askUploadHooks(ctx context.Context, upload *entity, metadata map[string]any) (prevented []string) {
	s.mu.Lock()
	waiting := s.subscribed(upload.text("queue"), "upload", "created")
	s.mu.Unlock()
	for len(waiting) > 0 && ctx.Err() == nil {
		hook := waiting[0]
		waiting = waiting[1:]
		s.mu.Lock()
		call := s.newCall(hook, "upload", "created", s.uploadPayload(hook, upload, metadata, prevented))
		s.mu.Unlock()
		got := s.deliver(ctx, call)
		var files []struct {
			Document string `json:"document"`
			Prevent  bool   `json:"prevent_importing"`
		}
		if json.Unmarshal(got.response.Files, &files) != nil {
			continue // no files in the answer
		}
		for _, file := range files {
			if file.Prevent && !slices.Contains(prevented, file.Document) {
				prevented = append(prevented, file.Document)
			}
		}
	}
	return prevented
}

func (s *Sim) uploadPayload(hook, upload *entity, metadata map[string]any, prevented []string) map[string]any {
	payload := s.commonPayload(hook, "upload", "created")
	files, documents := []any{}, []any{}
	for _, link := range upload.list("documents") {
		files = append(files, map[string]any{"document": link, "queue": upload.text("queue"), "values": []any{},
			"prevent_importing": slices.Contains(prevented, link), "annotation": nil})
		documents = append(documents, s.shown(s.byURL(link)))
	}
	payload["files"], payload["documents"] = files, documents
	payload["upload"], payload["metadata"], payload["email"] = upload.text("url"), metadata, nil
	return payload
}

// getTask redirects to the result of a task that succeeded, unless asked not
// to.
func (s *Sim) getTask(r *request) answer {
	task := s.lookUp(r, "tasks")
	switch {
	case task == nil:
		return notFound()
	case task.text("status") == "succeeded" && r.URL.Query().Get("no_redirect") != "true":
		return answer{status: http.StatusSeeOther, body: task.attrs, header: map[string]string{"Location": task.text("result_url")}}
	}
	return ok(task.attrs)
}

// newAnnotation makes an annotation of a document; mu must be held.
func (s *Sim) newAnnotation(queue, document *entity, metadata map[string]any) *annotation {
	attrs := map[string]any{"status": rossumapi.StatusCreated, "document": document.text("url"), "queue": queue.text("url"),
		"schema": queue.text("schema"), "relations": []string{}, "creator": document.attrs["creator"], "created_at": s.now(),
		"arrived_at": document.attrs["arrived_at"], "rir_poll_id": s.randomHex(12), "messages": nil, "time_spent": 0.0,
		"metadata": metadata, "automated": false, "automatically_rejected": false, "suggested_edit": nil, "related_emails": []string{},
		"email": nil, "automation_blocker": nil, "email_thread": nil, "has_email_thread_with_replies": false,
		"has_email_thread_with_new_replies": false, "organization": s.organizationOf(queue), "prediction": nil,
		"assignees": []string{}, "labels": []string{}, "restricted_access": false, "training_enabled": true, "einvoice": false}
	for _, key := range []string{"modifier", "modified_by", "modified_at", "assigned_at", "confirmed_at", "deleted_at", "exported_at",
		"export_failed_at", "purged_at", "rejected_at", "confirmed_by", "deleted_by", "exported_by", "purged_by", "rejected_by"} {
		attrs[key] = nil
	}
	a := &annotation{entity: s.add("annotations", attrs), tree: rossumapi.Tree{}}
	a.attrs["content"] = a.text("url") + "/content"
	page := s.add("pages", map[string]any{"annotation": a.text("url"), "s3_name": s.randomHex(16)})
	page.attrs["content"] = page.text("url") + "/content"
	a.attrs["pages"] = []string{page.text("url")}
	document.attrs["annotations"] = []string{a.text("url")}
	s.annotations[a.id] = a
	return a
}

// extract stands for the AI: an empty tree of the queue's schema.
func (s *Sim) extract(a *annotation) rossumapi.Tree {
	tree := rossumapi.Tree{}
	for _, section := range s.schemaOf(a).Content {
		tree = append(tree, s.emptyNode(a, section))
	}
	return tree
}

// organizationOf returns the organization's link of a queue.
func (s *Sim) organizationOf(queue *entity) string {
	return s.byURL(queue.text("workspace")).text("organization")
}
