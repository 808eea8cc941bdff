package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/operate"
	"github.com/rossum-relay/rossum-relay/worker/reconcile"
	"github.com/rossum-relay/rossum-relay/worker/tokens"
)

// exitFindings is the exit code of a comparison that found something, for cron.
const exitFindings = 3

// reconcileCmd is "rossum-relay reconcile".
type reconcileCmd struct {
	configFlag
	Since ago           `default:"24h" placeholder:"24h" help:"How far back. Defaults to 24h."`
	Fix   bool          `help:"Enqueue what was lost, and export again what Rossum does not know as delivered."`
	Grace time.Duration `default:"30m" help:"How long something may be on its way before it counts as lost."`
	JSON  bool          `help:"One JSON object."`
}

// Run compares Rossum with the journal and the ledger. The exit code is 3 while something is open.
func (c *reconcileCmd) Run(ctx context.Context, stdout io.Writer) error {
	return c.operating(ctx, func(op *operate.Operator) error {
		cfg, err := c.admin(true)
		if err != nil {
			return err
		}
		shared, err := tokens.Open(ctx, op.Queue, time.Now)
		if err != nil {
			return err
		}
		r := reconcile.New(reconcile.Options{
			Config: cfg, Queue: op.Queue, Journal: op.Journal, Answers: op.Answers, Grace: c.grace(),
			Rossum: func(environment string) (*rossumapi.Client, error) { return relayClient(cfg, environment, shared) },
		})
		report, err := r.Look(ctx, c.Since.time())
		if err != nil {
			return rossumHint(err)
		}
		if c.Fix {
			err = r.Fix(ctx, report)
		}
		if printErr := c.print(stdout, report); printErr != nil {
			return printErr
		}
		if err != nil {
			return rossumHint(err)
		}
		return c.verdict(report)
	})
}

// grace is that of the flag; 0 is none, where Options take it for the default.
func (c *reconcileCmd) grace() time.Duration {
	if c.Grace == 0 {
		return -1
	}
	return c.Grace
}

func (c *reconcileCmd) print(stdout io.Writer, report *reconcile.Report) error {
	if c.JSON {
		return json.NewEncoder(stdout).Encode(report)
	}
	for _, f := range report.Findings {
		state := ""
		switch {
		case f.Fixed:
			state = " [fixed: " + string(f.Remedy) + "]"
		case f.Problem != "":
			state = " [not fixed: " + f.Problem + "]"
		case f.Remedy != "":
			state = " [--fix: " + string(f.Remedy) + "]"
		}
		fmt.Fprintf(stdout, "%-9s annotation %d, pipeline %s: %s%s\n", f.Kind, f.Annotation, f.Pipeline, printable(f.Message), printable(state))
		if f.Run != "" {
			fmt.Fprintf(stdout, "          run %s\n", f.Run)
		}
	}
	_, err := fmt.Fprintf(stdout, "%s and %s compared, %s, %d open\n", counted(report.Annotations, "annotation"), counted(report.Runs, "run"),
		counted(len(report.Findings), "finding"), report.Open())
	return err
}

func (c *reconcileCmd) verdict(report *reconcile.Report) error {
	open := report.Open()
	if open == 0 {
		return nil
	}
	hint := "rossum-relay reconcile --fix"
	if c.Fix {
		hint = "rossum-relay runs show RUN, or the annotation in Rossum"
	}
	return &hintedError{error: fmt.Errorf("%s open", counted(open, "finding")), hint: hint, code: exitFindings}
}

// reconcile compares on the schedule of a configuration until ctx ends, in the first of the living workers.
func (s *service) reconcile(ctx context.Context, cfg *configs.Config) {
	r := reconcile.New(reconcile.Options{
		Config: cfg, Queue: s.queue, Journal: s.journal, Answers: s.answers,
		Rossum: func(environment string) (*rossumapi.Client, error) { return relayClient(cfg, environment, s.tokens) },
	})
	r.Loop(ctx, s.log.Named("reconcile"), s.first)
}
