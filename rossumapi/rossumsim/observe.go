package rossumsim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// WaitStatus blocks until the annotation has one of the statuses and returns
// it. It sees the status of the moment, not those that passed meanwhile.
func (s *Sim) WaitStatus(ctx context.Context, annotationID int64, statuses ...string) (string, error) {
	for {
		s.mu.Lock()
		a, changed := s.annotations[annotationID], s.changed
		status := ""
		if a != nil {
			status = a.status()
		}
		s.mu.Unlock()
		if slices.Contains(statuses, status) {
			return status, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return status, fmt.Errorf("rossum simulator: annotation %d is %s, not %v: %w", annotationID, status, statuses, ctx.Err())
		}
	}
}

// Annotation returns an annotation as the API shows it to an admin.
func (s *Sim) Annotation(id int64) (rossumapi.Annotation, error) {
	s.mu.Lock()
	a := s.annotations[id]
	var raw []byte
	err := fmt.Errorf("rossum simulator: no annotation %d", id)
	if a != nil {
		raw, err = json.Marshal(a.attrs)
	}
	s.mu.Unlock()
	if err != nil {
		return rossumapi.Annotation{}, err
	}
	var annotation rossumapi.Annotation
	err = json.Unmarshal(raw, &annotation)
	return annotation, err
}

// Content returns a copy of an annotation's content tree.
func (s *Sim) Content(annotationID int64) (rossumapi.Tree, error) {
	s.mu.Lock()
	a := s.annotations[annotationID]
	var raw []byte
	if a != nil {
		raw = encodeTree(a.tree)
	}
	s.mu.Unlock()
	if a == nil {
		return nil, fmt.Errorf("rossum simulator: no annotation %d", annotationID)
	}
	return rossumapi.DecodeContent(raw)
}

// Annotations returns the ids of all annotations in the order of their making.
func (s *Sim) Annotations() []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []int64
	for _, e := range s.collections["annotations"].ordered() {
		ids = append(ids, e.id)
	}
	return ids
}

// Object returns an object of any kind as stored, such as Object("notes", id),
// nil if there is none.
func (s *Sim) Object(kind string, id int64) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.collections[kind]; c != nil && c.items[id] != nil {
		return s.shown(c.items[id])
	}
	return nil
}

// Objects returns the ids of all objects of a kind.
func (s *Sim) Objects(kind string) []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []int64
	for _, e := range s.collections[kind].ordered() {
		ids = append(ids, e.id)
	}
	return ids
}

// Calls returns the last calls of a hook, at most 10,000 of all hooks together;
// those of all hooks for 0.
func (s *Sim) Calls(hookID int64) []HookCall {
	s.mu.Lock()
	defer s.mu.Unlock()
	var calls []HookCall
	for _, call := range s.calls {
		if hookID == 0 || call.HookID == hookID {
			calls = append(calls, *call)
		}
	}
	return calls
}

// File returns the content of a document, nil if there is none.
func (s *Sim) File(documentID int64) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.files[documentID])
}

// Logins counts the logins that gave a token.
func (s *Sim) Logins() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logins
}

// Requests counts the requests of the API, and those of them that were answered with 429.
func (s *Sim) Requests() (all, throttled int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests, s.throttled
}
