package queue

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// DiskHealth is the disk below an embedded queue.
type DiskHealth struct {
	Free, Size uint64 // bytes, for unprivileged processes
	// Fsync is how long it took to write 4 KiB for good.
	Fsync time.Duration
}

const (
	probeFile = ".probe"
	probeSize = 4 << 10
	// probeEvery keeps whoever asks often from writing often.
	probeEvery = 10 * time.Second
)

// diskProbe writes a little now and then, to know whether and how fast the disk takes it. It is safe for concurrent use.
type diskProbe struct {
	mu     sync.Mutex
	began  time.Time
	done   chan struct{} // of the probe under way or of the last one; nil before the first
	health DiskHealth
	err    error
}

// look returns the last probe if it is fresh, else waits for a new one until ctx ends: a disk may hang.
func (p *diskProbe) look(ctx context.Context, dir string) (DiskHealth, error) {
	p.mu.Lock()
	if p.done == nil || isClosed(p.done) && time.Since(p.began) > probeEvery {
		p.began, p.done = time.Now(), make(chan struct{})
		go p.probe(dir, p.done)
	}
	began, done := p.began, p.done
	p.mu.Unlock()
	select {
	case <-done:
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.health, p.err
	case <-ctx.Done():
		return DiskHealth{}, fmt.Errorf("queue: the disk has not written for %s", time.Since(began).Round(time.Millisecond))
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (p *diskProbe) probe(dir string, done chan<- struct{}) {
	h, err := probeDisk(dir)
	p.mu.Lock()
	p.health, p.err = h, err
	p.mu.Unlock()
	close(done)
}

func probeDisk(dir string) (h DiskHealth, err error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return h, fmt.Errorf("queue: disk: %w", err)
	}
	block := uint64(fs.Bsize) //nolint:gosec,unconvert // a size, of other types elsewhere
	h.Free, h.Size = fs.Bavail*block, fs.Blocks*block
	start := time.Now()
	f, err := os.OpenFile(filepath.Join(dir, probeFile), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return h, fmt.Errorf("queue: disk: %w", err)
	}
	defer f.Close()
	if _, err = f.Write(make([]byte, probeSize)); err == nil {
		err = f.Sync()
	}
	if err != nil {
		return h, fmt.Errorf("queue: disk: %w", err)
	}
	h.Fsync = time.Since(start)
	return h, nil
}
