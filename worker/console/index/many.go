package index

import (
	"cmp"
	"slices"
	"strings"
)

// together is how many values one statement carries: SQLite takes 32766.
const together = 2000

// insert inserts rows of equal length, many at a time.
func (w *writer) insert(into string, rows [][]any, tail string) error {
	if len(rows) == 0 {
		return nil
	}
	for chunk := range slices.Chunk(rows, max(together/len(rows[0]), 1)) {
		marks := strings.Repeat("(?"+strings.Repeat(",?", len(rows[0])-1)+"),", len(chunk))
		args := make([]any, 0, len(chunk)*len(rows[0]))
		for _, row := range chunk {
			args = append(args, row...)
		}
		if err := w.exec(into+" VALUES "+marks[:len(marks)-1]+" "+tail, args...); err != nil {
			return err
		}
	}
	return nil
}

// inOrder sorts rows that begin with a term: neighbours in the file are written one after another.
func inOrder(rows [][]any) [][]any {
	slices.SortFunc(rows, func(a, b []any) int { return cmp.Compare(a[0].(int64), b[0].(int64)) })
	return rows
}

// in asks for the rows whose column is one of the keys; scan is called for each.
func in[K any](w *writer, query string, keys []K, scan func(func(...any) error) error) error {
	for chunk := range slices.Chunk(keys, together) {
		args := make([]any, len(chunk))
		for i, k := range chunk {
			args[i] = k
		}
		rows, err := w.tx.QueryContext(w.ctx, query+" IN (?"+strings.Repeat(",?", len(chunk)-1)+")", args...)
		if err != nil {
			return err
		}
		for rows.Next() {
			if err := scan(rows.Scan); err != nil {
				_ = rows.Close()
				return err
			}
		}
		if err := rows.Err(); err != nil { // which also closed them
			return err
		}
	}
	return nil
}

// freeIDs gives each row the first id from its time's on that none has.
func (w *writer) freeIDs(table string, wanted []int64) ([]int64, error) {
	taken := map[int64]bool{}
	err := in(w, "SELECT id FROM "+table+" WHERE id", wanted, func(scan func(...any) error) error {
		var id int64
		err := scan(&id)
		taken[id] = true
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, id := range wanted {
		for taken[id] {
			id++
			if taken[id] {
				continue
			}
			var n int
			if err := w.tx.QueryRowContext(w.ctx, "SELECT count(*) FROM "+table+" WHERE id = ?", id).Scan(&n); err != nil {
				return nil, err
			}
			taken[id] = n > 0
		}
		wanted[i], taken[id] = id, true
	}
	return wanted, nil
}

// latest keeps the last change of each key.
func latest[T any](batch []T, key func(T) string) []T {
	seen := make(map[string]bool, len(batch))
	kept := make([]T, 0, len(batch))
	for _, c := range slices.Backward(batch) {
		if k := key(c); !seen[k] {
			seen[k] = true
			kept = append(kept, c)
		}
	}
	slices.Reverse(kept)
	return kept
}
