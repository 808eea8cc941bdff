package operate

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// maxStories bounds the runs one question is answered with.
const maxStories = 5

// Explain tells the story of one event in about ten plain lines. about is a run id or its beginning, an annotation id, or
// a part of the invoice's key such as its number; of an annotation or invoice with several runs the newest five are told.
// queue.ErrNotFound where nothing matches.
func (o *Operator) Explain(ctx context.Context, about string) ([]string, error) {
	runs, err := o.about(ctx, about)
	if err != nil {
		return nil, err
	}
	var lines []string
	for i, r := range runs {
		if i > 0 {
			lines = append(lines, "")
		}
		story, err := o.story(ctx, r)
		if err != nil {
			return nil, err
		}
		lines = append(lines, story...)
	}
	return lines, nil
}

// about finds the runs a question is about, newest first.
func (o *Operator) about(ctx context.Context, text string) ([]journal.Record, error) {
	id, err := o.Find(ctx, text)
	if errors.Is(err, ErrAmbiguous) {
		return nil, err
	}
	if err == nil {
		if r, err := o.Run(ctx, id); !errors.Is(err, queue.ErrNotFound) {
			return []journal.Record{r}, err
		}
	}
	newest := newTop(maxStories, func(a, b journal.Record) int { return b.Received.Compare(a.Received) })
	annotation, _ := strconv.ParseInt(text, 10, 64)
	err = o.Journal.Each(ctx, func(r journal.Record) error {
		if annotation != 0 && r.Annotation == annotation || hasParts(r.Business, []string{text}) {
			newest.add(r)
		}
		return nil
	})
	if err != nil || len(newest.items) > 0 {
		return newest.sorted(), err
	}
	queued, err := o.findQueued(ctx, text, annotation)
	if err == nil && len(queued) == 0 {
		err = fmt.Errorf("no run, annotation or invoice %q: %w", text, queue.ErrNotFound)
	}
	return queued[:min(len(queued), maxStories)], err
}

// story tells one run.
func (o *Operator) story(ctx context.Context, r journal.Record) ([]string, error) {
	p, err := o.findPayload(ctx, &r)
	if err != nil {
		return nil, err
	}
	m, err := o.maskerOf(ctx, &r, p)
	if err != nil {
		return nil, err
	}
	event, err := o.Answers.Event(ctx, r.Key)
	if err != nil && !errors.Is(err, answer.ErrNotFound) {
		return nil, err
	}
	s := &teller{m: m}
	s.arrival(&r, event)
	for _, step := range r.Steps {
		s.step(step)
	}
	if event.Generation == r.Generation {
		s.told(&r, event)
	}
	for _, n := range r.Notes {
		s.say("At %s it was %s by %s%s.", clock(n.At), n.What, n.Who, because(n.Why))
	}
	s.end(&r)
	by, err := o.obsolete(ctx, &r)
	s.next(&r, by)
	return s.lines, err
}

// teller makes the lines of a story.
type teller struct {
	m     masker
	lines []string
}

func (t *teller) say(format string, args ...any) {
	t.lines = append(t.lines, fmt.Sprintf(format, args...))
}

func clock(at time.Time) string { return at.Local().Format("2006-01-02 15:04:05") }

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

func (t *teller) arrival(r *journal.Record, e answer.Event) {
	what := r.Event
	if r.Annotation != 0 {
		what += fmt.Sprintf(" of annotation %d", r.Annotation)
	}
	t.say("Rossum called hook %s with %s at %s.", r.Hook, what, clock(r.Received))
	if e.Calls > 1 && e.Generation == r.Generation {
		t.say("It called %d times for the same event, last at %s; that is one event still.", e.Calls, clock(e.LastCall))
	}
	which := ""
	if r.Generation > 1 {
		which = fmt.Sprintf(" (the event came back as generation %d)", r.Generation)
	}
	t.say("Pipeline %s took it as run %s%s.", r.Pipeline, r.Run, which)
	if len(r.Business) > 0 {
		t.say("Its invoice is %s.", strings.Join(r.Business, " / "))
	}
}

