package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/console"
	"github.com/rossum-relay/rossum-relay/worker/console/access"
	"github.com/rossum-relay/rossum-relay/worker/console/index"
	"github.com/rossum-relay/rossum-relay/worker/operate"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
	"github.com/rossum-relay/rossum-relay/worker/target/limits"
)

// consoleCmd is "rossum-relay console".
type consoleCmd struct {
	Serve    consoleServeCmd    `cmd:"" default:"withargs" help:"Serve the operators' pages and their API."`
	Password consolePasswordCmd `cmd:"" help:"Print the hash of a password for console.users in the configuration."`
}

type consoleServeCmd struct{ configFlag }

// Run serves the console until the context ends.
func (c *consoleServeCmd) Run(ctx context.Context) error {
	return serve(ctx, c.configFlag, configs.RoleConsole)
}

type consolePasswordCmd struct{}

// Run reads a password from the standard input and prints its hash.
func (consolePasswordCmd) Run(stdout io.Writer) error {
	if info, err := os.Stdin.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		fmt.Fprintf(os.Stderr, "Password, at least %d characters (it is shown as you type): ", access.MinPassword)
	}
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	hash, err := access.Hash(strings.TrimRight(line, "\r\n"))
	if err != nil {
		return withHint(err, "printf %s 'a long password' | rossum-relay console password")
	}
	_, err = fmt.Fprintln(stdout, hash)
	return err
}

// desk is the console of a process.
type desk struct {
	server   *console.Server
	index    *index.Index
	listener net.Listener
}

// openConsole opens the console. A process with other roles goes on without it where its address is taken.
func (s *service) openConsole(ctx context.Context, set *pipeline.Set, alone bool) error {
	if s.cfg.Console.Listen == configs.Off {
		if alone {
			return errors.New("console.listen is off")
		}
		return nil
	}
	l, err := net.Listen("tcp", s.cfg.Console.Listen)
	if errors.Is(err, syscall.EADDRINUSE) && !alone {
		s.log.Warn("the console's address is taken; going on without it", zap.String("address", s.cfg.Console.Listen))
		return nil
	}
	if err != nil {
		return fmt.Errorf("console.listen: %w", err)
	}
	d := &desk{listener: l}
	s.console = d
	shared, err := limits.Open(ctx, s.queue, "console", time.Now, s.log.Named("limits"))
	if err != nil {
		return err
	}
	guard, err := access.Open(ctx, s.cfg.Console, s.queue, time.Now)
	if err != nil {
		return err
	}
	log := s.log.Named("console")
	d.index, err = index.Open(ctx, index.Options{
		Path: s.cfg.Console.Index.File, Queue: s.queue, Journal: s.journal, Fields: s.cfg.Console.Index.Fields, Log: log,
	})
	if err != nil {
		return err
	}
	op := operate.New(operate.Options{
		Queue: s.queue, Journal: s.journal, Answers: s.answers, Holds: shared.HoldStore, Config: s.cfg, Pipelines: set, Who: "console",
	})
	d.server, err = console.New(console.Options{
		Config: s.cfg, Operator: op, Limits: shared, Index: d.index, Guard: guard, Log: log, Version: versionText(),
	})
	return err
}

// run serves the console until ctx ends.
func (d *desk) run(ctx context.Context, g *errgroup.Group, log *zap.Logger) {
	if d == nil {
		return
	}
	log.Info("console listens", zap.String("address", d.listener.Addr().String()))
	g.Go(func() error { return d.server.Serve(ctx, d.listener) })
}

func (d *desk) close() {
	if d == nil {
		return
	}
	_ = d.listener.Close()
	if d.index != nil {
		_ = d.index.Close()
	}
}
