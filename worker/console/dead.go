package console

import (
	"context"

	"github.com/rossum-relay/rossum-relay/worker/console/index"
	"github.com/rossum-relay/rossum-relay/worker/operate"
	"github.com/rossum-relay/rossum-relay/worker/queue"
)

// Group is the dead letters of one cause with what the newest of them died of, masked.
type Group struct {
	index.Cause
	Message  string `json:"message,omitempty"`
	Response string `json:"response,omitempty"`
}

// Groups are causes, the largest first.
type Groups struct {
	Groups []Group `json:"groups"`
	// Causes counts all causes.
	Causes int `json:"causes"`
}

func (s *Server) groups(ctx context.Context, op *operate.Operator, q index.Query, most int) ([]Group, int, error) {
	found, causes, err := s.Index.Causes(ctx, q, most)
	if err != nil {
		return nil, 0, err
	}
	groups := make([]Group, 0, len(found))
	for _, c := range found {
		said, err := s.texts.of(ctx, op, c)
		if err != nil {
			return nil, 0, err
		}
		groups = append(groups, Group{c, said.message, said.response})
	}
	return groups, causes, nil
}

// broken lists the letters of messages that were no runs: no journal tells of them.
func (s *Server) broken(ctx context.Context, op *operate.Operator, most int) ([]operate.Listed, error) {
	page, err := op.Letters(ctx, operate.Filter{Pipeline: queue.BrokenPipeline}, 0, most)
	return page.Letters, err
}

// RunList is one page of runs, newest first.
type RunList struct {
	Runs []RunLine `json:"runs"`
	// Next is the value of before for the next page; 0 after the last.
	Next int64 `json:"next,omitempty"`
	// Count counts all that match; only of dead letters.
	Count int            `json:"count,omitempty"`
	Index index.Progress `json:"index"`
}

// RunLine is a run of a list.
type RunLine struct {
	index.Run
	// Key is the invoice's.
	Key []string `json:"key,omitempty"`
}

// runs finds runs; the invoices' keys, which the index does not hold, come from the journal.
func (s *Server) runs(ctx context.Context, op *operate.Operator, q index.Query, before int64, most int) (RunList, error) {
	page, err := s.Index.Runs(ctx, q, before, most)
	if err != nil {
		return RunList{}, err
	}
	list := RunList{Runs: make([]RunLine, 0, len(page.Runs)), Next: page.Next, Index: s.Index.Progress()}
	for _, found := range page.Runs {
		line := RunLine{Run: found}
		if r, err := op.Run(ctx, found.ID); err == nil {
			line.Key = r.Business
		} else if !isOneOf(err, queue.ErrNotFound) {
			return list, err
		}
		list.Runs = append(list.Runs, line)
	}
	return list, nil
}
