package console

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/console/index"
	"github.com/rossum-relay/rossum-relay/worker/operate"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
	"github.com/rossum-relay/rossum-relay/worker/target/limits"
)

// Overview is what somebody who is woken at night looks at first.
type Overview struct {
	// Needs are what needs a human, the most urgent first.
	Needs     []Need         `json:"needs"`
	LastDay   Sums           `json:"last_day"`
	Now       Sums           `json:"now"`
	Hours     []index.Hour   `json:"hours"`
	Pipelines []PipelineLine `json:"pipelines"`
	Targets   []TargetLine   `json:"targets"`
	Index     index.Progress `json:"index"`
}

// Need is something that needs a human.
type Need struct {
	// Kind is uncertain, dead, broken, breaker or held.
	Kind  string    `json:"kind"`
	What  string    `json:"what"`
	Why   string    `json:"why,omitempty"`
	Count int       `json:"count,omitempty"`
	Since time.Time `json:"since,omitzero"`
	// Link is the page where it is mended.
	Link string `json:"link"`
}

// Sums counts runs.
type Sums struct {
	Accepted int `json:"accepted,omitempty"`
	Done     int `json:"done"`
	Dead     int `json:"dead"`
	Running  int `json:"running,omitempty"`
	Waiting  int `json:"waiting,omitempty"`
	Parked   int `json:"parked,omitempty"`
}

// PipelineLine is how one pipeline does.
type PipelineLine struct {
	Name string       `json:"name"`
	Hook string       `json:"hook,omitempty"`
	Held *limits.Hold `json:"held,omitempty"`
	// Backlog is what waits in the lane for a worker, InWork what a worker has.
	Backlog int `json:"backlog"`
	InWork  int `json:"in_work"`
	Waiting int `json:"waiting"` // to try again
	Parked  int `json:"parked"`
	Dead    int `json:"dead"`
	// Oldest is when the oldest run that has not ended was received.
	Oldest time.Time `json:"oldest,omitzero"`
	// Configured: the configuration has the pipeline.
	Configured bool `json:"configured"`
}

// The states of a target.
const (
	targetOK      = "ok"
	targetFailing = "failing"
	targetOpen    = "breaker open"
	targetClosed  = "closed"
	targetHeld    = "held"
)

// TargetLine is how one target does.
type TargetLine struct {
	Name      string `json:"name"`
	Transport string `json:"transport"`
	// State is ok, failing, "breaker open", closed (outside its opening hours) or held.
	State string    `json:"state"`
	Why   string    `json:"why,omitempty"`
	Until time.Time `json:"until,omitzero"`
	// Pace is of the last 15 minutes.
	Pace        index.Pace `json:"pace"`
	Concurrency int        `json:"concurrency"`
	Limit       string     `json:"limit,omitempty"`
	Hours       string     `json:"hours,omitempty"`
	Pipelines   []string   `json:"pipelines,omitempty"`
}

// paceOf is how far back a target's pace looks.
const paceOf = 15 * time.Minute

func (s *Server) overview(ctx context.Context, op *operate.Operator) (Overview, error) {
	o := Overview{Index: s.Index.Progress()}
	var err error
	if o.Hours, err = s.Index.Hours(ctx, hoursShown); err != nil {
		return o, err
	}
	if o.Pipelines, err = s.pipelines(ctx, op); err != nil {
		return o, err
	}
	if o.Targets, err = s.targets(ctx, op); err != nil {
		return o, err
	}
	tallies, err := s.Index.Tallies(ctx)
	if err != nil {
		return o, err
	}
	for _, t := range tallies {
		o.Now.Done += t.States[run.Done]
		o.Now.Dead += t.States[run.Dead]
		o.Now.Running += t.States[run.Running]
		o.Now.Waiting += t.States[run.Waiting]
		o.Now.Parked += t.States[run.Parked]
	}
	for _, h := range o.Hours[len(o.Hours)-24:] {
		o.LastDay.Accepted += h.Accepted
		o.LastDay.Done += h.Done
		o.LastDay.Dead += h.Dead
	}
	o.Needs, err = s.needs(ctx, op, o)
	return o, err
}

// mostNeeds is how many causes the overview lists.
const mostNeeds = 8

// needs are what needs a human: what may be at an ERP or not, then the largest causes, then what stands still.
func (s *Server) needs(ctx context.Context, op *operate.Operator, o Overview) ([]Need, error) {
	groups, _, err := s.groups(ctx, op, index.Query{}, mostNeeds)
	if err != nil {
		return nil, err
	}
	var all []Need
	for _, g := range groups {
		n := Need{
			Kind: "dead", What: fmt.Sprintf("%s: %s", g.Pipeline, cmp.Or(g.Message, g.Reason)), Why: g.Response, Count: g.Count, Since: g.First,
			Link: "/dead?cause=" + g.ID,
		}
		if g.Outcome == "uncertain" {
			n.Kind = "uncertain"
		}
		all = append(all, n)
	}
	broken, err := s.broken(ctx, op, 1)
	if err != nil {
		return nil, err
	}
	if len(broken) > 0 {
		all = append(all, Need{Kind: "broken", What: "messages that are no runs", Since: broken[0].Last, Link: "/dead?pipeline=" + queue.BrokenPipeline})
	}
	for _, t := range o.Targets {
		if t.State == targetOpen {
			all = append(all, Need{Kind: "breaker", What: "target " + t.Name + " is down", Why: t.Why, Link: "/targets/" + t.Name})
		}
	}
	held, err := op.Held(ctx)
	if err != nil {
		return nil, err
	}
	for _, h := range held {
		all = append(all, Need{Kind: "held", What: h.Kind + " " + h.Name + " is held by " + h.Who, Why: h.Reason, Since: h.Since, Link: holdLink(h)})
	}
	order := []string{"uncertain", "dead", "broken", "breaker", "held"}
	slices.SortStableFunc(all, func(a, b Need) int { return slices.Index(order, a.Kind) - slices.Index(order, b.Kind) })
	return all, nil
}

