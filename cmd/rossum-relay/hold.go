package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/operate"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/target/limits"
)

// held is what a command holds or resumes.
type held struct {
	Kind string `arg:"" enum:"target,pipeline,annotation" help:"What: target, pipeline or annotation."`
	Name string `arg:"" help:"Its name, or the annotation's id."`
}

// holdCmd is "rossum-relay hold".
type holdCmd struct {
	configFlag
	held
	Reason string `required:"" placeholder:"TEXT" help:"Why; everyone who looks at a parked run reads it."`
}

// Run sets a hold.
func (c *holdCmd) Run(ctx context.Context, stdout io.Writer) error {
	return c.operating(ctx, func(op *operate.Operator) error {
		err := op.Hold(ctx, c.Kind, c.Name, c.Reason)
		if errors.Is(err, operate.ErrUnknown) {
			return withHint(err, nearest(op.Config, c.Kind, c.Name))
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(stdout, "%s %s is held; its runs park until: rossum-relay resume %s %s\n", c.Kind, c.Name, c.Kind, c.Name)
		return err
	})
}

// nearest is the name that was meant, perhaps.
func nearest(cfg *configs.Config, kind, name string) string {
	var names []string
	if kind == limits.HoldTarget {
		for _, t := range cfg.Targets {
			names = append(names, t.Name)
		}
	} else {
		for _, p := range cfg.Pipelines {
			names = append(names, p.Name)
		}
	}
	if near := configs.Nearest(name, names); near != "" {
		return kind + " " + near
	}
	return "a " + kind + " of the configuration"
}

// resumeCmd is "rossum-relay resume".
type resumeCmd struct {
	configFlag
	held
	Reason string `placeholder:"TEXT" help:"Why, for the journal."`
}

// Run lifts a hold.
func (c *resumeCmd) Run(ctx context.Context, stdout io.Writer) error {
	return c.operating(ctx, func(op *operate.Operator) error {
		woken, err := op.Lift(ctx, c.Kind, c.Name, c.Reason)
		if errors.Is(err, queue.ErrNotFound) {
			return withHint(fmt.Errorf("%s %s is not held", c.Kind, c.Name), "rossum-relay holds")
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(stdout, "%s %s goes on; %s woken\n", c.Kind, c.Name, counted(woken, "parked run"))
		return err
	})
}

// holdsCmd is "rossum-relay holds".
type holdsCmd struct {
	configFlag
	JSON bool `help:"One JSON object a line."`
}

// Run prints the holds.
func (c *holdsCmd) Run(ctx context.Context, stdout io.Writer) error {
	return c.operating(ctx, func(op *operate.Operator) error {
		all, err := op.Held(ctx)
		switch {
		case err != nil:
			return err
		case c.JSON:
			return jsonLines(stdout, all)
		case len(all) == 0:
			fmt.Fprintln(stdout, "nothing is held")
			return nil
		}
		return table(stdout, "WHAT\tNAME\tSINCE\tBY\tREASON", func(w io.Writer) {
			for _, h := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", h.Kind, h.Name, local(h.Since), oneLine(h.Who, 40), oneLine(h.Reason, 100))
			}
		})
	})
}
