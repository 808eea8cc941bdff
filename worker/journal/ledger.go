package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// EntryState is where a side effect stands at its target, whichever run caused it.
type EntryState string

// The states of a ledger entry.
const (
	// Reserved: the owner run is about to send.
	Reserved EntryState = "reserved"
	// MaybeDelivered: sent without a known result; outlives its run.
	MaybeDelivered EntryState = "uncertain"
	// Delivered: the effect is there.
	Delivered EntryState = "delivered"
)

// Entry is one line of the ledger: what is known of one key at one target.
type Entry struct {
	// Target is the instance (host and account); Key the parts of the key, for people.
	Target string   `json:"target"`
	Key    []string `json:"key"`

	State      EntryState `json:"state"`
	Run        run.ID     `json:"run"`
	Pipeline   string     `json:"pipeline"`
	Step       string     `json:"step"`
	Annotation int64      `json:"annotation,omitempty"`
	// Fingerprint of the delivered document; Sent of the one being sent.
	Fingerprint string `json:"fingerprint,omitempty"`
	Sent        string `json:"sent,omitempty"`
	// Hop is the owner's when it reserved: an end of an earlier hop does not free it.
	Hop int `json:"hop,omitempty"`
	// Doubted: it is sent again although nobody knows whether an earlier request arrived. A refusal proves nothing then.
	Doubted bool `json:"doubted,omitempty"`
	// NotAfter is when the last request has surely ended.
	NotAfter time.Time                  `json:"not_after,omitzero"`
	Kept     map[string]json.RawMessage `json:"kept,omitempty"`
	Reserved time.Time                  `json:"reserved"`
	Since    time.Time                  `json:"since"`
}

// Claim is what a run wants to send.
type Claim struct {
	Target      string
	Key         []string
	Run         run.ID
	Hop         int // of the run's journal
	Pipeline    string
	Step        string
	Annotation  int64
	Fingerprint string
	// Change allows to deliver another document under a delivered key.
	Change bool
	// Unsure: a request of the run may have been made, with what the entry says was sent.
	Unsure bool
	// Came is when the document came to Rossum; the zero time where nobody knows.
	Came time.Time
}

// Claimed is the ledger's reply to a claim.
type Claimed int

// The replies to a claim.
const (
	// Free: the entry is reserved for the run now.
	Free Claimed = iota
	// Known: the same document was delivered; take the entry's values.
	Known
	// Changed: another document was delivered under the key.
	Changed
	// Foreign: the key was delivered from another annotation.
	Foreign
	// Held: another run is about to send it.
	Held
	// Unclear: it may be at the target; look. The entry belongs to the run now.
	Unclear
)

// foreign reports whether something of another annotation is at the target, whatever became of a change of it.
func (e *Entry) foreign(c Claim) bool { return e.Fingerprint != "" && e.Annotation != c.Annotation }

// LedgerKey is the name of a claim in the ledger: it tells nothing about the invoice.
func (j *Journal) LedgerKey(target string, key []string) string {
	return j.q.Index(append([]string{"ledger", target}, key...)...)
}

// Claim reserves a key for a run, or says why it cannot. Blocks until the ledger answers or ctx ends.
func (j *Journal) Claim(ctx context.Context, c Claim) (Claimed, Entry, error) {
	name := j.LedgerKey(c.Target, c.Key)
	for {
		e, rev, err := j.ledger.Get(ctx, name)
		if errors.Is(err, queue.ErrNotFound) {
			reply := Free
			if e = j.fresh(c); j.unknown(c) {
				e.State, reply = MaybeDelivered, Unclear
			}
			if _, err = j.ledger.Create(ctx, name, e); errors.Is(err, queue.ErrConflict) {
				continue
			}
			return reply, e, err
		}
		if err != nil {
			return Held, e, err
		}
		reply, next := j.reply(ctx, c, e)
		if next == nil {
			return reply, e, nil
		}
		if _, err = j.ledger.Update(ctx, name, *next, rev); errors.Is(err, queue.ErrConflict) {
			continue
		}
		return reply, *next, err
	}
}

func (j *Journal) fresh(c Claim) Entry {
	now := j.now()
	return Entry{
		Target: c.Target, Key: c.Key, State: Reserved, Run: c.Run, Hop: c.Hop, Pipeline: c.Pipeline, Step: c.Step,
		Annotation: c.Annotation, Sent: c.Fingerprint, Reserved: now, Since: now,
	}
}

// reply decides about a claim on an existing entry; next is what to write, nil for nothing.
func (j *Journal) reply(ctx context.Context, c Claim, e Entry) (Claimed, *Entry) {
	switch e.State {
	case Delivered:
		return j.replyDelivered(c, e)
	case MaybeDelivered:
		if e.Run == c.Run {
			return Unclear, nil
		}
		if e.foreign(c) {
			return Foreign, nil
		}
		if c.Unsure { // the doubt is another run's by now
			return Held, nil
		}
		next := e
		next.Run, next.Hop, next.Pipeline, next.Step, next.Annotation, next.Since = c.Run, c.Hop, c.Pipeline, c.Step, c.Annotation, j.now()
		return Unclear, &next
	case Reserved:
	}
	if e.Run == c.Run {
		next := e // written also when nothing changes: one who takes over from a dead run must notice its replay
		next.Hop = c.Hop
		if next.Since = j.now(); !c.Unsure {
			next.Sent = c.Fingerprint
		}
		return Free, &next
	}
	return j.replyReserved(ctx, c, e)
}

