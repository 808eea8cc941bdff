package limits

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/queue"
)

// The kinds of what can be held.
const (
	HoldTarget     = "target"
	HoldPipeline   = "pipeline"
	HoldAnnotation = "annotation"
)

// Hold is an operator's order to deliver nothing to a target, of a pipeline or for an annotation, until it is lifted.
type Hold struct {
	Kind   string    `json:"kind"`
	Name   string    `json:"name"`
	Reason string    `json:"reason"`
	Who    string    `json:"who,omitempty"`
	Since  time.Time `json:"since"`
}

// HoldStore keeps the holds. It is safe for concurrent use; its methods block until the queue answers or ctx ends.
type HoldStore struct {
	bucket *queue.Bucket[Hold]
	index  func(...string) string
}

// OpenHolds opens the holds of a queue, for those who set them: an operator is no worker and takes no share of limits.
func OpenHolds(ctx context.Context, q *queue.Queue) (*HoldStore, error) {
	b, err := queue.OpenBucket[Hold](ctx, q, queue.BucketHolds)
	if err != nil {
		return nil, err
	}
	return &HoldStore{bucket: b, index: q.Index}, nil
}

// Hold sets a hold. Workers obey within seconds; what is being sent is not stopped.
func (s *HoldStore) Hold(ctx context.Context, h Hold) error {
	_, err := s.bucket.Put(ctx, s.index("hold", h.Kind, h.Name), h)
	return err
}

// Lift ends a hold; one that is not there is no error.
func (s *HoldStore) Lift(ctx context.Context, kind, name string) error {
	return s.bucket.Delete(ctx, s.index("hold", kind, name), 0)
}

// Holds lists what is held, without order.
func (s *HoldStore) Holds(ctx context.Context) ([]Hold, error) {
	var all []Hold
	err := s.bucket.Each(ctx, func(_ string, h Hold, _ uint64) error {
		all = append(all, h)
		return nil
	})
	return all, err
}

// Held finds the hold that stops a delivery. What this worker saw at its last beat may have been lifted since: a hold is
// read again before it counts, as the run it stops would not look again for minutes.
func (l *Limits) Held(ctx context.Context, target, pipeline string, annotation int64) (h Hold, held bool, err error) {
	for {
		l.mu.Lock()
		h, held = l.holding(target, pipeline, annotation)
		l.mu.Unlock()
		if !held {
			return h, false, nil
		}
		_, _, err = l.bucket.Get(ctx, l.HoldStore.index("hold", h.Kind, h.Name))
		if !errors.Is(err, queue.ErrNotFound) {
			return h, err == nil, err
		}
		l.mu.Lock()
		delete(l.held, h.Kind+" "+h.Name)
		l.mu.Unlock()
	}
}

// holding finds what holds a delivery; mu must be held.
func (l *Limits) holding(target, pipeline string, annotation int64) (Hold, bool) {
	for _, key := range []string{
		HoldTarget + " " + target, HoldPipeline + " " + pipeline, HoldAnnotation + " " + strconv.FormatInt(annotation, 10),
	} {
		if h, ok := l.held[key]; ok {
			return h, true
		}
	}
	return Hold{}, false
}

func (h Hold) message() string {
	return fmt.Sprintf("%s %s is held since %s: %s", h.Kind, h.Name, h.Since.UTC().Format("2006-01-02 15:04 MST"), h.Reason)
}
