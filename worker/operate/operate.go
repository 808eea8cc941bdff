package operate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
	"github.com/rossum-relay/rossum-relay/worker/target/limits"
)

// Options is what an Operator works with.
type Options struct {
	Queue   *queue.Queue
	Journal *journal.Journal
	Answers *answer.Store
	Holds   *limits.HoldStore
	Config  *configs.Config
	// Pipelines compute documents to look at and to compare. Without them there are none to see, and no edits.
	Pipelines *pipeline.Set
	// Who acts; stands in every trace.
	Who string
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Operator acts on runs for one person. It is safe for concurrent use. Its methods block until the queue answers or their
// context ends.
type Operator struct{ Options }

// New makes an operator.
func New(o Options) *Operator {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Operator{o}
}

// As is the operator acting for another person.
func (o *Operator) As(who string) *Operator {
	other := *o
	other.Who = who
	return &other
}

// The errors of actions that a run's state does not allow.
var (
	// ErrNotDead: only a dead run can be replayed, edited, resolved or dropped.
	ErrNotDead = errors.New("the run is not dead")
	// ErrNotWaiting: only a waiting or parked run can be resumed.
	ErrNotWaiting = errors.New("the run does not wait")
	// ErrEnded: a run that has ended cannot be cancelled.
	ErrEnded = errors.New("the run has ended")
	// ErrObsolete: a newer event of the annotation was delivered since; only force replays the older one.
	ErrObsolete = errors.New("a newer event of the annotation was delivered since")
	// ErrNoReason: the action needs a reason for the journal.
	ErrNoReason = errors.New("a reason is needed")
)

// byOperator is the reason code of runs that an operator set in motion or ended. A run that waits for it was revived and
// not taken by a worker since.
const byOperator = "operator"

// Action is one line of the audit log.
type Action struct {
	journal.Note
	Run run.ID `json:"run,omitempty"`
	// Object is what was acted on where it is no run: "target coupa", or a ledger key.
	Object string `json:"object,omitempty"`
}

const (
	// auditPipeline is no pipeline's name, as those begin with a letter or digit.
	auditPipeline = "_audit"
	auditRun      = run.ID("operators")
)

// note puts an action into a run's journal, to be saved by the caller, and into the audit log.
func (o *Operator) note(ctx context.Context, r *journal.Run, what, why string) error {
	n := journal.Note{At: o.Now(), Who: o.Who, What: what, Why: why}
	r.Notes = append(r.Notes, n)
	return o.audit(ctx, Action{Note: n, Run: r.Run})
}

// noteOf is note for what is no run.
func (o *Operator) noteOf(ctx context.Context, object, what, why string) error {
	return o.audit(ctx, Action{Note: journal.Note{At: o.Now(), Who: o.Who, What: what, Why: why}, Object: object})
}

// Trace puts an action that changes no run into the audit log: a login, a look at data in clear, a list that was taken away.
func (o *Operator) Trace(ctx context.Context, object, what, why string) error {
	return o.noteOf(ctx, object, what, why)
}

// audit writes the action before it is done: none is missing, one may be there that was interrupted.
func (o *Operator) audit(ctx context.Context, a Action) error {
	if err := o.Queue.Record(ctx, auditPipeline, auditRun, a); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	return nil
}

// Audit calls f with the actions of operators, oldest first, as far back as retention.history goes.
func (o *Operator) Audit(ctx context.Context, f func(Action) error) error {
	return o.Queue.History(ctx, auditPipeline, auditRun, func(_ time.Time, entry []byte) error {
		var a Action
		if err := json.Unmarshal(entry, &a); err != nil {
			return fmt.Errorf("audit log: %w", err)
		}
		return f(a)
	})
}

// save writes a run's journal.
func (o *Operator) save(ctx context.Context, r *journal.Run) error {
	err := r.Save(ctx)
	if errors.Is(err, journal.ErrLost) {
		return fmt.Errorf("%w: look again", err)
	}
	return err
}

// publish puts a run's message into its lane, under the journal's hop.
func (o *Operator) publish(ctx context.Context, r *journal.Run, l queue.Letter) error {
	e := l.Envelope
	e.Hop = r.Hop
	_, err := o.Queue.Publish(ctx, l.Lane, e, l.Payload)
	return err
}
