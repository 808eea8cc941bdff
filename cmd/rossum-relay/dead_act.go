package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/operate"
)

// bulkFlags select the letters of an action: by ids, by filters, or all.
type bulkFlags struct {
	ID []string `arg:"" optional:"" help:"Run ids, or their first six characters."`
	letterFilter
	Code   string `placeholder:"CODE" help:"Only with this reason code, such as http_400."`
	All    bool   `help:"All dead letters."`
	DryRun bool   `help:"Only say which letters it would be."`
	Yes    bool   `short:"y" help:"Do not ask."`
}

// errNothingSelected asks for a selection: nobody acts on all letters by leaving something out.
var errNothingSelected = errors.New("no letters are selected")

// selected lists the letters and whether they were named one by one.
func (b bulkFlags) selected(ctx context.Context, op *operate.Operator) (all []operate.Selected, named bool, err error) {
	f := b.filter(b.Code)
	switch {
	case len(b.ID) > 0 && (b.All || !f.IsZero()):
		return nil, false, withHint(errors.New("ids and filters exclude each other"), "either ids, or filters")
	case len(b.ID) > 0:
		ids, err := findLetters(ctx, op, b.ID)
		for _, id := range ids {
			all = append(all, operate.Selected{Run: id})
		}
		return all, true, err
	case !b.All && f.IsZero():
		return nil, false, withHint(errNothingSelected, "ids, filters such as --cause or --code, or --all")
	}
	all, err = op.Select(ctx, f)
	return all, false, err
}

// agreed shows what will be acted on and asks. It reports whether there is anything to do.
func (b bulkFlags) agreed(stdout io.Writer, all []operate.Selected, named bool, verb string) (bool, error) {
	if !named || b.DryRun {
		fmt.Fprintf(stdout, "%s to %s\n", counted(len(all), "dead letter"), verb)
	}
	if b.DryRun {
		const most = 20
		for i, s := range all {
			if i == most {
				fmt.Fprintf(stdout, "  and %d more\n", len(all)-most)
				break
			}
			fmt.Fprintf(stdout, "  %s %s %s\n", s.Run, s.Pipeline, local(s.Received))
		}
		return false, nil
	}
	if len(all) == 0 || named {
		return len(all) > 0, nil
	}
	return true, confirm(stdout, b.Yes, fmt.Sprintf("%s %d now?", verb, len(all)))
}

// tell prints what could not be done, and what was where runs were named.
func tell(stdout io.Writer, named bool, done string) func(operate.Selected, error) {
	return func(s operate.Selected, err error) {
		switch {
		case err != nil:
			fmt.Fprintf(stdout, "%s: %s\n", s.Run, printable(err.Error()))
		case named:
			fmt.Fprintf(stdout, "run %s %s\n", s.Run, done)
		}
	}
}

// end sums up a bulk action and says whether it went well.
func end(stdout io.Writer, named bool, done string, res operate.BulkResult, err error) error {
	if !named || res.Stopped {
		fmt.Fprintf(stdout, "%d %s", res.Acted, done)
		for _, part := range []struct {
			n    int
			text string
		}{
			{res.Obsolete, "obsolete, left alone"}, {res.Gone, "no longer dead"}, {res.Failed, "failed"},
			{res.Done, "ended well"}, {res.DiedAgain, "died again"}, {res.Left, "not reached"},
		} {
			if part.n > 0 {
				fmt.Fprintf(stdout, ", %d %s", part.n, part.text)
			}
		}
		fmt.Fprintln(stdout)
	}
	switch {
	case err != nil:
		return hinted(err)
	case res.Stopped:
		return withHint(fmt.Errorf("stopped: %d runs died again", res.DiedAgain), "rossum-relay dead groups")
	case res.Failed > 0 || named && res.Acted == 0 && res.Left == 0:
		return withHint(fmt.Errorf("%d of the letters could not be acted on", res.Failed+res.Obsolete+res.Gone), "rossum-relay dead list; --force for obsolete ones")
	}
	return nil
}

type deadReplayCmd struct {
	configFlag
	bulkFlags
	FromStart         bool      `help:"Run all steps again; what was delivered is still not delivered twice."`
	Force             bool      `help:"Also where a newer event of the annotation was delivered since."`
	Rate              rateValue `placeholder:"5/s" help:"At most so many a second, minute or hour."`
	StopAfterFailures int       `placeholder:"3" help:"Watch how the runs end, and stop when so many died again."`
	Reason            string    `placeholder:"TEXT" help:"Why, for the journal."`
}

// Run replays.
func (c *deadReplayCmd) Run(ctx context.Context, stdout io.Writer) error {
	return c.operating(ctx, func(op *operate.Operator) error {
		all, named, err := c.selected(ctx, op)
		if err != nil {
			return err
		}
		if ok, err := c.agreed(stdout, all, named, "replay"); !ok || err != nil {
			return err
		}
		res, err := op.ReplayAll(ctx, all, operate.BulkReplay{
			ReplayOptions: operate.ReplayOptions{FromStart: c.FromStart, Force: c.Force, Why: c.Reason},
			Rate:          configs.Rate(c.Rate), StopAfter: c.StopAfterFailures, Told: tell(stdout, named, "is back at work"),
		})
		return end(stdout, named, "replayed", res, err)
	})
}

