package operate

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// Group is all dead letters of one cause: the same pipeline, step, reason and message without ids and numbers. Obsolete
// letters count too: only the journal knows them, and it is not read for each letter.
type Group struct {
	Cause    string    `json:"cause"`
	Pipeline string    `json:"pipeline"`
	Step     string    `json:"step,omitempty"`
	Target   string    `json:"target,omitempty"`
	Reason   string    `json:"reason"`
	Count    int       `json:"count"`
	First    time.Time `json:"first"` // died first
	Last     time.Time `json:"last"`
	// Example is the newest letter, Message what it died of and Response what the ERP said to it, redacted.
	Example  run.ID `json:"example"`
	Message  string `json:"message"`
	Response string `json:"response,omitempty"`
}

// Groups lists the causes of dead letters, the largest group first, at most limit of them; causes counts all. It reads
// every letter's headers, but only one letter of each listed group.
func (o *Operator) Groups(ctx context.Context, f Filter, limit int) (groups []Group, causes int, err error) {
	found := map[string]*Group{}
	err = o.Queue.Letters(ctx, f.Pipeline, func(l queue.Letter) bool {
		if !f.match(l) {
			return true
		}
		cause := causeOf(l)
		g := found[cause]
		if g == nil {
			g = &Group{Cause: cause, Pipeline: l.Pipeline, Step: l.Step, Target: l.Target, Reason: l.Reason, First: l.Last}
			found[cause] = g
		}
		g.add(l)
		return true
	})
	if err != nil {
		return nil, 0, err
	}
	largest := newTop(limit, func(a, b Group) int {
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		return strings.Compare(a.Cause, b.Cause)
	})
	for _, g := range found {
		largest.add(*g)
	}
	groups = largest.sorted()
	for i := range groups {
		if err := o.example(ctx, &groups[i]); err != nil {
			return nil, 0, err
		}
	}
	return groups, len(found), nil
}

func (g *Group) add(l queue.Letter) {
	g.Count++
	if l.Last.Before(g.First) {
		g.First = l.Last
	}
	if !l.Last.Before(g.Last) {
		g.Last, g.Example = l.Last, l.Run
	}
}

// example fills in what a group's newest letter died of.
func (o *Operator) example(ctx context.Context, g *Group) error {
	var err error
	g.Message, g.Response, err = o.Complaint(ctx, g.Pipeline, g.Example)
	return err
}

// Complaint is what a letter's run died of: the relay's words and the ERP's, redacted. Both are empty where there is no
// such letter any more.
func (o *Operator) Complaint(ctx context.Context, pipeline string, id run.ID) (message, response string, err error) {
	l, err := o.Queue.FindLetter(ctx, pipeline, id)
	if errors.Is(err, queue.ErrNoLetter) {
		return "", "", nil // replayed since
	}
	if err != nil {
		return "", "", err
	}
	var r journal.Record
	if json.Unmarshal(l.Details, &r) != nil || r.Failure == nil {
		return CauseText(string(l.Details)), "", nil
	}
	m, err := o.maskerOf(ctx, &r, l.Payload)
	if err != nil {
		return "", "", err
	}
	return m.text(r.Failure.Outcome.Message), m.excerpt(r.Failure.Outcome.Excerpt), nil
}

// causeOf is the cause in a letter's header; letters without one are grouped by where and why they died.
func causeOf(l queue.Letter) string {
	if l.Cause != "" {
		return l.Cause
	}
	return strings.Join(slices.DeleteFunc([]string{l.Pipeline, l.Step, l.Reason}, func(s string) bool { return s == "" }), ".")
}

// maxCause is the longest text a cause is told by, and the most of it that is read.
const (
	maxCause = 200
	readOf   = 2000
)

var (
	causeWord = regexp.MustCompile(`[\pL\pN]+(?:[-_.][\pL\pN]+)*`)
	causeGaps = regexp.MustCompile(`#(?:[^\pL\s"]{1,2}#)+`)
)

// causeLen is enough to tell causes apart, and short enough to be typed.
const causeLen = 12

// Cause names the cause of a failure in letters, filters and the console: a keyed hash, the same for all that died alike.
func Cause(q *queue.Queue, pipeline string, f *journal.Failure) string {
	return q.Index("cause", pipeline, f.Step, f.Outcome.Reason, CauseOf(f.Outcome))[:causeLen]
}

// CauseOf is what tells the cause of a death from others of the same step and reason: what was said, by the relay and by
// the ERP, without ids and numbers.
func CauseOf(o outcome.Outcome) string { return CauseText(o.Message) + "\n" + CauseText(o.Excerpt) }

// CauseText is a message without what differs between letters of one cause: every word with a digit in it, such as a
// number, date or id, becomes #.
func CauseText(message string) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(message[:min(len(message), readOf)], "")), " ")
	text = causeWord.ReplaceAllStringFunc(text, func(word string) string {
		if strings.ContainsFunc(word, unicode.IsDigit) {
			return "#"
		}
		return word
	})
	short := []rune(causeGaps.ReplaceAllString(text, "#"))
	return string(short[:min(len(short), maxCause)])
}
