package operate

import (
	"context"
	"slices"
	"strings"

	"github.com/rossum-relay/rossum-relay/worker/journal"
)

// LedgerFilter selects lines of the ledger; zero fields match all.
type LedgerFilter struct {
	// Parts of the key that must all occur, such as an invoice number; case does not matter.
	Parts []string
	// Target is a part of the instance's name, such as its host.
	Target string
}

// LedgerEntry is one line of the ledger with its name, by which it can be forgotten.
type LedgerEntry struct {
	Name string `json:"name"`
	journal.Entry
}

func (f LedgerFilter) match(e journal.Entry) bool {
	return strings.Contains(e.Target, f.Target) && hasParts(e.Key, f.Parts)
}

// hasParts reports whether every wanted part is one of the key's.
func hasParts(key, want []string) bool {
	for _, w := range want {
		if !slices.ContainsFunc(key, func(part string) bool { return strings.EqualFold(part, w) }) {
			return false
		}
	}
	return true
}

// Ledger lists the ledger's lines, the newest limit of them (0 means all), newest first. It reads the whole ledger.
func (o *Operator) Ledger(ctx context.Context, f LedgerFilter, limit int) ([]LedgerEntry, error) {
	newest := newTop(limit, func(a, b LedgerEntry) int { return b.Since.Compare(a.Since) })
	err := o.Journal.Ledger(ctx, func(name string, e journal.Entry) error {
		if f.match(e) {
			newest.add(LedgerEntry{name, e})
		}
		return nil
	})
	return newest.sorted(), err
}

// Forget takes a line out of the ledger by its name: the invoice will be delivered again if it comes again. While a run is
// delivering it, that is journal.ErrReserved.
func (o *Operator) Forget(ctx context.Context, name, why string) error {
	if why == "" {
		return ErrNoReason
	}
	e, err := o.Journal.Entry(ctx, name)
	if err != nil {
		return err
	}
	if err := o.noteOf(ctx, "ledger "+strings.Join(append([]string{e.Target}, e.Key...), " / "), "forgotten", why); err != nil {
		return err
	}
	return o.Journal.ForgetEntry(ctx, name)
}

// top keeps the first n of what is added, by an order; all where n is 0.
type top[T any] struct {
	n     int
	order func(a, b T) int
	items []T
}

func newTop[T any](n int, order func(a, b T) int) *top[T] { return &top[T]{n: n, order: order} }

func (t *top[T]) add(v T) {
	t.items = append(t.items, v)
	if t.n > 0 && len(t.items) >= 2*t.n+16 {
		t.items = slices.Clone(t.sorted())
	}
}

func (t *top[T]) sorted() []T {
	slices.SortStableFunc(t.items, t.order)
	if t.n > 0 && len(t.items) > t.n {
		clear(t.items[t.n:])
		t.items = t.items[:t.n]
	}
	return t.items
}
