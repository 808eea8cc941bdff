package journal

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// ownWithin is how long a status change of ours is expected to come back as an event.
const ownWithin = 10 * time.Minute

// ownChange is a status change the relay is about to make.
type ownChange struct {
	At time.Time `json:"at"`
	// Event that it came back as; its repeated calls and other pipelines are the same event.
	Event run.EventKey `json:"event,omitempty"`
}

// Expect records a status change before the relay makes it, so that the event it causes is known as its own.
func (j *Journal) Expect(ctx context.Context, annotation int64, from, to string) error {
	_, err := j.own.Put(ctx, j.ownKey(annotation, from, to), ownChange{At: j.now()})
	return err
}

// Own reports whether a status event is the echo of the relay's own change: once, within ten minutes. Every pipeline's
// run of that event gets the same reply.
func (j *Journal) Own(ctx context.Context, annotation int64, from, to string, event run.EventKey) (bool, error) {
	key := j.ownKey(annotation, from, to)
	c, rev, err := j.own.Get(ctx, key)
	if errors.Is(err, queue.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if c.Event != "" || j.now().Sub(c.At) > ownWithin {
		return c.Event == event, nil
	}
	c.Event = event
	if _, err := j.own.Update(ctx, key, c, rev); errors.Is(err, queue.ErrConflict) {
		return j.Own(ctx, annotation, from, to, event)
	} else if err != nil {
		return false, err
	}
	return true, nil
}

func (j *Journal) ownKey(annotation int64, from, to string) string {
	return j.q.Index("own", strconv.FormatInt(annotation, 10), from, to)
}
