package main

import (
	"context"
	"fmt"
	"io"

	"github.com/rossum-relay/rossum-relay/worker/operate"
)

// auditCmd is "rossum-relay audit".
type auditCmd struct {
	configFlag
	Since ago    `default:"7d" placeholder:"7d" help:"Only what was done within this time. Defaults to 7d."`
	Who   string `placeholder:"NAME" help:"Only of this operator."`
	JSON  bool   `help:"One JSON object a line."`
}

// Run prints what operators did, oldest first.
func (c *auditCmd) Run(ctx context.Context, stdout io.Writer) error {
	return c.operating(ctx, func(op *operate.Operator) error {
		var all []operate.Action
		err := op.Audit(ctx, func(a operate.Action) error {
			if !a.At.Before(c.Since.time()) && (c.Who == "" || a.Who == c.Who) {
				all = append(all, a)
			}
			return nil
		})
		switch {
		case err != nil:
			return err
		case c.JSON:
			return jsonLines(stdout, all)
		case len(all) == 0:
			fmt.Fprintln(stdout, "nobody did anything in this time")
			return nil
		}
		return table(stdout, "WHEN\tWHO\tWHAT\tON\tREASON", func(w io.Writer) {
			for _, a := range all {
				on := a.Object
				if a.Run != "" {
					on = "run " + string(a.Run)
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", local(a.At), oneLine(a.Who, 40), oneLine(a.What, 60), oneLine(on, 80), oneLine(a.Why, 100))
			}
		})
	})
}
