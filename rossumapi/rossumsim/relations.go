package rossumsim

import (
	"crypto/md5" // Rossum's key of duplicates is an MD5
	"encoding/hex"
	"net/http"
	"slices"
)

// createDocumentRelation refuses a second relation of the same type, key and
// annotation.
func (s *Sim) createDocumentRelation(r *request) answer {
	attrs, valid := r.object()
	if !valid {
		return badJSON()
	}
	if attrs["type"] == nil {
		attrs["type"] = "export"
	}
	for _, e := range s.collections["document_relations"].items {
		if e.attrs["type"] == attrs["type"] && e.attrs["key"] == attrs["key"] && e.attrs["annotation"] == attrs["annotation"] {
			return invalid("non_field_errors", "The fields type, key, annotation must make a unique set.")
		}
	}
	return answer{status: http.StatusCreated, body: s.add("document_relations", attrs).attrs}
}

func (s *Sim) deleteDocumentRelation(r *request) answer {
	relation := s.lookUp(r, "document_relations")
	switch {
	case relation == nil:
		return notFound()
	case len(relation.list("documents")) > 0:
		return problem(http.StatusConflict, "", "Document relation has documents.")
	}
	delete(s.collections["document_relations"].items, relation.id)
	return answer{status: http.StatusNoContent}
}

// relateDuplicates connects annotations whose documents have the same bytes;
// mu must be held.
func (s *Sim) relateDuplicates(a *annotation, content []byte) {
	sum := md5.Sum(content)
	key := hex.EncodeToString(sum[:])
	if relation := s.find("relations", "key", key); relation != nil {
		relation.attrs["annotations"] = append(slices.Clone(relation.list("annotations")), a.text("url"))
		return
	}
	s.add("relations", map[string]any{"type": "duplicate", "key": key, "annotations": []string{a.text("url")}})
}

// applyLabels adds and removes labels of annotations.
func (s *Sim) applyLabels(r *request) answer {
	body, valid := r.object()
	if !valid {
		return badJSON()
	}
	fields := &entity{attrs: body}
	operations, objects := &entity{attrs: fields.object("operations")}, &entity{attrs: fields.object("objects")}
	for _, link := range objects.list("annotations") {
		_, id, _ := splitURL(link)
		a := s.annotations[id]
		if a == nil || !sees(r.user, a.text("queue")) {
			return invalid("objects", "Invalid hyperlink - Object does not exist.")
		}
		labels := slices.DeleteFunc(slices.Clone(a.list("labels")), func(label string) bool {
			return slices.Contains(operations.list("remove"), label)
		})
		for _, label := range operations.list("add") {
			if s.byURL(label) == nil {
				return invalid("operations", "Invalid hyperlink - Object does not exist.")
			}
			if !slices.Contains(labels, label) {
				labels = append(labels, label)
			}
		}
		a.attrs["labels"] = labels
	}
	return answer{status: http.StatusNoContent}
}
