package index

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/queue"
)

const (
	// batchSize is the most changes of one transaction.
	batchSize = 4000
	// retryPause is how long a follower that failed waits.
	retryPause = 2 * time.Second
)

// Run follows the journal and the ledger until ctx ends. Trouble with the queue or the file is logged and tried again.
func (x *Index) Run(ctx context.Context) error {
	x.mu.Lock()
	x.started = x.runs
	runs, ledger := x.runs, x.ledger
	x.mu.Unlock()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return x.insist(ctx, func() error {
			return x.Journal.Follow(ctx, runs, batchSize, func(batch []queue.Change[journal.Record]) error {
				err := x.write(ctx, func(w *writer) error { return w.runs(batch) })
				if err == nil {
					runs = batch[len(batch)-1].Revision
				}
				return err
			})
		})
	})
	g.Go(func() error {
		return x.insist(ctx, func() error {
			return x.Journal.FollowLedger(ctx, ledger, batchSize, func(batch []queue.Change[journal.Entry]) error {
				err := x.write(ctx, func(w *writer) error { return w.ledger(batch) })
				if err == nil {
					ledger = batch[len(batch)-1].Revision
				}
				return err
			})
		})
	})
	return g.Wait()
}

// insist repeats follow until ctx ends.
func (x *Index) insist(ctx context.Context, follow func() error) error {
	for {
		err := follow()
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to end
		}
		x.Log.Warn("the console's index cannot follow the journal now", zap.Error(err))
		x.mu.Lock()
		x.failed = err
		x.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retryPause):
		}
	}
}

// write makes one transaction and tells those who wait how far the index is.
func (x *Index) write(ctx context.Context, fill func(*writer) error) error {
	tx, err := x.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("console index: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // it is committed, or nothing is to be kept
	w := &writer{x: x, ctx: ctx, tx: tx, hours: map[hourKey]int{}, totals: map[totalKey]int{}, fresh: map[string]bool{}}
	if err = fill(w); err == nil {
		err = w.end()
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		return fmt.Errorf("console index: %w", err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.runs, x.ledger, x.failed = max(x.runs, w.runsAt), max(x.ledger, w.ledgerAt), nil
	close(x.moved)
	x.moved = make(chan struct{})
	return nil
}

// writer is one transaction. What it writes it collects, and puts into the file many rows at a time.
type writer struct {
	x   *Index
	ctx context.Context //nolint:containedctx // of this transaction only
	tx  *sql.Tx

	rows, terms, lineTerms, texts, attempts, lines [][]any

	hours  map[hourKey]int
	totals map[totalKey]int
	fresh  map[string]bool // targets with new attempts
	// how far the followers have come; 0 for the one that does not write.
	runsAt, ledgerAt uint64
}

func (w *writer) exec(query string, args ...any) error {
	_, err := w.tx.ExecContext(w.ctx, query, args...)
	return err
}

// end writes what was collected.
func (w *writer) end() error {
	return errors.Join(
		w.insert("INSERT INTO runs (id, run, pipeline, event, annotation, state, reason, step, target, outcome, cause, tries, next, settled, terms, shown)",
			w.rows, `ON CONFLICT (id) DO UPDATE SET state = excluded.state, reason = excluded.reason, step = excluded.step,
			target = excluded.target, outcome = excluded.outcome, cause = excluded.cause, tries = excluded.tries, next = excluded.next,
			settled = excluded.settled, terms = excluded.terms, shown = excluded.shown`),
		w.insert("INSERT OR IGNORE INTO terms (term, id)", inOrder(w.terms), ""),
		w.insert("INSERT INTO texts (rowid, body)", w.texts, ""),
		w.insert("INSERT OR IGNORE INTO attempts (target, at, run, step, kind, pipeline, took, outcome, reason, status)", w.attempts, ""),
		w.insert("INSERT INTO ledger (id, name, target, state, annotation, terms)", w.lines, ""),
		w.insert("INSERT OR IGNORE INTO ledger_terms (term, id)", inOrder(w.lineTerms), ""),
		w.prune(), w.tallies(), w.marks(),
	)
}

// marks notes how far the writer has come.
func (w *writer) marks() error {
	for name, at := range map[string]uint64{"runs": w.runsAt, "ledger": w.ledgerAt} {
		if at == 0 {
			continue
		}
		if err := w.exec("UPDATE meta SET value = ? WHERE name = ?", fmt.Sprint(at), name); err != nil {
			return err
		}
	}
	return nil
}