func (t *teller) step(s journal.Step) {
	to := ""
	if s.Target != "" {
		to = " to " + s.Target
	}
	last := ""
	if n := len(s.Attempts); n > 0 {
		a := s.Attempts[n-1]
		last = fmt.Sprintf(" Last try at %s%s: %s%s.", clock(a.At), with(a.Sent), said(a.Outcome), because(strings.TrimSuffix(t.m.text(a.Outcome.Message), ".")))
	}
	switch s.State {
	case journal.Done:
		kept := make([]string, 0, len(s.Kept))
		for name, v := range s.Kept {
			kept = append(kept, name+" "+strings.Trim(string(v), `"`))
		}
		as := ""
		if len(kept) > 0 {
			as = " as " + strings.Join(kept, ", ")
		}
		t.say("Step %s%s is done%s.%s", s.Name, to, as, last)
	case journal.Uncertain, journal.Intended:
		t.say("Step %s%s may have been applied; nobody knows yet.%s", s.Name, to, last)
	default:
		t.say("Step %s%s is not done; %s spent.%s", s.Name, to, count(s.Tries, "try", "tries"), last)
	}
}

// with tells what was sent, by what it is recognized.
func with(sent []journal.Sent) string {
	if len(sent) == 0 {
		return ""
	}
	var bytes int64
	sum := ""
	for _, s := range sent {
		bytes += s.Bytes
		if sum == "" && s.SHA256 != "" {
			sum = ", sha256 " + s.SHA256[:12]
		}
	}
	return fmt.Sprintf(" with %d bytes%s", bytes, sum)
}

func said(o outcome.Outcome) string {
	if o.Status != 0 {
		return fmt.Sprintf("%s (HTTP %d)", o.Kind, o.Status)
	}
	return string(o.Kind)
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

func (t *teller) end(r *journal.Record) {
	why := because(t.m.text(r.Message))
	switch r.State {
	case run.Running:
		t.say("It is in work now, or about to be.")
	case run.Waiting:
		if r.Reason == ReasonQueued {
			t.say("It waits in the lane of pipeline %s: no worker has begun it yet. A lane stands still while its target's breaker is open.", r.Pipeline)
			return
		}
		t.say("It waits until %s (%s)%s.", clock(r.Next), r.Reason, why)
	case run.Parked:
		t.say("It is parked until %s (%s)%s.", clock(r.Next), r.Reason, why)
	case run.Superseded:
		t.say("It ended at %s because run %s of a newer event took over.", clock(r.Settled), r.By)
	case run.Done:
		t.say("It was done at %s.", clock(r.Settled))
	default:
		t.say("It is %s since %s (%s)%s.", r.State, clock(r.Settled), r.Reason, why)
	}
}

func (t *teller) told(r *journal.Record, e answer.Event) {
	ref, _ := e.Run(r.Run)
	switch {
	case !e.OverdueAt.IsZero():
		t.say("Rossum was told at %s that it takes longer.", clock(e.OverdueAt))
	case !ref.Told.IsZero():
		t.say("Rossum got the answer at %s.", clock(e.AnswerToldAt))
	case ref.Wait:
		t.say("Rossum waits for the answer.")
	}
}

// next says what a human can do.
func (t *teller) next(r *journal.Record, obsolete run.ID) {
	switch {
	case r.State == run.Dead && obsolete != "":
		t.say("Nothing is to be done: run %s of a newer event was delivered. Drop the letter.", obsolete)
	case r.State == run.Dead && uncertainStep(r) != nil:
		t.say("Look whether it is at the target, then: rossum-relay dead resolve %s --delivered ID, or --not-delivered.", r.Run)
	case r.State == run.Dead:
		t.say("Mend the cause, then: rossum-relay dead replay %s.", r.Run)
	case r.State == run.Parked && r.Reason == "held":
		t.say("It goes on when the hold is lifted: rossum-relay holds.")
	}
}
