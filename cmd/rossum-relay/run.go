package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/queue"
)

// configFlag is the configuration file of a command.
type configFlag struct {
	Config string `short:"c" default:"relay.yaml" env:"ROSSUM_RELAY_CONFIG" placeholder:"FILE" help:"Configuration file. Defaults to relay.yaml."`
}

func (f configFlag) load(roles ...configs.Role) (*configs.Config, error) {
	cfg, err := configs.Load(f.Config, configs.WithRoles(roles...))
	if err != nil {
		return nil, withHint(err, "rossum-relay config check -c "+f.Config)
	}
	return cfg, nil
}

// runCmd is "rossum-relay run": every role in one process.
type runCmd struct{ configFlag }

// ingestCmd is "rossum-relay ingest".
type ingestCmd struct{ configFlag }

// workerCmd is "rossum-relay worker".
type workerCmd struct{ configFlag }

// Run serves until the context ends.
func (c *runCmd) Run(ctx context.Context) error {
	return serve(ctx, c.configFlag, configs.RoleIngest, configs.RoleWorker, configs.RoleConsole)
}

// Run receives webhooks until the context ends.
func (c *ingestCmd) Run(ctx context.Context) error {
	return serve(ctx, c.configFlag, configs.RoleIngest)
}

// Run works on runs until the context ends.
func (c *workerCmd) Run(ctx context.Context) error {
	return serve(ctx, c.configFlag, configs.RoleWorker)
}

func serve(ctx context.Context, f configFlag, roles ...configs.Role) error {
	reloads := make(chan os.Signal, 1)
	signal.Notify(reloads, syscall.SIGHUP) // from here to the end it ends nothing
	defer signal.Stop(reloads)
	cfg, err := f.load(roles...)
	if err != nil {
		return err
	}
	log := newLog(cfg.Log, os.Stderr)
	defer log.Sync() //nolint:errcheck // stderr cannot be synced everywhere
	logWarnings(log, cfg)
	s, err := openService(ctx, cfg, log, nil, roles...)
	if errors.Is(err, queue.ErrLocked) {
		return withHint(err, "stop the other process, or give this one its own queue.data or a NATS cluster (queue.url)")
	}
	if err != nil {
		return err
	}
	defer s.close()
	s.reloads, s.load = reloads, func() (*configs.Config, error) { return f.load(roles...) }
	return s.run(ctx)
}

func logWarnings(log *zap.Logger, cfg *configs.Config) {
	for _, w := range cfg.Warnings {
		log.Warn("configuration", zap.String("at", w.Pos.String()), zap.String("warning", w.Message))
	}
}

// newLog writes JSON lines, or readable ones, to w.
func newLog(cfg configs.Log, w io.Writer) *zap.Logger {
	level, err := zapcore.ParseLevel(cfg.Level)
	if err != nil {
		level = zapcore.InfoLevel
	}
	enc := zap.NewProductionEncoderConfig()
	enc.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	enc.EncodeDuration = zapcore.StringDurationEncoder
	encoder := zapcore.NewJSONEncoder(enc)
	if cfg.Format == "console" {
		encoder = zapcore.NewConsoleEncoder(enc)
	}
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(w)), level))
}
