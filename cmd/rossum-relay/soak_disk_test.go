package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// disk is a small file system of its own, which can be filled to the last byte.
type disk struct{ dir string }

// newDisk mounts one at dir until the test ends; nil where this process may not mount.
func newDisk(t *testing.T, dir string, bytes int) *disk {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%d,mode=700", bytes), "tmpfs", dir).CombinedOutput(); err != nil {
		t.Logf("no disk is filled, as none can be mounted here: %v %s", err, out)
		return nil
	}
	t.Cleanup(func() {
		if out, err := exec.CommandContext(context.Background(), "umount", "--lazy", dir).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	return &disk{dir}
}

func (d *disk) ballast() string { return filepath.Join(d.dir, "ballast") }

// fill writes until nothing fits any more.
func (d *disk) fill() error {
	f, err := os.Create(d.ballast())
	if err != nil {
		return err
	}
	for size := 1 << 20; size >= 512; size /= 2 {
		for err == nil {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			break
		}
		err = nil
	}
	return errors.Join(err, f.Close())
}

func (d *disk) free() error { return os.Remove(d.ballast()) }

// fillDisk takes the queue's disk for a moment.
func (w *world) fillDisk(ctx context.Context, rng *rand.Rand) error {
	if err := between(ctx, rng, 3*time.Second, 15*time.Second); err != nil {
		return nil
	}
	w.happens("the disk is full")
	w.tally.add("full disks", 1)
	err := w.disk.fill()
	_ = between(ctx, rng, 100*time.Millisecond, 3*time.Second)
	err = errors.Join(err, w.disk.free())
	w.happens("the disk is free")
	if w.nats == nil {
		return err
	}
	back, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return errors.Join(err, w.nats.mended(back))
}
