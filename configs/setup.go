package configs

import (
	"fmt"
	"slices"
	"strings"
)

// RossumHook is the hook object that "hooks apply" makes in Rossum for a hook (Rossum API reference, Hook).
type RossumHook struct {
	// Name shown in Rossum. Defaults to rossum-relay and the hook's name.
	Name string `yaml:"name"`
	// Active hooks are called. Defaults to true.
	Active bool `yaml:"active" default:"true"`
	// Events Rossum calls the hook for. Defaults to those of the hook's pipelines.
	Events []string `yaml:"events"`
	// Queues the hook serves, by name or id, "*" for all the account sees. Defaults to those of the hook's pipelines.
	Queues []QueueRef `yaml:"queues"`
	// Sideload lists objects sent along with each call: queues, schemas, modifiers, emails, labels and others.
	Sideload []string `yaml:"sideload"`
	// TokenOwner is the user, by name or id, whose rights the hook's tokens have. Defaults to the service account.
	TokenOwner string `yaml:"token_owner"`
	// TokenLifetime in seconds, at most 7200; without it a token would die with the answer. Defaults to 7200.
	TokenLifetime int `yaml:"token_lifetime_s" default:"7200" positive:"true"`
	// Timeout in seconds of one call, at most 60 in most organizations. Defaults to 30.
	Timeout int `yaml:"timeout_s" default:"30" positive:"true"`
	// RetryCount of calls that failed, 0 to 4. Defaults to 4.
	RetryCount int `yaml:"retry_count" default:"4"`
	// RetryOnAnyNon2xx repeats calls after every refusal. Defaults to true: proxies refuse on their own.
	RetryOnAnyNon2xx bool `yaml:"retry_on_any_non_2xx" default:"true"`
	// MaxPolling in seconds, 1 to 3600, for upload.created and invocation.scheduled only. Defaults to Rossum's 300.
	MaxPolling int `yaml:"max_polling_time_s"`
	// Schedule of invocation.scheduled as a cron line in UTC, at most every 10 minutes.
	Schedule string `yaml:"schedule"`
	// RunAfter names hooks that must finish first: of this file, or of Rossum by name or id.
	RunAfter []string `yaml:"run_after"`
	// Settings are sent with each call. Without them those in Rossum stay as they are.
	Settings Node `yaml:"settings"`
	// SettingsSchema is a JSON Schema of the settings.
	SettingsSchema Node `yaml:"settings_schema"`
	// SecretsSchema is a JSON Schema of the hook's secrets.
	SecretsSchema Node `yaml:"secrets_schema"`
	// ClientCertificate is a PEM file Rossum shows itself with.
	ClientCertificate string `yaml:"client_ssl_certificate" file:"true"`
	// ClientKey is the unencrypted private key of client_ssl_certificate.
	ClientKey Secret `yaml:"client_ssl_key"`
}

// Reconcile is the comparison of Rossum with the journal and the ledger, on a schedule inside the worker.
type Reconcile struct {
	// Every is the time between two comparisons. Defaults to 0: none.
	Every Duration `yaml:"every"`
	// Since is how far back a comparison looks. Defaults to 24h.
	Since Duration `yaml:"since" default:"24h" positive:"true"`
	// Fix also enqueues what was lost and exports again what Rossum does not know as delivered.
	Fix bool `yaml:"fix"`
}

// maxTokenLifetime and maxRetryCount are Rossum's (API reference, Hook).
const (
	maxTokenLifetime = 7200
	maxRetryCount    = 4
	maxPollingTime   = 3600
)

func (v *validator) rossumHook(path string, h *RossumHook) {
	switch {
	case h.TokenLifetime > maxTokenLifetime:
		v.wrong(path+".token_lifetime_s", "a token lives 7200 seconds at most", "write 7200; a service account serves what takes longer")
	case h.RetryCount > maxRetryCount:
		v.wrong(path+".retry_count", "Rossum repeats a call 4 times at most", "write 4")
	case h.MaxPolling > maxPollingTime:
		v.wrong(path+".max_polling_time_s", "Rossum polls for 3600 seconds at most", "write 3600")
	case h.Schedule != "" && len(strings.Fields(h.Schedule)) != 5:
		v.wrong(path+".schedule", "not a cron line of five fields", `write "*/15 * * * *"`)
	case (h.ClientCertificate == "") != h.ClientKey.IsZero():
		v.wrong(path, "client_ssl_certificate and client_ssl_key go together", "add the other one")
	}
	for i, event := range h.Events {
		at := fmt.Sprintf("%s.events[%d]", path, i)
		if event != "" && len(actionsOf(event)) == 0 {
			v.unknown(at, "event", event, eventNames())
		}
	}
	for _, n := range []Entry[Node]{{Name: "settings", Value: h.Settings}, {Name: "settings_schema", Value: h.SettingsSchema}, {Name: "secrets_schema", Value: h.SecretsSchema}} {
		if k := n.Value.Kind; k != NodeNone && k != NodeMap {
			v.wrong(path+"."+n.Name, "expected a map, got "+k.String(), "write "+n.Name+": {key: value}")
		}
	}
}

// EventsOf lists what Rossum calls a hook for: the events configured in rossum_hook, else those of its pipelines,
// each once; an action is left out beside its whole event.
func (c *Config) EventsOf(hook string) []string {
	h, _ := c.Hooks.Get(hook)
	all := slices.Clone(h.RossumHook.Events)
	for _, p := range c.Pipelines {
		if p.Value.Hook == hook && len(h.RossumHook.Events) == 0 {
			all = append(all, p.Value.Events...)
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return slices.DeleteFunc(slices.Clone(all), func(e string) bool {
		whole, action, _ := strings.Cut(e, ".")
		return action != "" && slices.Contains(all, whole)
	})
}

// AllQueues is the QueueRef name that stands for every queue the account sees.
const AllQueues = "*"

// QueuesOf lists the queues of a hook: those configured in rossum_hook, else those of its pipelines, each once. A
// pipeline that takes all queues, and rossum_hook.queues "*", make all true: every queue the hook is called for.
func (c *Config) QueuesOf(hook string) (queues []QueueRef, all bool) {
	h, _ := c.Hooks.Get(hook)
	wanted := slices.Clone(h.RossumHook.Queues)
	for _, p := range c.Pipelines {
		if p.Value.Hook == hook && len(h.RossumHook.Queues) == 0 {
			all = all || len(p.Value.Queues) == 0
			wanted = append(wanted, p.Value.Queues...)
		}
	}
	for _, q := range wanted {
		if q.Name == AllQueues {
			all = true
		}
		if !slices.ContainsFunc(queues, func(have QueueRef) bool { return have.Name == q.Name }) {
			queues = append(queues, q)
		}
	}
	return queues, all
}
