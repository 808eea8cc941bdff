package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim/samples"
	"github.com/rossum-relay/rossum-relay/worker/erpsim"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// freezeConfig has one pipeline, given by its events and steps. A request has surely ended after 1 s, a message comes to
// another worker after 2 s.
func freezeConfig(pipeline string) func(*world) string {
	return func(w *world) string {
		return fmt.Sprintf(`
rossum: {test: {base_url: %q, username: %q, password: %q, rate: 500/s}}
hooks: {test: {rossum: test, signing_secrets: [%q]}}
targets: {north: {http: {base_url: %q, private: true}, timeout: 1s, breaker: {after: 1000}}}
pipelines:
  frozen:
    hook: test
    queues: [%d]
    retry: {first: 200ms, max: 1s, for: 10m}
%s
worker: {ack_wait: 2s, drain: 2s}
`, w.rossum.BaseURL(), demoUser, testPassword, demoSecret, w.urls["north"], w.queues[2], pipeline)
	}
}

const (
	frozenCreate = `
    events: [annotation_content.export]
    key: [field.document_id]
    steps:
      - create:
          send: north
          post: /api/invoices
          map: {number: "{{ field.document_id }}", text: "{{ field.header_description }}"}
          find: {get: /api/invoices, query: {number: "{{ field.document_id }}"}, hit: "response.body[0]", after: 500ms}
`
	frozenPut = `
    events: [annotation_content.export]
    key: [field.document_id]
    steps:
      - put:
          send: north
          put: /api/bills/{{ field.document_id }}
          map: {number: "{{ field.document_id }}", text: "{{ field.header_description }}"}
          on_change: send
`
	frozenLine = `
    events: [annotation_content.export]
    newer: in_order
    key: [field.document_id]
    steps:
      - create:
          send: north
          key: [field.document_id, field.header_description]
          post: /api/notices
          map: {number: "{{ field.header_description }}", text: "{{ field.header_description }}"}
          find: {get: /api/notices, query: {number: "{{ field.header_description }}"}, hit: "response.body[0]", after: 500ms}
`
)

// TestFrozenWorker stops a worker whose request is on its way, lets another one go on with a newer event until the first
// request has surely ended, and continues the first: no effect comes twice, and the newer event has the last word.
func TestFrozenWorker(t *testing.T) {
	t.Parallel() // it waits most of the time
	const older, newer = "older", "newer"
	tests := map[string]struct {
		pipeline string
		fault    erpsim.Action // what becomes of the request of the worker that is stopped
		effects  []string      // texts in the order of their coming
		states   []run.State   // of the older and the newer run
	}{
		"supersede, never arrived":     {frozenCreate, erpsim.HangBefore, []string{newer}, []run.State{run.Superseded, run.Done}},
		"supersede, arrived":           {frozenCreate, erpsim.HangAfter, []string{older}, []run.State{run.Done, run.Dead}}, // a create cannot be changed
		"supersede, PUT never arrived": {frozenPut, erpsim.HangBefore, []string{older, newer}, []run.State{run.Done, run.Done}},
		"supersede, PUT arrived":       {frozenPut, erpsim.HangAfter, []string{older, older, newer}, []run.State{run.Done, run.Done}},
		"in_order, never arrived":      {frozenLine, erpsim.HangBefore, []string{older, newer}, []run.State{run.Done, run.Done}},
		"in_order, arrived":            {frozenLine, erpsim.HangAfter, []string{older, newer}, []run.State{run.Done, run.Done}},
		"in_order, answer never read":  {frozenLine, erpsim.Slow, []string{older, newer}, []run.State{run.Done, run.Done}},
		"supersede, answer never read": {frozenCreate, erpsim.Slow, []string{older}, []run.State{run.Done, run.Dead}},
	}
	var wg sync.WaitGroup // they wait most of the time
	for name, test := range tests {
		if testing.Short() || *soakFor == 0 && test.fault != erpsim.HangBefore {
			continue // each takes half a minute
		}
		wg.Go(func() {
			t.Run(name, func(t *testing.T) {
				f := newFreeze(t, test.pipeline, erpsim.Rule{Action: test.fault, DelayMS: 300, Times: 1, Method: methodOf(test.pipeline)})
				f.export(older)
				f.stopAtRequest()
				f.change(newer)
				f.settled(2)
				f.goOn()
				if got := f.effects(); !slices.Equal(got, test.effects) {
					t.Errorf("the ERP got %q, want %q", got, test.effects)
				}
				if got := f.settled(2); !slices.Equal(got, test.states) {
					t.Errorf("the runs ended as %v, want %v", got, test.states)
				}
				if t.Failed() {
					f.tell()
				}
			})
		})
	}
	wg.Wait()
}

