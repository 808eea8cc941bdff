package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim/samples"
	"github.com/rossum-relay/rossum-relay/worker/erpsim"
)

// actor does one thing and waits a little; it is called again until the chaos ends.
type actor func(ctx context.Context, rng *rand.Rand) error

// errExpected is what may fail while everything is being broken: a command against a relay that is down.
var errExpected = errors.New("expected")

func (w *world) actors() []actor {
	all := []actor{w.upload, w.exportAgain, w.callAgain, w.breakERP, w.breakRossum, w.killProcess, w.operate}
	if w.nats != nil {
		all = append(all, w.breakQueue)
	}
	if w.disk != nil {
		all = append(all, w.fillDisk)
	}
	return all
}

// between waits for a random time.
func between(ctx context.Context, rng *rand.Rand, from, to time.Duration) error {
	return sleep(ctx, from+time.Duration(rng.Int64N(int64(to-from))))
}

// upload brings a new invoice into Rossum and starts its export. One in twenty has the number of another.
func (w *world) upload(ctx context.Context, rng *rand.Rand) error {
	all := samples.All()
	kind := rng.IntN(len(all))
	id, err := w.rossum.Upload(rossumsim.Upload{
		Payload: all[kind], Status: rossumapi.StatusToReview, Set: map[string]string{"document_id": w.number(rng, kind)},
	})
	if err != nil {
		return err
	}
	w.rossum.SetStatus(id, rossumapi.StatusExporting, w.user)
	w.tally.add("exports", 1)
	return between(ctx, rng, 10*time.Millisecond, 250*time.Millisecond)
}

func (w *world) number(rng *rand.Rand, kind int) string {
	n := len(w.rossum.Annotations())
	if kind == 0 && n > 0 && rng.IntN(20) == 0 {
		w.tally.add("equal numbers", 1)
		n = rng.IntN(n)
	}
	return fmt.Sprintf("%d-%05d", kind, n)
}

// exportAgain starts a finished export again, for invoices of the pipeline bill after a change.
func (w *world) exportAgain(ctx context.Context, rng *rand.Rand) error {
	if err := between(ctx, rng, 50*time.Millisecond, 400*time.Millisecond); err != nil {
		return err
	}
	ids := w.rossum.Annotations()
	if len(ids) == 0 {
		return nil
	}
	id := ids[rng.IntN(len(ids))]
	a, err := w.rossum.Annotation(id)
	if err != nil {
		return err
	}
	if a.Status != rossumapi.StatusExported && a.Status != rossumapi.StatusFailedExport {
		return nil
	}
	w.tally.add("re-exports", 1)
	if queue, err := rossumapi.IDFromURL(a.Queue); err != nil || queue != w.queues[2] || rng.IntN(3) == 0 {
		w.rossum.SetStatus(id, rossumapi.StatusExporting, w.user)
		return err
	}
	w.rossum.SetStatus(id, rossumapi.StatusToReview, w.user)
	if err := w.rossum.Open(ctx, id, w.user); err != nil {
		return fmt.Errorf("%w: %w", errExpected, err) // a relay that tells a late success may have been quicker
	}
	if err := w.rossum.Edit(ctx, id, "header_description", fmt.Sprintf("change %d", rng.IntN(1e6))); err != nil {
		return err
	}
	w.tally.add("changes", 1)
	return w.rossum.Confirm(ctx, id, w.user)
}

// callAgain makes Rossum's calls come twice, late, or not at all, and repeats old ones.
func (w *world) callAgain(ctx context.Context, rng *rand.Rand) error {
	switch rng.IntN(4) {
	case 0:
		w.rossum.InjectDelivery(rossumsim.DeliveryFault{Duplicates: 1 + rng.IntN(3)})
	case 1:
		w.rossum.InjectDelivery(rossumsim.DeliveryFault{Delay: time.Duration(rng.IntN(60)) * time.Second})
	case 2:
		if rng.IntN(3) == 0 {
			w.rossum.InjectDelivery(rossumsim.DeliveryFault{Lose: true})
		}
	default:
		if calls := w.rossum.Calls(w.hookID); len(calls) > 0 {
			if err := w.rossum.Redeliver(calls[rng.IntN(len(calls))].ID); err != nil {
				return err
			}
		}
	}
	w.tally.add("disturbed calls", 1)
	return between(ctx, rng, 50*time.Millisecond, 300*time.Millisecond)
}

