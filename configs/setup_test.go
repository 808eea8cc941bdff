package configs_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rossum-relay/rossum-relay/configs"
)

// hookConfig is a configuration whose hook has these settings in Rossum, and two pipelines.
func hookConfig(t *testing.T, hook, first, second string) (*configs.Config, error) {
	t.Helper()
	return configs.Parse(filepath.Join(t.TempDir(), "relay.yaml"), []byte(`
rossum: {acme: {base_url: https://acme.rossum.app}}
hooks: {acme: {rossum: acme, signing_secrets: ["file:secrets/hook"], rossum_hook: {`+hook+`}}}
pipelines:
  a: {hook: acme, answer: accept, `+first+`, steps: [{c: {check: [{that: "true", error: x}]}}]}
  b: {hook: acme, answer: accept, `+second+`, steps: [{c: {check: [{that: "true", error: x}]}}]}
`))
}

func TestRossumHookDefaults(t *testing.T) {
	cfg, err := hookConfig(t, "", "events: [annotation_content.export, annotation_status.changed], queues: [AP, 7]",
		"events: [annotation_content], queues: [7, EU]")
	if err != nil {
		t.Fatal(err)
	}
	h, _ := cfg.Hooks.Get("acme")
	if r := h.RossumHook; !r.Active || !r.RetryOnAnyNon2xx || r.TokenLifetime != 7200 || r.Timeout != 30 || r.RetryCount != 4 {
		t.Errorf("defaults %+v", r)
	}
	if diff := cmp.Diff([]string{"annotation_content", "annotation_status.changed"}, cfg.EventsOf("acme")); diff != "" {
		t.Errorf("events: %s", diff)
	}
	var names []string
	queues, all := cfg.QueuesOf("acme")
	for _, q := range queues {
		names = append(names, q.Name)
	}
	if diff := cmp.Diff([]string{"AP", "7", "EU"}, names); diff != "" || all {
		t.Errorf("queues: all %v, %s", all, diff)
	}
}

func TestRossumHookOverrules(t *testing.T) {
	cfg, err := hookConfig(t, `active: false, retry_on_any_non_2xx: false, retry_count: 0, events: [invocation.scheduled], queues: ["*"]`,
		"events: [annotation_content.export]", "events: [annotation_content.export]")
	if err != nil {
		t.Fatal(err)
	}
	h, _ := cfg.Hooks.Get("acme")
	if r := h.RossumHook; r.Active || r.RetryOnAnyNon2xx || r.RetryCount != 0 {
		t.Errorf("%+v", r)
	}
	if events := cfg.EventsOf("acme"); len(events) != 1 || events[0] != "invocation.scheduled" {
		t.Errorf("events %v", events)
	}
	if _, all := cfg.QueuesOf("acme"); !all {
		t.Error(`"*" does not stand for all queues`)
	}
	if want := filepath.Join(filepath.Dir(cfg.File), "secrets/hook"); h.SigningSecrets[0].File() != want {
		t.Errorf("file of the secret %q, want %q", h.SigningSecrets[0].File(), want)
	}
}

func TestRossumHookProblems(t *testing.T) {
	tests := []struct{ hook, want string }{
		{"token_lifetime_s: 7201", "7200 seconds at most"},
		{"token_lifetime_s: 0", "must be more than 0"},
		{"retry_count: 5", "4 times at most"},
		{"max_polling_time_s: 3601", "3600 seconds at most"},
		{`schedule: "15 minutes"`, "five fields"},
		{"client_ssl_certificate: a.pem", "go together"},
		{"events: [annotation_content.exported]", `did you mean "annotation_content.export"`},
		{"settings: [1]", "expected a map"},
		{"timeout: 3", `unknown key "timeout"`},
	}
	for _, test := range tests {
		_, err := hookConfig(t, test.hook, "events: [annotation_content.export]", "events: [annotation_content.export]")
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.hook, err, test.want)
		}
	}
}

func TestSecretFile(t *testing.T) {
	dir := t.TempDir()
	cfg, err := configs.Parse(filepath.Join(dir, "relay.yaml"), []byte(`queue: {user: a, password: "file:${NAME}", keys: ["${KEY}", "file:${UNSET}"]}`),
		environment("NAME", "here", "KEY", "file:other"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := cfg.Queue.Password.File(), filepath.Join(dir, "here"); got != want {
		t.Errorf("file %q, want %q", got, want)
	}
	var none configs.Secret
	for _, s := range []configs.Secret{cfg.Queue.Keys[0], cfg.Queue.Keys[1], none} {
		if s.File() != "" {
			t.Errorf("%s: file %q", s.Source(), s.File())
		}
	}
}
