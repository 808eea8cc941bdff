package rossumsim

import (
	"slices"
	"strings"
	"time"
)

// log adds a hook log for what a call has come to so far; mu must be held.
func (s *Sim) log(call *HookCall) {
	event, action, _ := strings.Cut(call.Event, ".")
	level, status := "INFO", "completed"
	if call.StatusCode/100 != 2 {
		level, status = "ERROR", "failed"
	}
	at := strings.TrimSuffix(s.now(), "Z") // hook logs have none
	attrs := map[string]any{
		"timestamp": at, "start": at, "end": at, "request_id": call.RequestID, "uuid": s.uuid(), "event": event, "action": action,
		"hook": call.HookID, "hook_id": call.HookID, "hook_type": "webhook", "log_level": level, "status": status,
		"status_code": call.StatusCode, "message": call.Failure, "settings": "{}",
	}
	if a := s.annotations[call.Annotation]; a != nil {
		attrs["annotation_id"], attrs["annotation"] = a.id, a.id
		if _, queue, found := splitURL(a.text("queue")); found {
			attrs["queue_id"], attrs["queue"] = queue, queue
		}
	}
	if s.logs = append(s.logs, &entity{attrs: attrs}); len(s.logs) > kept {
		s.logs = slices.Delete(s.logs, 0, 1)
	}
}

// listLogs shows the logs of the last 7 days, newest first.
func (s *Sim) listLogs(r *request) answer {
	const week = 7 * 24 * time.Hour
	oldest := s.clock.Now().Add(-week)
	s.logs = slices.DeleteFunc(s.logs, func(e *entity) bool {
		at, readable := parseTime(e.text("timestamp"))
		return readable && at.Before(oldest)
	})
	var found []*entity
	for _, e := range slices.Backward(s.logs) {
		if s.matches(e, r.URL.Query()) {
			found = append(found, e)
		}
	}
	page, pagination, refusal := s.page(r, found, 100)
	if refusal != nil {
		return *refusal
	}
	results := make([]any, len(page))
	for i, e := range page {
		shown := map[string]any{}
		for key, value := range e.attrs {
			if key != "hook" && key != "annotation" && key != "queue" { // only for filters
				shown[key] = value
			}
		}
		results[i] = shown
	}
	return ok(map[string]any{"pagination": pagination, "results": results})
}
