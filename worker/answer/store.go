package answer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// ErrNotFound means that there is no such event or result.
var ErrNotFound = queue.ErrNotFound

// Result is how a run settled, and what it has to say to Rossum.
type Result struct {
	State run.State `json:"state"`
	// Hop is the journal's at which the run settled: what a later hop said stands.
	Hop     int       `json:"hop,omitempty"`
	Settled time.Time `json:"settled"`
	// By is the run that took over from a superseded one.
	By run.ID `json:"by,omitempty"`
	// NotTaken: the pipeline does not take the event's queue after all.
	NotTaken bool `json:"not_taken,omitempty"`

	Messages           []rossumapi.Message           `json:"messages,omitempty"`
	Operations         []rossumapi.Operation         `json:"operations,omitempty"`
	AutomationBlockers []rossumapi.AutomationBlocker `json:"automation_blockers,omitempty"`
	// Files replace the echoed ones of email.received; AdditionalFiles are imported beside them.
	Files           json.RawMessage `json:"files,omitempty"`
	AdditionalFiles json.RawMessage `json:"additional_files,omitempty"`
	// Reply is the whole answer to invocation.manual, any JSON.
	Reply json.RawMessage `json:"reply,omitempty"`
}

// Store keeps events and results. It is safe for concurrent use. Its methods block until the queue answers or ctx ends.
type Store struct {
	queue   *queue.Queue
	events  *queue.Bucket[Event]
	results *queue.Bucket[Result]
	lines   *queue.Bucket[line]
	now     func() time.Time
}

// Open opens the store on a queue. now is the clock, time.Now if nil.
func Open(ctx context.Context, q *queue.Queue, now func() time.Time) (*Store, error) {
	if now == nil {
		now = time.Now
	}
	events, err := queue.OpenBucket[Event](ctx, q, queue.BucketEvents)
	if err != nil {
		return nil, err
	}
	results, err := queue.OpenBucket[Result](ctx, q, queue.BucketAnswers)
	if err != nil {
		return nil, err
	}
	lines, err := queue.OpenBucket[line](ctx, q, queue.BucketOrder)
	if err != nil {
		return nil, err
	}
	return &Store{queue: q, events: events, results: results, lines: lines, now: now}, nil
}

// Join stores a call: it joins the event's record or opens a new one, or a new generation. The record tells which runs
// the call stands for. A call joins while a run of the event is unfinished, or Rossum has not fetched the answer of
// its calls of the last hour, or a run settled less than 10 minutes ago.
func (s *Store) Join(ctx context.Context, c Call) (e Event, opened bool, err error) {
	for {
		now := s.now()
		e = c.open(1, now)
		if _, err = s.events.Create(ctx, string(c.Key), e); !errors.Is(err, queue.ErrConflict) {
			return e, err == nil, err
		}
		var revision uint64
		e, revision, err = s.events.Get(ctx, string(c.Key))
		if errors.Is(err, queue.ErrNotFound) {
			continue // swept in between
		}
		if err != nil {
			return e, false, err
		}
		joins, err := s.joins(ctx, &e, now)
		if err != nil {
			return e, false, err
		}
		if joins {
			e.called(&c, now)
		} else {
			e = c.open(e.Generation+1, now)
		}
		if _, err = s.events.Update(ctx, string(c.Key), e, revision); !errors.Is(err, queue.ErrConflict) {
			return e, !joins && err == nil, err
		}
	}
}

// Joins reports whether a call with this key would join an event. Nothing is stored.
func (s *Store) Joins(ctx context.Context, key run.EventKey) (bool, error) {
	e, err := s.Event(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return s.joins(ctx, &e, s.now())
}

func (s *Store) joins(ctx context.Context, e *Event, now time.Time) (bool, error) {
	if e.Waits() && e.AnswerToldAt.IsZero() && now.Sub(e.LastCall) < unfetchedFor {
		return true, nil
	}
	for _, r := range e.Runs {
		result, err := s.Result(ctx, r.ID)
		if errors.Is(err, ErrNotFound) {
			return true, nil
		}
		if err != nil || now.Sub(result.Settled) < joinFor {
			return err == nil, err
		}
	}
	return false, nil
}

// Event reads an event's record; ErrNotFound where there is none.
func (s *Store) Event(ctx context.Context, key run.EventKey) (Event, error) {
	e, _, err := s.events.Get(ctx, string(key))
	return e, err
}

// Token is the newest token Rossum gave with the event, "" where it gave none, and when it is surely dead. It may die
// sooner: see Event.Token.
func (s *Store) Token(ctx context.Context, key run.EventKey) (token string, until time.Time, err error) {
	e, err := s.Event(ctx, key)
	return e.Token, e.TokenUntil, err
}

// ErrStale means that a later end of the run is known: who comes with an earlier one was frozen, and has lost the run.
var ErrStale = errors.New("a later end of the run is known")

// Settle stores how a run ended. The result of a later hop, after a replay, replaces that of an earlier one, never the
// other way round: that is ErrStale. The same hop may be stored again.
//
// A worker that settles an overdue event's run reads the Event after Settle: either it finds OverdueAt, or the answer
// that Rossum gets finds the result.
func (s *Store) Settle(ctx context.Context, id run.ID, r Result) error {
	for {
		_, err := s.results.Create(ctx, string(id), r)
		if !errors.Is(err, queue.ErrConflict) {
			return err
		}
		known, revision, err := s.results.Get(ctx, string(id))
		switch {
		case errors.Is(err, queue.ErrNotFound):
			continue // swept in between
		case err != nil:
			return err
		case known.Hop > r.Hop:
			return fmt.Errorf("run %s: %w", id, ErrStale)
		}
		if _, err = s.results.Update(ctx, string(id), r, revision); !errors.Is(err, queue.ErrConflict) {
			return err
		}
	}
}

// Result reads how a run ended; ErrNotFound while it has not.
func (s *Store) Result(ctx context.Context, id run.ID) (Result, error) {
	r, _, err := s.results.Get(ctx, string(id))
	return r, err
}