// breakERP arms a fault at one of the ERPs. None of them lies: what is refused with a 4xx or 503 was not applied. What
// cannot be looked up is never applied later than the client can know.
func (w *world) breakERP(ctx context.Context, rng *rand.Rand) error {
	rules := []erpsim.Rule{
		{Action: erpsim.Refuse, Status: []int{400, 401, 403, 404, 409, 422}[rng.IntN(6)]},
		{Action: erpsim.Refuse, Status: []int{423, 503, 503}[rng.IntN(3)]},
		{Action: erpsim.Refuse, Status: http.StatusTooManyRequests, Header: map[string]string{"Retry-After": "1"}},
		{Action: erpsim.Refuse, Status: []int{500, 502, 504}[rng.IntN(3)]},
		{Action: erpsim.Answer, Status: []int{408, 500, 502, 504}[rng.IntN(4)]},
		{Action: erpsim.Slow, DelayMS: rng.IntN(1500)},
		{Action: erpsim.ResetBefore}, {Action: erpsim.ResetAfter}, {Action: erpsim.HangBefore}, {Action: erpsim.HangAfter},
		{Action: erpsim.Garbage}, {Action: erpsim.Truncate},
		{Action: erpsim.ApplyLate, DelayMS: rng.IntN(250), Path: "/api/invoices", Method: http.MethodPost},
	}
	target := []string{"north", "south"}[rng.IntN(2)]
	if rng.IntN(8) == 0 { // a breaker that is open spends few faults: without a calm now and then nothing would be delivered
		w.erps[target].ClearFaults()
		return between(ctx, rng, time.Second, 3*time.Second)
	}
	r := rules[rng.IntN(len(rules))]
	r.Times = 1 + rng.IntN(3)
	if err := w.erps[target].AddFault(r); err != nil {
		return err
	}
	return between(ctx, rng, 50*time.Millisecond, 400*time.Millisecond)
}

// breakRossum lets Rossum's API refuse some requests.
func (w *world) breakRossum(ctx context.Context, rng *rand.Rand) error {
	f := rossumsim.Fault{Path: "/annotations", Status: []int{429, 401, 409, 503, 0}[rng.IntN(5)], Times: 1 + rng.IntN(2), After: rng.IntN(2) == 0}
	if f.Status == http.StatusTooManyRequests {
		f.RetryAfter = 1
	}
	w.rossum.Inject(f)
	w.tally.add("Rossum faults", 1)
	return between(ctx, rng, 200*time.Millisecond, time.Second)
}

// killProcess ends one process with kill -9 and starts it again a little later.
func (w *world) killProcess(ctx context.Context, rng *rand.Rand) error {
	if err := between(ctx, rng, time.Second, 6*time.Second); err != nil {
		return nil
	}
	p := w.procs[rng.IntN(len(w.procs))]
	p.kill()
	w.happens("killed " + p.name)
	w.tally.add("kills of "+p.name, 1)
	_ = between(ctx, rng, 0, 600*time.Millisecond)
	w.happens("started " + p.name)
	return w.startProcesses()
}

// breakQueue fills a stream of the external queue for a while, or stops, kills or freezes one of its servers, more often
// than not the one that leads the stream.
func (w *world) breakQueue(ctx context.Context, rng *rand.Rand) error {
	if err := between(ctx, rng, 2*time.Second, 6*time.Second); err != nil {
		return nil
	}
	stream := []string{"EV", "RETRY", "KV_journal", "KV_ledger", "KV_events"}[rng.IntN(5)]
	if rng.IntN(3) == 0 && stream != "RETRY" { // which has no limit
		return w.fillStream(ctx, rng, stream)
	}
	node := w.nats.leader(ctx, stream)
	if rng.IntN(3) == 0 {
		node = w.nats.nodes[rng.IntN(len(w.nats.nodes))]
	}
	w.tally.add("queue restarts", 1)
	switch rng.IntN(3) {
	case 0:
		w.happens("frozen " + node.name)
		_ = node.signal(syscall.SIGSTOP) // it may be down for a full disk
		_ = between(ctx, rng, 100*time.Millisecond, 5*time.Second)
		_ = node.signal(syscall.SIGCONT)
	case 1:
		w.happens("killed " + node.name)
		node.kill()
		_ = between(ctx, rng, 0, time.Second)
	default:
		w.happens("stopping " + node.name)
		node.end(syscall.SIGTERM)
		_ = between(ctx, rng, 0, time.Second)
	}
	w.happens("started " + node.name)
	back, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return w.nats.healthy(back)
}

