package setup_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
	"github.com/rossum-relay/rossum-relay/worker/operate/setup"
)

var update = flag.Bool("update", false, "write golden files")

// golden compares with a file, or writes it with -update.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(read(t, file), got); diff != "" {
		t.Error(diff)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

const (
	username = "relay@acme.example"
	password = "Password-1"
	secret   = "a-signing-secret-of-the-file"
)

const schemaContent = `[
 {"category":"section","id":"basic","label":"Basic","children":[
  {"category":"datapoint","id":"document_id","label":"Invoice no.","type":"string","constraints":{"required":true}},
  {"category":"datapoint","id":"date_issue","label":"Issued","type":"date","format":"D/M/YYYY"},
  {"category":"datapoint","id":"amount_total","label":"Total","type":"number","format":"# ##0.#"},
  {"category":"datapoint","id":"document_type","label":"Type","type":"enum","options":[{"value":"invoice","label":"Invoice"},{"value":"credit_note","label":"Credit note"}]},
  {"category":"datapoint","id":"computed","label":"Computed","type":"string","ui_configuration":{"type":"formula","edit":"disabled"}},
  {"category":"datapoint","id":"portal","label":"Portal","type":"button"}]},
 {"category":"section","id":"lines","label":"Lines","children":[
  {"category":"multivalue","id":"line_items","label":"Line items","children":{"category":"tuple","id":"line_item","label":"Line","children":[
   {"category":"datapoint","id":"item_code","label":"Code","type":"string"},
   {"category":"datapoint","id":"item_amount","label":"Amount","type":"number"}]}}]}]`

// rossum is a simulated Rossum with two queues of one schema.
type rossum struct {
	t      *testing.T
	sim    *rossumsim.Sim
	client *rossumapi.Client
	dir    string
	queues [2]int64
	schema int64
	user   int64
}

func start(t *testing.T, switches rossumsim.Switches) *rossum {
	t.Helper()
	switches.RateLimit = -1
	r := &rossum{t: t, dir: t.TempDir(), sim: rossumsim.New(rossumsim.Options{Seed: 7, Switches: switches})}
	if err := r.sim.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.sim.Close)
	organization := r.sim.AddOrganization("Acme")
	r.user = r.sim.AddUser(rossumsim.UserSpec{Username: username, Password: password, Admin: true, Organization: organization})
	var err error
	if r.schema, err = r.sim.AddSchema("AP", json.RawMessage(schemaContent)); err != nil {
		t.Fatal(err)
	}
	r.queues = [2]int64{r.sim.AddQueue("AP Europe", r.schema, nil), r.sim.AddQueue("AP Asia", r.schema, nil)}
	login, err := rossumapi.New(rossumapi.Options{BaseURL: r.sim.BaseURL()})
	if err != nil {
		t.Fatal(err)
	}
	source := &rossumapi.PasswordToken{Client: login, Username: username, Password: password}
	if r.client, err = rossumapi.New(rossumapi.Options{BaseURL: r.sim.BaseURL(), Token: source}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.client.Close)
	t.Cleanup(login.Close)
	return r
}

// config reads a configuration with this hook and pipelines.
func (r *rossum) config(hook, pipelines string) *configs.Config {
	r.t.Helper()
	return r.parse(strings.NewReplacer("ROSSUM", r.sim.BaseURL(), "HOOK", hook, "PIPELINES", pipelines).Replace(`
rossum: {acme: {base_url: "ROSSUM", username: relay@acme.example, password: Password-1}}
hooks: {acme: {rossum: acme, signing_secrets: ["file:secrets/hook"], rossum_hook: {HOOK}}}
ingest: {public_url: https://relay.acme.example}
targets: {erp: {http: {base_url: https://erp.example}}}
pipelines: {PIPELINES}
`))
}

// parse reads a configuration, making the signing secret it names.
func (r *rossum) parse(text string) *configs.Config {
	r.t.Helper()
	path := filepath.Join(r.dir, "relay.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	cfg, err := configs.Load(path)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, missing := range setup.MissingSecrets(cfg) {
		if err := os.MkdirAll(filepath.Dir(missing.Value), 0o700); err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(missing.Value, []byte(secret+"\n"), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := cfg.Resolve(configs.RoleAdmin); err != nil {
		r.t.Fatal(err)
	}
	return cfg
}

const onePipeline = `invoice: {hook: acme, events: [annotation_content.export], queues: [AP Europe], steps: [{c: {check: [{that: "true", error: x}]}}]}`

func (r *rossum) setup(hook, pipelines string) *setup.Setup {
	return setup.New(r.config(hook, pipelines), "acme", r.client)
}

// apply plans and applies, and returns the plan of each hook.
func (r *rossum) apply(s *setup.Setup, allow setup.Allowed) []*setup.Plan {
	r.t.Helper()
	plans, err := s.Plan(r.t.Context(), allow)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, p := range plans {
		if p.ID, err = s.Apply(r.t.Context(), p); err != nil {
			r.t.Fatal(err)
		}
	}
	return plans
}
