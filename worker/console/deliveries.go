package console

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/console/index"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/operate"
	"github.com/rossum-relay/rossum-relay/worker/queue"
)

// LineList is one page of the ledger, newest first.
type LineList struct {
	Lines []operate.LedgerEntry `json:"lines"`
	// Next is the value of before for the next page; 0 after the last.
	Next int64 `json:"next,omitempty"`
}

// lines looks into the ledger: the index finds the lines, the ledger tells them.
func (c *call) lines() (LineList, error) {
	v := c.r.URL.Query()
	most, err := limit(v)
	if err != nil {
		return LineList{}, err
	}
	before, err := number(v, "before")
	if err != nil {
		return LineList{}, err
	}
	q := index.LineQuery{Text: strings.TrimSpace(v.Get("q")), Target: v.Get("target"), State: v.Get("state")}
	names, next, err := c.s.Index.Lines(c.r.Context(), q, before, most)
	if err != nil {
		return LineList{}, err
	}
	list := LineList{Lines: make([]operate.LedgerEntry, 0, len(names)), Next: next}
	for _, name := range names {
		e, err := c.s.line(c.r.Context(), c.op, name)
		if isOneOf(err, queue.ErrNotFound) {
			continue // freed since
		}
		if err != nil {
			return list, err
		}
		list.Lines = append(list.Lines, e)
	}
	return list, nil
}

// csv sends the whole ledger as a table. That is noted: a list of all invoices leaves the house.
func (c *call) csv() error {
	if err := c.op.Trace(c.r.Context(), "ledger", "exported as CSV", ""); err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	c.w.Header().Set("Content-Disposition", `attachment; filename="deliveries.csv"`)
	w := csv.NewWriter(c.w)
	_ = w.Write([]string{"line", "target", "pipeline", "step", "key", "state", "since", "annotation", "run", "kept"}) // Flush tells
	err := c.op.Journal.Ledger(c.r.Context(), func(name string, e journal.Entry) error {
		return w.Write([]string{
			name, cell(e.Target), cell(e.Pipeline), cell(e.Step), cell(strings.Join(e.Key, " / ")), string(e.State), e.Since.UTC().Format(time.RFC3339),
			strconv.FormatInt(e.Annotation, 10), string(e.Run), cell(keptText(e.Kept)),
		})
	})
	w.Flush()
	return cmp.Or(err, w.Error())
}

// cell keeps a spreadsheet from taking foreign text for a formula.
func cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}

func keptText(kept map[string]json.RawMessage) string {
	parts := make([]string, 0, len(kept))
	for name, v := range kept {
		parts = append(parts, name+"="+strings.Trim(string(v), `"`))
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}
