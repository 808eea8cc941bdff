package rossumapi

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Payload is a whole webhook call. It aliases the decoded body.
type Payload struct {
	Envelope
	Content           Tree    // of annotation_content events; nil where the payload carries a URL
	UpdatedDatapoints []int64 // ids, of annotation_content events
	All               Object  // every member of the call, in order, as sent
	AnnotationObject  Object  // every member of the annotation; nil if there is none
	DocumentObject    Object  // every member of the document; nil if there is none
	Sideloads         Object  // sideloaded lists by name, as sent
}

// sideloadNames lists what hook.sideload may ask for (Rossum API reference,
// Hook, sideload), and documents, which upload events carry.
func sideloadNames() []string {
	return []string{"queues", "modifiers", "schemas", "emails", "related_emails", "relations",
		"child_relations", "suggested_edits", "assignees", "pages", "notes", "labels",
		"automation_blockers", "documents"}
}

// DecodePayload reads a whole webhook call, content tree included. It accepts
// what [DecodeEnvelope] accepts, with the same kinds of errors.
func DecodePayload(body []byte) (Payload, error) {
	parts, err := splitPayload(body)
	if err != nil {
		return Payload{}, err
	}
	p := Payload{All: parts.all, AnnotationObject: parts.annotation, DocumentObject: parts.document}
	if p.Envelope, err = parts.envelope(); err != nil {
		return Payload{}, err
	}
	if raw := parts.annotation.Get("content"); len(raw) > 0 && raw[0] == '[' {
		if p.Content, err = decodeTree(raw); err != nil {
			return Payload{}, fmt.Errorf("payload.annotation: %w", err)
		}
	}
	if p.UpdatedDatapoints, err = ids(parts.all.Get("updated_datapoints")); err != nil {
		return Payload{}, fmt.Errorf("payload.updated_datapoints: %w", err)
	}
	names := sideloadNames()
	for _, m := range parts.all {
		if slices.Contains(names, m.Key) {
			p.Sideloads = append(p.Sideloads, m)
		}
	}
	return p, nil
}

// Sideloaded returns the object with the URL from the sideloaded list, nil if
// it was not sent along.
func (p Payload) Sideloaded(list, url string) Object {
	found, _ := objects(p.Sideloads.Get(list)) // a broken list reads as not sent
	for _, object := range found {
		if object.Text("url") == url {
			return object
		}
	}
	return nil
}

// ids reads a list of datapoint ids; null and absence read as none.
func ids(raw json.RawMessage) ([]int64, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	list := []int64{}
	s := &scanner{data: raw}
	err := s.array(func() error {
		id, err := s.id()
		list = append(list, id)
		return err
	})
	return list, err
}
