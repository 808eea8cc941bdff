package index

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/rossum-relay/rossum-relay/worker/operate"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// Query selects runs; zero fields match all.
type Query struct {
	// Text is a run id or at least six characters of its beginning, an annotation id, a whole part of the invoice's key, a
	// whole id an ERP gave, or whole words of the fields that are held in clear.
	Text       string
	State      run.State
	Pipeline   string
	Annotation int64
	// Since and Until bound when runs were received.
	Since, Until time.Time

	// Of dead runs: what they died of, and since when.
	Target, Reason, Outcome, Cause string
	DiedSince                      time.Time
}

// Run is a run as it is found.
type Run struct {
	ID         run.ID    `json:"id"`
	Pipeline   string    `json:"pipeline"`
	Event      string    `json:"event"`
	Annotation int64     `json:"annotation,omitempty"`
	State      run.State `json:"state"`
	Reason     string    `json:"reason,omitempty"`
	Step       string    `json:"step,omitempty"`
	Target     string    `json:"target,omitempty"`
	Outcome    string    `json:"outcome,omitempty"`
	Cause      string    `json:"cause,omitempty"`
	Tries      int       `json:"tries"`
	Received   time.Time `json:"received"`
	Next       time.Time `json:"next,omitzero"`
	Settled    time.Time `json:"settled,omitzero"`
	// Fields are those of console.index.fields.
	Fields map[string]string `json:"fields,omitempty"`
}

// Page is one page of runs, newest first.
type Page struct {
	Runs []Run
	// Next is where the next page begins; 0 after the last.
	Next int64
}

const (
	// minPrefix is the shortest beginning of a run id that is looked for, as in operate.Find.
	minPrefix = 6
	// mostHits bounds what one text may find before other conditions are looked at.
	mostHits = 2000
)

// where is the condition of a query.
type where struct {
	parts []string
	args  []any
}

func (w *where) and(part string, args ...any) {
	w.parts = append(w.parts, part)
	w.args = append(w.args, args...)
}

func (w *where) equal(column, value string) {
	if value != "" {
		w.and(column+" = ?", value)
	}
}

func (w *where) String() string {
	if len(w.parts) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.parts, " AND ")
}

func (x *Index) where(q Query) *where {
	w := &where{}
	if q.Target != "" || q.Reason != "" || q.Outcome != "" || q.Cause != "" || !q.DiedSince.IsZero() {
		q.State = run.Dead
	}
	if q.State == run.Dead {
		w.and("state = 'dead'") // as a literal: only then are the indexes of dead runs used
	} else {
		w.equal("state", string(q.State))
	}
	w.equal("pipeline", q.Pipeline)
	w.equal("target", q.Target)
	w.equal("reason", q.Reason)
	w.equal("outcome", q.Outcome)
	w.equal("cause", q.Cause)
	if q.Annotation != 0 {
		w.and("annotation > 0 AND annotation = ?", q.Annotation)
	}
	if !q.Since.IsZero() {
		w.and("id >= ?", idAt(q.Since))
	}
	if !q.Until.IsZero() {
		w.and("id < ?", idAt(q.Until))
	}
	if !q.DiedSince.IsZero() {
		w.and("settled >= ?", q.DiedSince.UnixMicro())
	}
	if text := strings.TrimSpace(q.Text); text != "" {
		x.matching(w, text)
	}
	return w
}

// matching finds what a text may mean, all at once.
func (x *Index) matching(w *where, text string) {
	var parts []string
	var args []any
	if h, ok := x.hash(text); ok {
		parts, args = append(parts, "SELECT id FROM terms WHERE term = ?"), append(args, h)
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 {
		parts, args = append(parts, "SELECT id FROM runs WHERE annotation > 0 AND annotation = ?"), append(args, n)
	}
	if id := strings.ToLower(text); len(id) >= minPrefix && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz234567") == "" {
		parts, args = append(parts, "SELECT id FROM runs WHERE run >= ? AND run < ?"), append(args, id, id+"~")
	}
	if words := ftsQuery(text); len(x.Fields) > 0 && words != "" {
		parts = append(parts, fmt.Sprintf("SELECT * FROM (SELECT rowid FROM texts WHERE texts MATCH ? ORDER BY rowid DESC LIMIT %d)", mostHits))
		args = append(args, words)
	}
	if len(parts) == 0 {
		parts = []string{"SELECT NULL"}
	}
	w.and("id IN ("+strings.Join(parts, " UNION ")+")", args...)
}

// ftsQuery looks for all words of a text. Quoted, a word has no meaning in FTS5's language.
func ftsQuery(text string) string {
	words := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	words = words[:min(len(words), 16)]
	for i, word := range words {
		words[i] = `"` + word + `"`
	}
	return strings.Join(words, " AND ")
}

// Runs finds the newest limit runs of a query, from a page's Next on; 0 is the first page.
func (x *Index) Runs(ctx context.Context, q Query, before int64, limit int) (Page, error) {
	w := x.where(q)
	if before > 0 {
		w.and("id < ?", before)
	}
	rows, err := x.db.QueryContext(ctx, `SELECT id, run, pipeline, event, annotation, state, reason, step, target, outcome, cause, tries, next, settled, shown
		FROM runs`+w.String()+" ORDER BY id DESC LIMIT ?", append(w.args, limit+1)...)
	if err != nil {
		return Page{}, fmt.Errorf("console index: %w", err)
	}
	defer rows.Close()
	var p Page
	var last int64
	for rows.Next() {
		if len(p.Runs) == limit {
			p.Next = last
			break
		}
		var r Run
		if r, last, err = scanRun(rows); err != nil {
			return p, err
		}
		p.Runs = append(p.Runs, r)
	}
	return p, rows.Err()
}

func scanRun(rows *sql.Rows) (r Run, id int64, err error) {
	var next, settled int64
	var shown string
	err = rows.Scan(&id, &r.ID, &r.Pipeline, &r.Event, &r.Annotation, &r.State, &r.Reason, &r.Step, &r.Target, &r.Outcome, &r.Cause, &r.Tries,
		&next, &settled, &shown)
	if err != nil {
		return r, id, fmt.Errorf("console index: %w", err)
	}
	r.Received, r.Next, r.Settled = timeOf(id), fromMicros(next), fromMicros(settled)
	if shown != "" {
		err = json.Unmarshal([]byte(shown), &r.Fields)
	}
	return r, id, err
}

// Count counts the runs of a query.
func (x *Index) Count(ctx context.Context, q Query) (int, error) {
	w := x.where(q)
	var n int
	err := x.db.QueryRowContext(ctx, "SELECT count(*) FROM runs"+w.String(), w.args...).Scan(&n)
	if err != nil {
		err = fmt.Errorf("console index: %w", err)
	}
	return n, err
}

// Select lists the dead runs of a query for a bulk action, the oldest event first.
func (x *Index) Select(ctx context.Context, q Query) ([]operate.Selected, error) {
	q.State = run.Dead
	w := x.where(q)
	rows, err := x.db.QueryContext(ctx, "SELECT id, run, pipeline FROM runs"+w.String()+" ORDER BY id", w.args...)
	if err != nil {
		return nil, fmt.Errorf("console index: %w", err)
	}
	defer rows.Close()
	var all []operate.Selected
	for rows.Next() {
		var s operate.Selected
		var id int64
		if err := rows.Scan(&id, &s.Run, &s.Pipeline); err != nil {
			return nil, fmt.Errorf("console index: %w", err)
		}
		s.Received = timeOf(id)
		all = append(all, s)
	}
	return all, rows.Err()
}
