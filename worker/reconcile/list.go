package reconcile

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// annotation is what is compared of one.
type annotation struct {
	id       int64
	url      string
	queue    int64
	queueURL string
	status   string
	created  time.Time
	modified time.Time
	since    map[string]time.Time // when it got the statuses that leave a time
}

// queuesPerCall bounds the length of a list's URL.
const queuesPerCall = 50

// list reads the annotations of queues that changed or arrived since a time.
func list(ctx context.Context, client *rossumapi.Client, queues []rossumapi.Queue, since time.Time) (map[int64]annotation, error) {
	var ids []string
	seen := map[int64]bool{}
	for _, q := range queues {
		if !seen[q.ID] {
			seen[q.ID] = true
			ids = append(ids, strconv.FormatInt(q.ID, 10))
		}
	}
	found := map[int64]annotation{}
	for len(ids) > 0 {
		n := min(len(ids), queuesPerCall)
		for _, filter := range []string{"modified_at_after", "arrived_at_after"} { // what nobody modified has no modified_at
			query := url.Values{"queue": {strings.Join(ids[:n], ",")}, filter: {since.UTC().Format(time.RFC3339)}}
			for a, err := range client.Annotations(ctx, query) {
				if err != nil {
					return nil, fmt.Errorf("annotations: %w", err)
				}
				found[a.ID] = newAnnotation(a)
			}
		}
		ids = ids[n:]
	}
	return found, nil
}

func newAnnotation(a rossumapi.Annotation) annotation {
	queue, _ := rossumapi.IDFromURL(a.Queue) // it came from a list by queue
	of := annotation{
		id: a.ID, url: a.URL, queue: queue, queueURL: a.Queue, status: a.Status,
		created: parse(a.CreatedAt), modified: parse(a.ModifiedAt), since: map[string]time.Time{},
	}
	for status, text := range map[string]string{
		rossumapi.StatusExported: a.ExportedAt, rossumapi.StatusFailedExport: a.ExportFailedAt, rossumapi.StatusConfirmed: a.ConfirmedAt,
		rossumapi.StatusRejected: textOf(a, "rejected_at"), rossumapi.StatusDeleted: textOf(a, "deleted_at"),
	} {
		if at := parse(text); !at.IsZero() {
			of.since[status] = at
		}
	}
	return of
}

// textOf reads an attribute that rossumapi has no field for.
func textOf(a rossumapi.Annotation, key string) string {
	var o rossumapi.Object
	if o.UnmarshalJSON(a.Raw) != nil {
		return ""
	}
	return o.Text(key)
}

// parse reads Rossum's times, which may lack the zone; the zero time for what is none.
func parse(text string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at
		}
	}
	return time.Time{}
}
