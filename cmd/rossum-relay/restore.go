package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/target/limits"
)

// restoreCmd is "rossum-relay restore".
type restoreCmd struct {
	configFlag
	File  string `arg:"" type:"existingfile" help:"A file that rossum-relay backup wrote."`
	Check bool   `help:"Only read the whole file and say what is in it."`
	Yes   bool   `short:"y" help:"Do not ask."`
}

// Run restores into an empty queue that nobody serves, and lets nothing be delivered before a person has looked.
func (c *restoreCmd) Run(ctx context.Context, stdout io.Writer) error {
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := queue.ReadBackup(f)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	printBackup(stdout, b)
	if c.Check {
		return nil
	}
	cfg, err := c.load(configs.RoleOperator)
	if err != nil {
		return err
	}
	if err := cfg.Resolve(configs.RoleOperator); err != nil {
		return err
	}
	if err := confirm(stdout, c.Yes, "Restore it? No process of the relay may run."); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return restoreHint(c.restore(ctx, cfg, f, stdout))
}

func restoreHint(err error) error {
	switch {
	case errors.Is(err, queue.ErrLocked):
		return withHint(err, "stop the relay")
	case errors.Is(err, queue.ErrNotEmpty):
		return withHint(err, "another data directory, or a cluster without the relay's streams")
	case errors.Is(err, queue.ErrNoKey):
		return withHint(err, "put the key of then into queue.keys, or into the file keys of the data directory")
	case errors.Is(err, fs.ErrNotExist):
		return withHint(err, "put the file keys that belongs to the backup into the data directory")
	}
	return err
}

func (c *restoreCmd) restore(ctx context.Context, cfg *configs.Config, backup io.Reader, stdout io.Writer) error {
	q, err := queue.Open(ctx, cfg.Queue, queue.Serve, "restore", zap.NewNop(), queue.ForRestore())
	if err != nil {
		return err
	}
	defer q.Close()
	b, err := q.Restore(ctx, backup)
	if err != nil {
		return err
	}
	j, err := journal.Open(ctx, q, time.Now)
	if err != nil {
		return err
	}
	doubts, err := j.AfterRestore(ctx)
	if err != nil {
		return err
	}
	if err := holdAll(ctx, cfg, q, b.At); err != nil {
		return err
	}
	if err := q.EndRestore(ctx); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, `restored; %s may be at an ERP and is looked for before anything is sent again
All targets are held. What happened after %s is not known here:
  1. start the relay, which takes events and delivers nothing
  2. rossum-relay reconcile --since AGO -c %[3]s    what Rossum exported that is not known here
  3. rossum-relay resume target NAME -c %[3]s       each target, when you are ready
`, counted(doubts, "reservation"), b.At.Local().Format(time.DateTime), c.Config)
	return err
}

// holdAll holds every target: a person shall know before the relay delivers from an old memory.
func holdAll(ctx context.Context, cfg *configs.Config, q *queue.Queue, made time.Time) error {
	holds, err := limits.OpenHolds(ctx, q)
	if err != nil {
		return err
	}
	for _, target := range cfg.Targets {
		err := holds.Hold(ctx, limits.Hold{
			Kind: limits.HoldTarget, Name: target.Name, Who: whoAmI(), Since: time.Now(),
			Reason: "restored from a backup of " + made.UTC().Format(time.RFC3339),
		})
		if err != nil {
			return err
		}
	}
	return nil
}
