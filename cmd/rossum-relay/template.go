package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/rossum-relay/rossum-relay/worker/jinja/jinjatest"
)

// templateCmd is "rossum-relay template".
type templateCmd struct {
	Test   templateTestCmd   `cmd:"" help:"Run conformance cases and print each one that fails."`
	Render templateRenderCmd `cmd:"" help:"Render one template with a JSON context."`
}

// templateTestCmd is "rossum-relay template test".
type templateTestCmd struct {
	File string `arg:"" placeholder:"FILE" help:"JSON lines: name, template, context, and expected or error."`
}

// Run prints name, expected and got of every case that fails, and last a line
// "N passed, M failed". The error says that a case failed or the file is bad.
func (c *templateTestCmd) Run(ctx context.Context, stdout io.Writer) error {
	f, err := os.Open(c.File)
	if err != nil {
		return withHint(err, "check the path and its permissions")
	}
	defer f.Close()
	cases, err := jinjatest.Read(f)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	failed := 0
	for i := range cases {
		failure := cases[i].Run(ctx)
		if failure == nil {
			continue
		}
		failed++
		if _, err := fmt.Fprintf(stdout, "FAIL %s\n  expected %q\n  got      %q\n", failure.Name, failure.Expected, failure.Got); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(stdout, "%d passed, %d failed\n", len(cases)-failed, failed); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%s: %s failed", c.File, counted(failed, "case"))
	}
	return nil
}

// templateRenderCmd is "rossum-relay template render".
type templateRenderCmd struct {
	Template            string `short:"t" required:"" placeholder:"FILE" help:"Template file."`
	Context             string `short:"c" placeholder:"FILE" help:"JSON object with the template's variables."`
	Undefined           string `enum:"default,strict,chainable" default:"default" help:"What a missing name is: ${enum}."`
	TrimBlocks          bool   `help:"Drop the newline after a block tag."`
	LstripBlocks        bool   `help:"Drop blanks before a block tag that starts a line."`
	KeepTrailingNewline bool   `help:"Keep the newline at the template's end."`
	Autoescape          bool   `help:"Escape output for HTML and XML."`
}

// Run prints the rendered text as it is, without a newline of its own.
func (c *templateRenderCmd) Run(ctx context.Context, stdout io.Writer) error {
	source, err := os.ReadFile(c.Template)
	if err != nil {
		return withHint(err, "check the path and its permissions")
	}
	var vars []byte
	if c.Context != "" {
		if vars, err = os.ReadFile(c.Context); err != nil {
			return withHint(err, "check the path and its permissions")
		}
	}
	rendering := jinjatest.Case{
		Name:     c.Template,
		Template: string(source),
		Context:  vars,
		Options: jinjatest.Options{Undefined: c.Undefined, TrimBlocks: c.TrimBlocks, LstripBlocks: c.LstripBlocks,
			KeepTrailingNewline: c.KeepTrailingNewline, Autoescape: c.Autoescape},
	}
	text, err := rendering.Render(ctx)
	if err != nil {
		return err
	}
	_, err = io.WriteString(stdout, text)
	return err
}
