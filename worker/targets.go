package worker

import (
	"errors"
	"sync"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
	dirtarget "github.com/rossum-relay/rossum-relay/worker/target/dir"
	httptarget "github.com/rossum-relay/rossum-relay/worker/target/http"
	"github.com/rossum-relay/rossum-relay/worker/target/limits"
	s3target "github.com/rossum-relay/rossum-relay/worker/target/s3"
	sftptarget "github.com/rossum-relay/rossum-relay/worker/target/sftp"
	"github.com/rossum-relay/rossum-relay/worker/tokens"
)

// targets opens target instances on first use. One instance is host and account; pipelines share it.
type targets struct {
	cfg    *configs.Config
	limits *limits.Limits
	tokens *tokens.Store
	mu     sync.Mutex
	open   map[string]*instance
}

// instance is one opened target with the limits all workers share.
type instance struct {
	target.Target
	limits *limits.Target
}

func newTargets(cfg *configs.Config, l *limits.Limits, shared *tokens.Store) *targets {
	return &targets{cfg: cfg, limits: l, tokens: shared, open: map[string]*instance{}}
}

// get opens a target, or another instance of it where its base URL comes from settings.
func (t *targets) get(name, baseURL string) (*instance, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := name + " " + baseURL
	if i := t.open[key]; i != nil {
		return i, nil
	}
	cfg, ok := t.cfg.Targets.Get(name)
	if !ok {
		return nil, outcome.Errorf(outcome.Misconfigured, "no_target", "the configuration has no target %q any more", name)
	}
	tg, err := t.openTarget(name, baseURL, cfg)
	if err != nil {
		return nil, outcome.Errorf(outcome.Misconfigured, "bad_target", "target %s: %v", name, err)
	}
	lim, err := t.limits.Target(name, tg.Instance(), cfg)
	if err != nil {
		tg.Close()
		return nil, outcome.Errorf(outcome.Misconfigured, "bad_target", "%v", err)
	}
	i := &instance{Target: tg, limits: lim}
	t.open[key] = i
	return i, nil
}

// openTarget opens the one transport a target has.
func (t *targets) openTarget(name, baseURL string, cfg configs.Target) (target.Target, error) {
	timeout := cfg.Timeout.D()
	switch {
	case cfg.HTTP != nil:
		return httptarget.New(name, *cfg.HTTP, httptarget.Options{
			BaseURL: baseURL, Timeout: timeout, MaxRetryAfter: cfg.MaxRetryAfter.D(), Tokens: t.tokens,
		})
	case cfg.SFTP != nil:
		return sftptarget.New(name, *cfg.SFTP, sftptarget.Options{Timeout: timeout})
	case cfg.S3 != nil:
		return s3target.New(name, *cfg.S3, s3target.Options{Timeout: timeout})
	case cfg.Dir != nil:
		return dirtarget.New(name, *cfg.Dir, dirtarget.Options{Timeout: timeout})
	}
	return nil, errors.New("no transport")
}

func (t *targets) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, i := range t.open {
		i.Close()
	}
}
