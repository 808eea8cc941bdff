package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/operate/setup"
)

// hooksCmd is "rossum-relay hooks".
type hooksCmd struct {
	Plan          hooksPlanCmd          `cmd:"" help:"Show what hooks apply would change in Rossum."`
	Apply         hooksApplyCmd         `cmd:"" help:"Create and update the hook objects in Rossum that the configuration wants."`
	Test          hooksTestCmd          `cmd:"" help:"Let Rossum call a hook in check mode: shows what would happen, stores nothing."`
	Logs          hooksLogsCmd          `cmd:"" help:"List the calls of a hook that Rossum remembers, newest first: seven days."`
	Secrets       hooksSecretsCmd       `cmd:"" help:"Write secrets of a hook."`
	SecretsSchema hooksSecretsSchemaCmd `cmd:"" help:"Replace the JSON Schema of a hook's secrets."`
}

// hooksFlags are those of plan and apply.
type hooksFlags struct {
	configFlag
	Adopt         bool `help:"Take over a hook that calls this relay but was not made by hooks apply."`
	Move          bool `help:"Let a hook that was made by hooks apply call this relay instead of another address."`
	ResendSecrets bool `help:"Send the signing secret and the client key again: Rossum may not show whether they differ."`
}

// planned is the plan of one environment, with what applies it.
type planned struct {
	*setup.Setup
	plans []*setup.Plan
}

// plan compares every environment that has hooks. The returned function frees the clients.
func (f hooksFlags) plan(ctx context.Context, cfg *configs.Config) (all []planned, done func(), err error) {
	var frees []func()
	done = func() {
		for _, free := range frees {
			free()
		}
	}
	var problems configs.Errors
	for _, e := range cfg.Rossum {
		if !hasHooks(cfg, e.Name) {
			continue
		}
		client, err := rossumClient(cfg, e.Name)
		if err != nil {
			return nil, done, err
		}
		frees = append(frees, client.Close)
		p := planned{Setup: setup.New(cfg, e.Name, client)}
		p.plans, err = p.Plan(ctx, setup.Allowed{Adopt: f.Adopt, Move: f.Move, Resend: f.ResendSecrets})
		var found configs.Errors
		if errors.As(err, &found) {
			problems = append(problems, found...)
		} else if err != nil {
			return nil, done, rossumHint(fmt.Errorf("rossum.%s: %w", e.Name, err))
		}
		all = append(all, p)
	}
	if err := problems.Err(); err != nil {
		return nil, done, withHint(err, problems[0].Hint())
	}
	return all, done, nil
}

func hasHooks(cfg *configs.Config, environment string) bool {
	for _, h := range cfg.Hooks {
		if h.Value.Rossum == environment {
			return true
		}
	}
	return false
}

// print shows plans and counts what has to be done and what is blocked.
func printPlans(stdout io.Writer, all []planned) (changes, blocked int) {
	for _, environment := range all {
		for _, p := range environment.plans {
			switch p.Action {
			case setup.Same:
				fmt.Fprintf(stdout, "%s: hook %d is as configured\n", p.Hook, p.ID)
			case setup.Blocked, setup.Orphan:
				fmt.Fprintf(stdout, "%s: left alone: %s\n  Try: %s\n", printable(p.Hook), printable(p.Reason), p.Try)
				if p.Action == setup.Blocked {
					blocked++
				}
			case setup.Create, setup.Update:
				changes++
				what := "create"
				if p.ID != 0 {
					what = fmt.Sprintf("update hook %d", p.ID)
				}
				fmt.Fprintf(stdout, "%s: %s\n", p.Hook, what)
				for _, d := range p.Differences {
					fmt.Fprintf(stdout, "  %s: %s\n", d.Attribute, printable(d.Text))
				}
			}
		}
	}
	return changes, blocked
}

type hooksPlanCmd struct{ hooksFlags }

// Run shows the differences.
func (c *hooksPlanCmd) Run(ctx context.Context, stdout io.Writer) error {
	cfg, err := c.admin(false)
	if err != nil {
		return err
	}
	all, done, err := c.plan(ctx, cfg)
	defer done()
	if err != nil {
		return err
	}
	changes, blocked := printPlans(stdout, all)
	for _, missing := range setup.MissingSecrets(cfg) {
		fmt.Fprintf(stdout, "%s: apply makes a signing secret in %s\n", missing.Name, missing.Value)
	}
	_, err = fmt.Fprintf(stdout, "%s, %d left alone\n", counted(changes, "change"), blocked)
	return err
}

type hooksApplyCmd struct {
	hooksFlags
	Yes        bool `short:"y" help:"Do not ask."`
	ShowSecret bool `help:"Print the signing secrets that were made."`
}

// Run shows the differences, asks, makes missing secrets and applies.
func (c *hooksApplyCmd) Run(ctx context.Context, stdout io.Writer) error {
	cfg, err := c.admin(false)
	if err != nil {
		return err
	}
	all, done, err := c.plan(ctx, cfg)
	defer done()
	if err != nil {
		return err
	}
	changes, blocked := printPlans(stdout, all)
	if changes > 0 {
		if err := confirm(stdout, c.Yes, fmt.Sprintf("Apply %s?", counted(changes, "change"))); err != nil {
			return err
		}
		if missing := setup.MissingSecrets(cfg); len(missing) > 0 {
			fresh, freed, err := c.withSecrets(ctx, stdout, missing)
			defer freed()
			if err != nil {
				return err
			}
			all = fresh
		}
		if err := apply(ctx, stdout, all); err != nil {
			return rossumHint(err)
		}
	}
	if blocked > 0 {
		return withHint(fmt.Errorf("%s left alone", counted(blocked, "hook")), "--adopt or --move, as said above")
	}
	if changes == 0 {
		fmt.Fprintln(stdout, "nothing to change")
	}
	return nil
}

// withSecrets makes the missing signing secrets and plans once more, with them.
func (c *hooksApplyCmd) withSecrets(ctx context.Context, stdout io.Writer, missing configs.Named[string]) ([]planned, func(), error) {
	for _, m := range missing {
		err := setup.MakeSecret(m.Value)
		if errors.Is(err, os.ErrExist) {
			continue // hooks may share one
		}
		if err != nil {
			return nil, func() {}, err
		}
		fmt.Fprintf(stdout, "%s: signing secret made in %s\n", m.Name, m.Value)
	}
	cfg, err := c.admin(false)
	if err != nil {
		return nil, func() {}, err
	}
	for _, m := range missing {
		if h, _ := cfg.Hooks.Get(m.Name); c.ShowSecret {
			fmt.Fprintf(stdout, "%s: signing secret %s\n", m.Name, h.SigningSecrets[0].Reveal())
		}
	}
	return c.plan(ctx, cfg)
}

func apply(ctx context.Context, stdout io.Writer, all []planned) error {
	for _, environment := range all {
		for _, p := range environment.plans {
			if p.Action != setup.Create && p.Action != setup.Update {
				continue
			}
			id, err := environment.Apply(ctx, p)
			if err != nil {
				return err
			}
			fmt.Fprintf(stdout, "%s: hook %d %sd\n", p.Hook, id, p.Action)
		}
	}
	return nil
}
