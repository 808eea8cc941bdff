package queue_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// TestListWhileLettersGo lists dead letters while others are taken away: the list ends.
func TestListWhileLettersGo(t *testing.T) {
	q := queuetest.Open(t)
	const letters = 1200 // more than one pull brings
	for n := range letters {
		key := run.NewEventKey("h", "annotation_content.export", strconv.Itoa(n))
		e := queue.Envelope{Run: run.NewID(key, "p", 1), Pipeline: "p", Hook: "h", Event: "annotation_content.export", Key: key, Generation: 1}
		if err := q.Bury(t.Context(), queue.Letter{Envelope: e, Lane: "p"}); err != nil {
			t.Fatal(err)
		}
	}
	var sequences []uint64
	if err := q.Letters(t.Context(), "p", func(l queue.Letter) bool {
		sequences = append(sequences, l.Sequence)
		return true
	}); err != nil || len(sequences) != letters {
		t.Fatalf("%d letters, %v", len(sequences), err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	seen := 0
	err := q.Letters(ctx, "p", func(queue.Letter) bool {
		if seen == 0 {
			for _, s := range sequences[1:] {
				if err := q.DeleteLetter(t.Context(), s); err != nil && !errors.Is(err, queue.ErrNoLetter) {
					t.Error(err)
				}
			}
		}
		seen++
		return true
	})
	if err != nil || seen == 0 || seen == letters {
		t.Errorf("%d of %d letters seen, %v", seen, letters, err)
	}
}