// rateValue is a rate such as 5/s, 600/m or 5000/h.
type rateValue configs.Rate

// UnmarshalText reads a rate.
func (r *rateValue) UnmarshalText(text []byte) error {
	number, unit, _ := strings.Cut(string(text), "/")
	n, err := strconv.ParseUint(number, 10, 31)
	per, ok := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[unit]
	if err != nil || !ok || n == 0 {
		return fmt.Errorf("%q is no rate such as 5/s, 600/m or 5000/h", text)
	}
	*r = rateValue{N: int(n), Per: per}
	return nil
}

type deadDropCmd struct {
	configFlag
	bulkFlags
	Reason string `required:"" placeholder:"TEXT" help:"Why, for the journal."`
}

// Run drops.
func (c *deadDropCmd) Run(ctx context.Context, stdout io.Writer) error {
	return c.operating(ctx, func(op *operate.Operator) error {
		all, named, err := c.selected(ctx, op)
		if err != nil {
			return err
		}
		if ok, err := c.agreed(stdout, all, named, "drop"); !ok || err != nil {
			return err
		}
		res, err := op.DropAll(ctx, all, c.Reason, tell(stdout, named, "is dropped"))
		return end(stdout, named, "dropped", res, err)
	})
}

type deadResolveCmd struct {
	configFlag
	ID           string   `arg:"" help:"Run id, or its first six characters."`
	Delivered    []string `xor:"word" required:"" sep:"none" placeholder:"EXTID" help:"It is at the ERP under this id; NAME=VALUE for each value where the step keeps several."`
	NotDelivered bool     `xor:"word" required:"" help:"It surely is not at the ERP; it is sent again."`
	Reason       string   `required:"" placeholder:"TEXT" help:"How that is known, for the journal."`
}

// Run resolves.
func (c *deadResolveCmd) Run(ctx context.Context, stdout io.Writer) error {
	return c.operating(ctx, func(op *operate.Operator) error {
		id, err := findLetter(ctx, op, c.ID)
		if err != nil {
			return err
		}
		res := operate.Resolution{Delivered: !c.NotDelivered, Why: c.Reason}
		if res.Delivered {
			r, err := op.Run(ctx, id)
			if err != nil {
				return err
			}
			if res.Kept, err = operate.KeptOf(op.KeptNames(&r), c.Delivered); err != nil {
				return err
			}
		}
		if err := op.Resolve(ctx, id, res); err != nil {
			return hinted(err)
		}
		_, err = fmt.Fprintf(stdout, "run %s is back at work\n", id)
		return err
	})
}

type deadEditCmd struct {
	configFlag
	ID      string   `arg:"" help:"Run id, or its first six characters."`
	Set     []string `sep:"none" placeholder:"field.NAME=VALUE" help:"New value of a field, or of one in a table: field.line_items[0].item_quantity=2. May be repeated."`
	Payload string   `type:"existingfile" placeholder:"FILE" help:"An edited copy of the payload from dead show --reveal --payload."`
	Reason  string   `required:"" placeholder:"TEXT" help:"Why, for the journal."`
	DryRun  bool     `help:"Only show what would change."`
	Yes     bool     `short:"y" help:"Do not ask."`
}

// Run edits.
func (c *deadEditCmd) Run(ctx context.Context, stdout io.Writer) error {
	change := operate.Change{Set: c.Set}
	if c.Payload != "" {
		var err error
		if change.Payload, err = os.ReadFile(c.Payload); err != nil {
			return err
		}
	}
	return c.operating(ctx, func(op *operate.Operator) error {
		id, err := findLetter(ctx, op, c.ID)
		if err != nil {
			return err
		}
		e, err := op.PrepareEdit(ctx, id, change)
		if err != nil {
			return hinted(err)
		}
		printEdit(stdout, e)
		if c.DryRun {
			return nil
		}
		if err := confirm(stdout, c.Yes, "keep this and replay the run?"); err != nil {
			return err
		}
		if err := op.Edit(ctx, e, c.Reason); err != nil {
			return hinted(err)
		}
		_, err = fmt.Fprintf(stdout, "run %s is back at work; its original payload is kept\n", id)
		return err
	})
}

func printEdit(stdout io.Writer, e operate.Edit) {
	fmt.Fprintf(stdout, "%s in the payload\n", counted(len(e.Ops), "change"))
	if len(e.Documents) == 0 {
		fmt.Fprintln(stdout, "no document changes by it")
	}
	for _, d := range e.Documents {
		fmt.Fprintf(stdout, "\nwhat step %s sends\n%s", d.Step, printable(d.Diff))
	}
	fmt.Fprintln(stdout)
}
