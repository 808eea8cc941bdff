package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/erpsim"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
	"github.com/rossum-relay/rossum-relay/worker/target/limits"
)

// tries bounds what an operator does about one run or annotation when nothing is broken any more.
const tries = 8

// healing is a world whose faults are over, seen through its queue.
type healing struct {
	*world
	cfg      *configs.Config
	journal  *journal.Journal
	acted    map[run.ID]int // operator's actions
	exported map[int64]int  // re-exports
}

// heal ends all faults and does what an operator can, until every run has ended and Rossum waits for nothing.
func (w *world) heal(ctx context.Context) *healing {
	w.t.Helper()
	h := &healing{world: w, acted: map[run.ID]int{}, exported: map[int64]int{}}
	if err := h.mend(ctx); err != nil {
		w.t.Fatalf("%s: seed %d: %v", w.name, w.seed, err)
	}
	for {
		settled, err := h.round(ctx)
		if settled {
			return h
		}
		if ctx.Err() != nil {
			h.unsettled()
			w.t.Fatalf("%s: seed %d: not healed in time: %v", w.name, w.seed, err)
		}
		if err != nil {
			w.t.Fatalf("%s: seed %d: %v", w.name, w.seed, err)
		}
		_ = sleep(ctx, 300*time.Millisecond)
	}
}

// mend makes everything whole and opens the queue.
func (h *healing) mend(ctx context.Context) error {
	for _, erp := range h.erps {
		erp.ClearFaults()
	}
	if h.nats != nil {
		if err := h.nats.healthy(ctx); err != nil {
			return err
		}
		for _, stream := range []string{"EV", "KV_journal", "KV_ledger", "KV_events"} {
			err := h.nats.limit(ctx, stream, func(jetstream.StreamState) int64 { return -1 })
			if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) { // before the first start
				return err
			}
		}
	}
	if err := h.startAll(ctx); err != nil {
		return err
	}
	var err error
	if h.cfg, err = configs.Load(h.config, configs.WithRoles(configs.RoleOperator)); err != nil {
		return err
	}
	if err := h.cfg.Resolve(configs.RoleOperator); err != nil {
		return err
	}
	q, err := queue.Open(ctx, h.cfg.Queue, queue.Attach, "judge", zap.NewNop())
	if err != nil {
		return err
	}
	h.t.Cleanup(q.Close)
	if h.journal, err = journal.Open(ctx, q, time.Now); err != nil {
		return err
	}
	return h.resumeAll(ctx)
}

// resumeAll ends the holds of an operator who was interrupted.
func (h *healing) resumeAll(ctx context.Context) error {
	out, err := h.cli(ctx, "holds", "--json")
	if err != nil {
		return err
	}
	holds, err := jsonLinesOf[limits.Hold](out)
	if err != nil {
		return err
	}
	for _, hold := range holds {
		if _, err := h.cli(ctx, "resume", hold.Kind, hold.Name); err != nil {
			return err
		}
	}
	return nil
}

// round looks at everything once. It reports whether nothing is left to do.
func (h *healing) round(ctx context.Context) (settled bool, err error) {
	if err := h.startAll(ctx); err != nil { // one that could not reach its queue has ended
		return false, err
	}
	if err := h.rossum.Quiet(ctx); err != nil {
		return false, fmt.Errorf("Rossum still calls: %w", err)
	}
	open := 0
	if err := h.journal.Each(ctx, func(r journal.Record) error {
		if !r.State.Settled() {
			open++
		}
		return nil
	}); err != nil || open > 0 {
		return false, err
	}
	letters, err := h.letters(ctx)
	if err != nil {
		return false, err
	}
	for _, l := range letters {
		if err := h.decide(ctx, l); err != nil {
			return false, err
		}
	}
	if len(letters) > 0 {
		return false, nil
	}
	return h.exportFailed()
}

// exportFailed starts the failed exports again; it reports whether there is none worth it.
func (h *healing) exportFailed() (none bool, err error) {
	none = true
	for _, id := range h.rossum.Annotations() {
		a, err := h.rossum.Annotation(id)
		if err != nil {
			return false, err
		}
		switch a.Status {
		case rossumapi.StatusExporting:
			return false, nil
		case rossumapi.StatusFailedExport:
			if h.exported[id]++; h.exported[id] < 3 {
				h.rossum.SetStatus(id, rossumapi.StatusExporting, h.user)
				h.tally.add("exports started again", 1)
				none = false
			}
		}
	}
	return none, nil
}

// decide does about a dead letter what a careful operator would.
func (h *healing) decide(ctx context.Context, l letterLine) error {
	if h.acted[l.ID]++; h.acted[l.ID] > tries {
		h.blame("a run dies again and again though nothing is broken", l.ID)
		return errors.New("cannot be healed")
	}
	id := string(l.ID)
	args := []string{"dead", "replay", id}
	switch {
	case l.Obsolete != "", slices.Contains([]string{"changed_after_delivery", "other_annotation"}, l.Reason):
		args = []string{"dead", "drop", id, "--reason", "is at the ERP otherwise"}
		h.tally.add("dropped "+l.Reason, 1)
	case l.Outcome == string(outcome.Uncertain):
		r, err := h.journal.Get(ctx, l.ID)
		if err != nil {
			return err
		}
		args = append([]string{"dead", "resolve", id, "--reason", "looked there"}, h.lookUp(r.Record)...)
		h.tally.add("resolved", 1)
	}
	_, err := h.cli(ctx, args...)
	if err != nil && strings.Contains(err.Error(), journal.ErrDelivered.Error()) { // another run of the invoice was quicker
		_, err = h.cli(ctx, "dead", "replay", id)
	}
	if err != nil { // another run of the invoice made the letter obsolete meanwhile: the next round sees it
		h.t.Logf("%s: %v", h.name, err)
		return nil
	}
	h.tally.add("letters acted on", 1)
	return nil
}

