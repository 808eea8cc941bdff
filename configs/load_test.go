package configs_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rossum-relay/rossum-relay/configs"
)

// environment is a fixed environment for a test.
func environment(pairs ...string) configs.Option {
	return configs.WithEnv(func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	})
}

const small = `
rossum:
  acme: {base_url: https://acme.rossum.app, username: relay@acme.example, password: "${ROSSUM_PASSWORD}"}
hooks:
  acme-exports: {rossum: acme, signing_secrets: ["${HOOK_SECRET}"]}
ingest: {public_url: https://relay.acme.example}
targets:
  coupa:
    http: {base_url: https://acme.coupahost.com, oauth2: {token_path: /oauth2/token, client_id: id, client_secret: "${COUPA_SECRET}"}}
    concurrency: 4
    rate: 20/s
    breaker: {after: 7}
pipelines:
  coupa-invoice:
    hook: acme-exports
    events: [annotation_content.export]
    queues: [AP Europe, 1260377]
    when: field.document_type != "proforma"
    key: [settings.company, field.document_id]
    retry: {for: 2d}
    steps:
      - draft:
          send: coupa
          post: /api/invoices
          map: {invoice-number: "{{ field.document_id }}", total: 12.50}
          find: {get: /api/invoices, hit: "response.body[0]", first: true}
          keep: {coupa_id: hit.id}
      - tell: {rossum: {set: {coupa_invoice_id: steps.draft.coupa_id}}}
`

func TestParse(t *testing.T) {
	cfg, err := configs.Parse("relay.yaml", []byte(small), environment("HOOK_SECRET", "shh"))
	if err != nil {
		t.Fatal(err)
	}
	p, _ := cfg.Pipelines.Get("coupa-invoice")
	target, _ := cfg.Targets.Get("coupa")
	checks := []struct {
		name      string
		got, want any
	}{
		{"queue by name", p.Queues[0].ID, int64(0)},
		{"queue by id", p.Queues[1].ID, int64(1260377)},
		{"given duration", p.Retry.For.D().String(), "48h0m0s"},
		{"default beside a given one", p.Retry.Max.D().String(), "30m0s"},
		{"default of an absent map", p.Wait.AtMost.D().String(), "20m0s"},
		{"default of a format", p.Steps[0].Format.Type, "json"},
		{"default of find", p.Steps[0].Find.Misses, 2},
		{"step name", p.Steps[0].Name, "draft"},
		{"step position", p.Steps[0].Pos.String(), "relay.yaml:22:9"},
		{"expression position", p.When.Pos.String(), "relay.yaml:18:11"},
		{"template position after the quote", p.Steps[0].Map.Map[0].Value.Pos.String(), "relay.yaml:25:34"},
		{"number as written", p.Steps[0].Map.Map[1].Value.Text, "12.50"},
		{"position by path", cfg.Pos("pipelines.coupa-invoice.steps.draft.post").String(), "relay.yaml:24:17"},
		{"position of what is not there", cfg.Pos("pipelines.coupa-invoice.steps.tell.post").String(), "relay.yaml:28:9"},
		{"breaker", target.Breaker.After, 7},
		{"rate", target.Rate.N, 20},
		{"derived size", int64(cfg.Queue.MaxEvents), int64(10 << 30)},
		{"secret source", target.HTTP.OAuth2.ClientSecret.Source(), "${COUPA_SECRET}"},
	}
	for _, c := range checks {
		if c.got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, c.got, c.want)
		}
	}
}

func TestResolveByRole(t *testing.T) {
	cfg, err := configs.Parse("relay.yaml", []byte(small), environment("HOOK_SECRET", "shh"))
	if err != nil {
		t.Fatal(err)
	}
	if err := cfg.Resolve(configs.RoleIngest); err != nil {
		t.Fatalf("ingest needs no ERP password: %v", err)
	}
	hook, _ := cfg.Hooks.Get("acme-exports")
	if got := hook.SigningSecrets[0].Reveal(); got != "shh" {
		t.Errorf("signing secret = %q", got)
	}
	err = cfg.Resolve(configs.RoleWorker)
	var problems configs.Errors
	if !errors.As(err, &problems) || len(problems) != 2 || !strings.Contains(err.Error(), "COUPA_SECRET is not set") {
		t.Errorf("worker: %v", err)
	}
}

