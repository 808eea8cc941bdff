package answer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// maxSuccessors bounds the way from a superseded run to the one that took over.
const maxSuccessors = 64

// Answer is what Rossum is to be told about an event now.
type Answer struct {
	// Ready: every waiting run has settled, or the answer is Overdue. Otherwise Rossum has to ask again.
	Ready bool
	// Overdue: Rossum is told that the delivery is not finished yet. The runs go on.
	Overdue  bool
	Response rossumapi.HookResponse
	// Reply replaces Response where a run answers with JSON of its own.
	Reply json.RawMessage

	included map[run.ID]time.Time // Settled of the runs whose results are part of it
}

// Encode is the answer's body for Rossum, which may alias Reply.
func (a Answer) Encode() ([]byte, error) {
	if a.Reply != nil {
		return a.Reply, nil
	}
	return a.Response.Encode()
}

// Answer makes the answer of one generation of an event. ErrNotFound where there is no such event. Nothing is stored.
func (s *Store) Answer(ctx context.Context, key run.EventKey, generation int) (Answer, error) {
	e, err := s.Event(ctx, key)
	if err != nil {
		return Answer{}, err
	}
	if generation < 1 || generation > e.Generation {
		return Answer{}, ErrNotFound
	}
	return s.compose(ctx, e.at(generation))
}

// Tell is Answer, recorded as told if it is ready: Rossum is about to get it. Told before the answer leaves, as an
// answer lost on the way is asked for again, while one told and not recorded would be told twice, its added rows too.
func (s *Store) Tell(ctx context.Context, key run.EventKey, generation int) (Answer, error) {
	a, err := s.Answer(ctx, key, generation)
	if err != nil || !a.Ready {
		return a, err
	}
	if err := s.told(ctx, key, generation, a); err != nil || !a.Overdue {
		return a, err
	}
	// A run that settled before OverdueAt was written did not see it, so its result must be told here.
	late, err := s.Answer(ctx, key, generation)
	if err != nil || !late.Ready || late.Overdue && len(late.included) == len(a.included) {
		return a, err
	}
	return late, s.told(ctx, key, generation, late)
}

// at is the event as it was in an earlier generation. Only its runs matter, and only for a poll that comes late.
func (e *Event) at(generation int) *Event {
	if generation == e.Generation {
		return e
	}
	earlier := *e
	earlier.Runs = slices.Clone(e.Runs)
	for i := range earlier.Runs {
		earlier.Runs[i].ID = run.NewID(e.Key, earlier.Runs[i].Pipeline, generation)
	}
	return &earlier
}

func (s *Store) compose(ctx context.Context, e *Event) (Answer, error) {
	a := Answer{Ready: true}
	var unfinished []RunRef
	taken := false
	for _, r := range e.Runs {
		if !r.Wait {
			continue
		}
		result, settled, err := s.final(ctx, r.ID)
		if err != nil {
			return Answer{}, err
		}
		if !settled {
			unfinished = append(unfinished, r)
			continue
		}
		taken = taken || !result.NotTaken
		a.add(r, result)
	}
	if !taken && len(unfinished) == 0 && e.NotTaken != "" {
		a.Response.Messages = append(a.Response.Messages, rossumapi.Error(e.NotTaken))
	}
	if a.Response.Files == nil {
		a.Response.Files = e.Files
	}
	if len(unfinished) == 0 {
		return a, nil
	}
	if e.Deadline.IsZero() || s.now().Before(e.Deadline) {
		return Answer{}, nil
	}
	a.Overdue = true
	for _, r := range unfinished {
		a.Response.Messages = append(a.Response.Messages, rossumapi.Error(overdueText(r)))
	}
	return a, nil
}

// final is the result of a run, or of the run that took over from it. Of a successor's result only the messages count:
// its operations travel with its own event's answer.
func (s *Store) final(ctx context.Context, id run.ID) (r Result, settled bool, err error) {
	r, err = s.Result(ctx, id)
	own := r.Settled
	for n := 0; err == nil && r.State == run.Superseded && r.By != "" && n < maxSuccessors; n++ {
		if r, err = s.Result(ctx, r.By); err == nil {
			r.Operations, r.AutomationBlockers, r.Files, r.AdditionalFiles, r.Reply = nil, nil, nil, nil, nil
			r.Settled = own
		}
	}
	if errors.Is(err, ErrNotFound) {
		return Result{}, false, nil
	}
	return r, err == nil, err
}

// add puts one run's result into the answer.
func (a *Answer) add(r RunRef, result Result) {
	if a.included == nil {
		a.included = map[run.ID]time.Time{}
	}
	a.included[r.ID] = result.Settled
	out := &a.Response
	out.Messages = append(out.Messages, result.Messages...)
	if text := failureText(r, result); text != "" {
		out.Messages = append(out.Messages, rossumapi.Error(text))
	}
	for _, op := range result.Operations {
		if err := rossumapi.CheckOperations([]rossumapi.Operation{op}); err != nil {
			// An error would make Rossum export again what is delivered.
			out.Messages = append(out.Messages, rossumapi.Warning(fmt.Sprintf("%s: a value was not written back: %v", r.Pipeline, err)))
			continue
		}
		out.Operations = append(out.Operations, op)
	}
	out.AutomationBlockers = append(out.AutomationBlockers, result.AutomationBlockers...)
	if out.Files == nil {
		out.Files = result.Files
	}
	if out.AdditionalFiles == nil {
		out.AdditionalFiles = result.AdditionalFiles
	}
	if a.Reply == nil {
		a.Reply = result.Reply
	}
}

// failureText is the error of a run that did not deliver and does not say so itself; Rossum would take silence for
// success.
func failureText(r RunRef, result Result) string {
	isError := func(m rossumapi.Message) bool { return m.Type == rossumapi.TypeError }
	if slices.ContainsFunc(result.Messages, isError) {
		return ""
	}
	switch result.State {
	case run.Dead:
		return fmt.Sprintf("%s: not delivered; an operator has to look at run %s", r.Pipeline, r.ID)
	case run.Cancelled, run.Dropped:
		return fmt.Sprintf("%s: not delivered; an operator has ended run %s", r.Pipeline, r.ID)
	}
	return ""
}

func overdueText(r RunRef) string {
	if r.ReExport {
		return r.Pipeline + ": still being delivered. The document will be exported again by itself once it is; please do not enter it by hand."
	}
	return r.Pipeline + ": still being delivered; the outcome will follow. Please do not enter the document by hand."
}

// errUnchanged ends a change that would change nothing.
var errUnchanged = errors.New("nothing to change")

func (s *Store) told(ctx context.Context, key run.EventKey, generation int, a Answer) error {
	return s.change(ctx, Event{Key: key, Generation: generation}, func(now *Event) bool { return now.tell(a, s.now()) })
}

// tell notes the answer as told and reports whether that was news.
func (e *Event) tell(a Answer, now time.Time) (news bool) {
	if e.AnswerToldAt.IsZero() {
		e.AnswerToldAt, news = now, true
	}
	if a.Overdue && e.OverdueAt.IsZero() {
		e.OverdueAt, news = now, true
	}
	for i := range e.Runs {
		r := &e.Runs[i]
		if settled, included := a.included[r.ID]; included && !r.Told.Equal(settled) {
			r.Told, news = settled, true
		}
	}
	return news
}
