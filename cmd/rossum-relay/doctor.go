package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/operate/doctor"
)

// doctorCmd is "rossum-relay doctor".
type doctorCmd struct {
	configFlag
	Role []configs.Role `enum:"ingest,worker,operator,admin" placeholder:"ROLE" help:"Look only at what ROLE needs: ingest, worker, operator (the queue) or admin (the hooks in Rossum). Repeatable; without it, at all."`
	JSON bool           `name:"json" help:"Print JSON lines, one for each finding."`
}

// Run prints the findings, each with its mend, and fails where something does not work.
func (c *doctorCmd) Run(ctx context.Context, stdout io.Writer) error {
	roles := c.Role
	if len(roles) == 0 {
		roles = []configs.Role{configs.RoleIngest, configs.RoleWorker, configs.RoleOperator, configs.RoleAdmin}
	}
	cfg, err := c.load(roles...)
	if err != nil {
		return err
	}
	found, ready := resolvable(cfg, roles)
	found = append(found, doctor.Examine(ctx, doctor.Options{
		Config: cfg, Roles: ready,
		Rossum: func(environment string) (*rossumapi.Client, error) { return rossumClient(cfg, environment) },
	})...)
	if err := c.print(stdout, found); err != nil {
		return err
	}
	if doctor.Worst(found) == doctor.Problem {
		return errFound
	}
	return nil
}

var errFound = errors.New("something needs mending; see above")

// resolvable tells which roles have their secrets, and what keeps the others from them.
func resolvable(cfg *configs.Config, roles []configs.Role) (found []doctor.Finding, ready []configs.Role) {
	told := map[string]bool{}
	for _, role := range roles {
		err := cfg.Resolve(role)
		if err == nil {
			ready = append(ready, role)
			continue
		}
		for _, p := range asProblems(cfg, err) {
			if !told[p.Path] {
				found = append(found, doctor.Finding{Check: "config", Level: doctor.Problem, Message: p.Error(), Try: p.Hint()})
			}
			told[p.Path] = true
		}
	}
	for _, w := range cfg.Warnings {
		found = append(found, doctor.Finding{Check: "config", Level: doctor.Warning, Message: w.Error(), Try: w.Hint()})
	}
	return found, ready
}

func (c *doctorCmd) print(stdout io.Writer, found []doctor.Finding) error {
	if c.JSON {
		lines := json.NewEncoder(stdout)
		for _, f := range found {
			if err := lines.Encode(f); err != nil {
				return err
			}
		}
		return nil
	}
	for _, f := range found {
		fmt.Fprintf(stdout, "%-8s %s: %s\n", f.Level, f.Check, printable(f.Message))
		if f.Try != "" {
			fmt.Fprintf(stdout, "         Try: %s\n", printable(f.Try))
		}
	}
	return nil
}
