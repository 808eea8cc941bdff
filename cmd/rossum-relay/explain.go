package main

import (
	"context"
	"fmt"
	"io"

	"github.com/rossum-relay/rossum-relay/worker/operate"
)

// explainCmd is "rossum-relay explain".
type explainCmd struct {
	configFlag
	About string `arg:"" name:"id" help:"Run id or its first six characters, annotation id, or invoice number (a part of the invoice's key)."`
}

// Run tells the story.
func (c *explainCmd) Run(ctx context.Context, stdout io.Writer) error {
	return c.operating(ctx, func(op *operate.Operator) error {
		lines, err := op.Explain(ctx, c.About)
		if err != nil {
			return withHint(err, "rossum-relay runs list")
		}
		for _, line := range lines {
			fmt.Fprintln(stdout, oneLine(line, 500))
		}
		return nil
	})
}
