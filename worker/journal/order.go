package journal

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/queue"
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
	key := j.orderKey(r.Pipeline, r.Event, r.Annotation)
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

// Newest reads the newest run of a pipeline and event.action for an annotation; the zero value where none is known.
func (j *Journal) Newest(ctx context.Context, pipeline, event string, annotation int64) (Newest, error) {
	n, _, err := j.order.Get(ctx, j.orderKey(pipeline, event, annotation))
	if errors.Is(err, queue.ErrNotFound) {
		err = nil
	}
	return n, err
}

// Prefer makes a run the newest of its annotation whatever its version: an operator wants it although a newer one has
// been. The next newer event takes over again.
func (j *Journal) Prefer(ctx context.Context, r *Record) error {
	_, err := j.order.Change(ctx, j.orderKey(r.Pipeline, r.Event, r.Annotation), func(n *Newest) error {
		if n.Run == r.Run || n.Run == "" {
			return errKeep
		}
		n.Run = r.Run
		return nil
	})
	if errors.Is(err, errKeep) {
		return nil
	}
	return err
}

func (j *Journal) orderKey(pipeline, event string, annotation int64) string {
	return j.q.Index("order", pipeline, event, strconv.FormatInt(annotation, 10))
}

// errKeep ends a change that has nothing to write.
var errKeep = errors.New("nothing to change")
