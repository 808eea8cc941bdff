package answer

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/run"
)

const (
	// joinFor is how long after its runs settled a call still joins an event.
	joinFor = 10 * time.Minute
	// unfetchedFor is how long after the last call an answer nobody fetched keeps an event open. Rossum asks again
	// within 300 s or not at all; after an hour the same key is a new wish.
	unfetchedFor = time.Hour
	// tokenLife is how long a token may live at most (Rossum API reference, Hook.token_lifetime_s).
	tokenLife = 2 * time.Hour
	// maxRequestIDs bounds the request ids kept of an event.
	maxRequestIDs = 16
)

// Event is the record of one event: the calls of Rossum that meant it and the runs it started.
type Event struct {
	Key        run.EventKey `json:"key"`
	Hook       string       `json:"hook"`
	Name       string       `json:"name"` // event.action
	Annotation int64        `json:"annotation,omitempty"`
	Queue      int64        `json:"queue,omitempty"`
	// Generation counts from 1; a call that does not join opens the next one, with runs of its own.
	Generation int      `json:"generation"`
	Runs       []RunRef `json:"runs"`

	// Token is the newest token Rossum gave, surely dead after TokenUntil: sooner, when the hook sets no or a shorter
	// token_lifetime_s. TokenSent orders the tokens of several calls.
	Token      string    `json:"token,omitempty"`
	TokenSent  time.Time `json:"token_sent,omitzero"`
	TokenUntil time.Time `json:"token_until,omitzero"`
	BaseURL    string    `json:"base_url"`

	Opened     time.Time `json:"opened"`
	LastCall   time.Time `json:"last_call"`
	Calls      int       `json:"calls"`
	RequestIDs []string  `json:"request_ids,omitempty"` // the newest 16
	// Files of email.received are echoed, else Rossum drops the attachments.
	Files json.RawMessage `json:"files,omitempty"`

	// NotTaken is the error told when none of the runs takes the event after all: queues go by name, and only the worker
	// knows the name.
	NotTaken string `json:"not_taken,omitempty"`

	// AnswerToldAt is when Rossum first got the answer.
	AnswerToldAt time.Time `json:"answer_told_at,omitzero"`
	// Deadline is when an unfinished answer becomes an error; zero where no run waits.
	Deadline time.Time `json:"deadline,omitzero"`
	// OverdueAt is when Rossum was told that an answer is not finished: its annotation is failed_export by now, and a
	// later success has to be told by other means.
	OverdueAt time.Time `json:"overdue_at,omitzero"`
	// Late: a success came after Rossum was told otherwise, as after a replay; it has to be told by other means.
	Late bool `json:"late,omitempty"`
	// ToldLateAt is when a late success was told, by another export or through the API, or was given up on.
	ToldLateAt time.Time `json:"told_late_at,omitzero"`
}

// RunRef is one run of an event.
type RunRef struct {
	Pipeline string `json:"pipeline"`
	Lane     string `json:"lane"`
	ID       run.ID `json:"id"`
	// Wait: the answer to Rossum waits for this run.
	Wait bool `json:"wait,omitempty"`
	// ReExport: a success after OverdueAt makes Rossum export again (late_success: re_export).
	ReExport bool `json:"re_export,omitempty"`
	// InOrder: the run waits for the older ones of its annotation.
	InOrder bool `json:"in_order,omitempty"`
	// QueueUnknown: the queue's name was not known to ingest; the worker decides whether the pipeline takes it.
	QueueUnknown bool `json:"queue_unknown,omitempty"`
	// Told is Result.Settled of the result that was part of an answer Rossum got, its operations included; zero for none.
	Told time.Time `json:"told,omitzero"`
}

// Knows reports whether Rossum got this result of the run with an answer. A replay gives the run another one.
func (r RunRef) Knows(result Result) bool { return !r.Told.IsZero() && r.Told.Equal(result.Settled) }

// Call is one call of Rossum, verified and routed.
type Call struct {
	Key        run.EventKey
	Hook       string
	Name       string // event.action
	Annotation int64
	Queue      int64
	BaseURL    string
	RequestID  string
	Sent       time.Time // as the call says; zero if it does not
	Token      string
	Files      json.RawMessage // of email.received
	// Runs the call would start; their ids are given by Join.
	Runs []RunRef
	// Within is how long Rossum waits for the answer before it is told that there is none yet.
	Within time.Duration
	// NotTaken is the error told when none of the runs takes the event after all; empty tells none.
	NotTaken string
}

// String names the event. It keeps the token out of whatever prints an event.
func (e Event) String() string { return string(e.Key) + "." + strconv.Itoa(e.Generation) }

// Run finds one of the event's runs.
func (e *Event) Run(id run.ID) (RunRef, bool) {
	i := slices.IndexFunc(e.Runs, func(r RunRef) bool { return r.ID == id })
	if i < 0 {
		return RunRef{}, false
	}
	return e.Runs[i], true
}

// Waits reports whether Rossum waits for any run of the event.
func (e *Event) Waits() bool {
	return slices.ContainsFunc(e.Runs, func(r RunRef) bool { return r.Wait })
}

// open makes the record of a new generation.
func (c *Call) open(generation int, now time.Time) Event {
	e := Event{
		Key: c.Key, Hook: c.Hook, Name: c.Name, Annotation: c.Annotation, Queue: c.Queue, Generation: generation,
		Runs: slices.Clone(c.Runs), Opened: now, Files: bytes.Clone(c.Files), NotTaken: c.NotTaken,
	}
	for i := range e.Runs {
		e.Runs[i].ID = run.NewID(c.Key, e.Runs[i].Pipeline, generation)
	}
	if e.Waits() {
		e.Deadline = now.Add(c.Within)
	}
	e.called(c, now)
	return e
}

// called notes one more call. A token that Rossum sent before the stored one does not replace it: calls may overtake
// each other, and a recorded call may be replayed.
func (e *Event) called(c *Call, now time.Time) {
	e.LastCall, e.BaseURL = now, c.BaseURL
	e.Calls++
	if c.RequestID != "" && !slices.Contains(e.RequestIDs, c.RequestID) {
		e.RequestIDs = append(e.RequestIDs, c.RequestID)
		e.RequestIDs = e.RequestIDs[max(0, len(e.RequestIDs)-maxRequestIDs):]
	}
	if c.Token != "" && !c.Sent.Before(e.TokenSent) {
		e.Token, e.TokenSent, e.TokenUntil = c.Token, c.Sent, now.Add(tokenLife)
	}
}
