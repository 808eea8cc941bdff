package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/tokens"
)

// accountLife is how long the token of a command lives that reaches no relay.
const accountLife = time.Hour

// rossumClient is a command's client of an environment's service account. Its token is that of the running relay, where
// that can be reached.
func rossumClient(cfg *configs.Config, environment string) (*rossumapi.Client, error) {
	return accountClient(cfg, environment, func(r configs.Rossum, o rossumapi.Options) (rossumapi.TokenSource, error) {
		return &commandToken{cfg: cfg, environment: environment, rossum: r, options: o}, nil
	})
}

// relayClient is a client of an environment's service account with the token that all of the relay share.
func relayClient(cfg *configs.Config, environment string, shared *tokens.Store) (*rossumapi.Client, error) {
	return accountClient(cfg, environment, func(r configs.Rossum, o rossumapi.Options) (rossumapi.TokenSource, error) {
		return shared.ServiceAccount(environment, r, o, 0)
	})
}

func accountClient(
	cfg *configs.Config, environment string, source func(configs.Rossum, rossumapi.Options) (rossumapi.TokenSource, error),
) (*rossumapi.Client, error) {
	r, ok := cfg.Rossum.Get(environment)
	if !ok {
		return nil, fmt.Errorf("no Rossum environment %q", environment)
	}
	if r.Username == "" {
		return nil, withHint(fmt.Errorf("rossum.%s has no service account", environment), "add username and password to rossum."+environment)
	}
	options := rossumapi.Options{BaseURL: r.BaseURL, MaxRetryAfter: r.MaxRetryAfter.D()}
	if r.Rate.N > 0 {
		options.Limiter = rate.NewLimiter(rate.Every(r.Rate.Per/time.Duration(r.Rate.N)), 1)
	}
	var err error
	if options.Token, err = source(r, options); err != nil {
		return nil, err
	}
	return rossumapi.New(options)
}

// attachWithin bounds how long a command tries to reach the relay's queue.
const attachWithin = 3 * time.Second

// commandToken is the token source of a command: the running relay's service account, as long as its queue can be
// reached from here, else a login of the command's own.
type commandToken struct {
	cfg         *configs.Config
	environment string
	rossum      configs.Rossum
	options     rossumapi.Options

	mu    sync.Mutex             // held while a token is got
	token string                 // the relay's, once known
	own   *tokens.ServiceAccount // nil until no relay can be reached
}

// Token returns the relay's token, or one of the command's own.
func (c *commandToken) Token(ctx context.Context) (string, error) { return c.Refresh(ctx, "") }

// Refresh returns a token other than the refused one.
func (c *commandToken) Refresh(ctx context.Context, refused string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.own == nil && c.token != refused {
		return c.token, nil
	}
	if c.own == nil {
		token, err := c.relays(ctx, refused)
		var known *outcome.Error
		if err == nil || errors.As(err, &known) {
			c.token = token
			return token, err
		}
		// no relay runs, or this machine has not its keys
		if c.own, err = tokens.Local().ServiceAccount(c.environment, c.rossum, c.options, accountLife); err != nil {
			return "", err
		}
	}
	return c.own.Refresh(ctx, refused)
}

// relays asks the cache of the relay that runs with the same configuration.
func (c *commandToken) relays(ctx context.Context, refused string) (string, error) {
	cfg, err := configs.Load(c.cfg.File, configs.WithRoles(configs.RoleOperator))
	if err == nil {
		err = cfg.Resolve(configs.RoleOperator)
	}
	if err != nil {
		return "", err
	}
	attach, cancel := context.WithTimeout(ctx, attachWithin)
	defer cancel()
	cfg.Queue.Data = cfg.Path(cfg.Queue.Data)
	q, err := queue.Open(attach, cfg.Queue, queue.Attach, "command", zap.NewNop())
	if err != nil {
		return "", err
	}
	defer q.Close()
	shared, err := tokens.Open(attach, q, time.Now)
	if err != nil {
		return "", err
	}
	account, err := shared.ServiceAccount(c.environment, c.rossum, c.options, 0)
	if err != nil {
		return "", err
	}
	return account.Refresh(ctx, refused)
}
