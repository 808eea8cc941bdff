// Package dirtarget puts documents into a local directory, which may be a
// mounted share: whole, durably, never over another file, and never outside.
package dirtarget

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
	"github.com/rossum-relay/rossum-relay/worker/target/files"
)

// Options is what a Target needs beside its configuration.
type Options struct {
	// Timeout of a request that names none. Defaults to 60 s.
	Timeout time.Duration
}

// Target is a local directory. It implements target.Target; names are taken relative to the directory, whose folders must
// exist. A file system that hangs cannot be interrupted.
type Target struct {
	path string
	box  files.Box
}

var _ target.Target = (*Target)(nil)

// New makes a target of its configuration. The directory is opened anew for every request, so that a share may be mounted
// later, or again.
func New(name string, cfg configs.DirTarget, opts Options) (*Target, error) {
	path, err := filepath.Abs(cfg.Path)
	if err != nil || cfg.Path == "" {
		return nil, fmt.Errorf("target %s: path is no directory's", name)
	}
	t := &Target{path: path}
	t.box = files.Box{Place: name, Policy: files.Policy(cfg.Collision), Timeout: opts.Timeout, Open: t.open}
	return t, nil
}

// Instance is the directory's absolute path.
func (t *Target) Instance() string { return "dir " + t.path }

// Close does nothing: no directory is held open between requests.
func (t *Target) Close() {}

// Do puts the request's files into the directory or looks for one, see files.Box.
func (t *Target) Do(ctx context.Context, req *target.Request) (*target.Response, outcome.Outcome) {
	return t.box.Do(ctx, req)
}

func (t *Target) open(context.Context) (files.Store, error) {
	root, err := os.OpenRoot(t.path)
	if err != nil {
		return nil, noFolder(err)
	}
	return &store{root}, nil
}
