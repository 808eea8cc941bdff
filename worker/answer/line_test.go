package answer_test

import (
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// TestLine: oldest version first, whoever comes first; but never before a run that has begun.
func TestLine(t *testing.T) {
	ctx := t.Context()
	s, err := answer.Open(ctx, queuetest.Open(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	place := func(n int) answer.Place {
		return answer.Place{
			Pipeline: "erp", Event: "annotation_status.changed", Annotation: 7, Version: start.Add(time.Duration(n) * time.Second),
			Run: run.NewID(run.NewEventKey("h", "e", string(rune('a'+n))), "erp", 1),
		}
	}
	begin := func(n, want int) {
		t.Helper()
		first, _, err := s.Begin(ctx, place(n))
		if err != nil || first != place(want).Run {
			t.Errorf("run %d begins: first is %s, want run %d; %v", n, first, want, err)
		}
	}
	leave := func(n int, want run.ID) {
		t.Helper()
		next, err := s.Leave(ctx, place(n))
		if err != nil || next != want {
			t.Errorf("run %d left: next is %q, want %q; %v", n, next, want, err)
		}
	}
	for _, n := range []int{3, 2, 2} { // out of order, and a repeated call
		if err := s.LineUp(ctx, place(n)); err != nil {
			t.Fatal(err)
		}
	}
	begin(3, 2)
	begin(2, 2)
	if err := s.LineUp(ctx, place(1)); err != nil { // late: run 2 has begun
		t.Fatal(err)
	}
	begin(1, 2)
	leave(2, place(1).Run)
	begin(3, 1)
	begin(1, 1)
	leave(1, place(3).Run)
	leave(1, place(3).Run) // again, after a crash
	begin(3, 3)
	leave(3, "")
	leave(3, "")
}
