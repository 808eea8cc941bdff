package setup_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
	"github.com/rossum-relay/rossum-relay/worker/operate/setup"
)

func TestApplyCreatesWhatIsConfigured(t *testing.T) {
	r := start(t, rossumsim.Switches{})
	plans := r.apply(r.setup(`settings: {company: "0100"}, timeout_s: 60, schedule: "*/15 * * * *"`, onePipeline), setup.Allowed{})
	if len(plans) != 1 || plans[0].Action != setup.Create {
		t.Fatalf("%+v", plans)
	}
	got := r.sim.Object("hooks", plans[0].ID)
	config, _ := got["config"].(map[string]any)
	want := map[string]any{
		"url": "https://relay.acme.example/hooks/acme", "secret": secret, "timeout_s": 60.0, "retry_count": 4.0,
		"retry_on_any_non_2xx": true, "schedule": map[string]any{"cron": "*/15 * * * *"},
	}
	if diff := cmp.Diff(plain(want), plain(config)); diff != "" {
		t.Error("config:", diff)
	}
	for key, want := range map[string]any{
		"name": "rossum-relay acme", "type": "webhook", "active": true, "events": []any{"annotation_content.export"},
		"queues": []any{r.sim.URL("queues", r.queues[0])}, "token_owner": r.sim.URL("users", r.user), "token_lifetime_s": 7200,
		"settings": map[string]any{"company": "0100"}, "metadata": map[string]any{"rossum_relay": map[string]any{"hook": "acme"}},
	} {
		if diff := cmp.Diff(plain(want), plain(got[key])); diff != "" {
			t.Errorf("%s: %s", key, diff)
		}
	}
}

// plain makes values comparable, whatever types their numbers have.
func plain(v any) string {
	raw, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err.Error()
	}
	var out any
	if err := json.Unmarshal(raw, &out); err != nil {
		return err.Error()
	}
	raw, _ = json.MarshalIndent(out, "", " ")
	return string(raw)
}

// TestApplyTwiceChangesNothing holds for Rossums that hide secrets, page by cursor, or have attributes nobody knows.
func TestApplyTwiceChangesNothing(t *testing.T) {
	for name, switches := range map[string]rossumsim.Switches{
		"as documented": {}, "cursor": {CursorPaging: true}, "unknown fields": {UnknownFields: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, switches)
			first := r.apply(r.setup(`sideload: [queues, schemas]`, onePipeline), setup.Allowed{})
			before := plain(r.sim.Object("hooks", first[0].ID))
			second := r.apply(r.setup(`sideload: [schemas, queues]`, onePipeline), setup.Allowed{})
			if second[0].Action != setup.Same || second[0].ID != first[0].ID || len(second[0].Differences) != 0 {
				t.Errorf("the second time %+v", second[0])
			}
			if after := plain(r.sim.Object("hooks", first[0].ID)); after != before {
				t.Error(cmp.Diff(before, after))
			}
			if n := len(r.sim.Objects("hooks")); n != 1 {
				t.Errorf("%d hooks", n)
			}
		})
	}
}

