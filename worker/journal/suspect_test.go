package journal_test

import (
	"errors"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/journal"
)

// TestSuspectsAreTakenAlone: from the third start without an outcome on.
func TestSuspectsAreTakenAlone(t *testing.T) {
	j, c := open(t)
	e := envelope("a")
	for range 2 {
		take(t, j, e, "w1")
		c.Add(time.Hour) // it crashed
	}
	if _, err := j.Take(t.Context(), e, "erp", "w1", time.Minute); !errors.Is(err, journal.ErrSuspect) {
		t.Fatalf("taken beside others: %v", err)
	}
	r, err := j.TakeAlone(t.Context(), e, "erp", "w1", time.Minute)
	if err != nil || r.Starts != 3 {
		t.Fatalf("%d starts, %v", r.Starts, err)
	}
}
