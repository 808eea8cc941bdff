package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/erpsim"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// facts are what the relay claims, and what Rossum saw.
type facts struct {
	runs   map[run.ID]journal.Record
	events []acceptedCall // oldest version first
}

// acceptedCall is an event that Rossum was told is taken.
type acceptedCall struct {
	annotation int64
	name       string
	version    time.Time
	payload    rossumapi.Payload
	runs       []run.ID // that have to be, by the configuration
}

// judge compares the relay's claims with what the simulators know.
func (h *healing) judge(ctx context.Context) {
	h.t.Helper()
	f := h.collect(ctx)
	if h.t.Failed() {
		return
	}
	h.judgeRuns(f)
	h.judgeCreates(f)
	h.judgeNewest(f)
	h.judgeTold(f)
	h.judgeLedger(ctx, f)
	h.judgeAnnotations(f)
	faults := 0
	for _, erp := range h.erps {
		for _, n := range erp.Counts().Faults {
			faults += n
		}
	}
	states := map[run.State]int{}
	for _, r := range f.runs {
		states[r.State]++
	}
	h.t.Logf("%s: %d accepted calls, %d runs %v, ERP effects %d north, %d south, %d faults",
		h.name, len(f.events), len(f.runs), states, len(h.erps["north"].Effects()), len(h.erps["south"].Effects()), faults)
}

func (h *healing) collect(ctx context.Context) facts {
	h.t.Helper()
	f := facts{runs: map[run.ID]journal.Record{}}
	if err := h.journal.Each(ctx, func(r journal.Record) error {
		f.runs[r.Run] = r
		return nil
	}); err != nil {
		h.t.Fatal(err)
	}
	for _, c := range h.rossum.Calls(h.hookID) {
		if c.StatusCode != 200 && c.StatusCode != 202 {
			continue
		}
		p, err := rossumapi.DecodePayload(bytes.Clone(c.Body))
		if err != nil {
			h.t.Fatal(err)
		}
		e, err := rossumapi.DecodeEnvelope(bytes.Clone(c.Body))
		if err != nil {
			h.t.Fatal(err)
		}
		version, err := time.Parse(time.RFC3339Nano, p.Annotation.ModifiedAt)
		if err != nil {
			h.t.Fatal(err)
		}
		a := acceptedCall{annotation: c.Annotation, name: c.Event, version: version, payload: p}
		queue, _ := rossumapi.IDFromURL(p.Annotation.Queue)
		for _, pipeline := range h.cfg.PipelinesFor("test", c.Event) {
			if pipeline.Value.TakesQueue(queue, "") {
				a.runs = append(a.runs, run.NewID(answer.EventKey("test", e), pipeline.Name, 1))
			}
		}
		f.events = append(f.events, a)
	}
	slices.SortStableFunc(f.events, func(a, b acceptedCall) int { return a.version.Compare(b.version) })
	return f
}

// judgeRuns: every accepted event has its runs, and each has ended.
func (h *healing) judgeRuns(f facts) {
	h.t.Helper()
	for _, c := range f.events {
		for _, id := range c.runs {
			if _, ok := f.runs[id]; !ok {
				h.t.Errorf("%s: seed %d: lost: %s of annotation %d was accepted, its run %s is not in the journal", h.name, h.seed, c.name, c.annotation, id)
			}
		}
	}
	for _, r := range f.runs {
		if !r.State.Settled() || r.State == run.Dead {
			h.blame("not ended: "+string(r.State), r.Run)
		}
	}
}

// judgeCreates: once where a run says so, never twice.
func (h *healing) judgeCreates(f facts) {
	h.t.Helper()
	for pipeline, place := range created() {
		runs := map[string][]run.ID{}
		done := map[string]bool{}
		for _, r := range f.runs {
			key := strings.Join(r.Business, "-")
			if r.Pipeline == pipeline && key != "" {
				runs[key] = append(runs[key], r.Run)
				done[key] = done[key] || r.State == run.Done
			}
		}
		at := map[string]int{}
		for _, e := range h.erps[place[0]].Effects() {
			if e.Kind == erpsim.Create && e.Collection == place[1] {
				at[e.Key]++
			}
		}
		for key, n := range at {
			if n > 1 {
				h.blame(fmt.Sprintf("doubled: %s %s is %d times at the ERP", pipeline, key, n), runs[key]...)
			}
			if len(runs[key]) == 0 {
				h.t.Errorf("%s: seed %d: %s %s is at the ERP without a run", h.name, h.seed, pipeline, key)
			}
		}
		for key := range done {
			if done[key] && at[key] == 0 {
				h.blame(fmt.Sprintf("lost: %s %s is done and not at the ERP", pipeline, key), runs[key]...)
			}
		}
	}
}

// judgeNewest: of the bills the ERP has what the newest export says, of those that were to be delivered.
func (h *healing) judgeNewest(f facts) {
	h.t.Helper()
	newest := map[string]string{}
	runs := map[string][]run.ID{}
	for _, c := range f.events {
		for _, id := range c.runs {
			if r := f.runs[id]; r.Pipeline == "bill" && (r.State == run.Done || r.State == run.Superseded) {
				key := r.Business[0]
				newest[key] = c.payload.Content.First("header_description").Value()
				runs[key] = append(runs[key], id)
			}
		}
	}
	is := map[string]string{}
	for _, d := range h.upserts("bills") {
		is[d.key] = d.fields["text"]
	}
	for key, text := range newest {
		if is[key] != text {
			h.blame(fmt.Sprintf("bill %s: the ERP has %q, the newest export says %q", key, is[key], text), slices.Compact(runs[key])...)
		}
	}
}