func (w *world) fillStream(ctx context.Context, rng *rand.Rand, stream string) error {
	w.happens("full " + stream)
	free, err := w.nats.fill(ctx, stream)
	w.tally.add("full streams", 1)
	_ = between(ctx, rng, 200*time.Millisecond, time.Second)
	freed := free(context.WithoutCancel(ctx))
	w.happens("freed " + stream)
	if freed != nil || err != nil {
		return fmt.Errorf("%w: %w", errExpected, errors.Join(freed, err)) // healing tries once more
	}
	return nil
}

// operate is an operator who replays, holds, resumes and cancels without much thought.
func (w *world) operate(ctx context.Context, rng *rand.Rand) error {
	if err := between(ctx, rng, 200*time.Millisecond, 800*time.Millisecond); err != nil {
		return nil
	}
	var err error
	switch rng.IntN(6) {
	case 0, 1:
		err = w.replayOne(ctx, rng)
	case 2:
		err = w.holdOne(ctx, rng)
	case 3:
		_, err = w.cli(ctx, "dead", "replay", "--pipeline", "state", "--yes")
		w.tally.add("bulk replays", 1)
	case 4:
		err = w.editOne(ctx, rng)
	default:
		err = w.cancelOne(ctx, rng)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errExpected, err)
	}
	return nil
}

func (w *world) replayOne(ctx context.Context, rng *rand.Rand) error {
	letters, err := w.letters(ctx)
	if err != nil || len(letters) == 0 {
		return err
	}
	args := []string{"dead", "replay", string(letters[rng.IntN(len(letters))].ID)}
	if rng.IntN(3) == 0 {
		args = append(args, "--from-start")
	}
	_, err = w.cli(ctx, args...)
	w.tally.add("replays", 1)
	return err
}

// editOne changes an amount, which nothing is compared by, and sends the run back to work.
func (w *world) editOne(ctx context.Context, rng *rand.Rand) error {
	letters, err := w.letters(ctx)
	if err != nil || len(letters) == 0 {
		return err
	}
	l := letters[rng.IntN(len(letters))]
	if l.Pipeline != "found" && l.Pipeline != "blind" {
		return nil
	}
	set := fmt.Sprintf("field.amount_total=%d.50", rng.IntN(1000))
	_, err = w.cli(ctx, "dead", "edit", string(l.ID), "--set", set, "--reason", "model test", "--yes")
	w.tally.add("edits", 1)
	return err
}

func (w *world) holdOne(ctx context.Context, rng *rand.Rand) error {
	what := [][]string{{"target", "north"}, {"target", "south"}, {"pipeline", "found"}, {"pipeline", "diary"}}[rng.IntN(4)]
	_, err := w.cli(ctx, append(append([]string{"hold"}, what...), "--reason", "model test")...)
	w.tally.add("holds", 1)
	_ = between(ctx, rng, 100*time.Millisecond, time.Second)
	if err != nil {
		return err
	}
	_, err = w.cli(ctx, append([]string{"resume"}, what...)...)
	return err
}

// cancelOne cancels a run that waits. Its invoice may be exported again.
func (w *world) cancelOne(ctx context.Context, rng *rand.Rand) error {
	out, err := w.cli(ctx, "runs", "list", "--state", "waiting", "--json")
	lines, parseErr := jsonLinesOf[runLine](out)
	if err != nil || parseErr != nil || len(lines) == 0 || rng.IntN(3) > 0 {
		return errors.Join(err, parseErr)
	}
	_, err = w.cli(ctx, "runs", "cancel", string(lines[rng.IntN(len(lines))].ID), "--reason", "model test")
	w.tally.add("cancels", 1)
	return err
}

func (w *world) letters(ctx context.Context) ([]letterLine, error) {
	out, err := w.cli(ctx, "dead", "list", "--limit", "0", "--json")
	if err != nil {
		return nil, err
	}
	return jsonLinesOf[letterLine](out)
}

func jsonLinesOf[T any](text string) (all []T, err error) {
	for line := range strings.Lines(text) {
		var v T
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}
