package configs

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxShown bounds how many problems Errors prints.
const maxShown = 50

// Error is one problem of a configuration, at its place. The expression compiler of the worker reports with it too, so
// that config check prints everything alike.
type Error struct {
	Pos Pos
	// Path names the place in the configuration, pipelines.coupa-invoice.steps.draft.post; steps go by name.
	Path string
	// Message says what is wrong. It holds no secret and no value from the environment.
	Message string
	// Suggestion is the known word nearest to a misspelt one.
	Suggestion string
	// Try says what to do, as a full phrase without a final stop.
	Try string
}

// Error is file:line:column: path: message, with the suggestion where there is one.
func (e Error) Error() string {
	var b strings.Builder
	if e.Pos.File != "" {
		b.WriteString(e.Pos.String() + ": ")
	}
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString(e.Message)
	if e.Suggestion != "" {
		fmt.Fprintf(&b, "; did you mean %q?", e.Suggestion)
	}
	return b.String()
}

// Hint says what to do about the problem: Try, or how to write the suggested word.
func (e Error) Hint() string {
	switch {
	case e.Try != "":
		return e.Try
	case e.Suggestion != "":
		return fmt.Sprintf("write %q", e.Suggestion)
	}
	return "compare with configs/relay.example.yaml, or let an editor check the file against the output of config schema"
}

// Errors is every problem of a configuration, in the order of the file. Load and Parse return it as their error.
type Errors []Error

// Error prints one problem a line, at most 50 and the count of the rest.
func (e Errors) Error() string {
	shown, rest := e.Shown()
	lines := make([]string, 0, len(shown)+1)
	for _, problem := range shown {
		lines = append(lines, problem.Error())
	}
	if rest > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", rest))
	}
	return strings.Join(lines, "\n")
}

// Shown is the first 50 problems and the number of those left out.
func (e Errors) Shown() (shown Errors, rest int) {
	n := min(len(e), maxShown)
	return e[:n], len(e) - n
}

// Sort orders the problems by position.
func (e Errors) Sort() {
	slices.SortStableFunc(e, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column))
	})
}

// Err is the sorted problems as an error, nil when there are none.
func (e Errors) Err() error {
	if len(e) == 0 {
		return nil
	}
	e.Sort()
	return e
}

// Nearest is the candidate closest to a misspelt word, for the Suggestion of an Error; "" when none is close enough to
// be what was meant. Candidates are lower case.
func Nearest(word string, candidates []string) string {
	const longest = 64
	if len(word) > longest {
		return ""
	}
	best, bestDistance := "", 1+max(1, len(word)/3)
	for _, c := range candidates {
		if d := distance(strings.ToLower(word), c); d < bestDistance && d < len(word) {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance is the optimal string alignment distance: Levenshtein's, with a swap of neighbours as one edit.
func distance(a, b string) int {
	before, previous, current := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(a); i++ {
		current[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			current[j] = min(previous[j]+1, current[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				current[j] = min(current[j], before[j-2]+1)
			}
		}
		before, previous, current = previous, current, before
	}
	return previous[len(b)]
}
