package console

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/console/index"
	"github.com/rossum-relay/rossum-relay/worker/operate"
	"github.com/rossum-relay/rossum-relay/worker/queue"
)

// BulkBody is an action on all dead letters that match.
type BulkBody struct {
	// Action is replay or drop.
	Action string `json:"action"`
	// Filter as in the query of GET /dead, such as cause=abc&since=24h. Empty means all letters.
	Filter string `json:"filter"`
	// Count is how many letters were seen to match: where more do, nothing is done.
	Count  int    `json:"count"`
	Reason string `json:"reason,omitempty"`

	// Of a replay:
	FromStart bool `json:"from_start,omitempty"`
	Force     bool `json:"force,omitempty"`
	// PerSecond bounds the replays; 0 is no bound.
	PerSecond int `json:"per_second,omitempty"`
	// StopAfter this many runs died again nothing more is replayed; 0 never stops.
	StopAfter int `json:"stop_after,omitempty"`
}

// Job is a bulk action under way or over. Jobs end with the console: what is done is done, and the rest can be asked for again.
type Job struct {
	ID     string    `json:"id"`
	Action string    `json:"action"`
	Filter string    `json:"filter"`
	Who    string    `json:"who"`
	Reason string    `json:"reason,omitempty"`
	Total  int       `json:"total"`
	Began  time.Time `json:"began"`
	Ended  time.Time `json:"ended,omitzero"`
	operate.BulkResult
	// Problem ended it before its time.
	Problem string `json:"problem,omitempty"`
	// Troubles are the first letters that could not be acted on.
	Troubles []string `json:"troubles,omitempty"`
}

const (
	mostJobs     = 4  // at once
	rememberJobs = 50 // that are over
	mostTroubles = 10
)

// jobs runs bulk actions. It is safe for concurrent use.
type jobs struct {
	now   func() time.Time
	ready chan struct{} // closed when run has begun

	mu   sync.Mutex
	ctx  context.Context //nolint:containedctx // of all jobs; it ends with the console
	wg   sync.WaitGroup
	all  []*Job
	stop map[string]context.CancelFunc
}

func newJobs(now func() time.Time) *jobs {
	return &jobs{now: now, ready: make(chan struct{}), stop: map[string]context.CancelFunc{}}
}

// run lets jobs begin until ctx ends, then waits for those under way.
func (j *jobs) run(ctx context.Context) error {
	j.mu.Lock()
	j.ctx = ctx
	j.mu.Unlock()
	close(j.ready)
	<-ctx.Done()
	j.mu.Lock()
	j.ctx = nil
	j.mu.Unlock()
	j.wg.Wait()
	return nil
}

// begin starts a job; errBusy where enough are under way.
func (j *jobs) begin(ctx context.Context, job Job, work func(context.Context, *Job) error) (Job, error) {
	select {
	case <-j.ready:
	case <-ctx.Done():
		return job, ctx.Err()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.stop) >= mostJobs || j.ctx == nil {
		return job, errBusy
	}
	job.ID, job.Began = strings.ToLower(rand.Text()[:12]), j.now()
	kept := &job
	j.all = append(j.all, kept)
	if len(j.all) > rememberJobs {
		if i := slices.IndexFunc(j.all, func(old *Job) bool { return !old.Ended.IsZero() }); i >= 0 {
			j.all = slices.Delete(j.all, i, i+1)
		}
	}
	inner, cancel := context.WithCancel(j.ctx)
	j.stop[job.ID] = cancel
	j.wg.Go(func() {
		defer cancel()
		err := work(inner, kept)
		j.mu.Lock()
		defer j.mu.Unlock()
		delete(j.stop, kept.ID)
		kept.Ended = j.now()
		switch {
		case inner.Err() != nil:
			kept.Problem = "stopped"
		case err != nil:
			_, kept.Problem = statusOf(err)
		}
	})
	return *kept, nil
}

