package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/queue"
)

// keysCmd is "rossum-relay keys".
type keysCmd struct {
	List   keysListCmd   `cmd:"" help:"List the ids of the sealing keys, the one that seals first."`
	New    keysNewCmd    `cmd:"" help:"Make a new sealing key. The relay must be stopped where it keeps its keys itself."`
	Rotate keysRotateCmd `cmd:"" help:"Seal everything anew that is sealed with older keys, beside the running relay."`
	Prune  keysPruneCmd  `cmd:"" help:"Remove the older keys from the data directory, after keys rotate."`
}

// queueConfig is the queue of the configuration with its secrets.
func (f configFlag) queueConfig() (configs.Queue, error) {
	cfg, err := f.load(configs.RoleOperator)
	if err != nil {
		return configs.Queue{}, err
	}
	return cfg.Queue, cfg.Resolve(configs.RoleOperator)
}

// onQueue calls act with the queue of the running relay, or the cluster's. An embedded queue that nobody serves is
// served for as long as act runs.
func (f configFlag) onQueue(ctx context.Context, act func(*queue.Queue) error) error {
	cfg, err := f.queueConfig()
	if err != nil {
		return err
	}
	q, err := queue.Open(ctx, cfg, queue.Attach, "operator", zap.NewNop())
	if err != nil && cfg.URL == "" && !errors.Is(err, queue.ErrNoKey) {
		served, serveErr := queue.Open(ctx, cfg, queue.Serve, "operator", zap.NewNop())
		if !errors.Is(serveErr, queue.ErrLocked) {
			q, err = served, serveErr
		}
	}
	if errors.Is(err, queue.ErrNoKey) {
		return withHint(err, "put the key back: without it what is stored cannot be read")
	}
	if err != nil {
		return err
	}
	defer q.Close()
	return act(q)
}

type keysListCmd struct{ configFlag }

// Run prints a line for each key.
func (c *keysListCmd) Run(ctx context.Context, stdout io.Writer) error {
	return c.onQueue(ctx, func(q *queue.Queue) error {
		for i, id := range q.KeyIDs() {
			use := "opens"
			if i == 0 {
				use = "seals and opens"
			}
			fmt.Fprintf(stdout, "%s  %s\n", id, use)
		}
		return nil
	})
}

type keysNewCmd struct{ configFlag }

// Run adds a key where the relay keeps its keys itself.
func (c *keysNewCmd) Run(stdout io.Writer) error {
	cfg, err := c.queueConfig()
	if err != nil {
		return err
	}
	if len(cfg.Keys) > 0 {
		return withHint(errors.New("the keys are in the configuration (queue.keys), not in the data directory"),
			"openssl rand -base64 32; add it to queue.keys of every process, first as the last one, then as the first")
	}
	id, err := queue.AddKey(cfg)
	if errors.Is(err, queue.ErrLocked) {
		return withHint(err, "stop it, run this again, and start it")
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s seals from now on; back up the data directory's file keys\nTry: start the relay, then rossum-relay keys rotate -c %s\n", id, c.Config)
	return err
}

type keysRotateCmd struct {
	configFlag
	DryRun bool `help:"Only count."`
}

// Run seals anew and tells what is left. It may be interrupted and repeated.
func (c *keysRotateCmd) Run(ctx context.Context, stdout io.Writer) error {
	return c.onQueue(ctx, func(q *queue.Queue) error {
		left, unknown, err := c.rotate(ctx, q, stdout)
		switch {
		case err != nil:
			return err
		case unknown > 0:
			return withHint(fmt.Errorf("%s sealed with keys that are gone", counted(unknown, "message")), "put the old key back at the end of the keys")
		case left > 0 && c.DryRun:
			return nil
		case left > 0:
			return withHint(fmt.Errorf("%s moved meanwhile and still needs an older key", counted(left, "message")), "run this again in a minute; keep the older keys until then")
		}
		prune := "remove the older keys from queue.keys of every process"
		if cfg, err := c.queueConfig(); err == nil && len(cfg.Keys) == 0 {
			prune = "rossum-relay keys prune -c " + c.Config
		}
		_, err = fmt.Fprintf(stdout, "everything is sealed with key %s; older keys are needed no more\nTry: %s\n", q.KeyIDs()[0], prune)
		return err
	})
}

func (c *keysRotateCmd) rotate(ctx context.Context, q *queue.Queue, stdout io.Writer) (left, unknown int, err error) {
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "STREAM\tFRESH\tSEALED ANEW\tLEFT\tUNKNOWN KEY")
	err = q.Reseal(ctx, c.DryRun, func(r queue.Resealed) {
		left, unknown = left+r.Left, unknown+r.Unknown
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\n", r.Stream, r.Fresh, r.Done, r.Left, r.Unknown)
	})
	return left, unknown, errors.Join(err, table.Flush())
}

type keysPruneCmd struct{ configFlag }

// Run removes the older keys if nothing needs them.
func (c *keysPruneCmd) Run(ctx context.Context, stdout io.Writer) error {
	cfg, err := c.queueConfig()
	if err != nil {
		return err
	}
	if len(cfg.Keys) > 0 {
		return withHint(errors.New("the keys are in the configuration (queue.keys)"), "rossum-relay keys rotate, then remove them there")
	}
	return c.onQueue(ctx, func(q *queue.Queue) error {
		needed := 0
		if err := q.Reseal(ctx, true, func(r queue.Resealed) { needed += r.Left + r.Unknown }); err != nil {
			return err
		}
		if needed > 0 {
			return withHint(fmt.Errorf("%s still sealed with older keys", counted(needed, "message")), "rossum-relay keys rotate -c "+c.Config)
		}
		if err := q.DropKeys(); err != nil {
			return err
		}
		_, err := fmt.Fprintf(stdout, "key %s is the only one now\n", q.KeyIDs()[0])
		return err
	})
}
