package operate

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// Detail is all there is to see of one run. Values are masked unless Revealed.
type Detail struct {
	Run        run.ID    `json:"run"`
	Pipeline   string    `json:"pipeline"`
	Hook       string    `json:"hook,omitempty"`
	Event      string    `json:"event,omitempty"`
	Generation int       `json:"generation,omitempty"`
	Annotation int64     `json:"annotation,omitempty"`
	Queue      int64     `json:"queue,omitempty"`
	Key        []string  `json:"key,omitempty"`
	State      run.State `json:"state,omitempty"`
	Reason     string    `json:"reason,omitempty"`
	Message    string    `json:"message,omitempty"`
	At         string    `json:"at,omitempty"` // the step it is at, or died at
	Target     string    `json:"target,omitempty"`
	Outcome    string    `json:"outcome,omitempty"`
	Attempts   int       `json:"attempts,omitempty"`
	Received   time.Time `json:"received"`
	Settled    time.Time `json:"settled,omitzero"`
	Next       time.Time `json:"next,omitzero"`
	WaitsFor   run.ID    `json:"waits_for,omitempty"`
	By         run.ID    `json:"by,omitempty"` // the run that took over
	// Obsolete is the later run of the annotation that was delivered, if any.
	Obsolete run.ID `json:"obsolete,omitempty"`
	// Uncertain: a step may have been applied; look at the target, then resolve. Keeps names the values it keeps.
	Uncertain string   `json:"uncertain,omitempty"`
	Keeps     []string `json:"keeps,omitempty"`

	Complaints []outcome.Field                       `json:"complaints,omitempty"`
	Kept       map[string]map[string]json.RawMessage `json:"kept,omitempty"` // by step
	Timeline   []Moment                              `json:"timeline"`
	// Requests are computed with the present configuration; ConfigChanged says that it is not the one that ran.
	Requests      []Request `json:"requests,omitempty"`
	ConfigChanged bool      `json:"config_changed,omitempty"`
	Edits         []Edited  `json:"edits,omitempty"`
	Fields        []Field   `json:"fields,omitempty"`
	PayloadBytes  int       `json:"payload_bytes,omitempty"`
	Stack         string    `json:"stack,omitempty"`

	Revealed bool `json:"revealed,omitempty"`
	// Payload without credentials, edits applied; only where revealed.
	Payload json.RawMessage `json:"payload,omitempty"`
}

// Moment is one thing that happened to a run: an attempt, or what an operator did.
type Moment struct {
	At   time.Time     `json:"at"`
	Took time.Duration `json:"took,omitempty"`
	// What is send, find or rossum of attempts, else what was done.
	What    string       `json:"what"`
	Step    string       `json:"step,omitempty"`
	Outcome outcome.Kind `json:"outcome,omitempty"`
	Reason  string       `json:"reason,omitempty"`
	Status  int          `json:"status,omitempty"`
	Message string       `json:"message,omitempty"`
	// Response is the beginning of what the target answered.
	Response string `json:"response,omitempty"`
	// Sent tells what was sent by its size and SHA-256; a Request with the same is the one that was sent.
	Sent []journal.Sent `json:"sent,omitempty"`
	// Notes tell what was dropped, replaced or derived when the document was made.
	Notes []string `json:"notes,omitempty"`
	Who   string   `json:"who,omitempty"`
	Why   string   `json:"why,omitempty"`
}

// Field is the shape of one field of the document.
type Field struct {
	SchemaID string `json:"schema_id"`
	Chars    int    `json:"chars"`
	// Normalized: Rossum could read it as a number or date.
	Normalized bool `json:"normalized,omitempty"`
	Hidden     bool `json:"hidden,omitempty"`
}

// Edited is an edit without its values.
type Edited struct {
	At    time.Time `json:"at"`
	Who   string    `json:"who,omitempty"`
	Why   string    `json:"why"`
	Paths []string  `json:"paths"`
}

// Show tells all there is to see of one run, dead or not. Of a run on its way from one queue to another the payload is not
// at hand, and with it go the requests. To reveal is an action; why may be empty.
func (o *Operator) Show(ctx context.Context, id run.ID, reveal bool, why string) (Detail, error) {
	r, err := o.Journal.Get(ctx, id)
	if errors.Is(err, queue.ErrNotFound) {
		return o.showBroken(ctx, id)
	}
	if err != nil {
		return Detail{}, err
	}
	if reveal {
		if err := o.note(ctx, r, "revealed", why); err != nil {
			return Detail{}, err
		}
		if err := o.save(ctx, r); err != nil {
			return Detail{}, err
		}
	}
	d := detailOf(&r.Record)
	p, err := o.findPayload(ctx, &r.Record)
	if err != nil {
		return d, err
	}
	m, err := o.showPayload(ctx, &d, &r.Record, p, reveal)
	if err != nil {
		return d, err
	}
	if d.Obsolete, err = o.obsolete(ctx, &r.Record); err != nil {
		return d, err
	}
	d.Keeps = o.KeptNames(&r.Record)
	if o.Config != nil {
		d.ConfigChanged = r.Config != "" && r.Config != o.Config.Hash
	}
	if d.Timeline, err = o.timeline(ctx, &r.Record); err != nil {
		return d, err
	}
	if !reveal {
		d.mask(m)
	}
	return d, nil
}

