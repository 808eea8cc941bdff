package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/alert"
)

// alertsCmd is "rossum-relay alerts".
type alertsCmd struct {
	Test alertsTestCmd `cmd:"" help:"Send every receiver a notice that says it is a test."`
}

// alertsTestCmd is "rossum-relay alerts test".
type alertsTestCmd struct{ configFlag }

// Run tells each receiver in turn and says which one did not take it.
func (c *alertsTestCmd) Run(ctx context.Context, stdout io.Writer) error {
	cfg, err := c.load(configs.RoleWorker)
	if err != nil {
		return err
	}
	if len(cfg.Alerts.Receivers) == 0 {
		return withHint(errors.New("the configuration has no receivers of alerts"), "add alerts.receivers, see configs/relay.example.yaml")
	}
	if err := cfg.Resolve(configs.RoleWorker); err != nil {
		return err
	}
	failed := 0
	for _, e := range cfg.Alerts.Receivers {
		said := "took it"
		if err := alert.Try(ctx, e.Value, relayName(cfg)); err != nil {
			failed++
			said = err.Error()
		}
		fmt.Fprintf(stdout, "%s: %s\n", e.Name, printable(said))
	}
	if failed > 0 {
		return fmt.Errorf("%s not reached", counted(failed, "receiver"))
	}
	return nil
}
