package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rossum-relay/rossum-relay/worker/operate"
)

// ledgerCmd is "rossum-relay ledger".
type ledgerCmd struct {
	Show   ledgerShowCmd   `cmd:"" help:"Show what was delivered, newest first."`
	Forget ledgerForgetCmd `cmd:"" help:"Take a line out of the ledger: if the invoice comes again it is delivered again."`
}

type ledgerShowCmd struct {
	configFlag
	Part   []string `arg:"" optional:"" name:"keypart" help:"Parts of the key that must all occur, such as the invoice number."`
	Target string   `placeholder:"TEXT" help:"Only of targets whose instance (host and account) contains this."`
	Limit  int      `default:"100" help:"At most this many; 0 means all."`
	JSON   bool     `help:"One JSON object a line."`
}

// Run prints the lines.
func (c *ledgerShowCmd) Run(ctx context.Context, stdout io.Writer) error {
	return c.operating(ctx, func(op *operate.Operator) error {
		lines, err := op.Ledger(ctx, operate.LedgerFilter{Parts: c.Part, Target: c.Target}, c.Limit)
		switch {
		case err != nil:
			return err
		case c.JSON:
			return jsonLines(stdout, lines)
		case len(lines) == 0:
			fmt.Fprintln(stdout, "nothing of that is in the ledger")
			return nil
		}
		return table(stdout, "LINE\tTARGET\tKEY\tSTATE\tSINCE\tANNOTATION\tRUN\tKEPT", func(w io.Writer) {
			for _, l := range lines {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", l.Name[:12], oneLine(l.Target, 60), oneLine(strings.Join(l.Key, " / "), 80), l.State,
					local(l.Since), l.Annotation, l.Run, oneLine(keptText(l), 60))
			}
		})
	})
}

func keptText(l operate.LedgerEntry) string {
	parts := make([]string, 0, len(l.Kept))
	for name, v := range l.Kept {
		parts = append(parts, name+"="+strings.Trim(string(v), `"`))
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

type ledgerForgetCmd struct {
	configFlag
	Line   string `arg:"" help:"The line's name from ledger show, or its first six characters."`
	Reason string `required:"" placeholder:"TEXT" help:"Why, for the audit log."`
}

// Run forgets.
func (c *ledgerForgetCmd) Run(ctx context.Context, stdout io.Writer) error {
	return c.operating(ctx, func(op *operate.Operator) error {
		name, err := findLine(ctx, op, c.Line)
		if err != nil {
			return withHint(err, "rossum-relay ledger show")
		}
		if err := op.Forget(ctx, name, c.Reason); err != nil {
			return hinted(err)
		}
		_, err = fmt.Fprintf(stdout, "line %s is forgotten\n", name)
		return err
	})
}

// findLine completes a ledger line's name.
func findLine(ctx context.Context, op *operate.Operator, prefix string) (string, error) {
	const least = 6
	if len(prefix) < least {
		return "", fmt.Errorf("%q: give at least %d characters of the line's name", prefix, least)
	}
	all, err := op.Ledger(ctx, operate.LedgerFilter{}, 0)
	if err != nil {
		return "", err
	}
	all = slices.DeleteFunc(all, func(l operate.LedgerEntry) bool { return !strings.HasPrefix(l.Name, prefix) })
	switch len(all) {
	case 0:
		return "", fmt.Errorf("no line %s in the ledger", prefix)
	case 1:
		return all[0].Name, nil
	}
	return "", errors.New("several lines begin so, give more characters")
}
