package worker_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/run"
)

// TestPoisonKillsNoInnocentRun: one run crashes every process that takes it. Those that were in work beside it, each time
// again, must not be taken for poison too.
func TestPoisonKillsNoInnocentRun(t *testing.T) {
	t.Parallel()
	const poisoned = 666
	crashing := make(chan struct{}, 100)
	world := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if strings.Contains(req.URL.Path, "/666/") {
			crashing <- struct{}{}
			<-req.Context().Done()
			return
		}
		select { // slow enough to be in work when the process crashes
		case <-req.Context().Done():
		case <-time.After(200 * time.Millisecond):
			_, _ = w.Write([]byte(`{"content": []}`))
		}
	})
	r := newRig(t, `  quiet: {hook: acme, events: [annotation_content.export], content: current, steps: [{n: {set: {a: 1}}}]}`, world)
	poison := r.export("quiet", poisoned, "INV-0", "1")
	var innocent []run.ID
	for n := range 3 {
		innocent = append(innocent, r.export("quiet", int64(n+1), "INV", "1"))
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for _, id := range append(innocent, poison) {
			r.settled(id)
		}
	}()
	for p, over := r.process(), false; !over; {
		select {
		case <-crashing:
			p.crash()
			p = r.process()
		case <-ended:
			over = true
		}
	}
	if rec := r.settled(poison); rec.State != run.Dead || rec.Reason != "poison" {
		t.Errorf("the run that crashes its workers is %s: %s %s", rec.State, rec.Reason, rec.Message)
	}
	for _, id := range innocent {
		if rec := r.settled(id); rec.State != run.Done {
			t.Errorf("an innocent run is %s: %s %s", rec.State, rec.Reason, rec.Message)
		}
	}
}
