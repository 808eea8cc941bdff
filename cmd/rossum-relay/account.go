package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/operate/setup"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/tokens"
)

// accountFlag is what commands have in common that call Rossum with a service account.
type accountFlag struct {
	configFlag
	Rossum string `placeholder:"NAME" help:"The Rossum environment, where the configuration has several."`
}

// accountLife is how long the token of a command lives that reaches no relay.
const accountLife = time.Hour

// admin loads the configuration for setting up Rossum. Signing secrets may be missing where unsigned is given.
func (f configFlag) admin(unsigned bool) (*configs.Config, error) {
	cfg, err := f.load(configs.RoleAdmin)
	if err != nil {
		return nil, err
	}
	return cfg, resolveAdmin(cfg, unsigned)
}

// resolveAdmin fetches the accounts and signing secrets. Signing secrets that apply will make may be missing, with unsigned
// all of them.
func resolveAdmin(cfg *configs.Config, unsigned bool) error {
	var problems, rest configs.Errors
	if err := cfg.Resolve(configs.RoleAdmin); err != nil && !errors.As(err, &problems) {
		return err
	}
	missing := setup.MissingSecrets(cfg)
	for _, p := range problems {
		hook, isSigning := signingSecretOf(p.Path)
		if _, toBeMade := missing.Get(hook); !isSigning || !unsigned && !toBeMade {
			rest = append(rest, p)
		}
	}
	return rest.Err()
}

// signingSecretOf is the hook whose signing secret a path of the configuration names.
func signingSecretOf(path string) (hook string, ok bool) {
	hook, _, ok = strings.Cut(strings.TrimPrefix(path, "hooks."), ".signing_secrets[")
	return hook, ok && strings.HasPrefix(path, "hooks.")
}

// environment is the one that is named, or the only one.
func (f accountFlag) environment(cfg *configs.Config) (string, error) {
	names := make([]string, 0, len(cfg.Rossum))
	for _, e := range cfg.Rossum {
		if e.Name == f.Rossum || f.Rossum == "" && len(cfg.Rossum) == 1 {
			return e.Name, nil
		}
		names = append(names, e.Name)
	}
	if f.Rossum != "" {
		return "", withHint(fmt.Errorf("no Rossum environment %q", f.Rossum), "one of "+strings.Join(names, ", "))
	}
	return "", withHint(fmt.Errorf("the configuration has %s", counted(len(names), "Rossum environment")), "--rossum NAME: "+strings.Join(names, ", "))
}

// with calls act with the environment of a configured hook, or the one that the flag says.
func (f accountFlag) with(cfg *configs.Config, hook string, act func(*setup.Setup) error) error {
	environment := ""
	if h, ok := cfg.Hooks.Get(hook); ok {
		environment = h.Rossum
	} else {
		var err error
		if environment, err = f.environment(cfg); err != nil {
			return err
		}
	}
	client, err := rossumClient(cfg, environment, nil)
	if err != nil {
		return err
	}
	defer client.Close()
	return rossumHint(act(setup.New(cfg, environment, client)))
}

// rossumHint says what to do about common refusals of Rossum.
func rossumHint(err error) error {
	var noToken *outcome.Error
	switch {
	case err == nil:
		return nil
	case rossumapi.IsUnauthorized(err), errors.As(err, &noToken) && noToken.Outcome.Kind == outcome.Reauth:
		return withHint(err, "username and password of the service account in the configuration")
	case rossumapi.IsForbidden(err):
		return withHint(err, "make the service account an admin: only admins may change hooks and schemas")
	case errors.Is(err, setup.ErrNotOwned):
		return withHint(err, "change it in Rossum; or let hooks apply --adopt take it over")
	case errors.Is(err, setup.ErrNoHook):
		return withHint(err, "rossum-relay hooks apply; or queues in the pipelines")
	case errors.Is(err, setup.ErrNoAnnotation):
		return withHint(err, "--annotation ID, or upload a document")
	}
	var lost *setup.LostSecretsError
	if errors.As(err, &lost) {
		return withHint(err, "give all secrets, or --replace to accept it")
	}
	return err
}

// rossumClient is a client of an environment's service account. Its token is that of the running relay, whose cache it
// shares: nil for the one that can be reached through the configuration's queue, if there is one.
func rossumClient(cfg *configs.Config, environment string, shared *tokens.Store) (*rossumapi.Client, error) {
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
	if shared != nil {
		options.Token, err = shared.ServiceAccount(environment, r, options, 0)
	} else {
		options.Token, err = newCommandToken(cfg, environment, r, options)
	}
	if err != nil {
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
	own         *tokens.ServiceAccount
}

func newCommandToken(cfg *configs.Config, environment string, r configs.Rossum, o rossumapi.Options) (*commandToken, error) {
	own, err := tokens.Local().ServiceAccount(environment, r, o, accountLife)
	return &commandToken{cfg: cfg, environment: environment, rossum: r, options: o, own: own}, err
}

// Token returns the relay's token, or one of the command's own.
func (c *commandToken) Token(ctx context.Context) (string, error) { return c.Refresh(ctx, "") }

// Refresh returns a token other than the refused one.
func (c *commandToken) Refresh(ctx context.Context, refused string) (string, error) {
	token, err := c.relays(ctx, refused)
	var known *outcome.Error
	if err == nil || errors.As(err, &known) {
		return token, err
	}
	return c.own.Refresh(ctx, refused) // no relay runs, or this machine has not its keys
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

// maxDocument bounds a schema file in bytes.
const maxDocument = 8 << 20

// readDocument reads a JSON or YAML file as JSON.
func readDocument(path string) (json.RawMessage, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxDocument+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxDocument:
		return nil, fmt.Errorf("%s is larger than %d MiB", path, maxDocument>>20)
	case filepath.Ext(path) == ".json":
		if !json.Valid(data) {
			return nil, fmt.Errorf("%s is not JSON", path)
		}
		return data, nil
	}
	raw, err := yaml.YAMLToJSON(data)
	if err != nil {
		return nil, fmt.Errorf("%s is neither YAML nor JSON", path)
	}
	return raw, nil
}
