package rossumsim

import (
	"encoding/json"
	"maps"
	"strconv"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// commonPayload is what every hook call holds but request_id and token; mu
// must be held.
func (s *Sim) commonPayload(hook *entity, event, action string) map[string]any {
	return map[string]any{
		"timestamp": s.now(), "hook": hook.text("url"), "event": event, "action": action, "base_url": s.base,
		"settings": orEmpty(hook.attrs["settings"]), "secrets": orEmpty(hook.attrs["secrets"]),
	}
}

func orEmpty(value any) any {
	if value == nil {
		return map[string]any{}
	}
	return value
}

// annotationPayload is that of status events: content is a link; mu must be
// held. Everything in it is copied: the state goes on changing.
func (s *Sim) annotationPayload(hook *entity, a *annotation, event, action string) map[string]any {
	payload := s.commonPayload(hook, event, action)
	attrs := maps.Clone(a.attrs)
	attrs["previous_status"] = orNil(a.previous)
	payload["annotation"] = attrs
	if document := s.byURL(a.text("document")); document != nil {
		shown := maps.Clone(document.attrs)
		delete(shown, "annotations") // absent in payloads
		payload["document"] = shown
	}
	for _, list := range hook.list("sideload") {
		payload[list] = s.sideload(a, list)
	}
	return payload
}

// contentPayload is that of content events: content is the tree.
func (s *Sim) contentPayload(hook *entity, a *annotation, event, action string, updated []int64) map[string]any {
	payload := s.annotationPayload(hook, a, event, action)
	attrs, _ := payload["annotation"].(map[string]any)
	attrs["content"] = encodeTree(a.tree)
	payload["updated_datapoints"] = append([]int64{}, updated...)
	return payload
}

func encodeTree(tree rossumapi.Tree) json.RawMessage {
	raw, err := json.Marshal(tree)
	if err != nil {
		panic(err) // made of decoded JSON
	}
	return raw
}

// sideload returns the related objects of one kind; mu must be held.
func (s *Sim) sideload(a *annotation, list string) []any {
	links := map[string][]string{
		"queues":              {a.text("queue")},
		"modifiers":           {a.text("modifier")},
		"schemas":             {a.text("schema")},
		"emails":              {a.text("email")},
		"automation_blockers": {a.text("automation_blocker")},
		"related_emails":      a.list("related_emails"),
		"assignees":           a.list("assignees"),
		"pages":               a.list("pages"),
		"labels":              a.list("labels"),
		"relations":           s.referring("relations", "annotations", a),
		"child_relations":     s.referring("relations", "parent", a),
		"notes":               s.referring("notes", "annotation", a),
	}
	objects := []any{}
	for _, link := range links[list] {
		if e := s.byURL(link); e != nil {
			objects = append(objects, s.shown(e))
		}
	}
	return objects
}

// referring returns the links of the objects whose attribute names a.
func (s *Sim) referring(kind, key string, a *annotation) []string {
	var links []string
	for _, e := range s.collections[kind].ordered() {
		for _, link := range append(e.list(key), e.text(key)) {
			if link == a.text("url") {
				links = append(links, e.text("url"))
			}
		}
	}
	return links
}

// shown returns a copy of the attributes as the API shows them.
func (s *Sim) shown(e *entity) map[string]any {
	switch kind, _, _ := splitURL(e.text("url")); kind {
	case "users":
		return publicUser(e)
	case "queues":
		shown := maps.Clone(e.attrs)
		shown["counts"] = s.counts(e.text("url"))
		return shown
	}
	return maps.Clone(e.attrs)
}

// counts returns the number of a queue's annotations by status.
func (s *Sim) counts(queue string) map[string]int {
	counts := map[string]int{}
	for _, status := range []string{rossumapi.StatusImporting, rossumapi.StatusSplit, rossumapi.StatusFailedImport,
		rossumapi.StatusToReview, rossumapi.StatusReviewing, rossumapi.StatusConfirmed, rossumapi.StatusExporting,
		rossumapi.StatusPostponed, rossumapi.StatusFailedExport, rossumapi.StatusExported, rossumapi.StatusDeleted,
		rossumapi.StatusPurged, rossumapi.StatusRejected} {
		counts[status] = 0
	}
	for _, a := range s.annotations {
		if a.text("queue") == queue {
			counts[a.status()]++
		}
	}
	return counts
}

// jsonID writes an id as messages carry it: as a string.
func jsonID(id int64) string { return strconv.FormatInt(id, 10) }
