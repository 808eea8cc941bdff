package index

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/run"
)

// Accepted is the kind of an Hour's runs that were received in it; the others are states.
const Accepted = "accepted"

// Hour is what happened in one hour. Done and Dead are runs that ended so and still are: a replayed run counts no more.
type Hour struct {
	Begins   time.Time `json:"begins"`
	Accepted int       `json:"accepted"`
	Done     int       `json:"done"`
	Dead     int       `json:"dead"`
}

// Hours tells the last n hours, the oldest first, the present one last.
func (x *Index) Hours(ctx context.Context, n int) ([]Hour, error) {
	first := hourOf(x.Now().UnixMicro()) - int64(n) + 1
	hours := make([]Hour, n)
	for i := range hours {
		hours[i].Begins = time.UnixMicro((first + int64(i)) * time.Hour.Microseconds()).UTC()
	}
	rows, err := x.db.QueryContext(ctx, "SELECT hour, kind, n FROM hours WHERE hour >= ?", first)
	if err != nil {
		return nil, fmt.Errorf("console index: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var hour int64
		var kind string
		var count int
		if err := rows.Scan(&hour, &kind, &count); err != nil {
			return nil, fmt.Errorf("console index: %w", err)
		}
		if i := hour - first; i < int64(n) {
			switch kind {
			case Accepted:
				hours[i].Accepted = count
			case string(run.Done):
				hours[i].Done = count
			case string(run.Dead):
				hours[i].Dead = count
			}
		}
	}
	return hours, rows.Err()
}

// Tally is how the runs of one pipeline are.
type Tally struct {
	States map[run.State]int
	// Oldest is when the oldest run that has not ended was received; zero where all have.
	Oldest time.Time
}

// Tallies tells how the runs of each pipeline are.
func (x *Index) Tallies(ctx context.Context) (map[string]Tally, error) {
	rows, err := x.db.QueryContext(ctx, `SELECT pipeline, state, n, CASE WHEN state IN ('running', 'waiting', 'parked')
		THEN (SELECT min(id) FROM runs WHERE runs.pipeline = totals.pipeline AND runs.state = totals.state) END FROM totals WHERE n > 0`)
	if err != nil {
		return nil, fmt.Errorf("console index: %w", err)
	}
	defer rows.Close()
	all := map[string]Tally{}
	for rows.Next() {
		var pipeline, state string
		var n int
		var oldest sql.NullInt64
		if err := rows.Scan(&pipeline, &state, &n, &oldest); err != nil {
			return nil, fmt.Errorf("console index: %w", err)
		}
		t := all[pipeline]
		if t.States == nil {
			t.States = map[run.State]int{}
		}
		t.States[run.State(state)] = n
		if at := timeOf(oldest.Int64); oldest.Valid && (t.Oldest.IsZero() || at.Before(t.Oldest)) {
			t.Oldest = at
		}
		all[pipeline] = t
	}
	return all, rows.Err()
}

// Attempt is one try at a target.
type Attempt struct {
	At       time.Time     `json:"at"`
	Run      run.ID        `json:"run"`
	Pipeline string        `json:"pipeline"`
	Step     string        `json:"step"`
	Kind     string        `json:"kind"`
	Took     time.Duration `json:"took"`
	Outcome  string        `json:"outcome"`
	Reason   string        `json:"reason,omitempty"`
	Status   int           `json:"status,omitempty"`
}

// Attempts lists the newest attempts at a target, or of a pipeline where target is empty.
func (x *Index) Attempts(ctx context.Context, target, pipeline string, limit int) ([]Attempt, error) {
	w := &where{}
	w.equal("target", target)
	w.equal("pipeline", pipeline)
	rows, err := x.db.QueryContext(ctx, "SELECT at, run, pipeline, step, kind, took, outcome, reason, status FROM attempts"+w.String()+
		" ORDER BY at DESC LIMIT ?", append(w.args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("console index: %w", err)
	}
	defer rows.Close()
	var all []Attempt
	for rows.Next() {
		var a Attempt
		var at, took int64
		if err := rows.Scan(&at, &a.Run, &a.Pipeline, &a.Step, &a.Kind, &took, &a.Outcome, &a.Reason, &a.Status); err != nil {
			return nil, fmt.Errorf("console index: %w", err)
		}
		a.At, a.Took = fromMicros(at), time.Duration(took)*time.Microsecond
		all = append(all, a)
	}
	return all, rows.Err()
}

// Pace is how a target does: its attempts of the last minutes.
type Pace struct {
	Attempts int     `json:"attempts"`
	Failed   int     `json:"failed"` // outcomes other than ok and duplicate
	PerMin   float64 `json:"per_minute"`
	// Median and Slow, the 95th percentile, are of what an attempt took.
	Median time.Duration `json:"median"`
	Slow   time.Duration `json:"p95"`
}

// Pace looks back for within, or as far as the newest attempts that are kept go.
func (x *Index) Pace(ctx context.Context, target string, within time.Duration) (Pace, error) {
	rows, err := x.db.QueryContext(ctx, "SELECT at, took, outcome FROM attempts WHERE target = ? AND at >= ? ORDER BY at DESC LIMIT ?",
		target, x.Now().Add(-within).UnixMicro(), keptAttempts)
	if err != nil {
		return Pace{}, fmt.Errorf("console index: %w", err)
	}
	defer rows.Close()
	var p Pace
	var took []time.Duration
	var oldest int64
	for rows.Next() {
		var micros int64
		var kind string
		if err := rows.Scan(&oldest, &micros, &kind); err != nil {
			return p, fmt.Errorf("console index: %w", err)
		}
		took = append(took, time.Duration(micros)*time.Microsecond)
		if kind != "ok" && kind != "duplicate" {
			p.Failed++
		}
	}
	if p.Attempts = len(took); p.Attempts == 0 {
		return p, rows.Err()
	}
	if p.Attempts == keptAttempts {
		within = max(x.Now().Sub(time.UnixMicro(oldest)), time.Second)
	}
	slices.Sort(took)
	p.PerMin = float64(p.Attempts) / within.Minutes()
	p.Median, p.Slow = took[len(took)/2], took[len(took)*95/100]
	return p, rows.Err()
}
