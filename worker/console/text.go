package console

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rossum-relay/rossum-relay/worker/run"
)

// mostText is the most bytes of one foreign text on a page.
const mostText = 256 << 10

// clean is foreign text for a page: valid UTF-8, not longer than most bytes, without control characters and without those
// that turn the direction of what stands beside them.
func clean(text string, most int) string {
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "\n… cut here"
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\r':
			return -1
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(text, string(utf8.RuneError)))
}

// cut shortens a text to so many characters.
func cut(text string, most int) string {
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}

// agoText is how long t is before now.
func agoText(now, t time.Time) string {
	d := now.Sub(t)
	switch {
	case t.IsZero():
		return ""
	case d < 0:
		return "soon"
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + " h"
	}
	return strconv.Itoa(int(d.Hours()/24)) + " d"
}

func tookText(d time.Duration) string {
	switch {
	case d == 0:
		return "–"
	case d < time.Second:
		return strconv.Itoa(int(d.Milliseconds())) + " ms"
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// countText writes a count with its thousands apart.
func countText(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return text
}

// tone is the colour of a state, outcome or kind of need; the word itself always stands beside it.
func tone(word any) string {
	switch fmt.Sprint(word) {
	case string(run.Done), "ok", "duplicate", "delivered":
		return "good"
	case string(run.Dead), "rejected", "misconfigured", "reauth", "breaker", targetOpen, "broken":
		return "bad"
	case "uncertain", string(run.Parked), "held", targetFailing, "retry", "throttled", "reserved", targetClosed:
		return "warn"
	case string(run.Running), string(run.Waiting):
		return "busy"
	}
	return "calm"
}

func diffTone(line string) string {
	switch {
	case strings.HasPrefix(line, "+"):
		return "added"
	case strings.HasPrefix(line, "-"):
		return "removed"
	}
	return ""
}