// list copies all jobs, the newest first.
func (j *jobs) list() []Job {
	j.mu.Lock()
	defer j.mu.Unlock()
	all := make([]Job, 0, len(j.all))
	for _, job := range slices.Backward(j.all) {
		all = append(all, *job)
	}
	return all
}

func (j *jobs) find(id string) (Job, error) {
	for _, job := range j.list() {
		if job.ID == id {
			return job, nil
		}
	}
	return Job{}, fmt.Errorf("bulk action %s: %w", id, queue.ErrNotFound)
}

// end stops a job after the letter it is at.
func (j *jobs) end(id string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	cancel := j.stop[id]
	if cancel == nil {
		return fmt.Errorf("bulk action %s is not under way: %w", id, queue.ErrNotFound)
	}
	cancel()
	return nil
}

// told counts one letter of a job.
func (j *jobs) told(job *Job, s operate.Selected, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	job.Left--
	switch {
	case err == nil:
		job.Acted++
	case errors.Is(err, operate.ErrObsolete):
		job.Obsolete++
	case errors.Is(err, operate.ErrNotDead), errors.Is(err, queue.ErrNoLetter):
		job.Gone++
	default:
		job.Failed++
		if _, text := statusOf(err); len(job.Troubles) < mostTroubles {
			job.Troubles = append(job.Troubles, fmt.Sprintf("%s: %s", s.Run, text))
		}
	}
}

// bulk begins an action on all letters that match, as many as were seen.
func (s *Server) bulk(ctx context.Context, op *operate.Operator, b BulkBody) (Job, error) {
	q, err := filterOf(b.Filter, s.Now())
	if err != nil {
		return Job{}, err
	}
	if b.Action != "replay" && b.Action != "drop" {
		return Job{}, bad("action: replay or drop")
	}
	if b.Action == "drop" && b.Reason == "" {
		return Job{}, operate.ErrNoReason
	}
	letters, err := s.selected(ctx, op, q)
	if err != nil {
		return Job{}, err
	}
	if len(letters) > b.Count {
		return Job{}, fmt.Errorf("%d letters match now, not %d: %w", len(letters), b.Count, errChanged)
	}
	what := fmt.Sprintf("began to %s %d letters", b.Action, len(letters))
	if err := op.Trace(ctx, "dead letters "+b.Filter, what, b.Reason); err != nil {
		return Job{}, err
	}
	job := Job{Action: b.Action, Filter: b.Filter, Who: op.Who, Reason: b.Reason, Total: len(letters)}
	job.Left = job.Total
	return s.jobs.begin(ctx, job, func(ctx context.Context, job *Job) error { return s.work(ctx, op, b, letters, job) })
}

func (s *Server) selected(ctx context.Context, op *operate.Operator, q index.Query) ([]operate.Selected, error) {
	if q.Pipeline == queue.BrokenPipeline {
		return op.Select(ctx, operate.Filter{Pipeline: q.Pipeline})
	}
	return s.Index.Select(ctx, q)
}

func (s *Server) work(ctx context.Context, op *operate.Operator, b BulkBody, letters []operate.Selected, job *Job) error {
	told := func(l operate.Selected, err error) { s.jobs.told(job, l, err) }
	if b.Action == "drop" {
		for len(letters) > 0 && ctx.Err() == nil { // in parts, so that it can be stopped
			part := letters[:min(len(letters), 10)]
			letters = letters[len(part):]
			if _, err := op.DropAll(ctx, part, b.Reason, told); err != nil {
				return err
			}
		}
		return nil
	}
	how := operate.BulkReplay{
		ReplayOptions: operate.ReplayOptions{FromStart: b.FromStart, Force: b.Force, Why: b.Reason}, StopAfter: b.StopAfter, Told: told,
	}
	if b.PerSecond > 0 {
		how.Rate = configs.Rate{N: b.PerSecond, Per: time.Second}
	}
	res, err := op.ReplayAll(ctx, letters, how)
	s.jobs.mu.Lock()
	defer s.jobs.mu.Unlock()
	job.Done, job.DiedAgain, job.Stopped = res.Done, res.DiedAgain, res.Stopped
	return err
}
