// Package alert tells people what needs them: a webhook, Slack or a mailbox.
// One worker of all looks at what the watcher sees; what it told whom is kept
// in the queue, so that an alert is told at least once, as a rule exactly
// once, and again when it is over, whoever of the workers lives.
//
// What is told are names of the configuration, codes, counts and run ids. What
// an ERP said, and everything of an invoice, stays in the dead letter.
package alert

import (
	"context"
	"fmt"
	"time"
)

// Rule is what an alert is about.
type Rule string

// The rules.
const (
	DeadLetters Rule = "dead_letters"
	BacklogAge  Rule = "backlog_age"
	BreakerOpen Rule = "breaker_open"
	QueueFull   Rule = "queue_full"
	Sweeper     Rule = "sweeper"
)

// Severity is how soon somebody should look.
type Severity string

// The severities.
const (
	// Warning: something waits for a human.
	Warning Severity = "warning"
	// Critical: deliveries stand still, or soon will.
	Critical Severity = "critical"
)

// State is where an alert stands.
type State string

// The states of an alert. One that has not gone on for long enough is told to nobody.
const (
	Pending  State = "pending"
	Firing   State = "firing"
	Resolved State = "resolved"
)

// Alert is something that needs a human, as long as it does.
type Alert struct {
	// ID is the same as long as the alert goes on, and whenever it comes back.
	ID       string   `json:"id"`
	Rule     Rule     `json:"rule"`
	Severity Severity `json:"severity"`
	// Summary is one sentence, Try a command to look closer with.
	Summary string            `json:"summary"`
	Try     string            `json:"try,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"` // pipeline, target, step, reason, cause
	// wait is how long it must go on before it is told.
	wait time.Duration
}

// Notice is what a receiver is told at once.
type Notice struct {
	Version int       `json:"version"` // of this form, 1
	Relay   string    `json:"relay"`   // public URL or host name
	At      time.Time `json:"at"`
	Alerts  []Told    `json:"alerts"`
}

// Told is one alert of a notice.
type Told struct {
	Alert
	State State `json:"state"` // firing or resolved
	// Again says that it has been told as firing before, and still is.
	Again    bool      `json:"again,omitempty"`
	Since    time.Time `json:"since"`
	Resolved time.Time `json:"resolved,omitzero"`
}

// Receiver tells people. Send blocks until the notice was taken over, or ctx ends; its error holds no secret.
type Receiver interface {
	Send(ctx context.Context, n Notice) error
}

// title is the notice in a line.
func (n Notice) title() string {
	firing := 0
	for _, a := range n.Alerts {
		if a.State == Firing {
			firing++
		}
	}
	if len(n.Alerts) == 1 {
		return fmt.Sprintf("%s: %s", n.Alerts[0].word(), n.Alerts[0].Summary)
	}
	return fmt.Sprintf("%d alerts, %d resolved", firing, len(n.Alerts)-firing)
}

// word is an alert's state for people.
func (t Told) word() string {
	switch {
	case t.State == Resolved:
		return "resolved"
	case t.Again:
		return "still " + string(t.Severity)
	}
	return string(t.Severity)
}
