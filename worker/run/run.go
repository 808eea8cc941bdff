// Package run holds the leaves every room shares: run states, run ids and
// event keys.
package run

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strings"
)

// State is where a run stands.
type State string

// The states of a run. Every accepted event's runs end in exactly one of the
// end states, or are visibly waiting or parked.
const (
	// Running: taken by a worker, or stored and not yet taken.
	Running State = "running"
	// Waiting: a step is to be tried again at a known time.
	Waiting State = "waiting"
	// Parked: waiting without spending attempts.
	Parked State = "parked"

	// Done: every step ended well.
	Done State = "done"
	// Skipped: the pipeline's condition was false, or there is nothing left to work on.
	Skipped State = "skipped"
	// Superseded: a newer event of the same annotation took over.
	Superseded State = "superseded"
	// Dead: a human is needed; the dead letter holds the run.
	Dead State = "dead"
	// Cancelled by an operator before it ended.
	Cancelled State = "cancelled"
	// Dropped by an operator after it died.
	Dropped State = "dropped"
)

// Settled reports whether the run has ended.
func (s State) Settled() bool {
	switch s {
	case Done, Skipped, Superseded, Dead, Cancelled, Dropped:
		return true
	case Running, Waiting, Parked:
	}
	return false
}

// Delivered reports whether the run has ended with nothing left to deliver: it, or the run that took over, did all.
func (s State) Delivered() bool { return s == Done || s == Skipped || s == Superseded }

// ID names a run: 26 characters a-z and 2-7, fit for subjects and keys.
type ID string

// EventKey names an event: one meaning, however often Rossum calls. It is 26
// characters a-z and 2-7.
type EventKey string

// NewEventKey makes the key of an event from its hook, event.action and subject.
func NewEventKey(hook, event string, subject ...string) EventKey {
	return EventKey(token(append([]string{hook, event}, subject...)...))
}

// NewID makes the id of the run of one generation of an event through a pipeline.
func NewID(key EventKey, pipeline string, generation int) ID {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(generation)) //nolint:gosec // a counter from 1
	return ID(token(string(key), pipeline, string(n[:])))
}

// Valid reports whether the id has the form of NewID's.
func (id ID) Valid() bool { return validToken(string(id)) }

// Valid reports whether the key has the form of NewEventKey's.
func (k EventKey) Valid() bool { return validToken(string(k)) }

const tokenLen = 26

var encoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// token hashes length-prefixed parts, so that no two lists of parts collide.
func token(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return encoding.EncodeToString(h.Sum(nil)[:16])
}

func validToken(s string) bool {
	return len(s) == tokenLen && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz234567") == ""
}
