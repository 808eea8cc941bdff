package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim/samples"
	"github.com/rossum-relay/rossum-relay/worker/erpsim"
)

// organization adds the organization of the samples and the service account, and no hook.
func (r *relay) organization() {
	r.t.Helper()
	for _, p := range samples.All() {
		i, err := r.rossum.Import(p)
		if err != nil {
			r.t.Fatal(err)
		}
		if r.user == 0 {
			r.user = r.rossum.AddUser(rossumsim.UserSpec{Username: demoUser, Password: testPassword, Admin: true, Organization: i.Organization})
		}
	}
}

// try runs a command of rossum-relay and returns its exit code and everything it said.
func (r *relay) try(args ...string) (code int, said string) {
	r.t.Helper()
	for k, v := range r.env() {
		r.t.Setenv(k, v)
	}
	var out, errs bytes.Buffer
	code = execute(r.t.Context(), append(args, "-c", r.config), &out, &errs)
	return code, out.String() + errs.String()
}

// expect runs a command and looks for words in what it says.
func (r *relay) expect(code int, words []string, args ...string) string {
	r.t.Helper()
	got, said := r.try(args...)
	if got != code {
		r.t.Fatalf("rossum-relay %s: exit %d, want %d\n%s", strings.Join(args, " "), got, code, said)
	}
	for _, word := range words {
		if !strings.Contains(said, word) {
			r.t.Errorf("rossum-relay %s does not say %q:\n%s", strings.Join(args, " "), word, said)
		}
	}
	return said
}

// TestSetUpFromTheCommandLine makes the hook, tries it, lets Rossum call it, and looks at what Rossum remembers.
func TestSetUpFromTheCommandLine(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	config := strings.Replace(testConfig(createStep), `signing_secrets: ["${HOOK_SECRET}"]`, `signing_secrets: ["file:secrets/hook"], rossum_hook: {queues: ["*"]}`, 1)
	r := newRelay(t, config, erpsim.Options{})
	r.organization()

	r.expect(0, []string{"test: create", "events: + annotation_content.export", "config.secret: will be made", "1 change, 0 left alone"}, "hooks", "plan")
	if len(r.rossum.Objects("hooks")) != 0 {
		t.Fatal("plan made a hook")
	}
	r.expect(1, []string{"not confirmed"}, "hooks", "apply")
	if _, err := os.Stat(filepath.Join(r.dir, "secrets/hook")); err == nil {
		t.Error("a secret was made without a yes")
	}
	said := r.expect(0, []string{"signing secret made in", "created"}, "hooks", "apply", "--yes")
	secret, err := os.ReadFile(filepath.Join(r.dir, "secrets/hook"))
	if err != nil || len(secret) < 64 {
		t.Fatalf("secret of %d bytes, %v", len(secret), err)
	}
	said += r.expect(0, []string{"is as configured", "nothing to change"}, "hooks", "apply", "--yes")

	r.start()
	r.expect(1, []string{"no annotation to try it with", "--annotation"}, "hooks", "test", "test")
	id := r.export(ctx, "INV-1")
	r.status(ctx, id, "exported")
	r.effects(1)
	said += r.expect(0, []string{"Rossum reaches hook test: annotation_content.export of annotation", "answered with 202", "pipeline invoice takes it, answer wait"}, "hooks", "test", "test")
	said += r.expect(0, []string{"annotation_content.export", fmt.Sprint(id)}, "hooks", "logs", "test")
	said += r.expect(0, []string{"no calls"}, "hooks", "logs", "test", "--failed")

	payload := filepath.Join(r.dir, "payload.json")
	said += r.expect(0, nil, "payload", "get", "--annotation", fmt.Sprint(id), "-o", payload)
	said += r.expect(0, []string{`"number":"INV-1"`}, "render", payload)
	if strings.Contains(said, strings.TrimSpace(string(secret))) {
		t.Error("the signing secret was printed")
	}
	if body, err := os.ReadFile(payload); err != nil || bytes.Contains(body, []byte("rossum_authorization_token")) {
		t.Errorf("the payload has a token, or %v", err)
	}
}

