package journal

import (
	"context"

	"github.com/rossum-relay/rossum-relay/worker/queue"
)

// RunSpan tells how far the runs' journals are, LedgerSpan the ledger; Follow and FollowLedger tell what is written after a
// revision of theirs, as queue.Bucket.Follow does.
func (j *Journal) RunSpan(ctx context.Context) (queue.Span, error) { return j.runs.Span(ctx) }

// LedgerSpan is RunSpan of the ledger.
func (j *Journal) LedgerSpan(ctx context.Context) (queue.Span, error) { return j.ledger.Span(ctx) }

// Follow calls f with batches of runs' journals until ctx ends; a key is a run's id.
func (j *Journal) Follow(ctx context.Context, after uint64, most int, f func([]queue.Change[Record]) error) error {
	return j.runs.Follow(ctx, after, most, f)
}

// FollowLedger calls f with batches of the ledger's lines until ctx ends; a key is a line's name.
func (j *Journal) FollowLedger(ctx context.Context, after uint64, most int, f func([]queue.Change[Entry]) error) error {
	return j.ledger.Follow(ctx, after, most, f)
}
