package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/operate/setup"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
)

// configLintCmd is "rossum-relay config lint".
type configLintCmd struct {
	accountFlag
	Live bool `help:"Also compare with Rossum: queues, fields, types of values, options and labels that the pipelines use."`
}

// Run checks as config check does, without secrets, and with --live asks Rossum. Every problem stands at its place.
func (c *configLintCmd) Run(ctx context.Context, stdout io.Writer) error {
	cfg, set, problems, err := c.compiled()
	if err != nil {
		return err
	}
	if len(problems) == 0 && c.Live {
		if problems, err = c.ask(ctx, cfg, set); err != nil {
			return rossumHint(err)
		}
	}
	if len(problems) > 0 {
		problems.Sort()
		printProblems(stdout, "", problems)
		return fmt.Errorf("%s: %s", c.Config, counted(len(problems), "problem"))
	}
	_, err = fmt.Fprintf(stdout, "ok: %s\n", counted(len(set.All()), "pipeline"))
	return err
}

// compiled is the configuration with its pipelines, or what is wrong with it.
func (c *configLintCmd) compiled() (*configs.Config, *pipeline.Set, configs.Errors, error) {
	cfg, err := configs.Load(c.Config, configs.WithRoles(configs.RoleWorker, configs.RoleAdmin))
	var problems configs.Errors
	if errors.As(err, &problems) {
		return nil, nil, problems, nil
	}
	if err != nil {
		return nil, nil, nil, withHint(err, "check the path and its permissions")
	}
	set, err := pipeline.Compile(cfg)
	if err != nil {
		return cfg, nil, asProblems(cfg, err), nil
	}
	return cfg, set, nil, nil
}

// ask compares with every environment that has hooks, or the one that is named.
func (c *configLintCmd) ask(ctx context.Context, cfg *configs.Config, set *pipeline.Set) (configs.Errors, error) {
	if err := resolveAdmin(cfg, true); err != nil {
		return nil, err
	}
	var all configs.Errors
	for _, e := range cfg.Rossum {
		if c.Rossum != "" && c.Rossum != e.Name || !hasHooks(cfg, e.Name) {
			continue
		}
		client, err := rossumClient(cfg, e.Name)
		if err != nil {
			return nil, err
		}
		found, err := setup.New(cfg, e.Name, client).Lint(ctx, set.References())
		client.Close()
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}
