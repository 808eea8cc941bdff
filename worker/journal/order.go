package journal

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/run"
)

// Newest is the newest run of one pipeline and event.action for one annotation.
type Newest struct {
	// Version is the annotation's modified_at, else the payload's timestamp.
	Version time.Time `json:"version"`
	Run     run.ID    `json:"run"`
}

// Advance enters a run's version and returns the newest run for the annotation; another run than its own means that
// this one is superseded. An equal version does not supersede: it is the same state, told twice.
func (j *Journal) Advance(ctx context.Context, r *Record, version time.Time) (Newest, error) {
	key := j.q.Index("order", r.Pipeline, r.Event, strconv.FormatInt(r.Annotation, 10))
	mine := Newest{Version: version, Run: r.Run}
	newest, err := j.order.Change(ctx, key, func(n *Newest) error {
		if n.Run == r.Run || n.Version.After(version) {
			return errKeep
		}
		*n = mine
		return nil
	})
	if errors.Is(err, errKeep) {
		err = nil
	}
	if newest.Version.Equal(version) {
		newest = mine
	}
	return newest, err
}

// errKeep ends a change that has nothing to write.
var errKeep = errors.New("nothing to change")
