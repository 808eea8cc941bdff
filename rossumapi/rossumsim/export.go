package rossumsim

import (
	"context"
	"slices"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// startExport moves to exporting and calls the export hooks; mu must be held.
func (s *Sim) startExport(a *annotation, user string) {
	s.setStatus(a, rossumapi.StatusExporting, user)
	a.attrs["messages"] = []any{}
	s.spawn(func(ctx context.Context) {
		result := s.runHooks(ctx, a, "annotation_content", "export", nil)
		s.mu.Lock()
		defer s.mu.Unlock()
		// A second export of the same annotation may have ended before.
		if ctx.Err() != nil || a.status() != rossumapi.StatusExporting {
			return
		}
		a.attrs["messages"] = result.messages
		if result.failed {
			s.setStatus(a, rossumapi.StatusFailedExport, "")
			return
		}
		a.attrs["exported_by"] = orNil(user)
		s.setStatus(a, rossumapi.StatusExported, "")
	})
}

// startImport extracts: initialize hooks, then review or automation; mu must
// be held.
func (s *Sim) startImport(a *annotation) {
	s.setStatus(a, rossumapi.StatusImporting, "")
	s.spawn(func(ctx context.Context) {
		result := s.runHooks(ctx, a, "annotation_content", "initialize", nil)
		s.mu.Lock()
		defer s.mu.Unlock()
		if ctx.Err() != nil || a.status() != rossumapi.StatusImporting {
			return
		}
		a.attrs["messages"] = result.messages
		s.block(a, result)
		queue := s.byURL(a.text("queue"))
		switch {
		case result.failed || len(result.blockers) > 0 || !automated(queue):
			s.setStatus(a, rossumapi.StatusToReview, "")
		default:
			a.attrs["automated"] = true
			s.finishReview(a, "")
		}
	})
}

// automated tells whether the queue skips the review. The simulator's fields
// are all sure and valid, so confident and always are the same.
func automated(queue *entity) bool {
	return queue.flag("automation_enabled") && slices.Contains([]string{"always", "confident"}, queue.text("automation_level"))
}

// block records why an annotation was not automated; mu must be held.
func (s *Sim) block(a *annotation, result hookResult) {
	var content []any
	for _, blocker := range result.blockers {
		entry := map[string]any{"level": "annotation", "type": "extension", "details": map[string]any{"content": []any{blocker.Content}}}
		if node := a.tree.ByID(blocker.ID); node != nil {
			entry = map[string]any{"level": "datapoint", "type": "extension", "schema_id": node.SchemaID, "samples_truncated": false,
				"samples": []any{map[string]any{"datapoint_id": node.ID, "details": map[string]any{"content": []any{blocker.Content}}}}}
		}
		content = append(content, entry)
	}
	if len(content) == 0 {
		return
	}
	blocker := s.add("automation_blockers", map[string]any{"annotation": a.text("url"), "content": content})
	a.attrs["automation_blocker"] = blocker.text("url")
}

// hookResult is what the hooks of one event said together.
type hookResult struct {
	failed   bool // a call failed, or there is an error message
	messages []any
	blockers []rossumapi.AutomationBlocker
	updated  []int64 // changed datapoints
}

// runHooks calls the hooks of an event: in parallel, but each one after those
// in its run_after, with their changes in its payload. It ends early when one
// of them fails. mu must not be held.
func (s *Sim) runHooks(ctx context.Context, a *annotation, event, action string, updated []int64) hookResult {
	result := hookResult{messages: []any{}, updated: updated}
	s.mu.Lock()
	waiting := s.subscribed(a.text("queue"), event, action)
	s.mu.Unlock()
	for len(waiting) > 0 && !result.failed {
		ready, rest := nextWave(waiting)
		waiting = rest
		answers := make(chan hookAnswer, len(ready))
		for _, hook := range ready {
			s.mu.Lock()
			call := s.newCall(hook, event, action, s.contentPayload(hook, a, event, action, result.updated))
			s.mu.Unlock()
			spawned := s.spawn(func(ctx context.Context) {
				answer := s.deliver(ctx, call) // answers also when ctx has ended
				s.clock.add(&s.clock.asleep, -1)
				answers <- answer
			})
			if !spawned {
				return hookResult{failed: true, messages: []any{}}
			}
		}
		for left := len(ready); left > 0; left-- {
			// This goroutine sleeps until a call counts it awake, see clock.
			s.clock.add(&s.clock.asleep, 1)
			select {
			case answer := <-answers:
				s.merge(a, answer, &result)
			case <-ctx.Done():
				s.clock.add(&s.clock.asleep, left-1) // the calls that are left go on
				return hookResult{failed: true, messages: []any{}}
			}
		}
	}
	return result
}

// nextWave takes out the hooks that wait for none of the others.
func nextWave(hooks []*entity) (ready, rest []*entity) {
	for _, hook := range hooks {
		waits := slices.ContainsFunc(hook.list("run_after"), func(link string) bool {
			return slices.ContainsFunc(hooks, func(other *entity) bool { return other != hook && other.text("url") == link })
		})
		if waits {
			rest = append(rest, hook)
		} else {
			ready = append(ready, hook)
		}
	}
	if len(ready) == 0 { // a circle: Rossum refuses to save one
		return rest, nil
	}
	return ready, rest
}

// merge applies what one hook answered.
func (s *Sim) merge(a *annotation, got hookAnswer, result *hookResult) {
	s.mu.Lock()
	defer s.mu.Unlock()
	messages := got.response.Messages
	if got.failure != "" {
		result.failed = true
		messages = append(messages, rossumapi.Error(got.failure))
	} else {
		result.updated = append(result.updated, s.apply(a, got.response.Operations, fromHook)...)
		result.blockers = append(result.blockers, got.response.AutomationBlockers...)
	}
	for _, m := range messages {
		result.failed = result.failed || m.Type == rossumapi.TypeError
		id := any("all")
		if m.ID != 0 {
			id = jsonID(m.ID)
		}
		result.messages = append(result.messages, map[string]any{"id": id, "type": m.Type, "content": m.Content,
			"detail": map[string]any{"hook_id": got.call.HookID, "hook_name": got.call.hook.text("name"),
				"request_id": got.call.RequestID, "timestamp": s.now(), "is_exception": got.failure != ""}})
	}
}