func (j *Journal) replyDelivered(c Claim, e Entry) (Claimed, *Entry) {
	switch {
	case e.Annotation != c.Annotation:
		return Foreign, nil
	case e.Fingerprint == c.Fingerprint:
		return Known, nil
	case !c.Change, c.Unsure: // another run has settled what this one was unsure of
		return Changed, nil
	}
	next := e
	next.State, next.Run, next.Hop, next.Sent, next.Since = Reserved, c.Run, c.Hop, c.Fingerprint, j.now()
	return Free, &next
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// replyReserved takes a reservation over when its owner has ended: as doubt, where its request may have been sent.
func (j *Journal) replyReserved(ctx context.Context, c Claim, e Entry) (Claimed, *Entry) {
	owner, err := j.Get(ctx, e.Run)
	if err != nil && !errors.Is(err, queue.ErrNotFound) || err == nil && !owner.State.Settled() {
		return Held, nil
	}
	next := j.fresh(c)
	next.Fingerprint, next.Kept = e.Fingerprint, e.Kept
	if e.foreign(c) {
		return Foreign, nil
	}
	if e.Doubted || err == nil && owner.Unsure() {
		next.State, next.Sent, next.NotAfter, next.Doubted = MaybeDelivered, e.Sent, e.NotAfter, e.Doubted
		if err == nil {
			next.NotAfter = later(next.NotAfter, owner.notAfter())
		}
		return Unclear, &next
	}
	if e.Fingerprint == "" {
		return Free, &next
	}
	e.State, e.Sent = Delivered, "" // the owner was about to send a change, and surely did not
	reply, changed := j.replyDelivered(c, e)
	if changed == nil {
		changed = &e
	}
	return reply, changed
}

// Found records that a look-up found the effect of the request that may have been made, and returns the entry: its
// fingerprint is that of the document sent then, which may be another one than the claim's.
func (j *Journal) Found(ctx context.Context, c Claim, kept map[string]json.RawMessage) (found Entry, err error) {
	err = j.asOwner(ctx, c, func(e *Entry) {
		if e.State != Delivered {
			sent := c.Fingerprint
			if e.Sent != "" {
				sent = e.Sent
			}
			e.State, e.Fingerprint, e.Sent, e.Kept, e.Since, e.NotAfter = Delivered, sent, "", kept, j.now(), time.Time{}
			e.Doubted = false
		}
		found = *e
	})
	return found, err
}

// Deliver records that the effect is there. Only the owner may: ErrLost otherwise.
func (j *Journal) Deliver(ctx context.Context, c Claim, kept map[string]json.RawMessage) error {
	return j.asOwner(ctx, c, func(e *Entry) {
		e.State, e.Fingerprint, e.Sent, e.Kept, e.Since = Delivered, c.Fingerprint, "", kept, j.now()
		e.Annotation, e.NotAfter, e.Doubted = c.Annotation, time.Time{}, false
	})
}

// Doubt records that the effect may be there. Only the owner may: ErrLost otherwise.
func (j *Journal) Doubt(ctx context.Context, c Claim, notAfter time.Time) error {
	return j.undelivered(ctx, c, func(e *Entry) { e.State, e.NotAfter, e.Since = MaybeDelivered, notAfter, j.now() })
}

// Clear records that the effect is surely not there, keeping the reservation: the owner may send again.
func (j *Journal) Clear(ctx context.Context, c Claim) error {
	return j.undelivered(ctx, c, func(e *Entry) {
		e.State, e.Sent, e.Hop, e.Doubted, e.Since = Reserved, c.Fingerprint, c.Hop, false, j.now()
	})
}

// Repeat records that the owner sends again although an earlier request may have arrived: should the target refuse now,
// the doubt is there again.
func (j *Journal) Repeat(ctx context.Context, c Claim) error {
	return j.undelivered(ctx, c, func(e *Entry) {
		e.State, e.Sent, e.Hop, e.Doubted, e.Since = Reserved, c.Fingerprint, c.Hop, true, j.now()
	})
}

// undelivered changes an entry that is not delivered yet. One that is was delivered by another worker that took the run
// over: the caller has lost it, and must not make the ledger forget.
func (j *Journal) undelivered(ctx context.Context, c Claim, change func(*Entry)) error {
	delivered := false
	err := j.asOwner(ctx, c, func(e *Entry) {
		if delivered = e.State == Delivered; !delivered {
			change(e)
		}
	})
	if err == nil && delivered {
		return fmt.Errorf("ledger entry of run %s: %w", c.Run, ErrLost)
	}
	return err
}

func (j *Journal) asOwner(ctx context.Context, c Claim, change func(*Entry)) error {
	_, err := j.ledger.Change(ctx, j.LedgerKey(c.Target, c.Key), func(e *Entry) error {
		if e.Run != c.Run {
			return fmt.Errorf("ledger entry of run %s: %w", c.Run, ErrLost)
		}
		change(e)
		return nil
	})
	return err
}

// Entry reads one line of the ledger by its name.
func (j *Journal) Entry(ctx context.Context, name string) (Entry, error) {
	e, _, err := j.ledger.Get(ctx, name)
	return e, err
}

// Ledger calls f for every line of the ledger, without order.
func (j *Journal) Ledger(ctx context.Context, f func(name string, e Entry) error) error {
	return j.ledger.Each(ctx, func(name string, e Entry, _ uint64) error { return f(name, e) })
}
