package worker

import (
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// cameAt is when a document came to Rossum: its annotation was made, or, without one, its event was received. The zero
// time where Rossum does not tell.
func cameAt(p rossumapi.Payload, received time.Time) time.Time {
	if p.Annotation.ID == 0 {
		return received
	}
	at, _ := time.Parse(time.RFC3339Nano, p.AnnotationObject.Text("created_at"))
	return at
}
