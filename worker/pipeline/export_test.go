package pipeline

import (
	"context"

	"github.com/rossum-relay/rossum-relay/worker/document"
)

// Document computes a map or render step and returns its document.
func (s *Step) Document(ctx context.Context, scope *Scope) (document.Document, error) {
	if _, err := s.Compute(ctx, scope); err != nil {
		return document.Document{}, err
	}
	made, _ := scope.steps[s.Name].live.(*docValue)
	if made == nil {
		return document.Document{}, nil
	}
	return made.doc, nil
}
