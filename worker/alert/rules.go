package alert

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/metrics"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/queue"
)

const (
	// maxCauses bounds the causes of dead letters told one by one.
	maxCauses = 100
	percent   = 100
)

// Finding is what a sweep found and could not mend.
type Finding struct {
	What   string // a code
	Count  int
	Detail string // of the first: a run or a pipeline
}

// facts are what the rules judge.
type facts struct {
	metrics.Snapshot
	now      time.Time
	letters  []cause
	findings []Finding
}

// cause is a group of dead letters.
type cause struct {
	id, pipeline, step, target, reason string
	outcome                            outcome.Kind
	count                              int
}

// causesOf groups letters, newest cause last.
type causesOf struct {
	byID map[string]*cause
	all  []*cause
}

func (c *causesOf) add(l queue.Letter) {
	id := l.Cause
	if id == "" {
		id = strings.Join([]string{l.Pipeline, l.Step, l.Reason}, ".")
	}
	g := c.byID[id]
	if g == nil {
		g = &cause{id: id, pipeline: l.Pipeline, step: l.Step, target: l.Target, reason: l.Reason, outcome: outcome.Kind(l.Outcome)}
		c.byID[id] = g
		c.all = append(c.all, g)
	}
	g.count++
}

// judge says what needs a human by the rules that are on.
func judge(rules configs.Alerts, f facts) []Alert {
	var all []Alert
	if rules.DeadLetters {
		all = append(all, judgeLetters(f.letters)...)
	}
	if limit := rules.BacklogAge.D(); limit > 0 {
		all = append(all, judgeBacklog(f, limit)...)
	}
	if limit := rules.BreakerOpen.D(); limit > 0 {
		all = append(all, judgeBreakers(f, limit)...)
	}
	if rules.QueueFull > 0 {
		all = append(all, judgeSpace(f.Health, rules.QueueFull)...)
	}
	if rules.Sweeper {
		all = append(all, judgeFindings(f.findings)...)
	}
	return all
}

func judgeLetters(causes []cause) []Alert {
	var all []Alert
	for _, c := range causes[:min(len(causes), maxCauses)] {
		a := Alert{
			ID: "dead_letters/" + c.id, Rule: DeadLetters, Severity: Warning,
			Summary: fmt.Sprintf("%s of pipeline %s died%s: %s", runs(c.count), c.pipeline, where(c), c.reason),
			Try:     "rossum-relay dead list --cause " + c.id,
			Labels:  labels("pipeline", c.pipeline, "step", c.step, "target", c.target, "reason", c.reason, "cause", c.id),
		}
		if c.outcome == outcome.Reauth || c.outcome == outcome.Misconfigured {
			a.Severity = Critical // the next run will die of it too
		}
		all = append(all, a)
	}
	if more := len(causes) - maxCauses; more > 0 {
		all = append(all, Alert{
			ID: "dead_letters", Rule: DeadLetters, Severity: Critical,
			Summary: fmt.Sprintf("runs die of %d more causes", more), Try: "rossum-relay dead groups",
		})
	}
	return all
}

// short is a duration as one says it: 10s, 15m, 2h, 1h30m.
func short(d time.Duration) string {
	if d < time.Minute {
		return d.Round(time.Second).String()
	}
	text := strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	if rest, ok := strings.CutSuffix(text, "h0m"); ok {
		return rest + "h"
	}
	return text
}

func runs(n int) string {
	if n == 1 {
		return "1 run"
	}
	return fmt.Sprintf("%d runs", n)
}

func where(c cause) string {
	switch {
	case c.step == "":
		return ""
	case c.target == "":
		return " at step " + c.step
	}
	return fmt.Sprintf(" at step %s (target %s)", c.step, c.target)
}

// labels makes a map of names and values, without the empty ones.
func labels(pairs ...string) map[string]string {
	m := map[string]string{}
	for pair := range slices.Chunk(pairs, 2) {
		if pair[1] != "" {
			m[pair[0]] = pair[1]
		}
	}
	return m
}

