package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/operate"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// deadCmd is "rossum-relay dead".
type deadCmd struct {
	List    deadListCmd    `cmd:"" help:"List dead letters, oldest first."`
	Groups  deadGroupsCmd  `cmd:"" help:"List the causes of dead letters with how many each has."`
	Show    deadShowCmd    `cmd:"" help:"Show one dead letter: what was tried, what the ERP said, what would be sent."`
	Replay  deadReplayCmd  `cmd:"" help:"Send dead runs back to work at the step that failed."`
	Edit    deadEditCmd    `cmd:"" help:"Correct a dead run's fields, look at what changes, and replay it."`
	Resolve deadResolveCmd `cmd:"" help:"Say whether an uncertain delivery is at the ERP; the run goes on from there."`
	Drop    deadDropCmd    `cmd:"" help:"End dead runs for good: nothing more is delivered for them."`
	Export  deadExportCmd  `cmd:"" help:"Write dead letters into one redacted file for a ticket."`
}

// letterFilter are the flags that select dead letters.
type letterFilter struct {
	Pipeline   string `placeholder:"NAME" help:"Only of this pipeline."`
	Target     string `placeholder:"NAME" help:"Only of this target."`
	Cause      string `aliases:"group" placeholder:"CAUSE" help:"Only of this cause, from dead groups. Also --group."`
	Annotation int64  `placeholder:"ID" help:"Only of this annotation."`
	Since      ago    `placeholder:"24h" help:"Only those that died within this time."`
}

func (f letterFilter) filter(reason string) operate.Filter {
	return operate.Filter{
		Pipeline: f.Pipeline, Target: f.Target, Cause: f.Cause, Annotation: f.Annotation, Since: f.Since.time(), Reason: reason,
	}
}

type deadListCmd struct {
	configFlag
	letterFilter
	Reason string `aliases:"code" placeholder:"CODE" help:"Only with this reason code, such as http_400."`
	Limit  int    `default:"100" help:"At most this many; 0 means all."`
	JSON   bool   `help:"One JSON object a line."`
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
	Received   time.Time `json:"received"`
	First      time.Time `json:"first"`
	Last       time.Time `json:"last"`
	Obsolete   run.ID    `json:"obsolete,omitempty"` // the later run that was delivered
}

func lineOf(l operate.Listed) letterLine {
	return letterLine{
		l.Run, l.Pipeline, l.Annotation, l.Step, l.Target, l.Outcome, l.Reason, l.Cause, l.Attempts, l.Received, l.First, l.Last, l.Obsolete,
	}
}

// pageSize is how many letters are read before they are printed.
const pageSize = 500

// Run prints the letters.
func (c *deadListCmd) Run(ctx context.Context, stdout io.Writer) error {
	return c.operating(ctx, func(op *operate.Operator) error {
		if c.JSON {
			return c.each(ctx, op, func(page operate.Page) error {
				for _, l := range page.Letters {
					if err := json.NewEncoder(stdout).Encode(lineOf(l)); err != nil {
						return err
					}
				}
				return nil
			})
		}
		n, more := 0, false
		err := c.each(ctx, op, func(page operate.Page) error {
			n, more = n+len(page.Letters), page.Next > 0
			return printLetters(stdout, page)
		})
		switch {
		case err != nil:
			return err
		case n == 0:
			fmt.Fprintln(stdout, "no dead letters")
		case more:
			fmt.Fprintf(stdout, "more: --limit 0 for all, or rossum-relay dead groups\n")
		}
		return nil
	})
}

// each calls f with page after page up to the limit.
func (c *deadListCmd) each(ctx context.Context, op *operate.Operator, f func(operate.Page) error) error {
	for left, after := c.Limit, uint64(0); c.Limit == 0 || left > 0; {
		size := pageSize
		if c.Limit > 0 {
			size = min(size, left)
		}
		page, err := op.Letters(ctx, c.filter(c.Reason), after, size)
		if err != nil {
			return err
		}
		if err := f(page); err != nil || page.Next == 0 {
			return err
		}
		left, after = left-size, page.Next
	}
	return nil
}

func printLetters(stdout io.Writer, page operate.Page) error {
	if page.Mended > 0 {
		fmt.Fprintf(stdout, "%d stale letters were cleaned: what an interrupted command had left\n", page.Mended)
	}
	if len(page.Letters) == 0 {
		return nil
	}
	return table(stdout, "ID\tPIPELINE\tANNOTATION\tSTEP\tTARGET\tREASON\tTRIES\tDIED\t", func(w io.Writer) {
		for _, l := range page.Letters {
			note := ""
			if l.Obsolete != "" {
				note = "obsolete"
			}
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%d\t%s\t%s\n", l.Run, l.Pipeline, l.Annotation, l.Step, l.Target, l.Reason, l.Attempts,
				local(l.Last), note)
		}
	})
}