// judgeTold: every status event whose run is done has reached the ERP, and every superseded one has a newer one that did.
func (h *healing) judgeTold(f facts) {
	h.t.Helper()
	told := map[string]bool{}
	for _, d := range h.upserts("states") {
		told[d.key+" "+d.fields["version"]] = true
	}
	for _, d := range h.upserts("entries") {
		told[d.fields["annotation"]+" "+d.fields["version"]] = true
	}
	for _, r := range f.runs {
		if (r.Pipeline == "state" || r.Pipeline == "diary") && r.State == run.Done && !told[strings.Join(r.Business, " ")] {
			h.blame("lost: the run is done and the ERP was not told", r.Run)
		}
		if by, ok := f.runs[r.By]; r.State == run.Superseded && (!ok || by.Annotation != r.Annotation || by.Pipeline != r.Pipeline) {
			h.blame("superseded by nothing", r.Run)
		}
	}
}

// upsert is a document that the ERP took by PUT.
type upsert struct {
	key    string
	fields map[string]string
}

func (h *healing) upserts(collection string) (all []upsert) {
	h.t.Helper()
	for _, e := range h.erps["south"].Effects() {
		if e.Collection == collection && e.Kind == erpsim.Upsert {
			u := upsert{key: e.Key}
			if err := json.Unmarshal(e.Body, &u.fields); err != nil {
				h.t.Fatal(err)
			}
			all = append(all, u)
		}
	}
	return all
}

// judgeLedger: what the ledger calls delivered is at the ERP under the kept id, and the other way round.
func (h *healing) judgeLedger(ctx context.Context, f facts) {
	h.t.Helper()
	ended := map[string]bool{} // by an operator, whose runs may leave doubt
	for _, r := range f.runs {
		if r.State == run.Cancelled || r.State == run.Dropped {
			ended[r.Pipeline+" "+strings.Join(r.Business, "-")] = true
		}
	}
	entries := map[string]journal.Entry{}
	if err := h.journal.Ledger(ctx, func(_ string, e journal.Entry) error {
		if e.Step == "create" {
			entries[e.Pipeline+" "+strings.Join(e.Key[:len(e.Key)-1], "-")] = e
		}
		return nil
	}); err != nil {
		h.t.Fatal(err)
	}
	for pipeline, place := range created() {
		at := map[string]string{}
		for _, e := range h.erps[place[0]].Effects() {
			if e.Kind != erpsim.Create || e.Collection != place[1] {
				continue
			}
			name := pipeline + " " + e.Key
			at[name] = e.ID
			entry := entries[name]
			if entry.State != journal.Delivered && (!ended[name] || entry.State != journal.MaybeDelivered) {
				h.blame(fmt.Sprintf("%s is at the ERP as %s, the ledger says %q", name, e.ID, entry.State), entry.Run)
			}
		}
		for name, entry := range entries {
			if entry.Pipeline != pipeline || entry.State != journal.Delivered {
				continue
			}
			id := strings.Trim(string(entry.Kept["erp_id"]), `"`) // an operator's word may be a number
			if at[name] != id {
				h.blame(fmt.Sprintf("the ledger says %s is delivered as %s, the ERP has it as %q", name, id, at[name]), entry.Run)
			}
		}
	}
}

// judgeAnnotations: none is left in between, and Rossum believes what is true.
func (h *healing) judgeAnnotations(f facts) {
	h.t.Helper()
	last := map[int64]acceptedCall{}
	for _, c := range f.events {
		if c.name == "annotation_content.export" {
			last[c.annotation] = c
		}
	}
	unheard := map[int64]bool{} // a call that was lost looks well answered to the simulator
	for _, c := range h.rossum.Calls(h.hookID) {
		unheard[c.Annotation] = unheard[c.Annotation] || c.Attempts == 0
	}
	for _, id := range h.rossum.Annotations() {
		a, err := h.rossum.Annotation(id)
		if err != nil {
			h.t.Fatal(err)
		}
		c, called := last[id]
		delivered := called && !slices.ContainsFunc(c.runs, func(id run.ID) bool {
			s := f.runs[id].State
			return s != run.Done && s != run.Superseded
		})
		switch {
		case a.Status == rossumapi.StatusExporting:
			h.blame(fmt.Sprintf("annotation %d is still exporting", id), c.runs...)
		case a.Status == rossumapi.StatusFailedExport && delivered:
			h.blame(fmt.Sprintf("annotation %d is failed_export and was delivered; messages %+v", id, a.Messages), c.runs...)
		case a.Status == rossumapi.StatusExported && called && !delivered && !unheard[id]: // the simulator forgets old calls
			h.blame(fmt.Sprintf("annotation %d is exported and was not delivered", id), c.runs...)
		}
	}
}