func TestHookSecretsFromTheCommandLine(t *testing.T) {
	r := newRelay(t, strings.Replace(testConfig(createStep), `"]}}`, `"], rossum_hook: {queues: ["*"]}}}`, 1), erpsim.Options{})
	r.organization()
	r.expect(0, nil, "hooks", "apply", "-y")
	write := func(name, content string) string {
		path := filepath.Join(r.dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const value = "a-value-nobody-may-see"
	said := r.expect(0, []string{"has the secrets api_key, other"}, "hooks", "secrets", "set", "test", "api_key=@"+write("key", value+"\n"), "other=@"+write("other", "y"))
	said += r.expect(1, []string{"also has the secrets other", "--replace"}, "hooks", "secrets", "set", "test", "api_key=@"+filepath.Join(r.dir, "key"))
	said += r.expect(1, []string{"the value must come from a file"}, "hooks", "secrets", "set", "test", "api_key="+value)
	if strings.Contains(said, value) {
		t.Errorf("the value was printed:\n%s", said)
	}
	if secrets, _ := r.rossum.Object("hooks", r.rossum.Objects("hooks")[0])["secrets"].(map[string]any); secrets["api_key"] != value {
		t.Error("the value was not written, or with its newline")
	}
	schema := write("schema.yaml", "type: object\nproperties: {api_key: {type: string}}\nadditionalProperties: false\n")
	r.expect(0, []string{"is replaced"}, "hooks", "secrets-schema", "-y", "test", schema)
	r.expect(0, []string{"is as it was"}, "hooks", "secrets-schema", "-y", "test", schema)
	r.expect(1, []string{"hooks apply did not make this hook"}, "hooks", "secrets-schema", "-y", fmt.Sprint(r.rossum.AddHook(rossumsim.HookSpec{Name: "theirs"})), schema)
}

func TestSchemaFromTheCommandLine(t *testing.T) {
	r := newRelay(t, testConfig(createStep), erpsim.Options{})
	r.organization()
	queue := fmt.Sprint(r.rossum.Objects("queues")[0])
	r.expect(0, []string{"document_id", "string"}, "schema", "show", queue)
	section := strings.Fields(strings.SplitN(r.expect(0, nil, "schema", "show", queue), "\n", 3)[1])[0]
	add := []string{"schema", "add-field", queue, "erp_id", "--label", "ERP id", "--in", section, "-y"}
	r.expect(0, []string{"erp_id: added to " + section, "warning: this reshapes", "is changed"}, add...)
	r.expect(0, []string{"nothing to change"}, add...)
	file := filepath.Join(r.dir, "schema.json")
	content := r.expect(0, nil, "schema", "show", queue, "--json")
	if err := os.WriteFile(file, []byte(strings.Replace(content, "ERP id", "Id in the ERP", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	r.expect(0, []string{`label: "ERP id" -> "Id in the ERP"`, "is changed"}, "schema", "apply", "-y", queue, file)
	r.expect(0, []string{"nothing to change"}, "schema", "apply", "-y", queue, file)
	r.expect(1, []string{"has no queue", "Try: one of"}, "schema", "show", "Nowhere")
}

func TestLintLive(t *testing.T) {
	r := newRelay(t, testConfig(createStep), erpsim.Options{})
	r.organization()
	r.expect(0, []string{"ok: 1 pipeline"}, "config", "lint", "--live")
	if err := os.WriteFile(r.config, []byte(strings.Replace(testConfig(createStep), "value.amount_total", "value.amount_totl", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	r.expect(0, []string{"ok"}, "config", "lint")
	r.expect(1, []string{"relay.yaml:16:63", "there is no field amount_totl", `did you mean "amount_total"?`, "1 problem"}, "config", "lint", "--live")
}

// TestReconcileFromTheCommandLine: a lost export is found, told by the exit code, mended, and delivered. The simulator's
// clock is ahead of ours, hence the grace below zero.
func TestReconcileFromTheCommandLine(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r := newRelay(t, testConfig(createStep), erpsim.Options{})
	r.hook("annotation_content.export")
	r.start()
	r.rossum.InjectDelivery(rossumsim.DeliveryFault{Lose: true})
	lost := r.export(ctx, "INV-1")
	r.status(ctx, lost, rossumapi.StatusExported)
	r.expect(3, []string{"missing   annotation " + fmt.Sprint(lost), "[--fix: enqueue]", "1 finding open"}, "reconcile", "--grace=-1h")
	r.expect(3, []string{`"kind":"missing"`, `"remedy":"enqueue"`}, "reconcile", "--grace=-1h", "--json")
	r.effects(0)
	r.expect(0, []string{"[fixed: enqueue]", "0 open"}, "reconcile", "--grace=-1h", "--fix")
	if err := r.erp.WaitEffects(ctx, 1); err != nil {
		t.Fatal(err)
	}
	r.settled(ctx, 1)
	r.expect(0, []string{"0 findings, 0 open"}, "reconcile", "--grace=-1h", "--fix")
	r.effects(1)
}
