package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/queue"
)

// backupCmd is "rossum-relay backup".
type backupCmd struct {
	configFlag
	File string `arg:"" help:"Where to write the backup; - is standard output."`
}

// Run writes the backup, whole or not at all.
func (c *backupCmd) Run(ctx context.Context, stdout io.Writer) error {
	return c.onQueue(ctx, func(q *queue.Queue) error {
		if c.File == "-" {
			_, err := q.Backup(ctx, stdout)
			return err
		}
		var b queue.Backup
		err := writeNew(c.File, func(w io.Writer) (err error) {
			b, err = q.Backup(ctx, w)
			return err
		})
		if errors.Is(err, fs.ErrExist) {
			return withHint(err, "another name, such as relay-"+time.Now().UTC().Format("20060102T150405")+".backup")
		}
		if err != nil {
			return err
		}
		printBackup(stdout, b)
		_, err = fmt.Fprintf(stdout, "The sealing keys are not in it: keep key %s elsewhere. Without it the backup cannot be read.\n", b.Keys[0])
		return err
	})
}

// writeNew writes a file that must not be there, readable by its owner only; it appears when it is whole and on disk.
func writeNew(path string, write func(io.Writer) error) error {
	if _, err := os.Lstat(path); err == nil {
		return &fs.PathError{Op: "write", Path: path, Err: fs.ErrExist}
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone after the link
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), path) // unlike a rename it replaces nothing
}

func printBackup(stdout io.Writer, b queue.Backup) {
	fmt.Fprintf(stdout, "backup of %s, sealed with key %s\n", b.At.Local().Format(time.DateTime), b.Keys[0])
	for _, stream := range slices.Sorted(maps.Keys(b.Messages)) {
		fmt.Fprintf(stdout, "  %-16s %d\n", stream, b.Messages[stream])
	}
	if b.InWork > 0 {
		fmt.Fprintf(stdout, "  %s in work all the time: restored, these runs may be dead letters without a payload\n", counted(b.InWork, "run"))
	}
}
