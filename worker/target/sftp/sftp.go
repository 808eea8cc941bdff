// Package sftptarget puts documents on an SFTP server whose host key is known:
// under a temporary name, checked for their size, then renamed to a name that
// nobody has.
package sftptarget

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
	"github.com/rossum-relay/rossum-relay/worker/target/files"
	"github.com/rossum-relay/rossum-relay/worker/target/netguard"
)

// Options is what a Target needs beside its configuration.
type Options struct {
	// Timeout of a request that names none. Defaults to 60 s.
	Timeout time.Duration
}

// Target is an account on an SFTP server. It implements target.Target; names are relative to the folder the account logs
// in to, or absolute with a leading slash. Their folders must exist.
type Target struct {
	instance string
	pool     *pool
	box      files.Box
}

var _ target.Target = (*Target)(nil)

// New makes a target of its configuration, whose secrets must be resolved; it connects to nothing. Close it when done.
func New(name string, cfg configs.SFTPTarget, opts Options) (*Target, error) {
	host, port, err := net.SplitHostPort(cfg.Address)
	if err != nil || host == "" || port == "" {
		return nil, fmt.Errorf("target %s: address must be host:port", name)
	}
	if cfg.Username == "" {
		return nil, fmt.Errorf("target %s: username is needed", name)
	}
	if cfg.Done != "" {
		if err := files.CheckName("document" + cfg.Done); err != nil || strings.Contains(cfg.Done, "/") {
			return nil, fmt.Errorf("target %s: done must be a suffix such as .done", name)
		}
	}
	ssh, err := newSSHConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("target %s: %w", name, err)
	}
	address := net.JoinHostPort(strings.ToLower(host), port)
	t := &Target{
		instance: address + " " + cfg.Username,
		pool: &pool{
			address: address, ssh: ssh,
			dialer: net.Dialer{Timeout: dialTimeout, Control: netguard.Guard{Private: cfg.Private}.Control},
		},
	}
	t.box = files.Box{
		Place: address, Policy: files.Policy(cfg.Collision), Done: cfg.Done, Timeout: opts.Timeout, Open: t.open,
	}
	return t, nil
}

// Instance is host, port and user name.
func (t *Target) Instance() string { return t.instance }

// Close closes idle connections; those in use close when their requests end.
func (t *Target) Close() { t.pool.close() }

// Do puts the request's files on the server or looks for one, see files.Box. It returns up to files.Grace after the
// context's end, to remove what was not finished.
func (t *Target) Do(ctx context.Context, req *target.Request) (*target.Response, outcome.Outcome) {
	return t.box.Do(ctx, req)
}

func (t *Target) open(ctx context.Context) (files.Store, error) {
	c, err := t.pool.get(ctx)
	if err != nil {
		return nil, err
	}
	return &store{pool: t.pool, conn: c, release: c.watch(ctx)}, nil
}
