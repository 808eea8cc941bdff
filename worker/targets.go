package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
	httptarget "github.com/rossum-relay/rossum-relay/worker/target/http"
)

const (
	// gateWait is how long a run waits in place for a busy target before it parks.
	gateWait = 10 * time.Second
	// gatePause is how long it parks then.
	gatePause = 5 * time.Second
)

// targets opens target instances on first use. One instance is host and account; pipelines share it.
type targets struct {
	cfg  *configs.Config
	mu   sync.Mutex
	open map[string]*instance
}

type instance struct {
	target target.Target
	limits *limits
}

// limits of one target instance in this process.
type limits struct {
	slots chan struct{}
	rate  *rate.Limiter
}

func newTargets(cfg *configs.Config) *targets {
	return &targets{cfg: cfg, open: map[string]*instance{}}
}

// get opens a target, or another instance of it where its base URL comes from settings.
func (t *targets) get(name, baseURL string) (target.Target, *limits, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := name + " " + baseURL
	if i := t.open[key]; i != nil {
		return i.target, i.limits, nil
	}
	cfg, ok := t.cfg.Targets.Get(name)
	if !ok {
		return nil, nil, outcome.Errorf(outcome.Misconfigured, "no_target", "the configuration has no target %q any more", name)
	}
	tg, err := openTarget(name, baseURL, cfg)
	if err != nil {
		return nil, nil, outcome.Errorf(outcome.Misconfigured, "bad_target", "target %s: %v", name, err)
	}
	i := &instance{target: tg, limits: &limits{slots: make(chan struct{}, max(cfg.Concurrency, 1)), rate: limiter(cfg.Rate)}}
	t.open[key] = i
	return i.target, i.limits, nil
}

func openTarget(name, baseURL string, cfg configs.Target) (target.Target, error) {
	if cfg.HTTP == nil {
		return nil, errors.New("only http targets can be sent to in this version")
	}
	return httptarget.New(name, *cfg.HTTP, httptarget.Options{
		BaseURL: baseURL, Timeout: cfg.Timeout.D(), MaxRetryAfter: cfg.MaxRetryAfter.D(),
	})
}

func limiter(r configs.Rate) *rate.Limiter {
	if r.N <= 0 {
		return rate.NewLimiter(rate.Inf, 1)
	}
	per := float64(r.N) / r.Per.Seconds()
	return rate.NewLimiter(rate.Limit(per), max(1, int(per)))
}

func (t *targets) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, i := range t.open {
		i.target.Close()
	}
}

// gate takes one of the target's places. A target that stays busy parks the run, which then holds no place in its lane.
func (w *Worker) gate(ctx context.Context, d *delivery) (release func(), v *verdict) {
	ctx, cancel := context.WithTimeout(ctx, gateWait)
	defer cancel()
	busy := func() *verdict {
		return ptr(parked(w.Now().Add(gatePause), "target_busy", fmt.Sprintf("all places of target %s are taken", d.send.Target)))
	}
	select {
	case d.limits.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, busy()
	}
	release = func() { <-d.limits.slots }
	if err := d.limits.rate.Wait(ctx); err != nil {
		release()
		return nil, busy()
	}
	return release, nil
}
