package index

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/operate"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// timeShift makes room below the microseconds of an id for runs of the same one.
const timeShift = 12

// idAt is the smallest id of a time.
func idAt(t time.Time) int64 { return max(t.UnixMicro(), 0) << timeShift }

// timeOf is the time of an id.
func timeOf(id int64) time.Time { return time.UnixMicro(id >> timeShift).UTC() }

// micros is a time in the file, 0 for the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

// row is a run as the file holds it.
type row struct {
	journal.Record
	target, outcome, cause string
	terms                  []byte
	shown, text            string
}

func (x *Index) rowOf(r journal.Record) row {
	w := row{Record: r, terms: x.terms(r.Business, r.Steps)}
	if f := r.Failure; f != nil && r.State == run.Dead {
		w.At, w.target, w.outcome, w.Reason = f.Step, f.Target, string(f.Outcome.Kind), f.Outcome.Reason
		w.cause = operate.Cause(x.Queue, r.Pipeline, f)
	} else if r.State == run.Dead {
		w.cause = r.Pipeline + "." + r.Reason
	}
	for _, s := range r.Steps {
		if s.Name == r.At && w.target == "" {
			w.target = s.Target
		}
	}
	w.shown, w.text = x.clear(r.Search)
	return w
}

// clear is what of a run's fields stands in the file in clear, and the text that is searched: only what the configuration
// names now, whatever the journal has from before.
func (x *Index) clear(fields map[string]string) (shown, text string) {
	kept := maps.Clone(fields)
	maps.DeleteFunc(kept, func(name, value string) bool { return value == "" || !slices.Contains(x.Fields, name) })
	if len(kept) == 0 {
		return "", ""
	}
	raw, err := json.Marshal(kept)
	if err != nil {
		return "", ""
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(kept)) {
		b.WriteString(kept[name])
		b.WriteByte('\n')
	}
	return string(raw), b.String()
}

// terms are the hashes a run is found by: the parts of its key and the values its steps keep.
func (x *Index) terms(key []string, steps []journal.Step) []byte {
	texts := slices.Clone(key)
	for _, s := range steps {
		texts = appendKept(texts, s.Kept)
	}
	return x.hashes(texts)
}

func appendKept(texts []string, kept map[string]json.RawMessage) []string {
	for _, raw := range kept {
		var text string
		if json.Unmarshal(raw, &text) != nil {
			text = string(raw)
		}
		texts = append(texts, text)
	}
	return texts
}

// maxTerms bounds what one run is found by.
const maxTerms = 64

func (x *Index) hashes(texts []string) []byte {
	seen := make([]int64, 0, len(texts))
	for _, text := range texts {
		if h, ok := x.hash(text); ok && !slices.Contains(seen, h) && len(seen) < maxTerms {
			seen = append(seen, h)
		}
	}
	slices.Sort(seen)
	var b []byte
	for _, h := range seen {
		b = binary.BigEndian.AppendUint64(b, uint64(h)) //nolint:gosec // 60 bits
	}
	return b
}

// hash is the keyed hash of a text, without regard to case and outer spaces.
func (x *Index) hash(text string) (int64, bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	if text == "" {
		return 0, false
	}
	var h int64
	for _, c := range []byte(x.Queue.Index("console", text)[:12]) { // 5 bits each
		h = h<<5 | int64(strings.IndexByte("abcdefghijklmnopqrstuvwxyz234567", c))
	}
	return h, true
}

// termsOf are the hashes of a blob.
func termsOf(blob []byte) []int64 {
	list := make([]int64, 0, len(blob)/8)
	for b := range slices.Chunk(blob, 8) {
		list = append(list, int64(binary.BigEndian.Uint64(b))) //nolint:gosec // 60 bits
	}
	return list
}

// termChanges are the hashes to take out and to put in.
func termChanges(before, after []byte) (out, in []int64) {
	if bytes.Equal(before, after) {
		return nil, nil
	}
	was, is := termsOf(before), termsOf(after)
	for _, h := range was {
		if !slices.Contains(is, h) {
			out = append(out, h)
		}
	}
	for _, h := range is {
		if !slices.Contains(was, h) {
			in = append(in, h)
		}
	}
	return out, in
}