func methodOf(pipeline string) string {
	if pipeline == frozenPut {
		return "PUT"
	}
	return "POST"
}

// freeze is a world with an ingest and two workers, of which one is stopped.
type freeze struct {
	*healing
	ctx           context.Context
	first, second *process
	annotation    int64
}

func newFreeze(t *testing.T, pipeline string, fault erpsim.Rule) *freeze {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	w := newWorld(t, layout{name: "frozen", nats: 1, roles: []string{"ingest", "worker", "worker"}}, 1, rossumsim.Switches{}, freezeConfig(pipeline))
	f := &freeze{healing: &healing{world: w}, ctx: ctx, first: w.procs[1], second: w.procs[2]}
	w.procs = w.procs[:2]
	if err := f.mend(ctx); err != nil {
		t.Fatal(err)
	}
	w.procs = append(w.procs, f.second)
	if err := w.erps["north"].AddFault(fault); err != nil {
		t.Fatal(err)
	}
	return f
}

// export starts the first export.
func (f *freeze) export(text string) {
	f.t.Helper()
	var err error
	f.annotation, err = f.rossum.Upload(rossumsim.Upload{
		Payload: samples.All()[2], Status: rossumapi.StatusToReview, Set: map[string]string{"document_id": "F-1", "header_description": text},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.rossum.SetStatus(f.annotation, rossumapi.StatusExporting, f.user)
}

// stopAtRequest stops the first worker once its request is at the ERP, and starts the second.
func (f *freeze) stopAtRequest() {
	f.t.Helper()
	f.until("request at the ERP", func() bool {
		n := 0
		for _, acted := range f.erps["north"].Counts().Faults {
			n += acted
		}
		return n > 0
	})
	if err := f.first.signal(syscall.SIGSTOP); err != nil {
		f.t.Fatal(err)
	}
	if err := f.second.start(); err != nil {
		f.t.Fatal(err)
	}
}

// change has a user change and confirm the invoice while its export is under way.
func (f *freeze) change(text string) {
	f.t.Helper()
	f.rossum.SetStatus(f.annotation, rossumapi.StatusToReview, f.user)
	if err := f.rossum.Open(f.ctx, f.annotation, f.user); err != nil {
		f.t.Fatal(err)
	}
	if err := f.rossum.Edit(f.ctx, f.annotation, "header_description", text); err != nil {
		f.t.Fatal(err)
	}
	if err := f.rossum.Confirm(f.ctx, f.annotation, f.user); err != nil {
		f.t.Fatal(err)
	}
}

// settled waits until n runs have ended and returns how, the oldest first.
func (f *freeze) settled(n int) (states []run.State) {
	f.t.Helper()
	f.until(fmt.Sprintf("end of %d runs", n), func() bool {
		var runs []journal.Record
		if err := f.journal.Each(f.ctx, func(r journal.Record) error {
			if r.State.Settled() {
				runs = append(runs, r)
			}
			return nil
		}); err != nil {
			f.t.Fatal(err)
		}
		slices.SortFunc(runs, func(a, b journal.Record) int { return a.Received.Compare(b.Received) })
		states = nil
		for _, r := range runs {
			states = append(states, r.State)
		}
		return len(runs) == n
	})
	return states
}

// goOn continues the first worker, lets it finish what it thinks it is doing, and ends it.
func (f *freeze) goOn() {
	f.t.Helper()
	for _, s := range []syscall.Signal{syscall.SIGCONT, syscall.SIGTERM} {
		if err := f.first.signal(s); err != nil {
			f.t.Fatal(err)
		}
	}
	select {
	case <-f.first.ended:
	case <-f.ctx.Done():
		f.t.Fatal("the continued worker does not end")
	}
}

// effects are the texts of what the ERP took.
func (f *freeze) effects() (texts []string) {
	f.t.Helper()
	for _, e := range f.erps["north"].Effects() {
		var doc struct{ Text string }
		if err := json.Unmarshal(e.Body, &doc); err != nil {
			f.t.Fatal(err)
		}
		texts = append(texts, doc.Text)
	}
	return texts
}

func (f *freeze) tell() {
	var ids []run.ID
	_ = f.journal.Each(f.ctx, func(r journal.Record) error {
		ids = append(ids, r.Run)
		return nil
	})
	f.blame("the runs", ids...)
}

// until waits for something that another process does.
func (f *freeze) until(what string, is func() bool) {
	f.t.Helper()
	for !is() {
		if err := sleep(f.ctx, 20*time.Millisecond); err != nil {
			f.tell()
			f.t.Fatalf("no %s: %v", what, err)
		}
	}
}
