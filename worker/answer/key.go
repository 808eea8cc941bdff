package answer

import (
	"strconv"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// EventKey names the event a call of Rossum means. Repeated calls have the same key, whatever their request_id, token
// and content: the content is not part of it, since our own write-backs change it.
func EventKey(hook string, e rossumapi.Envelope) run.EventKey {
	return run.NewEventKey(hook, e.Name(), subject(e)...)
}

func subject(e rossumapi.Envelope) []string {
	a := e.Annotation
	switch {
	case e.Event == "upload" && e.Upload != "":
		return []string{e.Upload}
	case e.Event == "email" && e.Email != "":
		return []string{e.Email}
	case (a.ID == 0 || !isAnnotationEvent(e.Name())) && e.RequestID == "":
		return []string{e.Timestamp.String()}
	case a.ID == 0 || !isAnnotationEvent(e.Name()):
		return []string{e.RequestID}
	}
	s := []string{
		strconv.FormatInt(a.ID, 10), a.PreviousStatus + ">" + a.Status, a.ExportedAt, a.ExportFailedAt, a.ConfirmedAt,
	}
	switch {
	case e.Event == "annotation_status":
		s = append(s, a.ModifiedAt)
	case isInteractive(e.Name()):
		// Never repeated by Rossum: each edit of a review is an event of its own, though nothing else tells them apart.
		s = append(s, e.RequestID)
	}
	return s
}

// isAnnotationEvent knows the events about one annotation (Rossum API reference, Webhook Events); others that may come
// one day are told apart by request_id, as nobody knows what else their calls mean.
func isAnnotationEvent(name string) bool {
	switch name {
	case "annotation_status.changed", "annotation_content.initialize", "annotation_content.export":
		return true
	}
	return isInteractive(name)
}

// isInteractive: a user waits for these; Rossum neither repeats nor polls them.
func isInteractive(name string) bool {
	switch name {
	case "annotation_content.started", "annotation_content.user_update", "annotation_content.updated", "annotation_content.confirm":
		return true
	}
	return false
}
