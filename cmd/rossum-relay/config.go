package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/rossum-relay/rossum-relay/configs"
)

// configCmd is "rossum-relay config".
type configCmd struct {
	Check  configCheckCmd  `cmd:"" help:"Check a configuration and print every problem with its place."`
	Lint   configLintCmd   `cmd:"" help:"Compare what the pipelines use with the queues, fields and labels that Rossum has."`
	Schema configSchemaCmd `cmd:"" help:"Print the JSON Schema of the configuration, for editors."`
}

// configCheckCmd is "rossum-relay config check".
type configCheckCmd struct {
	Config  string         `short:"c" required:"" placeholder:"FILE" help:"Configuration file."`
	Role    []configs.Role `enum:"ingest,worker,operator,admin" placeholder:"ROLE" help:"Ask only for the variables and secrets that ROLE needs: ingest, worker, operator or admin. Repeatable; without it, for all."`
	Secrets bool           `default:"true" negatable:"" help:"Also fetch the secrets, as a starting process would."`

	// check looks at what only the rooms that run the pipelines understand. Its error may be configs.Errors.
	check func(*configs.Config) error
}

// Run prints problems and warnings, each with what to try, and on success one line that counts what is configured.
func (c *configCheckCmd) Run(stdout io.Writer) error {
	cfg, problems, err := c.load()
	if err != nil {
		return withHint(err, "check the path and its permissions")
	}
	if cfg != nil {
		printProblems(stdout, "warning: ", cfg.Warnings)
	}
	if len(problems) > 0 {
		problems.Sort()
		printProblems(stdout, "", problems)
		return fmt.Errorf("%s: %s", c.Config, counted(len(problems), "problem"))
	}
	summary := []string{counted(len(cfg.Hooks), "hook"), counted(len(cfg.Targets), "target"), counted(len(cfg.Pipelines), "pipeline")}
	if len(cfg.Warnings) > 0 {
		summary = append(summary, counted(len(cfg.Warnings), "warning"))
	}
	_, err = fmt.Fprintf(stdout, "ok: %s\n", strings.Join(summary, ", "))
	return err
}

// load gives the configuration where it is well formed, and every problem that can be found. The error is for a file
// that cannot be read.
func (c *configCheckCmd) load() (*configs.Config, configs.Errors, error) {
	cfg, err := configs.Load(c.Config, configs.WithRoles(c.Role...))
	var problems configs.Errors
	if errors.As(err, &problems) {
		return nil, problems, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if c.Secrets {
		problems = append(problems, asProblems(cfg, cfg.Resolve(c.Role...))...)
	}
	if c.check != nil {
		problems = append(problems, asProblems(cfg, c.check(cfg))...)
	}
	return cfg, problems, nil
}

// asProblems is an error as problems with a place: the file where it has no better one.
func asProblems(cfg *configs.Config, err error) configs.Errors {
	var problems configs.Errors
	if err == nil || errors.As(err, &problems) {
		return problems
	}
	return configs.Errors{{Pos: cfg.Pos(""), Message: err.Error()}}
}

func printProblems(w io.Writer, prefix string, problems configs.Errors) {
	shown, rest := problems.Shown()
	for _, p := range shown {
		fmt.Fprintf(w, "%s%s\n  Try: %s\n", prefix, printable(p.Error()), printable(p.Hint()))
	}
	if rest > 0 {
		fmt.Fprintf(w, "%sand %d more\n", prefix, rest)
	}
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// configSchemaCmd is "rossum-relay config schema".
type configSchemaCmd struct{}

// Run prints the schema to stdout.
func (configSchemaCmd) Run(stdout io.Writer) error {
	_, err := stdout.Write(configs.Schema())
	return err
}
