package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/user"
	"strings"
	"text/tabwriter"
	"time"

	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/operate"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// deadCmd is "rossum-relay dead".
type deadCmd struct {
	List   deadListCmd   `cmd:"" help:"List dead letters, oldest first."`
	Show   deadShowCmd   `cmd:"" help:"Show one dead letter: what was tried, what the ERP said."`
	Replay deadReplayCmd `cmd:"" help:"Send a dead run back to work at the step that failed."`
	Drop   deadDropCmd   `cmd:"" help:"End a dead run for good: nothing more is delivered for it."`
}

// operator opens the queue of a configuration for an operator's command; close it with the returned function.
func (f configFlag) operator(ctx context.Context) (*operate.Operator, func(), error) {
	cfg, err := f.load(configs.RoleOperator)
	if err != nil {
		return nil, nil, err
	}
	if err := cfg.Resolve(configs.RoleOperator); err != nil {
		return nil, nil, err
	}
	q, err := queue.Open(ctx, cfg.Queue, queue.Attach, "operator", zap.NewNop())
	if err != nil {
		return nil, nil, withHint(err, "rossum-relay run -c "+f.Config+" (this command talks to the running relay)")
	}
	j, err := journal.Open(ctx, q, time.Now)
	if err != nil {
		q.Close()
		return nil, nil, err
	}
	return operate.New(q, j, whoAmI(), time.Now), q.Close, nil
}

func whoAmI() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

type deadListCmd struct {
	configFlag
	Pipeline   string        `placeholder:"NAME" help:"Only of this pipeline."`
	Target     string        `placeholder:"NAME" help:"Only of this target."`
	Reason     string        `placeholder:"CODE" help:"Only with this reason, such as http_400."`
	Annotation int64         `placeholder:"ID" help:"Only of this annotation."`
	Since      time.Duration `placeholder:"24h" help:"Only that died within this time."`
	Limit      int           `default:"100" help:"At most this many; 0 means all."`
	JSON       bool          `help:"One JSON object a line."`
}

// letterLine is one dead letter as JSON.
type letterLine struct {
	ID         run.ID    `json:"id"`
	Pipeline   string    `json:"pipeline"`
	Annotation int64     `json:"annotation,omitempty"`
	Step       string    `json:"step,omitempty"`
	Target     string    `json:"target,omitempty"`
	Outcome    string    `json:"outcome"`
	Reason     string    `json:"reason"`
	Cause      string    `json:"cause,omitempty"`
	Attempts   int       `json:"attempts"`
	First      time.Time `json:"first"`
	Last       time.Time `json:"last"`
}

// Run prints the letters.
func (c *deadListCmd) Run(ctx context.Context, stdout io.Writer) error {
	op, closeQueue, err := c.operator(ctx)
	if err != nil {
		return err
	}
	defer closeQueue()
	f := operate.Filter{Pipeline: c.Pipeline, Target: c.Target, Reason: c.Reason, Annotation: c.Annotation, Limit: c.Limit}
	if c.Since > 0 {
		f.Since = time.Now().Add(-c.Since)
	}
	letters, err := op.Letters(ctx, f)
	if err != nil {
		return err
	}
	if c.JSON {
		enc := json.NewEncoder(stdout)
		for _, l := range letters {
			if err := enc.Encode(letterLine{
				l.Run, l.Pipeline, l.Annotation, l.Step, l.Target, l.Outcome, l.Reason, l.Cause, l.Attempts, l.First, l.Last,
			}); err != nil {
				return err
			}
		}
		return nil
	}
	if len(letters) == 0 {
		fmt.Fprintln(stdout, "no dead letters")
		return nil
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tPIPELINE\tANNOTATION\tSTEP\tTARGET\tREASON\tTRIES\tDIED")
	for _, l := range letters {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%d\t%s\n", l.Run, l.Pipeline, l.Annotation, l.Step, l.Target, l.Reason, l.Attempts,
			l.Last.Local().Format("2006-01-02 15:04:05"))
	}
	return w.Flush()
}

type deadShowCmd struct {
	configFlag
	ID run.ID `arg:"" help:"Run id, from dead list."`
}

// Run prints one letter.
func (c *deadShowCmd) Run(ctx context.Context, stdout io.Writer) error {
	op, closeQueue, err := c.operator(ctx)
	if err != nil {
		return err
	}
	defer closeQueue()
	l, err := op.Letter(ctx, c.ID)
	if err != nil {
		return withHint(err, "rossum-relay dead list")
	}
	r := l.Record
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "run\t%s\npipeline\t%s\nevent\t%s\nannotation\t%d\n", r.Run, r.Pipeline, r.Event, r.Annotation)
	if len(r.Business) > 0 {
		fmt.Fprintf(w, "key\t%s\n", strings.Join(r.Business, " / "))
	}
	fmt.Fprintf(w, "received\t%s\ndied\t%s\n", r.Received.Local().Format(time.RFC3339), r.Settled.Local().Format(time.RFC3339))
	if f := r.Failure; f != nil {
		fmt.Fprintf(w, "step\t%s\ntarget\t%s\noutcome\t%s (%s)\nmessage\t%s\n", f.Step, f.Target, f.Outcome.Kind, f.Outcome.Reason,
			printable(f.Outcome.Message))
		for _, field := range f.Outcome.Fields {
			fmt.Fprintf(w, "field\t%s: %s\n", field.SchemaID, printable(field.Text))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	printAttempts(stdout, r)
	_, err = fmt.Fprintf(stdout, "\nmend the cause, then: rossum-relay dead replay %s\n", r.Run)
	return err
}

func printAttempts(stdout io.Writer, r journal.Record) {
	for _, s := range r.Steps {
		for _, a := range s.Attempts {
			fmt.Fprintf(stdout, "\n%s  %s %s  %s", a.At.Local().Format("15:04:05.000"), a.Kind, s.Name, a.Outcome.Kind)
			if a.Outcome.Status != 0 {
				fmt.Fprintf(stdout, "  HTTP %d", a.Outcome.Status)
			}
			fmt.Fprintf(stdout, "  %s\n", a.Took.Round(time.Millisecond))
			if a.Outcome.Excerpt != "" {
				fmt.Fprintf(stdout, "    %s\n", strings.ReplaceAll(printable(a.Outcome.Excerpt), "\n", "\n    "))
			}
		}
	}
}

type deadReplayCmd struct {
	configFlag
	ID        run.ID `arg:"" help:"Run id, from dead list."`
	FromStart bool   `help:"Run all steps again; what was delivered is still not delivered twice."`
	Reason    string `placeholder:"TEXT" help:"Why, for the journal."`
}

// Run replays one letter.
func (c *deadReplayCmd) Run(ctx context.Context, stdout io.Writer) error {
	op, closeQueue, err := c.operator(ctx)
	if err != nil {
		return err
	}
	defer closeQueue()
	if err := op.Replay(ctx, c.ID, c.FromStart, c.Reason); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "run %s is back at work\n", c.ID)
	return err
}

type deadDropCmd struct {
	configFlag
	ID     run.ID `arg:"" help:"Run id, from dead list."`
	Reason string `required:"" placeholder:"TEXT" help:"Why, for the journal."`
}

// Run drops one letter.
func (c *deadDropCmd) Run(ctx context.Context, stdout io.Writer) error {
	op, closeQueue, err := c.operator(ctx)
	if err != nil {
		return err
	}
	defer closeQueue()
	if err := op.Drop(ctx, c.ID, c.Reason); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "run %s is dropped\n", c.ID)
	return err
}