// findPayload finds the run's payload in its letter or schedule; the zero Payload where it is in neither.
func (o *Operator) findPayload(ctx context.Context, r *journal.Record) (queue.Payload, error) {
	l, err := o.Queue.FindLetter(ctx, r.Pipeline, r.Run)
	if err == nil || !errors.Is(err, queue.ErrNoLetter) {
		return l.Payload, err
	}
	s, err := o.Queue.FindSchedule(ctx, r.Pipeline, r.Run)
	if errors.Is(err, queue.ErrNoSchedule) {
		return queue.Payload{}, nil
	}
	return s.Payload, err
}

// showPayload tells what the payload holds and what is sent of it.
func (o *Operator) showPayload(ctx context.Context, d *Detail, r *journal.Record, p queue.Payload, reveal bool) (masker, error) {
	if p.Size() == 0 {
		return masker{}, nil
	}
	plain, err := o.payload(ctx, r, p)
	if err != nil {
		return masker{}, err
	}
	d.PayloadBytes, d.Fields = len(plain), fieldsOf(plain)
	if reveal {
		d.Revealed, d.Payload = true, plain
	}
	m := newMasker(plain, r.Business)
	requests, err := o.prepare(ctx, r, plain)
	if err != nil { // of the configuration or the payload: there are no requests to see, all else stays
		return m, nil //nolint:nilerr // as said
	}
	for _, q := range requests {
		d.Requests = append(d.Requests, q.view(m, reveal))
	}
	return m, nil
}

func detailOf(r *journal.Record) Detail {
	d := Detail{
		Run: r.Run, Pipeline: r.Pipeline, Hook: r.Hook, Event: r.Event, Generation: r.Generation, Annotation: r.Annotation,
		Queue: r.Queue, Key: r.Business, State: r.State, Reason: r.Reason, Message: r.Message, At: r.At, Attempts: r.Tries(),
		Received: r.Received, Settled: r.Settled, Next: r.Next, WaitsFor: r.WaitsFor, By: r.By, Stack: r.Stack,
	}
	if f := r.Failure; f != nil {
		d.At, d.Target, d.Outcome, d.Reason, d.Message = f.Step, f.Target, string(f.Outcome.Kind), f.Outcome.Reason, f.Outcome.Message
		d.Complaints = slices.Clone(f.Outcome.Fields)
	}
	if s := uncertainStep(r); s != nil {
		d.Uncertain = s.Name
	}
	for _, s := range r.Steps {
		if len(s.Kept) > 0 {
			if d.Kept == nil {
				d.Kept = map[string]map[string]json.RawMessage{}
			}
			d.Kept[s.Name] = s.Kept
		}
	}
	for _, p := range r.Patches {
		e := Edited{At: p.At, Who: p.Who, Why: p.Why}
		for _, op := range p.Ops {
			e.Paths = append(e.Paths, op.Path)
		}
		d.Edits = append(d.Edits, e)
	}
	return d
}

func (d *Detail) mask(m masker) {
	d.Message = m.text(d.Message)
	if first, frames, ok := strings.Cut(d.Stack, "\n"); ok {
		d.Stack = m.text(first) + "\n" + frames
	}
	for i := range d.Complaints {
		d.Complaints[i].Text = m.text(d.Complaints[i].Text)
	}
	for i := range d.Timeline {
		t := &d.Timeline[i]
		t.Message, t.Response = m.text(t.Message), m.excerpt(t.Response)
	}
}

func fieldsOf(payload []byte) []Field {
	p, err := rossumapi.DecodePayload(payload)
	if err != nil {
		return nil
	}
	var fields []Field
	for n := range p.Content.All() {
		if n.Category == rossumapi.Datapoint {
			_, normalized := n.Normalized()
			fields = append(fields, Field{n.SchemaID, len([]rune(n.Value())), normalized, n.Hidden})
		}
	}
	return fields
}

// timeline is a run's attempts, from the history and, where that has lost or not yet got them, the journal, and what
// operators did, in order.
func (o *Operator) timeline(ctx context.Context, r *journal.Record) ([]Moment, error) {
	var all []Moment
	add := func(a journal.Attempt) {
		all = append(all, Moment{
			At: a.At, Took: a.Took, What: a.Kind, Step: a.Step, Outcome: a.Outcome.Kind, Reason: a.Outcome.Reason,
			Status: a.Outcome.Status, Message: a.Outcome.Message, Response: a.Outcome.Excerpt, Notes: a.Notes, Sent: a.Sent,
		})
	}
	err := o.Queue.History(ctx, r.Pipeline, r.Run, func(_ time.Time, entry []byte) error {
		var a journal.Attempt
		if json.Unmarshal(entry, &a) == nil && a.Kind != "" {
			add(a)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, s := range r.Steps {
		for _, a := range s.Attempts {
			known := slices.ContainsFunc(all, func(m Moment) bool { return m.At.Equal(a.At) && m.Step == a.Step && m.What == a.Kind })
			if !known {
				add(a)
			}
		}
	}
	for _, n := range r.Notes {
		all = append(all, Moment{At: n.At, What: n.What, Who: n.Who, Why: n.Why})
	}
	slices.SortStableFunc(all, func(a, b Moment) int { return a.At.Compare(b.At) })
	return all, nil
}

// showBroken shows the letter of a message that was no run. Its bytes are never shown.
func (o *Operator) showBroken(ctx context.Context, id run.ID) (Detail, error) {
	l, err := o.Queue.FindLetter(ctx, queue.BrokenPipeline, id)
	if err != nil {
		return Detail{}, err
	}
	return Detail{
		Run: id, Pipeline: l.Pipeline, State: run.Dead, Reason: l.Reason, Outcome: l.Outcome, Message: string(l.Details),
		Received: l.First, Settled: l.Last, PayloadBytes: l.Payload.Size(),
	}, nil
}