type deadGroupsCmd struct {
	configFlag
	letterFilter
	Reason string `aliases:"code" placeholder:"CODE" help:"Only with this reason code, such as http_400."`
	Limit  int    `default:"50" help:"At most this many causes; 0 means all."`
	JSON   bool   `help:"One JSON object a line."`
}

// Run prints the causes.
func (c *deadGroupsCmd) Run(ctx context.Context, stdout io.Writer) error {
	return c.operating(ctx, func(op *operate.Operator) error {
		groups, causes, err := op.Groups(ctx, c.filter(c.Reason), c.Limit)
		switch {
		case err != nil:
			return err
		case c.JSON:
			return jsonLines(stdout, groups)
		case len(groups) == 0:
			fmt.Fprintln(stdout, "no dead letters")
			return nil
		}
		err = table(stdout, "CAUSE\tLETTERS\tPIPELINE\tSTEP\tREASON\tFIRST\tLAST\tMESSAGE", func(w io.Writer) {
			for _, g := range groups {
				fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\n", g.Cause, g.Count, g.Pipeline, g.Step, g.Reason, local(g.First), local(g.Last),
					oneLine(strings.TrimSpace(g.Message+" "+g.Response), 160))
			}
		})
		if err == nil && len(groups) < causes {
			fmt.Fprintf(stdout, "%d more causes: --limit 0\n", causes-len(groups))
		}
		return err
	})
}

type deadShowCmd struct {
	configFlag
	ID      string `arg:"" help:"Run id, or its first six characters."`
	Reveal  bool   `help:"Show payload and documents in clear; who did so is noted in the journal."`
	Payload bool   `help:"Print only the payload, to edit it; with --reveal."`
	Reason  string `placeholder:"TEXT" help:"Why it is revealed, for the journal."`
	JSON    bool   `help:"One JSON object."`
}

// Run prints one letter.
func (c *deadShowCmd) Run(ctx context.Context, stdout io.Writer) error {
	if c.Payload && !c.Reveal {
		return withHint(fmt.Errorf("a payload is invoice data in clear"), "--payload --reveal, which is noted in the journal")
	}
	return c.operating(ctx, func(op *operate.Operator) error {
		id, err := findLetter(ctx, op, c.ID)
		if err != nil {
			return err
		}
		d, err := op.Show(ctx, id, c.Reveal, c.Reason)
		if err != nil {
			return hinted(err)
		}
		return c.print(stdout, d)
	})
}

func (c *deadShowCmd) print(stdout io.Writer, d operate.Detail) error {
	switch {
	case c.Payload:
		_, err := fmt.Fprintf(stdout, "%s\n", d.Payload)
		return err
	case c.JSON:
		return json.NewEncoder(stdout).Encode(d)
	}
	return printDetail(stdout, d)
}

// findLetter completes a run id; the letter of a broken message is no run and needs its whole id.
func findLetter(ctx context.Context, op *operate.Operator, prefix string) (run.ID, error) {
	id, err := op.Find(ctx, prefix)
	if err != nil {
		return id, withHint(err, "rossum-relay dead list")
	}
	return id, nil
}

func findLetters(ctx context.Context, op *operate.Operator, prefixes []string) ([]run.ID, error) {
	ids := make([]run.ID, 0, len(prefixes))
	for _, p := range prefixes {
		id, err := findLetter(ctx, op, p)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

type deadExportCmd struct {
	configFlag
	ID     []string `arg:"" help:"Run ids, or their first six characters."`
	Output string   `short:"o" placeholder:"FILE" help:"File to write. Defaults to the standard output."`
}

// Run writes the file.
func (c *deadExportCmd) Run(ctx context.Context, stdout io.Writer) error {
	return c.operating(ctx, func(op *operate.Operator) error {
		ids, err := findLetters(ctx, op, c.ID)
		if err != nil {
			return err
		}
		e, err := op.Export(ctx, ids)
		if err != nil {
			return hinted(err)
		}
		var b strings.Builder
		enc := json.NewEncoder(&b)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		if err := enc.Encode(e); err != nil {
			return err
		}
		if c.Output == "" {
			_, err = io.WriteString(stdout, b.String())
			return err
		}
		return os.WriteFile(c.Output, []byte(b.String()), 0o600)
	})
}
