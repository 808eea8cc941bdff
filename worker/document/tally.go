package document

import "fmt"

// maxNotes bounds the kinds a Tally names.
const maxNotes = 20

// Tally counts what an encoder drops, cuts or replaces, for a Document's Notes. The zero Tally is ready.
type Tally struct {
	kinds  []string
	counts map[string]int
}

// Add counts n of a kind, which says what happened and where, but no value. n of 0 adds nothing.
func (t *Tally) Add(n int, format string, args ...any) {
	if n <= 0 {
		return
	}
	kind := fmt.Sprintf(format, args...)
	if t.counts == nil {
		t.counts = map[string]int{}
	}
	if t.counts[kind] == 0 {
		if len(t.kinds) == maxNotes {
			return
		}
		t.kinds = append(t.kinds, kind)
	}
	t.counts[kind] += n
}

// Notes are the kinds in the order they first appeared, each with its count; nil for none.
func (t *Tally) Notes() []string {
	var notes []string
	for _, kind := range t.kinds {
		notes = append(notes, fmt.Sprintf("%s (%d)", kind, t.counts[kind]))
	}
	return notes
}
