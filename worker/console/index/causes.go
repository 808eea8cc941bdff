package index

import (
	"context"
	"fmt"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/run"
)

// Cause is all dead runs that died alike.
type Cause struct {
	ID       string    `json:"id"`
	Pipeline string    `json:"pipeline"`
	Step     string    `json:"step,omitempty"`
	Target   string    `json:"target,omitempty"`
	Outcome  string    `json:"outcome,omitempty"`
	Reason   string    `json:"reason"`
	Count    int       `json:"count"`
	First    time.Time `json:"first"` // died first
	Last     time.Time `json:"last"`
	// Example is the run that died last.
	Example run.ID `json:"example"`
}

// Causes lists the causes of the dead runs of a query, the largest first, at most limit of them; causes counts all.
func (x *Index) Causes(ctx context.Context, q Query, limit int) (list []Cause, causes int, err error) {
	q.State = run.Dead
	w := x.where(q)
	rows, err := x.db.QueryContext(ctx, `SELECT g.cause, n, first, last, causes, run, pipeline, step, target, outcome, reason
		FROM (SELECT cause, count(*) AS n, min(settled) AS first, max(settled) AS last, count(*) OVER () AS causes
			FROM runs INDEXED BY dead_cause`+w.String()+` GROUP BY cause ORDER BY n DESC, cause LIMIT ?) AS g
		JOIN runs ON runs.id = (SELECT max(id) FROM runs INDEXED BY dead_cause WHERE state = 'dead' AND cause = g.cause AND settled = g.last)
		ORDER BY n DESC, g.cause`, append(w.args, limit)...)
	if err != nil {
		return nil, 0, fmt.Errorf("console index: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var c Cause
		var first, last int64
		if err := rows.Scan(&c.ID, &c.Count, &first, &last, &causes, &c.Example, &c.Pipeline, &c.Step, &c.Target, &c.Outcome, &c.Reason); err != nil {
			return nil, 0, fmt.Errorf("console index: %w", err)
		}
		c.First, c.Last = fromMicros(first), fromMicros(last)
		list = append(list, c)
	}
	return list, causes, rows.Err()
}
