package answer_test

import (
	"testing"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/answer"
)

func envelope(event, action string) rossumapi.Envelope {
	return rossumapi.Envelope{
		RequestID: "r1", Event: event, Action: action, Token: "t1", Upload: "u", Email: "e",
		Annotation: rossumapi.EnvelopeAnnotation{
			ID: 7, PreviousStatus: "reviewing", Status: "exporting", ModifiedAt: "m", ExportedAt: "x", ExportFailedAt: "f", ConfirmedAt: "c",
		},
	}
}

func TestEventKey(t *testing.T) {
	changes := map[string]func(*rossumapi.Envelope){
		"request_id":       func(e *rossumapi.Envelope) { e.RequestID = "r2" },
		"token":            func(e *rossumapi.Envelope) { e.Token = "t2" },
		"annotation":       func(e *rossumapi.Envelope) { e.Annotation.ID = 8 },
		"status":           func(e *rossumapi.Envelope) { e.Annotation.Status = "other" },
		"previous_status":  func(e *rossumapi.Envelope) { e.Annotation.PreviousStatus = "failed_export" },
		"modified_at":      func(e *rossumapi.Envelope) { e.Annotation.ModifiedAt = "m2" },
		"exported_at":      func(e *rossumapi.Envelope) { e.Annotation.ExportedAt = "x2" },
		"export_failed_at": func(e *rossumapi.Envelope) { e.Annotation.ExportFailedAt = "f2" },
		"confirmed_at":     func(e *rossumapi.Envelope) { e.Annotation.ConfirmedAt = "c2" },
		"upload":           func(e *rossumapi.Envelope) { e.Upload = "u2" },
		"email":            func(e *rossumapi.Envelope) { e.Email = "e2" },
	}
	versions := []string{"annotation", "status", "previous_status", "exported_at", "export_failed_at", "confirmed_at"}
	for _, test := range []struct {
		event, action string
		tells         []string // what makes it another event
	}{
		{"annotation_content", "export", versions},
		{"annotation_content", "initialize", versions},
		{"annotation_content", "updated", append([]string{"request_id"}, versions...)},
		{"annotation_status", "changed", append([]string{"modified_at"}, versions...)},
		{"upload", "created", []string{"upload"}},
		{"email", "received", []string{"email"}},
		{"invocation", "scheduled", []string{"request_id"}},
		{"annotation_content", "invented", []string{"request_id"}},
		{"invented", "invented", []string{"request_id"}},
	} {
		t.Run(test.event+"."+test.action, func(t *testing.T) {
			first := answer.EventKey("hook", envelope(test.event, test.action))
			if first == answer.EventKey("other", envelope(test.event, test.action)) {
				t.Error("two hooks share an event")
			}
			tells := map[string]bool{}
			for _, name := range test.tells {
				tells[name] = true
			}
			for name, change := range changes {
				e := envelope(test.event, test.action)
				change(&e)
				if other := answer.EventKey("hook", e) != first; other != tells[name] {
					t.Errorf("another %s makes another event: %v", name, other)
				}
			}
		})
	}
}
