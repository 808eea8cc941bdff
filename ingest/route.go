package ingest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/answer"
)

const (
	resolveWithin = time.Second

	// Rossum polls for 300 s after each 202 and then calls again, by default four times (API reference, Hook.config,
	// retry_count and max_polling_time_s). Within the last minute it may not ask again.
	pollWindow  = 300 * time.Second
	retryCount  = 4
	lastMinute  = 60 * time.Second
	waitAtMost  = (1+retryCount)*pollWindow - lastMinute
	defaultWait = 20 * time.Minute
)

// table is a configuration ready for calls.
type table struct {
	config    *configs.Config
	hooks     map[string]*hook
	publicURL string
	maxBody   int64
}

// hook is a configured hook with its secrets at hand.
type hook struct {
	name       string
	rossum     string // environment
	baseURL    string
	secrets    [][]byte
	insecure   bool
	legacySHA1 bool
	unrouted   configs.Unrouted
}

func newTable(cfg *configs.Config) (*table, error) {
	t := &table{
		config: cfg, hooks: map[string]*hook{}, publicURL: strings.TrimSuffix(cfg.Ingest.PublicURL, "/"),
		maxBody: int64(cfg.Ingest.MaxBody),
	}
	if t.maxBody <= 0 {
		t.maxBody = 64 << 20
	}
	for _, e := range cfg.Hooks {
		rossum, ok := cfg.Rossum.Get(e.Value.Rossum)
		if !ok {
			return nil, fmt.Errorf("ingest: hook %s: there is no rossum environment %q", e.Name, e.Value.Rossum)
		}
		h := &hook{
			name: e.Name, rossum: e.Value.Rossum, baseURL: rossum.BaseURL, insecure: e.Value.Insecure,
			legacySHA1: e.Value.LegacySHA1, unrouted: e.Value.Unrouted,
		}
		for _, secret := range e.Value.SigningSecrets {
			if text := secret.Reveal(); text != "" {
				h.secrets = append(h.secrets, []byte(text))
			}
		}
		t.hooks[e.Name] = h
	}
	return t, nil
}

// checkURLs makes sure that the token of a call can go nowhere but to the hook's own Rossum.
func (h *hook) checkURLs(e rossumapi.Envelope) error {
	if !rossumapi.UnderBase(h.baseURL, e.BaseURL) || !rossumapi.UnderBase(e.BaseURL, h.baseURL) {
		return fmt.Errorf("base_url is not that of rossum.%s", h.rossum)
	}
	return e.CheckURLs()
}

// route is a pipeline that takes a call.
type route struct {
	name         string
	pipeline     *configs.Pipeline
	wait         bool
	queueUnknown bool
}

// routes finds the pipelines that take a call, by hook, event and queue.
func (s *Server) routes(ctx context.Context, t *table, h *hook, e rossumapi.Envelope) []route {
	names := &queueNames{server: s, hook: h, envelope: e, known: map[string]string{}}
	var all []route
	for _, p := range t.config.PipelinesFor(h.name, e.Name()) {
		takes, unknown := takesQueue(ctx, &p.Value, e, names)
		if takes {
			wait := p.Value.AnswerFor(e.Name()) == configs.AnswerWait
			all = append(all, route{name: p.Name, pipeline: &p.Value, wait: wait, queueUnknown: unknown})
		}
	}
	return all
}

// takesQueue decides by queue. Where only the name of the queue could decide and nobody knows it, the pipeline takes
// the call for now: the worker decides again.
func takesQueue(ctx context.Context, p *configs.Pipeline, e rossumapi.Envelope, names *queueNames) (takes, unknown bool) {
	if len(p.Queues) == 0 {
		return true, false
	}
	isName := func(q configs.QueueRef) bool { return q.ID == 0 }
	for _, url := range e.Queues() {
		id, err := rossumapi.IDFromURL(url)
		switch {
		case err == nil && slices.ContainsFunc(p.Queues, func(q configs.QueueRef) bool { return q.ID == id }):
			return true, false
		case !slices.ContainsFunc(p.Queues, isName):
			continue
		}
		if name := names.of(ctx, url, id); p.TakesQueue(id, name) {
			return true, name == ""
		}
	}
	return false, false
}

// queueNames finds queue names, each once per call.
type queueNames struct {
	server   *Server
	hook     *hook
	envelope rossumapi.Envelope
	known    map[string]string
}

func (n *queueNames) of(ctx context.Context, url string, id int64) string {
	if name, ok := n.known[url]; ok {
		return name
	}
	name := n.envelope.QueueName(url)
	if name == "" && n.server.resolve != nil && id != 0 {
		ctx, cancel := context.WithTimeout(ctx, resolveWithin)
		defer cancel()
		name, _ = n.server.resolve(ctx, n.hook.rossum, id) // unresolved is not refused: the worker decides
	}
	n.known[url] = name
	return name
}

// runs are the runs a call would start.
func runs(routes []route, event string) []answer.RunRef {
	refs := make([]answer.RunRef, len(routes))
	for i, r := range routes {
		refs[i] = answer.RunRef{
			Pipeline: r.name, Lane: r.name, Wait: r.wait, QueueUnknown: r.queueUnknown,
			ReExport: event == eventExport && r.pipeline.LateSuccess != configs.LateNote,
			InOrder:  r.pipeline.Newer == configs.InOrder,
		}
	}
	return refs
}

// within is how long Rossum waits before it is told that there is no answer yet: as long as the most impatient
// pipeline allows, and never so long that Rossum would give up first.
func within(routes []route) time.Duration {
	d := waitAtMost
	for _, r := range routes {
		atMost := r.pipeline.Wait.AtMost.D()
		if atMost <= 0 {
			atMost = defaultWait
		}
		if r.wait {
			d = min(d, atMost)
		}
	}
	return d
}

// hold is how long the call itself may be kept open.
func hold(routes []route) time.Duration {
	var d time.Duration
	for _, r := range routes {
		if r.wait {
			d = max(d, r.pipeline.Wait.Hold.D())
		}
	}
	return min(d, maxHold)
}
