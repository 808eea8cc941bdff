package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/operate"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// runsCmd is "rossum-relay runs".
type runsCmd struct {
	List   runsListCmd   `cmd:"" help:"List runs, newest first."`
	Show   runsShowCmd   `cmd:"" help:"Show one run: what was tried, what the ERP said, what would be sent."`
	Cancel runsCancelCmd `cmd:"" help:"End a run that has not ended: nothing more is delivered for it."`
	Resume runsResumeCmd `cmd:"" help:"Wake a waiting or parked run now."`
}

type runsListCmd struct {
	configFlag
	State      string   `enum:",running,waiting,parked,done,skipped,superseded,dead,cancelled,dropped" default:"" placeholder:"STATE" help:"Only in this state: running, waiting, parked, done, skipped, superseded, dead, cancelled or dropped."`
	Pipeline   string   `placeholder:"NAME" help:"Only of this pipeline."`
	Annotation int64    `placeholder:"ID" help:"Only of this annotation."`
	Key        []string `placeholder:"PART" help:"Only of invoices with this part in their key, such as the invoice number."`
	Since      ago      `placeholder:"24h" help:"Only those received within this time."`
	Limit      int      `default:"100" help:"At most this many; 0 means all."`
	JSON       bool     `help:"One JSON object a line."`
}

// runLine is one run as JSON.
type runLine struct {
	ID         run.ID    `json:"id"`
	Pipeline   string    `json:"pipeline"`
	Event      string    `json:"event"`
	Generation int       `json:"generation"`
	Annotation int64     `json:"annotation,omitempty"`
	Key        []string  `json:"key,omitempty"`
	State      run.State `json:"state"`
	Reason     string    `json:"reason,omitempty"`
	Step       string    `json:"step,omitempty"`
	Received   time.Time `json:"received"`
	Next       time.Time `json:"next,omitzero"`
	Settled    time.Time `json:"settled,omitzero"`
}

// Run prints the runs.
func (c *runsListCmd) Run(ctx context.Context, stdout io.Writer) error {
	return c.operating(ctx, func(op *operate.Operator) error {
		runs, err := op.Runs(ctx, operate.RunFilter{
			State: run.State(c.State), Pipeline: c.Pipeline, Annotation: c.Annotation, Since: c.Since.time(), Key: c.Key,
		}, c.Limit)
		switch {
		case err != nil:
			return err
		case c.JSON:
			return jsonLines(stdout, runLines(runs))
		case len(runs) == 0:
			fmt.Fprintln(stdout, "no runs")
			return nil
		}
		return table(stdout, "ID\tPIPELINE\tANNOTATION\tKEY\tSTATE\tREASON\tRECEIVED\tNEXT OR END", func(w io.Writer) {
			for _, r := range runs {
				when := r.Settled
				if !r.State.Settled() {
					when = r.Next
				}
				fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\n", r.Run, r.Pipeline, r.Annotation,
					oneLine(strings.Join(r.Business, " / "), 60), r.State, r.Reason, local(r.Received), local(when))
			}
		})
	})
}

func runLines(runs []journal.Record) []runLine {
	lines := make([]runLine, 0, len(runs))
	for _, r := range runs {
		lines = append(lines, runLine{
			r.Run, r.Pipeline, r.Event, r.Generation, r.Annotation, r.Business, r.State, r.Reason, r.At, r.Received, r.Next, r.Settled,
		})
	}
	return lines
}

// oneRun is the run a command is about.
type oneRun struct {
	configFlag
	ID string `arg:"" help:"Run id, or its first six characters."`
}

// with calls act with the operator and the whole id.
func (c oneRun) with(ctx context.Context, act func(*operate.Operator, run.ID) error) error {
	return c.operating(ctx, func(op *operate.Operator) error {
		id, err := op.Find(ctx, c.ID)
		if err != nil {
			return withHint(err, "rossum-relay runs list")
		}
		return hinted(act(op, id))
	})
}

type runsShowCmd struct {
	oneRun
	JSON bool `help:"One JSON object."`
}

// Run prints one run.
func (c *runsShowCmd) Run(ctx context.Context, stdout io.Writer) error {
	return c.with(ctx, func(op *operate.Operator, id run.ID) error {
		d, err := op.Show(ctx, id, false, "")
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(stdout).Encode(d)
		}
		return printDetail(stdout, d)
	})
}

type runsCancelCmd struct {
	oneRun
	Reason string `required:"" placeholder:"TEXT" help:"Why, for the journal."`
}

// Run cancels.
func (c *runsCancelCmd) Run(ctx context.Context, stdout io.Writer) error {
	return c.with(ctx, func(op *operate.Operator, id run.ID) error {
		if err := op.Cancel(ctx, id, c.Reason); err != nil {
			return err
		}
		_, err := fmt.Fprintf(stdout, "run %s is cancelled\n", id)
		return err
	})
}

type runsResumeCmd struct {
	oneRun
	Reason string `placeholder:"TEXT" help:"Why, for the journal."`
}

// Run wakes.
func (c *runsResumeCmd) Run(ctx context.Context, stdout io.Writer) error {
	return c.with(ctx, func(op *operate.Operator, id run.ID) error {
		if err := op.Resume(ctx, id, c.Reason); err != nil {
			return err
		}
		_, err := fmt.Fprintf(stdout, "run %s goes on now\n", id)
		return err
	})
}
