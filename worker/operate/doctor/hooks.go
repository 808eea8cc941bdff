package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/operate/setup"
)

// hooks compares the hook objects in Rossum with the configuration.
func (d *doctor) hooks(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 3*lookWithin)
	defer cancel()
	for _, e := range d.Config.Rossum {
		served := slices.ContainsFunc(d.Config.Hooks, func(h configs.Entry[configs.Hook]) bool { return h.Value.Rossum == e.Name })
		if !served {
			continue
		}
		check := "rossum." + e.Name
		if e.Value.Username == "" {
			d.warn(check, "without a service account a run dies when the hook's token has ended, and hooks cannot be looked at", "add username and password to rossum."+e.Name)
			continue
		}
		client, err := d.Rossum(e.Name)
		if err != nil {
			d.problem(check, err.Error(), "check rossum."+e.Name)
			continue
		}
		plans, err := setup.New(d.Config, e.Name, client).Plan(ctx, setup.Allowed{})
		client.Close()
		if err != nil {
			d.notAsked(check, err)
			continue
		}
		for _, p := range plans {
			d.hook(p)
		}
	}
}

func (d *doctor) notAsked(check string, err error) {
	var problems configs.Errors
	switch {
	case errors.As(err, &problems):
		for _, p := range problems {
			d.warn(check, "hooks apply could not work with this configuration: "+p.Error(), p.Hint())
		}
	case rossumapi.IsUnauthorized(err) || rossumapi.StatusOf(err) == 400 && strings.Contains(err.Error(), "auth/login"):
		d.problem(check, "Rossum refuses the service account", "username and password of "+check)
	case rossumapi.IsForbidden(err):
		d.warn(check, "the service account may not look at hooks", "make it an admin")
	default:
		d.problem(check, err.Error(), "see above; or try again")
	}
}

// hook tells what is different about one hook object. What loses events or tokens is a problem, the rest is not.
func (d *doctor) hook(p *setup.Plan) {
	check := "hook." + p.Hook
	switch p.Action {
	case setup.Same:
		d.ok(check, fmt.Sprintf("hook %d is as configured, with its events and token_lifetime_s", p.ID))
	case setup.Create:
		d.problem(check, "Rossum has no hook object that calls it", "rossum-relay hooks apply")
	case setup.Blocked, setup.Orphan:
		d.warn(check, p.Reason, p.Try)
	case setup.Update:
		for _, diff := range p.Differences {
			text := fmt.Sprintf("hook %d: %s: %s", p.ID, diff.Attribute, diff.Text)
			if grave(diff.Attribute) {
				d.problem(check, text, "rossum-relay hooks apply")
			} else {
				d.warn(check, text, "rossum-relay hooks apply")
			}
		}
	}
}

// grave attributes decide whether Rossum calls at all, and whether there is time to write back.
func grave(attribute string) bool {
	return slices.Contains([]string{"active", "events", "queues", "config.url", "config.secret", "token_lifetime_s", "token_owner"}, attribute)
}
