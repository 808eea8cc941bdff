// Package document turns typed trees into the bytes ERPs want: one folder per
// format. A tree cannot be broken by a quote in a description.
package document

// Map is an object with its keys in order.
type Map []Entry

// Entry is one key of a Map.
type Entry struct {
	Key   string
	Value any
}

// List is an array.
type List []any

// The leaves of a tree are nil, bool, string, int64, *big.Int, float64,
// decimal.Decimal and Date; of XML also Embedded.

// Date is a calendar date, YYYY-MM-DD.
type Date string

// Document is encoded bytes with what they are.
type Document struct {
	Body []byte
	// Inserts are the files embedded in the document, by their places; Body is without them. Open streams all.
	Inserts     []Insert
	ContentType string
	Filename    string
	// Notes tell what was dropped or replaced on the way, for the run's timeline.
	Notes []string
}

// Get finds a key.
func (m Map) Get(key string) (any, bool) {
	for _, e := range m {
		if e.Key == key {
			return e.Value, true
		}
	}
	return nil, false
}