func TestUpdateTouchesOnlyWhatDiffers(t *testing.T) {
	r := start(t, rossumsim.Switches{})
	id := r.apply(r.setup(`settings: {company: "0100"}`, onePipeline), setup.Allowed{})[0].ID
	if _, err := r.client.PatchHook(t.Context(), id, map[string]any{
		"description": "written by hand", "events": []string{"upload.created"}, "token_lifetime_s": nil,
		"metadata": map[string]any{"rossum_relay": map[string]any{"hook": "acme"}, "theirs": 1},
		"config":   map[string]any{"url": "https://relay.acme.example/hooks/acme", "secret": "another", "timeout_s": 5, "payload_logging_enabled": true},
	}); err != nil {
		t.Fatal(err)
	}
	plans := r.apply(r.setup("", onePipeline), setup.Allowed{})
	var lines []string
	for _, d := range plans[0].Differences {
		lines = append(lines, d.Attribute+": "+d.Text)
	}
	want := []string{
		"events: + annotation_content.export, - upload.created", "token_lifetime_s: 7200", "config.retry_count: 4",
		"config.retry_on_any_non_2xx: true", "config.timeout_s: 5 -> 30", "config.secret: changed",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	got := r.sim.Object("hooks", id)
	config, _ := got["config"].(map[string]any)
	metadata, _ := got["metadata"].(map[string]any)
	if got["description"] != "written by hand" || config["payload_logging_enabled"] != true || metadata["theirs"] == nil || config["secret"] != secret {
		t.Errorf("what is not ours was lost: %s", plain(got))
	}
	if settings := plain(got["settings"]); !strings.Contains(settings, "0100") {
		t.Errorf("settings that are no longer configured were touched: %s", settings)
	}
}

func TestForeignHooksAreLeftAlone(t *testing.T) {
	r := start(t, rossumsim.Switches{})
	foreign := r.sim.AddHook(rossumsim.HookSpec{Name: "theirs", URL: "https://relay.acme.example/hooks/acme", Events: []string{"upload.created"}})
	before := plain(r.sim.Object("hooks", foreign))
	plans := r.apply(r.setup("", onePipeline), setup.Allowed{})
	if plans[0].Action != setup.Blocked || !strings.Contains(plans[0].Reason, "theirs") {
		t.Fatalf("%+v", plans[0])
	}
	if after := plain(r.sim.Object("hooks", foreign)); after != before || len(r.sim.Objects("hooks")) != 1 {
		t.Error("the foreign hook was touched")
	}
	plans = r.apply(r.setup("", onePipeline), setup.Allowed{Adopt: true})
	if plans[0].Action != setup.Update || plans[0].ID != foreign {
		t.Errorf("not adopted: %+v", plans[0])
	}
	if again := r.apply(r.setup("", onePipeline), setup.Allowed{}); again[0].Action != setup.Same {
		t.Errorf("after the adoption: %+v", again[0])
	}
}

func TestHookOfAnotherRelayIsNotMovedUnasked(t *testing.T) {
	r := start(t, rossumsim.Switches{})
	id := r.apply(r.setup("", onePipeline), setup.Allowed{})[0].ID
	move := func(allow setup.Allowed) *setup.Plan {
		cfg := r.config("", onePipeline)
		cfg.Ingest.PublicURL = "https://staging.acme.example/"
		return r.apply(setup.New(cfg, "acme", r.client), allow)[0]
	}
	if p := move(setup.Allowed{}); p.Action != setup.Blocked || !strings.Contains(p.Reason, "https://relay.acme.example/hooks/acme") {
		t.Errorf("%+v", p)
	}
	if p := move(setup.Allowed{Move: true}); p.Action != setup.Update || p.ID != id {
		t.Errorf("%+v", p)
	}
}

func TestOrphanIsOnlyShown(t *testing.T) {
	r := start(t, rossumsim.Switches{})
	hook := r.sim.AddHook(rossumsim.HookSpec{Name: "old", URL: "https://relay.acme.example/hooks/old"})
	if _, err := r.client.PatchHook(t.Context(), hook, map[string]any{"metadata": map[string]any{"rossum_relay": map[string]any{"hook": "old"}}}); err != nil {
		t.Fatal(err)
	}
	plans := r.apply(r.setup("", onePipeline), setup.Allowed{})
	if last := plans[len(plans)-1]; last.Action != setup.Orphan || last.ID != hook || r.sim.Object("hooks", hook) == nil {
		t.Errorf("%+v", last)
	}
}

// TestRunAfterNewHook: a hook that runs after one which is made in the same apply comes second and names it.
func TestRunAfterNewHook(t *testing.T) {
	r := start(t, rossumsim.Switches{})
	other := r.sim.AddHook(rossumsim.HookSpec{Name: "Vendor matching", URL: "https://elsewhere.example"})
	cfg := r.config(`run_after: [second, Vendor matching]}}, second: {rossum: acme, signing_secrets: ["file:secrets/hook"], rossum_hook: {queues: ["*"]`,
		onePipeline+`, other: {hook: second, events: [annotation_content], answer: accept, steps: [{c: {check: [{that: "true", error: x}]}}]}`)
	plans := r.apply(setup.New(cfg, "acme", r.client), setup.Allowed{})
	if plans[0].Hook != "second" || plans[1].Hook != "acme" {
		t.Fatalf("order %s, %s", plans[0].Hook, plans[1].Hook)
	}
	want := plain([]string{r.sim.URL("hooks", other), r.sim.URL("hooks", plans[0].ID)})
	if got := plain(r.sim.Object("hooks", plans[1].ID)["run_after"]); got != want {
		t.Errorf("run_after %s, want %s", got, want)
	}
	if queues := r.sim.Object("hooks", plans[0].ID)["queues"]; len(queues.([]any)) != 2 {
		t.Errorf(`"*" is %v`, queues)
	}
	for _, p := range r.apply(setup.New(cfg, "acme", r.client), setup.Allowed{}) {
		if p.Action != setup.Same {
			t.Errorf("the second time %s: %s %v", p.Hook, p.Action, p.Differences)
		}
	}
}

func TestPlanProblems(t *testing.T) {
	r := start(t, rossumsim.Switches{})
	all := strings.Replace(onePipeline, "queues: [AP Europe], ", "", 1)
	tests := []struct{ hook, pipelines, want string }{
		{"", strings.Replace(onePipeline, "AP Europe", "AP Europa", 1), `Rossum has no queue "AP Europa"`},
		{"", all, "takes all queues"},
		{"token_owner: nobody@acme.example", onePipeline, `no user "nobody@acme.example"`},
		{"run_after: [Vendor]", onePipeline, `no hook "Vendor"`},
		{"client_ssl_certificate: nowhere.pem, client_ssl_key: x", onePipeline, "nowhere.pem"},
	}
	for _, test := range tests {
		_, err := r.setup(test.hook, test.pipelines).Plan(t.Context(), setup.Allowed{})
		var problems configs.Errors
		if !errors.As(err, &problems) || !strings.Contains(err.Error(), test.want) || problems[0].Pos.Line < 2 {
			t.Errorf("%s %s: %v, want %q at its place", test.hook, test.pipelines, err, test.want)
		}
	}
}

// TestHiddenSecret: Rossum does not show the secret of a private hook; that is no difference, and it is kept.
func TestHiddenSecret(t *testing.T) {
	r := start(t, rossumsim.Switches{})
	id := r.apply(r.setup("", onePipeline), setup.Allowed{})[0].ID
	config, _ := r.sim.Object("hooks", id)["config"].(map[string]any)
	config["private"] = true
	if _, err := r.client.PatchHook(t.Context(), id, map[string]any{"config": config}); err != nil {
		t.Fatal(err)
	}
	if p := r.apply(r.setup("", onePipeline), setup.Allowed{})[0]; p.Action != setup.Same {
		t.Errorf("%s %v", p.Action, p.Differences)
	}
	if p := r.apply(r.setup("timeout_s: 31", onePipeline), setup.Allowed{})[0]; p.Action != setup.Update || len(p.Differences) != 1 {
		t.Errorf("%s %v", p.Action, p.Differences)
	}
	if config, _ = r.sim.Object("hooks", id)["config"].(map[string]any); config["secret"] != secret {
		t.Error("the secret is gone")
	}
	if p := r.apply(r.setup("timeout_s: 31", onePipeline), setup.Allowed{Resend: true})[0]; p.Action != setup.Update || p.Differences[0].Text != "sent again" {
		t.Errorf("%s %v", p.Action, p.Differences)
	}
}

// TestResentSecret reaches a hook whose secret is hidden.
func TestResentSecret(t *testing.T) {
	r := start(t, rossumsim.Switches{})
	id := r.apply(r.setup("", onePipeline), setup.Allowed{})[0].ID
	config, _ := r.sim.Object("hooks", id)["config"].(map[string]any)
	config["secret"] = "of long ago"
	r.user = r.sim.AddUser(rossumsim.UserSpec{Username: "other@acme.example", Password: password, Queues: r.queues[:]})
	client, err := rossumapi.New(rossumapi.Options{BaseURL: r.sim.BaseURL(), Token: rossumapi.StaticToken(r.sim.Token(r.user, time.Hour))})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	r.client = client
	if p := r.apply(r.setup("token_owner: relay@acme.example", onePipeline), setup.Allowed{})[0]; p.Action != setup.Same {
		t.Fatalf("%s %v", p.Action, p.Differences)
	}
	r.apply(r.setup("token_owner: relay@acme.example", onePipeline), setup.Allowed{Resend: true})
	if config, _ = r.sim.Object("hooks", id)["config"].(map[string]any); config["secret"] != secret {
		t.Errorf("the secret is still %v", config["secret"])
	}
}

// TestSecretIsNowhere looks for the secret in everything a plan says.
func TestSecretIsNowhere(t *testing.T) {
	r := start(t, rossumsim.Switches{})
	plans := r.apply(r.setup("", onePipeline), setup.Allowed{})
	for _, p := range plans {
		if text := fmt.Sprintf("%v %v %v", p.Differences, p.Reason, p.Action); strings.Contains(text, secret) {
			t.Error(text)
		}
	}
}

func TestMakeSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets", "hook")
	if err := setup.MakeSecret(path); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(path)
	if err != nil || len(first) != 65 {
		t.Fatalf("%d bytes, %v", len(first), err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := setup.MakeSecret(path); !errors.Is(err, os.ErrExist) {
		t.Errorf("an existing secret: %v", err)
	}
	if again, _ := os.ReadFile(path); string(again) != string(first) {
		t.Error("an existing secret was overwritten")
	}
}
