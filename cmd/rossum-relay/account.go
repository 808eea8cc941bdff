package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/operate/setup"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

// accountFlag is what commands have in common that call Rossum with a service account.
type accountFlag struct {
	configFlag
	Rossum string `placeholder:"NAME" help:"The Rossum environment, where the configuration has several."`
}

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
	client, err := rossumClient(cfg, environment)
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