func TestLoadByRole(t *testing.T) {
	text := strings.NewReplacer("client_id: id", `client_id: "${CLIENT}"`, "rate: 20/s", `rate: "${RATE}"`, "post: /api", "post: /${PATH}", "username: relay@acme.example", `username: "${USER}"`).Replace(small) +
		"tables: {units: {file: units.csv}}\n"
	env := environment("HOOK_SECRET", "shh")
	if _, err := configs.Parse("relay.yaml", []byte(text), env, configs.WithRoles(configs.RoleIngest)); err != nil {
		t.Errorf("ingest: %v", err)
	}
	_, err := configs.Parse("relay.yaml", []byte(text), env, configs.WithRoles(configs.RoleIngest, configs.RoleWorker))
	for _, name := range []string{"CLIENT", "RATE", "PATH", "USER", "units.csv"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("worker does not miss %s: %v", name, err)
		}
	}
	text = strings.ReplaceAll(small, "rossum: acme,", `rossum: "${NOT_THERE}",`)
	if _, err := configs.Parse("relay.yaml", []byte(text), env, configs.WithRoles(configs.RoleIngest)); err == nil {
		t.Error("ingest does not miss what it needs")
	}
}

func TestEmptyFileHasDefaults(t *testing.T) {
	for _, text := range []string{"", "# nothing yet\n", "~", "hooks:\n", "{}"} {
		cfg, err := configs.Parse("relay.yaml", []byte(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if cfg.Ingest.Listen != ":8080" || cfg.Queue.Retention.Ledger.D().Hours() != 1095*24 {
			t.Errorf("%q: no defaults: %+v", text, cfg.Ingest)
		}
	}
}

// TestClustersKeepTheirOwnLimits: JetStream reserves what a stream may use, which a small cluster refuses.
func TestClustersKeepTheirOwnLimits(t *testing.T) {
	for text, want := range map[string]configs.Size{
		"queue: {max_store: 10GiB}": 5 << 30,
		`queue: {url: "nats://a:4222", keys: ["0000000000000000000000000000000000000000000="]}`:                   0,
		`queue: {url: "nats://a:4222", keys: ["0000000000000000000000000000000000000000000="], max_events: 1GiB}`: 1 << 30,
	} {
		cfg, err := configs.Parse("relay.yaml", []byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if cfg.Queue.MaxEvents != want {
			t.Errorf("%s: max_events %d, want %d", text, cfg.Queue.MaxEvents, want)
		}
	}
}

func TestPathsAreRelativeToTheFile(t *testing.T) {
	cfg, err := configs.Parse("/etc/relay/relay.yaml", []byte("queue: {credentials: a.creds, url: \"nats://a\", keys: [\"${K}\"]}\ntargets: {out: {dir: {path: /srv/out}}, in: {dir: {path: in}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	out, _ := cfg.Targets.Get("out")
	in, _ := cfg.Targets.Get("in")
	got := []string{cfg.Queue.Data, cfg.Queue.Credentials, out.Dir.Path, in.Dir.Path, cfg.Path("invoice.j2"), cfg.Path("/a.j2")}
	want := []string{"/etc/relay/data", "/etc/relay/a.creds", "/srv/out", "/etc/relay/in", "/etc/relay/invoice.j2", "/a.j2"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if cfg.Queue.Replicas != 3 {
		t.Errorf("%d replicas on a cluster", cfg.Queue.Replicas)
	}
}

func TestVariablesAreValuesOnly(t *testing.T) {
	text := "log: {level: \"${LEVEL}\"}\nworker: {templates: {steps: \"${STEPS}\"}}\nrossum: {a: {base_url: \"https://${HOST}\"}}\n" +
		"hooks: {a: {rossum: a, insecure: \"${INSECURE}\", settings: {price: \"${{ 1 }} $${X} ${NONE:-free}\"}}}\n"
	cfg, err := configs.Parse("relay.yaml", []byte(text),
		environment("LEVEL", "debug", "STEPS", "7", "HOST", "acme.rossum.app", "INSECURE", "true"))
	if err != nil {
		t.Fatal(err)
	}
	hook, _ := cfg.Hooks.Get("a")
	rossum, _ := cfg.Rossum.Get("a")
	if cfg.Log.Level != "debug" || cfg.Worker.Templates.Steps != 7 || !hook.Insecure || rossum.BaseURL != "https://acme.rossum.app" {
		t.Errorf("%+v %+v %+v", cfg.Log, cfg.Worker, hook)
	}
	if got := hook.Settings.Map[0].Value.Text; got != "${{ 1 }} ${X} free" {
		t.Errorf("settings: %s", got)
	}
	_, err = configs.Parse("relay.yaml", []byte(text),
		environment("LEVEL", "info}\nqueue: {listen: x", "STEPS", "7", "HOST", "acme.rossum.app", "INSECURE", "true"))
	if err == nil || !strings.Contains(err.Error(), "relay.yaml:1:15: log.level: expected one of debug, info, warn, error, got something else from ${LEVEL}") {
		t.Errorf("a variable brought YAML: %v", err)
	}
}
