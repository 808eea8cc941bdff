package console

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/console/index"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// The sizes of lists.
const (
	pageRows   = 50
	mostRows   = 500
	groupRows  = 20
	hoursShown = 48
)

// queryOf reads what runs are asked for; dead bounds it to dead ones, whose since is when they died.
func queryOf(v url.Values, dead bool, now time.Time) (index.Query, error) {
	q := index.Query{
		Text: v.Get("q"), State: run.State(v.Get("state")), Pipeline: v.Get("pipeline"), Target: v.Get("target"), Reason: v.Get("reason"),
		Outcome: v.Get("outcome"), Cause: v.Get("cause"),
	}
	if len(q.Text) > 200 {
		return q, bad("q is longer than 200 bytes")
	}
	if q.State != "" && !knownState(q.State) {
		return q, bad("state: there is no such state")
	}
	var err error
	if q.Annotation, err = number(v, "annotation"); err != nil {
		return q, err
	}
	since, err := moment(v, "since", now)
	if err != nil {
		return q, err
	}
	if dead {
		q.State, q.DiedSince = run.Dead, since
		return q, nil
	}
	q.Since = since
	q.Until, err = moment(v, "until", now)
	return q, err
}

// states are all states, in the order of their work.
func states() []run.State {
	return []run.State{run.Running, run.Waiting, run.Parked, run.Done, run.Skipped, run.Superseded, run.Dead, run.Cancelled, run.Dropped}
}

func knownState(s run.State) bool {
	for _, known := range states() {
		if s == known {
			return true
		}
	}
	return false
}

func number(v url.Values, name string) (int64, error) {
	text := strings.TrimSpace(v.Get(name))
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, bad(name + ": not a number")
	}
	return n, nil
}

// moment reads 24h or 7d before now, a date, or a time.
func moment(v url.Values, name string, now time.Time) (time.Time, error) {
	text := strings.TrimSpace(v.Get(name))
	if text == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 15); err == nil {
			return now.AddDate(0, 0, -int(n)), nil //nolint:gosec // 15 bits
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(form, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, bad(fmt.Sprintf("%s: write 24h, 7d, 2026-03-01 or a time with its zone", name))
}

// limit reads how many rows are wanted.
func limit(v url.Values) (int, error) {
	n, err := number(v, "limit")
	if err != nil || n == 0 {
		return pageRows, err
	}
	return int(min(n, mostRows)), nil
}
