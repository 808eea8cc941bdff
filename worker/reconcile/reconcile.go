package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/operate/setup"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// Options is what a Reconciler works with.
type Options struct {
	Config  *configs.Config
	Queue   *queue.Queue
	Journal *journal.Journal
	Answers *answer.Store
	// Rossum makes a client of an environment's service account. The Reconciler closes it.
	Rossum func(environment string) (*rossumapi.Client, error)
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
	// Grace is how long something may be on its way before it counts as lost. Defaults to 30 minutes, which is longer
	// than Rossum repeats a call that nobody answers; negative means that nothing is.
	Grace time.Duration
}

const (
	defaultGrace = 30 * time.Minute
	// patience is how long before the end of an export its first call may have been: five calls, each polled for 300 s
	// (Rossum API reference, Hook.config), and clocks that differ.
	patience = 30 * time.Minute
	// skew is how far Rossum's clock may be from ours.
	skew = 5 * time.Minute
)

// Reconciler compares and mends. It is safe for concurrent use.
type Reconciler struct{ Options }

// New makes a Reconciler; it does nothing by itself.
func New(o Options) *Reconciler {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Grace == 0 {
		o.Grace = defaultGrace
	}
	return &Reconciler{o}
}

// Kind is what is wrong.
type Kind string

// The kinds of findings; see the package.
const (
	Missing   Kind = "missing"
	Different Kind = "different"
	Stuck     Kind = "stuck"
	Doubled   Kind = "doubled"
)

// Remedy is what Fix does about a finding.
type Remedy string

// The remedies. The zero value is a matter for people.
const (
	// Enqueue makes a run of an event built from the API.
	Enqueue Remedy = "enqueue"
	// ReExport lets Rossum export the annotation again, which calls all export hooks of its queue.
	ReExport Remedy = "re_export"
)

// Finding is one thing on which Rossum and the relay disagree. It holds no value of the document.
type Finding struct {
	Kind       Kind      `json:"kind"`
	Pipeline   string    `json:"pipeline"`
	Hook       string    `json:"hook"`
	Rossum     string    `json:"rossum"`
	Annotation int64     `json:"annotation,omitempty"`
	Queue      int64     `json:"queue,omitempty"`
	Event      string    `json:"event,omitempty"`
	Status     string    `json:"status,omitempty"` // of the annotation
	At         time.Time `json:"at,omitzero"`      // when it got the status
	Run        run.ID    `json:"run,omitempty"`
	Message    string    `json:"message"`
	Remedy     Remedy    `json:"remedy,omitempty"`
	Fixed      bool      `json:"fixed,omitempty"`
	// Problem is why it could not be fixed.
	Problem string `json:"problem,omitempty"`
}

// Report is the result of one comparison.
type Report struct {
	Since       time.Time `json:"since"`
	Annotations int       `json:"annotations"` // that were looked at
	Runs        int       `json:"runs"`        // that were looked at
	Findings    []Finding `json:"findings"`
}

// Open counts the findings that were not fixed.
func (r *Report) Open() int {
	n := 0
	for _, f := range r.Findings {
		if !f.Fixed {
			n++
		}
	}
	return n
}

// Look compares everything since a time. It blocks until Rossum and the queue have answered or ctx ends, and changes
// nothing.
func (r *Reconciler) Look(ctx context.Context, since time.Time) (*Report, error) {
	known, err := r.known(ctx, since)
	if err != nil {
		return nil, err
	}
	report := &Report{Since: since, Runs: len(known.runs), Findings: []Finding{}}
	for _, e := range r.Config.Rossum {
		c := comparison{Reconciler: r, known: known, environment: e.Name, report: report, since: since}
		if err := c.environmentOf(ctx); err != nil {
			return nil, fmt.Errorf("rossum.%s: %w", e.Name, err)
		}
	}
	report.Findings = append(report.Findings, known.stuck(r.Config, r.Now())...)
	doubled, err := r.doubled(ctx, since)
	if err != nil {
		return nil, err
	}
	report.Findings = append(report.Findings, doubled...)
	slices.SortStableFunc(report.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Pipeline, b.Pipeline), cmp.Compare(a.Annotation, b.Annotation))
	})
	return report, nil
}

// comparison is the part of a Look about one environment.
type comparison struct {
	*Reconciler
	known       *known
	environment string
	since       time.Time
	after       time.Time // since, or when the hook object was made: before, Rossum called nobody
	report      *Report
}

func (c *comparison) environmentOf(ctx context.Context) error {
	var pipelines []*configs.Entry[configs.Pipeline]
	for i := range c.Config.Pipelines {
		hook, _ := c.Config.Hooks.Get(c.Config.Pipelines[i].Value.Hook)
		if hook.Rossum == c.environment {
			pipelines = append(pipelines, &c.Config.Pipelines[i])
		}
	}
	if len(pipelines) == 0 {
		return nil
	}
	client, err := c.Rossum(c.environment)
	if err != nil {
		return err
	}
	defer client.Close()
	s := setup.New(c.Config, c.environment, client)
	taken := map[string]setup.Taken{} // by pipeline
	var queues []rossumapi.Queue
	for _, p := range pipelines {
		t, err := s.Taken(ctx, p)
		if err != nil {
			return err
		}
		taken[p.Name] = t
		queues = append(queues, t.Queues...)
	}
	annotations, err := list(ctx, client, queues, c.since)
	if err != nil {
		return err
	}
	c.report.Annotations += len(annotations)
	for _, a := range annotations {
		for _, p := range pipelines {
			t := taken[p.Name]
			if slices.ContainsFunc(t.Queues, func(q rossumapi.Queue) bool { return q.URL == a.queueURL }) {
				c.after = later(c.since, t.Since)
				c.compare(p, a)
			}
		}
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// doubled finds steps that the ledger knows under several keys for one annotation.
func (r *Reconciler) doubled(ctx context.Context, since time.Time) ([]Finding, error) {
	type effect struct {
		annotation             int64
		pipeline, step, target string
	}
	seen := map[effect][]journal.Entry{}
	if err := r.Journal.Ledger(ctx, func(_ string, e journal.Entry) error {
		if e.State == journal.Delivered && e.Annotation != 0 {
			k := effect{e.Annotation, e.Pipeline, e.Step, e.Target}
			seen[k] = append(seen[k], e)
		}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	var found []Finding
	for k, entries := range seen {
		if len(entries) < 2 || !slices.ContainsFunc(entries, func(e journal.Entry) bool { return !e.Since.Before(since) }) {
			continue
		}
		newest := slices.MaxFunc(entries, func(a, b journal.Entry) int { return a.Since.Compare(b.Since) })
		p, _ := r.Config.Pipelines.Get(k.pipeline)
		hook, _ := r.Config.Hooks.Get(p.Hook)
		found = append(found, Finding{
			Kind: Doubled, Pipeline: k.pipeline, Hook: p.Hook, Rossum: hook.Rossum, Annotation: k.annotation, Run: newest.Run, At: newest.Since,
			Message: fmt.Sprintf("step %s was delivered under %d keys: the ERP may have the document more than once", k.step, len(entries)),
		})
	}
	return found, nil
}

// errorsOf joins what went wrong with several things, each once.
func errorsOf(problems []string) error {
	if len(problems) == 0 {
		return nil
	}
	slices.Sort(problems)
	return errors.New(strings.Join(slices.Compact(problems), "; "))
}
