package index

import (
	"time"

	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

const (
	// keptAttempts of each target are kept at least, and those of the newest recentWrites journals are taken.
	keptAttempts = 1000
	recentWrites = 20_000
)

// stored is what must be known of a row that is replaced.
type stored struct {
	id              int64
	pipeline, state string
	settled         int64
	terms           []byte
	shown           string
}

func (w *writer) runs(batch []queue.Change[journal.Record]) error {
	w.runsAt = batch[len(batch)-1].Revision
	batch = latest(batch, func(c queue.Change[journal.Record]) string { return c.Key })
	old, err := w.stored(batch)
	if err != nil {
		return err
	}
	var fresh []row
	var wanted []int64
	for _, c := range batch {
		was, there := old[c.Key]
		switch {
		case c.Err != nil:
			w.x.Log.Warn("a journal is left out of the console's index", zap.String("run", c.Key), zap.Error(c.Err))
			continue
		case c.Deleted:
			if err := w.remove(was, there); err != nil {
				return err
			}
			continue
		}
		r := w.x.rowOf(c.Value)
		if c.Revision+recentWrites > w.x.goal {
			w.attempted(r)
		}
		if !there {
			fresh, wanted = append(fresh, r), append(wanted, idAt(r.Received))
			continue
		}
		w.count(was, -1)
		if err := w.put(was, r); err != nil {
			return err
		}
	}
	ids, err := w.freeIDs("runs", wanted)
	if err != nil {
		return err
	}
	for i, r := range fresh {
		if err := w.put(stored{id: ids[i]}, r); err != nil {
			return err
		}
	}
	return nil
}

// stored reads the rows of a batch's runs.
func (w *writer) stored(batch []queue.Change[journal.Record]) (map[string]stored, error) {
	keys := make([]string, len(batch))
	for i, c := range batch {
		keys[i] = c.Key
	}
	all := map[string]stored{}
	err := in(w, "SELECT run, id, pipeline, state, settled, terms, shown FROM runs WHERE run", keys, func(scan func(...any) error) error {
		var key string
		var s stored
		err := scan(&key, &s.id, &s.pipeline, &s.state, &s.settled, &s.terms, &s.shown)
		all[key] = s
		return err
	})
	return all, err
}

func (w *writer) remove(was stored, there bool) error {
	if !there {
		return nil
	}
	w.count(was, -1)
	if err := w.dropTerms("terms", was.id, termsOf(was.terms)); err != nil {
		return err
	}
	if err := w.dropText(was); err != nil {
		return err
	}
	return w.exec("DELETE FROM runs WHERE id = ?", was.id)
}

// put collects a run's row and what hangs on it.
func (w *writer) put(was stored, r row) error {
	settled := micros(r.Settled)
	w.count(stored{id: was.id, pipeline: r.Pipeline, state: string(r.State), settled: settled}, 1)
	w.rows = append(w.rows, []any{
		was.id, string(r.Run), r.Pipeline, r.Event, r.Annotation, string(r.State), r.Reason, r.At, r.target, r.outcome, r.cause, r.Tries(),
		micros(r.Next), settled, r.terms, r.shown,
	})
	out, in := termChanges(was.terms, r.terms)
	for _, h := range in {
		w.terms = append(w.terms, []any{h, was.id})
	}
	if err := w.dropTerms("terms", was.id, out); err != nil || was.shown == r.shown {
		return err
	}
	if r.text != "" {
		w.texts = append(w.texts, []any{was.id, r.text})
	}
	return w.dropText(was)
}

func (w *writer) dropTerms(table string, id int64, terms []int64) error {
	for _, h := range terms {
		if err := w.exec("DELETE FROM "+table+" WHERE term = ? AND id = ?", h, id); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) dropText(was stored) error {
	if was.shown == "" {
		return nil
	}
	return w.exec("DELETE FROM texts WHERE rowid = ?", was.id)
}

func (w *writer) attempted(r row) {
	for _, s := range r.Steps {
		for _, a := range s.Attempts {
			if s.Target == "" {
				continue
			}
			w.fresh[s.Target] = true
			w.attempts = append(w.attempts, []any{
				s.Target, a.At.UnixMicro(), string(r.Run), s.Name, a.Kind, r.Pipeline, a.Took.Microseconds(), string(a.Outcome.Kind),
				a.Outcome.Reason, a.Outcome.Status,
			})
		}
	}
}

// prune forgets attempts older than the newest ones of their target.
func (w *writer) prune() error {
	for target := range w.fresh {
		err := w.exec(`DELETE FROM attempts WHERE target = ?1 AND at < (SELECT at FROM attempts WHERE target = ?1 ORDER BY at DESC LIMIT 1 OFFSET ?2)`,
			target, keptAttempts)
		if err != nil {
			return err
		}
	}
	return nil
}

type hourKey struct {
	hour int64
	kind string
}

type totalKey struct{ pipeline, state string }

// count adds a row to what the overview shows, or takes it away.
func (w *writer) count(s stored, n int) {
	w.totals[totalKey{s.pipeline, s.state}] += n
	w.hours[hourKey{hourOf(s.id >> timeShift), Accepted}] += n
	if state := run.State(s.state); state == run.Done || state == run.Dead {
		w.hours[hourKey{hourOf(s.settled), s.state}] += n
	}
}

func hourOf(micros int64) int64 { return micros / time.Hour.Microseconds() }

func (w *writer) tallies() error {
	var hours, totals [][]any
	for k, n := range w.hours {
		hours = append(hours, []any{k.hour, k.kind, n})
	}
	for k, n := range w.totals {
		totals = append(totals, []any{k.pipeline, k.state, n})
	}
	const add = "ON CONFLICT DO UPDATE SET n = n + excluded.n"
	if err := w.insert("INSERT INTO hours (hour, kind, n)", hours, add); err != nil {
		return err
	}
	return w.insert("INSERT INTO totals (pipeline, state, n)", totals, add)
}