// lookUp is what the operator sees at the ERP.
func (h *healing) lookUp(r journal.Record) []string {
	for _, e := range h.effectsOf(r) {
		return []string{"--delivered", e.ID}
	}
	return []string{"--not-delivered"}
}

// created is where the pipelines that create put their documents.
func created() map[string][2]string {
	return map[string][2]string{
		"found": {"north", "invoices"}, "blind": {"south", "vouchers"}, "draft": {"north", "drafts"}, "notice": {"north", "notices"},
	}
}

// effectsOf are the documents a run, or another of its invoice, has created.
func (h *healing) effectsOf(r journal.Record) (found []erpsim.Effect) {
	place, ok := created()[r.Pipeline]
	if !ok {
		return nil
	}
	for _, e := range h.erps[place[0]].Effects() {
		if e.Kind == erpsim.Create && e.Collection == place[1] && e.Key == strings.Join(r.Business, "-") {
			found = append(found, e)
		}
	}
	return found
}

// blame fails the test with all that is known about the runs.
func (h *healing) blame(what string, ids ...run.ID) {
	h.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%s: seed %d: %s\n", h.name, h.seed, what)
	for _, id := range ids {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(h.t.Context()), 10*time.Second)
		out, err := h.cli(ctx, "runs", "show", string(id))
		fmt.Fprintf(&b, "--- run %s\n%s", id, out)
		if err != nil {
			fmt.Fprintln(&b, err)
		}
		if r, err := h.journal.Get(ctx, id); err == nil {
			fmt.Fprintf(&b, "journal: %+v\n", r.Record)
			for _, e := range h.effectsOf(r.Record) {
				fmt.Fprintf(&b, "at the ERP: %s %s %s %s id %s at %s\n", e.Method, e.Path, e.Kind, e.Key, e.ID, e.At.Format(time.RFC3339Nano))
			}
		}
		cancel()
	}
	h.t.Error(b.String())
}

// unsettled tells what keeps a world from being healed.
func (h *healing) unsettled() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.t.Context()), 10*time.Second)
	defer cancel()
	var open []journal.Record
	err := h.journal.Each(ctx, func(r journal.Record) error {
		if !r.State.Settled() {
			open = append(open, r)
		}
		return nil
	})
	if err != nil {
		h.t.Error(err)
	}
	slices.SortFunc(open, func(a, b journal.Record) int { return a.Next.Compare(b.Next) })
	var ids []run.ID
	for _, r := range open[:min(len(open), 50)] {
		h.t.Logf("run %s of %s: %s %s, hop %d, next %s, updated %s", r.Run, r.Pipeline, r.State, r.Reason, r.Hop, r.Next, r.Updated)
		ids = append(ids, r.Run)
	}
	h.blame(fmt.Sprintf("%d runs have not ended", len(open)), ids[:min(len(ids), 5)]...)
	h.whereabouts(ids)
	for _, id := range h.rossum.Annotations() {
		if a, err := h.rossum.Annotation(id); err == nil && a.Status == rossumapi.StatusExporting {
			h.t.Errorf("annotation %d is exporting", id)
		}
	}
	for _, c := range h.rossum.Calls(h.hookID) {
		if !c.Done {
			h.t.Errorf("call %d %s of annotation %d: %d attempts, %d polls, last status %d", c.ID, c.Event, c.Annotation, c.Attempts, c.Polls, c.StatusCode)
		}
	}
}

// whereabouts tells where the messages of runs are that do not end, and what the queue's consumers think.
func (h *healing) whereabouts(runs []run.ID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.t.Context()), 30*time.Second)
	defer cancel()
	err := h.withQueue(ctx, func(js jetstream.JetStream) error {
		for _, stream := range []string{"EV", "RETRY"} {
			s, err := js.Stream(ctx, stream)
			if err != nil {
				return err
			}
			h.t.Logf("%s: %d messages, %d to %d", stream, s.CachedInfo().State.Msgs, s.CachedInfo().State.FirstSeq, s.CachedInfo().State.LastSeq)
			consumers := s.ListConsumers(ctx)
			for c := range consumers.Info() {
				h.t.Logf("%s %s: pending %d, unacknowledged %d, waiting %d, delivered %d, acknowledged to %d",
					stream, c.Name, c.NumPending, c.NumAckPending, c.NumWaiting, c.Delivered.Stream, c.AckFloor.Stream)
			}
			for _, id := range runs {
				for _, subject := range map[string][]string{"EV": {"ev.*.*."}, "RETRY": {"retry.*.", "due.*."}}[stream] {
					m, err := s.GetLastMsgForSubject(ctx, subject+string(id))
					if err == nil {
						h.t.Logf("run %s: %s %d of %s %v", id, m.Subject, m.Sequence, m.Time, m.Header)
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		h.t.Log(err)
	}
}