func holdLink(h limits.Hold) string {
	if h.Kind == limits.HoldAnnotation {
		return "/runs?annotation=" + h.Name
	}
	return "/" + h.Kind + "s/" + h.Name
}

// pipelines lists the pipelines of the configuration, then those that only have runs.
func (s *Server) pipelines(ctx context.Context, op *operate.Operator) ([]PipelineLine, error) {
	tallies, err := s.Index.Tallies(ctx)
	if err != nil {
		return nil, err
	}
	lanes, err := op.Queue.Lanes(ctx)
	if err != nil {
		return nil, err
	}
	held, err := op.Held(ctx)
	if err != nil {
		return nil, err
	}
	var all []PipelineLine
	for _, e := range s.Config.Pipelines {
		all = append(all, PipelineLine{Name: e.Name, Hook: e.Value.Hook, Configured: true})
	}
	for name, t := range tallies {
		unfinished := t.States[run.Running] + t.States[run.Waiting] + t.States[run.Parked] + t.States[run.Dead]
		if _, ok := s.Config.Pipelines.Get(name); !ok && unfinished > 0 {
			all = append(all, PipelineLine{Name: name})
		}
	}
	for i := range all {
		p := &all[i]
		t := tallies[p.Name]
		p.Waiting, p.Parked, p.Dead, p.Oldest = t.States[run.Waiting], t.States[run.Parked], t.States[run.Dead], t.Oldest
		p.Held = holdOf(held, limits.HoldPipeline, p.Name)
		for _, l := range lanes {
			if l.Lane == p.Name {
				p.Backlog, p.InWork = l.Waiting, l.InWork
			}
		}
	}
	slices.SortStableFunc(all[len(s.Config.Pipelines):], func(a, b PipelineLine) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

func holdOf(held []limits.Hold, kind, name string) *limits.Hold {
	for _, h := range held {
		if h.Kind == kind && h.Name == name {
			return &h
		}
	}
	return nil
}

func (s *Server) targets(ctx context.Context, op *operate.Operator) ([]TargetLine, error) {
	breakers, err := s.Limits.States(ctx)
	if err != nil {
		return nil, err
	}
	held, err := op.Held(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]TargetLine, 0, len(s.Config.Targets))
	for _, e := range s.Config.Targets {
		t := TargetLine{
			Name: e.Name, Transport: transportOf(e.Value), Concurrency: e.Value.Concurrency, Limit: rateText(e.Value.Rate),
			Hours: hoursText(e.Value.Hours), State: targetOK,
		}
		if t.Pace, err = s.Index.Pace(ctx, e.Name, paceOf); err != nil {
			return nil, err
		}
		if err := s.stateOf(&t, e.Value, breakers, holdOf(held, limits.HoldTarget, e.Name)); err != nil {
			return nil, err
		}
		for _, p := range s.Config.Pipelines {
			if slices.ContainsFunc(p.Value.Steps, func(step configs.Step) bool { return step.Send == e.Name }) {
				t.Pipelines = append(t.Pipelines, p.Name)
			}
		}
		all = append(all, t)
	}
	return all, nil
}

// stateOf tells why a target does not deliver: what lasts longest counts.
func (s *Server) stateOf(t *TargetLine, cfg configs.Target, breakers []limits.State, held *limits.Hold) error {
	for _, b := range breakers {
		if b.Target != t.Name {
			continue
		}
		t.State, t.Why = targetFailing, fmt.Sprintf("%d failures in a row, the last %s", b.Failures, b.Why)
		if b.Open {
			t.State, t.Until = targetOpen, b.Until
			break
		}
	}
	opens, err := limits.OpensAgain(cfg.Hours, s.Now())
	if err != nil {
		return err
	}
	if !opens.IsZero() {
		t.State, t.Why, t.Until = targetClosed, "outside its opening hours", opens
	}
	if held != nil {
		t.State, t.Why, t.Until = targetHeld, fmt.Sprintf("by %s: %s", held.Who, held.Reason), time.Time{}
	}
	return nil
}

func transportOf(t configs.Target) string {
	switch {
	case t.HTTP != nil:
		return "http"
	case t.SFTP != nil:
		return "sftp"
	case t.S3 != nil:
		return "s3"
	}
	return "dir"
}

func rateText(r configs.Rate) string {
	if r.N == 0 {
		return ""
	}
	unit := map[time.Duration]string{time.Second: "s", time.Minute: "m", time.Hour: "h", 24 * time.Hour: "d"}[r.Per]
	return fmt.Sprintf("%d/%s", r.N, unit)
}

func hoursText(h *configs.Hours) string {
	if h == nil {
		return ""
	}
	days := "every day"
	if len(h.Days) > 0 {
		days = strings.Join(h.Days, ", ")
	}
	return fmt.Sprintf("%s–%s %s, %s", h.From, h.To, h.Zone, days)
}