func judgeBacklog(f facts, limit time.Duration) []Alert {
	var all []Alert
	for _, l := range f.Health.Lanes {
		if age := f.now.Sub(l.Oldest); !l.Oldest.IsZero() && age > limit {
			all = append(all, Alert{
				ID: "backlog_age/" + l.Lane, Rule: BacklogAge, Severity: Warning,
				Summary: fmt.Sprintf("%s of pipeline %s wait for a worker, the oldest for %s", runs(l.Waiting+l.InWork), l.Lane, short(age)),
				Try:     "rossum-relay runs list --pipeline " + l.Lane,
				Labels:  labels("pipeline", l.Lane),
			})
		}
	}
	return all
}

func judgeBreakers(f facts, limit time.Duration) []Alert {
	var all []Alert
	seen := map[string]bool{}
	for _, b := range f.Breakers {
		if !b.Open || seen[b.Target] { // several instances are one alert
			continue
		}
		seen[b.Target] = true
		all = append(all, Alert{
			ID: "breaker_open/" + b.Target, Rule: BreakerOpen, Severity: Critical, wait: limit,
			Summary: fmt.Sprintf("target %s is down: its breaker is open for more than %s (%s)", b.Target, short(limit), b.Why),
			Try:     "rossum-relay doctor",
			Labels:  labels("target", b.Target, "reason", b.Why),
		})
	}
	return all
}

func judgeSpace(h queue.Health, limit int) []Alert {
	var all []Alert
	full := func(id, what string, used, size uint64, try string) {
		if size == 0 || used*percent < size*uint64(limit) { //nolint:gosec // a percentage
			return
		}
		all = append(all, Alert{
			ID: "queue_full/" + id, Rule: QueueFull, Severity: Critical, Try: try,
			Summary: fmt.Sprintf("%s is full to %d %%; at 100 %% Rossum is told to come again", what, used*percent/size),
			Labels:  labels("store", id),
		})
	}
	full("events", "the work queue", h.Events.Bytes, uint64(h.Events.Limit), "rossum-relay runs list --state running") //nolint:gosec // positive
	full("store", "the queue's store", uint64(h.Stored), uint64(h.StoreLimit), "rossum-relay dead groups")             //nolint:gosec // positive
	full("disk", "the queue's disk", h.Disk.Size-h.Disk.Free, h.Disk.Size, "rossum-relay doctor")
	return all
}

func judgeFindings(findings []Finding) []Alert {
	var all []Alert
	for _, f := range findings {
		severity := Warning
		if f.What == "lost_message" || f.What == "no_consumer" {
			severity = Critical
		}
		all = append(all, Alert{
			ID: "sweeper/" + f.What, Rule: Sweeper, Severity: severity,
			Summary: fmt.Sprintf("the sweeper found %s: %s", f.What, meaning(f)),
			Try:     command(f), Labels: labels("what", f.What),
		})
	}
	return all
}

// command is what to look with.
func command(f Finding) string {
	switch f.What {
	case "lost_message", "overdue_schedule":
		return "rossum-relay explain " + f.Detail
	case "removed_pipeline":
		return "rossum-relay runs list --pipeline " + f.Detail
	}
	return "rossum-relay doctor"
}

// meaning is a finding of the sweeper in words.
func meaning(f Finding) string {
	switch f.What {
	case "lost_message":
		return fmt.Sprintf("%s lost their message and died, the first is %s", runs(f.Count), f.Detail)
	case "overdue_schedule":
		return fmt.Sprintf("%s should have gone on long ago, the first is %s", runs(f.Count), f.Detail)
	case "removed_pipeline":
		return fmt.Sprintf("%s wait for pipeline %s, which is configured no more", runs(f.Count), f.Detail)
	case "no_consumer":
		return runs(f.Count) + " are stored where no worker looks"
	}
	return fmt.Sprintf("%d, the first is %s", f.Count, f.Detail)
}
