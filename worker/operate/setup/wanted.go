package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
)

const (
	// markKey is the relay's own key in the metadata of what it makes.
	markKey = "rossum_relay"
	// pathOfHooks is where ingest serves hooks.
	pathOfHooks = "/hooks/"
)

// wanted is what a hook object shall be.
type wanted struct {
	attributes map[string]any // sets are []string
	config     map[string]any // without what is secret
	secret     string         // "" for unsigned calls, and while it is pending
	pending    bool           // the secret is not made yet
	clientKey  string
	after      []string // configured hooks that must be made first, since they have no URL yet
}

// want computes what a configured hook shall be in Rossum.
func (s *Setup) want(ctx context.Context, name string, h *configs.Hook) (*wanted, error) {
	r := &h.RossumHook
	w := &wanted{attributes: map[string]any{
		"type": "webhook", "name": nameOf(name, r), "active": r.Active, "events": s.cfg.EventsOf(name),
		"sideload": append([]string{}, r.Sideload...), "token_lifetime_s": r.TokenLifetime,
	}}
	for key, n := range map[string]configs.Node{"settings": r.Settings, "settings_schema": r.SettingsSchema, "secrets_schema": r.SecretsSchema} {
		if !n.IsZero() {
			w.attributes[key] = n.Value()
		}
	}
	if len(s.cfg.EventsOf(name)) == 0 {
		return nil, s.problem(name, "events", "no pipeline takes events of this hook", "add a pipeline, or rossum_hook.events")
	}
	for _, step := range []func(context.Context, string, *configs.Hook, *wanted) error{s.wantQueues, s.wantOwner, s.wantRunAfter, s.wantConfig} {
		if err := step(ctx, name, h, w); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func nameOf(hook string, r *configs.RossumHook) string {
	if r.Name != "" {
		return r.Name
	}
	return "rossum-relay " + hook
}

func (s *Setup) problem(hook, key, message, try string) error {
	path := "hooks." + hook + ".rossum_hook." + key
	return configs.Errors{{Pos: s.cfg.Pos(path), Path: path, Message: message, Try: try}}
}

// wantQueues needs queues unless every event is an invocation, which belongs to none (Rossum API reference, Hook.queues).
func (s *Setup) wantQueues(ctx context.Context, name string, h *configs.Hook, w *wanted) error {
	refs, all := s.cfg.QueuesOf(name)
	chosen := slices.ContainsFunc(h.RossumHook.Queues, func(q configs.QueueRef) bool { return q.Name == configs.AllQueues })
	needed := slices.ContainsFunc(s.cfg.EventsOf(name), func(e string) bool { return !strings.HasPrefix(e, "invocation") })
	var queues []rossumapi.Queue
	var err error
	switch {
	case all && !chosen && needed:
		return s.problem(name, "queues", "a pipeline of this hook takes all queues: say which ones Rossum shall serve",
			`write queues: [NAME, ID], or queues: ["*"] for all the account sees`)
	case all && chosen:
		queues, err = s.AllQueues(ctx)
	case !all:
		queues, err = s.queuesOf(ctx, refs, "hooks."+name)
	}
	if err != nil {
		return err
	}
	links := []string{}
	for _, q := range queues {
		links = append(links, q.URL)
	}
	w.attributes["queues"] = links
	return nil
}

func (s *Setup) wantOwner(ctx context.Context, name string, h *configs.Hook, w *wanted) error {
	if ref := h.RossumHook.TokenOwner; ref != "" {
		owner, err := s.user(ctx, ref)
		var unknown *UnknownError
		if errors.As(err, &unknown) {
			return s.problem(name, "token_owner", unknown.Error(), "write a user name or id; a group admin cannot own tokens")
		}
		w.attributes["token_owner"] = owner
		return err
	}
	me, err := s.client.CurrentUser(ctx)
	if err != nil {
		return fmt.Errorf("rossum.%s: who the account is: %w", s.environment, err)
	}
	w.attributes["token_owner"] = me.URL
	return nil
}

// wantRunAfter finds the hooks that run before: of this configuration first, then of Rossum.
func (s *Setup) wantRunAfter(ctx context.Context, name string, h *configs.Hook, w *wanted) error {
	all, err := s.allHooks(ctx)
	if err != nil {
		return err
	}
	links := []string{}
	for _, ref := range h.RossumHook.RunAfter {
		if other, ok := s.cfg.Hooks.Get(ref); ok && other.Rossum == s.environment && ref != name {
			if owned := ownedBy(all, ref); len(owned) > 0 {
				links = append(links, owned[0].URL)
			} else {
				w.after = append(w.after, ref)
			}
			continue
		}
		hook, err := one("hook", ref, all, func(h rossumapi.Hook) (int64, string) { return h.ID, h.Name })
		var unknown *UnknownError
		if errors.As(err, &unknown) {
			return s.problem(name, "run_after", unknown.Error(), unknown.Hint())
		}
		links = append(links, hook.URL)
	}
	w.attributes["run_after"] = links
	return nil
}

func (s *Setup) wantConfig(_ context.Context, name string, h *configs.Hook, w *wanted) error {
	r := &h.RossumHook
	base := strings.TrimSuffix(s.cfg.Ingest.PublicURL, "/")
	if base == "" {
		return configs.Errors{{Pos: s.cfg.Pos("ingest"), Path: "ingest.public_url",
			Message: "Rossum must know how to reach this relay", Try: "add ingest: {public_url: https://HOST}"}}
	}
	w.config = map[string]any{
		"url": base + pathOfHooks + name, "timeout_s": r.Timeout, "retry_count": r.RetryCount, "retry_on_any_non_2xx": r.RetryOnAnyNon2xx,
	}
	if r.MaxPolling > 0 {
		w.config["max_polling_time_s"] = r.MaxPolling
	}
	if r.Schedule != "" {
		w.config["schedule"] = map[string]any{"cron": r.Schedule}
	}
	if r.ClientCertificate != "" {
		pem, err := os.ReadFile(r.ClientCertificate)
		if err != nil {
			return s.problem(name, "client_ssl_certificate", err.Error(), "check the path")
		}
		w.config["client_ssl_certificate"], w.clientKey = string(pem), r.ClientKey.Reveal()
	}
	if len(h.SigningSecrets) == 0 {
		return nil
	}
	if w.pending = Missing(h.SigningSecrets[0]); !w.pending {
		w.secret = h.SigningSecrets[0].Reveal()
	}
	return nil
}
