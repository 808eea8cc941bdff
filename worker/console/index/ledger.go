package index

import (
	"context"
	"fmt"
	"strings"

	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/queue"
)

// ledger replaces lines: their times may be others now.
func (w *writer) ledger(batch []queue.Change[journal.Entry]) error {
	w.ledgerAt = batch[len(batch)-1].Revision
	batch = latest(batch, func(c queue.Change[journal.Entry]) string { return c.Key })
	if err := w.dropLines(batch); err != nil {
		return err
	}
	var wanted []int64
	var there []queue.Change[journal.Entry]
	for _, c := range batch {
		switch {
		case c.Err != nil:
			w.x.Log.Warn("a line of the ledger is left out of the console's index", zap.String("line", c.Key), zap.Error(c.Err))
		case !c.Deleted:
			wanted, there = append(wanted, idAt(c.Value.Since)), append(there, c)
		}
	}
	ids, err := w.freeIDs("ledger", wanted)
	if err != nil {
		return err
	}
	for i, c := range there {
		e := c.Value
		terms := w.x.hashes(appendKept(append([]string{string(e.Run)}, e.Key...), e.Kept))
		w.lines = append(w.lines, []any{ids[i], c.Key, strings.ToLower(e.Target), string(e.State), e.Annotation, terms})
		for _, h := range termsOf(terms) {
			w.lineTerms = append(w.lineTerms, []any{h, ids[i]})
		}
	}
	return nil
}

// dropLines takes out what the file has of a batch.
func (w *writer) dropLines(batch []queue.Change[journal.Entry]) error {
	keys := make([]string, len(batch))
	for i, c := range batch {
		keys[i] = c.Key
	}
	var old []stored
	err := in(w, "SELECT id, terms FROM ledger WHERE name", keys, func(scan func(...any) error) error {
		var s stored
		err := scan(&s.id, &s.terms)
		old = append(old, s)
		return err
	})
	if err != nil {
		return err
	}
	for _, s := range old {
		if err := w.dropTerms("ledger_terms", s.id, termsOf(s.terms)); err != nil {
			return err
		}
		if err := w.exec("DELETE FROM ledger WHERE id = ?", s.id); err != nil {
			return err
		}
	}
	return nil
}

// LineQuery selects lines of the ledger; zero fields match all.
type LineQuery struct {
	// Text is a whole part of the key, a whole id an ERP gave, a run's id, or an annotation id.
	Text string
	// Target is a part of the instance's name.
	Target string
	State  string
}

// Lines finds the names of the newest limit lines, from a page's next on; 0 is the first page.
func (x *Index) Lines(ctx context.Context, q LineQuery, before int64, limit int) (names []string, next int64, err error) {
	w := &where{}
	w.equal("state", q.State)
	if q.State != "" && q.State != "delivered" {
		w.and("state <> 'delivered'")
	}
	if q.Target != "" {
		w.and("instr(target, ?) > 0", strings.ToLower(q.Target))
	}
	if before > 0 {
		w.and("id < ?", before)
	}
	if h, ok := x.hash(q.Text); ok {
		w.and("id IN (SELECT id FROM ledger_terms WHERE term = ? UNION SELECT id FROM ledger WHERE annotation > 0 AND annotation = CAST(? AS INTEGER))", h, q.Text)
	}
	rows, err := x.db.QueryContext(ctx, "SELECT id, name FROM ledger"+w.String()+" ORDER BY id DESC LIMIT ?", append(w.args, limit+1)...)
	if err != nil {
		return nil, 0, fmt.Errorf("console index: %w", err)
	}
	defer rows.Close()
	var last int64
	for rows.Next() {
		if len(names) == limit {
			next = last
			break
		}
		var name string
		if err := rows.Scan(&last, &name); err != nil {
			return nil, 0, fmt.Errorf("console index: %w", err)
		}
		names = append(names, name)
	}
	return names, next, rows.Err()
}
