package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/operate"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// printDetail prints all there is to see of a run, and what to do next.
func printDetail(stdout io.Writer, d operate.Detail) error {
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		if text := printable(fmt.Sprintf(format, args...)); text != "" && text != "0" {
			fmt.Fprintf(w, "%s\t%s\n", name, strings.ReplaceAll(text, "\n", "\n\t"))
		}
	}
	row("run", "%s", d.Run)
	row("pipeline", "%s", d.Pipeline)
	row("event", "%s", d.Event)
	row("annotation", "%d", d.Annotation)
	row("key", "%s", strings.Join(d.Key, " / "))
	row("state", "%s", d.State)
	row("received", "%s", local(d.Received))
	row("ended", "%s", local(d.Settled))
	row("next", "%s", local(d.Next))
	row("step", "%s", d.At)
	row("target", "%s", d.Target)
	row("outcome", "%s", d.Outcome)
	row("reason", "%s", d.Reason)
	row("message", "%s", d.Message)
	for _, f := range d.Complaints {
		row("field", "%s: %s", f.SchemaID, f.Text)
	}
	for step, kept := range d.Kept {
		for name, v := range kept {
			row("kept", "%s of %s: %s", name, step, v)
		}
	}
	row("payload", "%s", payloadLine(d))
	for _, e := range d.Edits {
		row("edited", "%s by %s: %s (%d places)", local(e.At), e.Who, e.Why, len(e.Paths))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	printTimeline(stdout, d.Timeline)
	printRequests(stdout, d)
	if d.Revealed {
		fmt.Fprintf(stdout, "\npayload\n%s\n", printable(string(d.Payload)))
	}
	if d.Stack != "" {
		fmt.Fprintf(stdout, "\nstack\n%s\n", printable(d.Stack))
	}
	printNext(stdout, d)
	return nil
}

func payloadLine(d operate.Detail) string {
	if d.PayloadBytes == 0 {
		return ""
	}
	return fmt.Sprintf("%d bytes, %d fields", d.PayloadBytes, len(d.Fields))
}

func printTimeline(stdout io.Writer, all []operate.Moment) {
	for _, m := range all {
		fmt.Fprintf(stdout, "\n%s  %s", local(m.At), printable(m.What))
		if m.Who != "" {
			fmt.Fprintf(stdout, " by %s", printable(m.Who))
		}
		if m.Why != "" {
			fmt.Fprintf(stdout, ": %s", printable(m.Why))
		}
		if m.Step != "" {
			fmt.Fprintf(stdout, " %s  %s", m.Step, m.Outcome)
		}
		if m.Reason != "" && m.Reason != string(m.Outcome) {
			fmt.Fprintf(stdout, " (%s)", m.Reason)
		}
		if m.Step != "" {
			fmt.Fprintf(stdout, "  %s", m.Took.Round(time.Millisecond))
		}
		fmt.Fprintln(stdout)
		for _, s := range m.Sent {
			fmt.Fprintf(stdout, "    sent %s\n", printable(sentLine(s)))
		}
		for _, text := range append([]string{m.Message, m.Response}, m.Notes...) {
			if text != "" {
				fmt.Fprintf(stdout, "    %s\n", strings.ReplaceAll(printable(text), "\n", "\n    "))
			}
		}
	}
}

// sentLine is a body or part of a request as it was sent.
func sentLine(s journal.Sent) string {
	line := fmt.Sprintf("%d bytes", s.Bytes)
	if s.Part != "" {
		line = s.Part + ": " + line
	}
	if s.SHA256 == "" {
		return line + ", not to its end"
	}
	return line + ", sha256 " + s.SHA256
}

// requestBody tells what a shown request's body is recognized by.
func requestBody(q operate.Request) string {
	if q.SHA256 == "" {
		return ""
	}
	return fmt.Sprintf(" (%d bytes, sha256 %s)", q.Bytes, q.SHA256)
}

func printRequests(stdout io.Writer, d operate.Detail) {
	if len(d.Requests) > 0 && d.ConfigChanged {
		fmt.Fprintln(stdout, "\nThe configuration has changed since; the requests are as they would be made now.")
	}
	for _, q := range d.Requests {
		done := ""
		if q.Done {
			done = ", done: not sent again"
		}
		fmt.Fprintf(stdout, "\nrequest of step %s to %s%s%s\n", q.Step, q.Target, done, requestBody(q))
		fmt.Fprintf(stdout, "    %s\n", strings.ReplaceAll(strings.TrimSpace(printable(q.Text())), "\n", "\n    "))
	}
}

func printNext(stdout io.Writer, d operate.Detail) {
	switch {
	case d.State != run.Dead:
	case d.Obsolete != "":
		fmt.Fprintf(stdout, "\nobsolete: run %s of a newer event was delivered; drop it: rossum-relay dead drop %s --reason obsolete\n", d.Obsolete, d.Run)
	case d.Uncertain != "":
		values := "ID"
		if len(d.Keeps) != 1 {
			values = strings.Join(d.Keeps, "=… ") + "=…"
		}
		fmt.Fprintf(stdout, "\nlook whether step %s is at the target, then: rossum-relay dead resolve %s --delivered %s, or --not-delivered\n", d.Uncertain, d.Run, values)
	default:
		fmt.Fprintf(stdout, "\nmend the cause, then: rossum-relay dead replay %s\n", d.Run)
	}
}
