package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim/samples"
	"github.com/rossum-relay/rossum-relay/worker/erpsim"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// startWorker runs one more worker on the queue of the relay until the test's end and returns all that it logs.
func (r *relay) startWorker() *logged {
	r.t.Helper()
	var lines logged
	log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), &lines, zap.DebugLevel))
	ctx, cancel := context.WithCancel(context.Background())
	s, err := openService(ctx, r.loaded(), log, nil, configs.RoleWorker)
	if err != nil {
		cancel()
		r.t.Fatal(err)
	}
	ran := make(chan error, 1)
	go func() { ran <- s.run(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
			r.t.Errorf("worker: %v", err)
		}
		s.close()
	})
	return &lines
}

// logged is what was logged so far.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write takes one line.
func (l *logged) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

// Sync does nothing.
func (*logged) Sync() error { return nil }

// Bytes are all lines.
func (l *logged) Bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.text.Bytes())
}

// loaded is the relay's configuration.
func (r *relay) loaded() *configs.Config {
	r.t.Helper()
	env := r.env()
	cfg, err := configs.Load(r.config, configs.WithEnv(func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}))
	if err != nil {
		r.t.Fatal(err)
	}
	return cfg
}

// token is the token of the service account that the relay shares.
func (r *relay) token(ctx context.Context) string {
	r.t.Helper()
	cfg, _ := r.service.cfg.Rossum.Get("test")
	account, err := r.service.tokens.ServiceAccount("test", cfg, rossumapi.Options{BaseURL: cfg.BaseURL}, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	token, err := account.Token(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	return token
}

// statusEvents makes n annotations and postpones them, which calls the hook.
func (r *relay) statusEvents(n int) {
	r.t.Helper()
	for range n {
		id, err := r.rossum.Upload(rossumsim.Upload{Payload: sample(r.t), Status: "to_review"})
		if err != nil {
			r.t.Fatal(err)
		}
		r.rossum.SetStatus(id, "postponed", r.user)
	}
}

// doneWith waits until n runs are done.
func (r *relay) doneWith(ctx context.Context, n int) {
	r.t.Helper()
	all := r.settled(ctx, n)
	if done := count(all)[run.Done]; done != n {
		for _, rec := range all {
			r.t.Logf("%s %s %s", rec.State, rec.Reason, rec.Message)
		}
		r.t.Fatalf("%d runs done, want %d", done, n)
	}
}

// TestOneLoginForWorkersAndCommands: the hook's token dies with the answer, before any worker uses it. Two workers and the commands
// share one login of the service account, which is made anew once Rossum refuses its token.
func TestOneLoginForWorkersAndCommands(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	config := strings.Replace(testConfig(`
      - tell: {rossum: {metadata: {seen: "{{ run.id }}"}}}
`), "events: [annotation_content.export]", "events: [annotation_status]\n    when: annotation.status == 'postponed'", 1)
	config = strings.Replace(config, "    key: [field.document_id]\n", "", 1)
	r := newRelay(t, config, erpsim.Options{})
	r.start()
	lines := r.startWorker()
	i := r.importSample()
	r.rossum.AddHook(rossumsim.HookSpec{
		Name: "relay", URL: "http://" + r.listen + "/hooks/test", Secret: demoSecret, Events: []string{"annotation_status"},
		Queues: []int64{i.Queue}, TokenOwner: r.user, // no TokenLifetime
	})
	r.rossum.Inject(rossumsim.Fault{Path: "auth/login", Status: 429, RetryAfter: 1}) // obeyed by all; spends no attempt
	r.statusEvents(10)
	r.doneWith(ctx, 10)
	first := r.token(ctx)

	client, err := rossumapi.New(rossumapi.Options{BaseURL: r.rossum.BaseURL(), Token: rossumapi.StaticToken(first)})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Logout(ctx); err != nil {
		t.Fatal(err)
	}
	r.statusEvents(10)
	r.doneWith(ctx, 20)
	second := r.token(ctx)
	if second == first {
		t.Error("the refused token is still the relay's")
	}

	r.rossum.Inject(rossumsim.Fault{Path: "auth/login", Status: 500, Times: -1}) // whoever logs in again fails
	r.statusEvents(5)
	r.doneWith(ctx, 25)
	r.cli("schema", "show", "-c", r.config, fmt.Sprint(i.Queue))
	r.wantNoPlain(first, second, testPassword)
	told, err := json.Marshal(r.settled(ctx, 25))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{first, second, testPassword} {
		if bytes.Contains(told, []byte(secret)) || bytes.Contains(lines.Bytes(), []byte(secret)) {
			t.Error("a journal or the log holds a plain secret")
		}
	}
	if len(lines.Bytes()) == 0 {
		t.Error("the worker logged nothing")
	}
}

// importSample adds the organization of the first sample with its queue, and a user.
func (r *relay) importSample() rossumsim.Imported {
	r.t.Helper()
	i, err := r.rossum.Import(samples.All()[0])
	if err != nil {
		r.t.Fatal(err)
	}
	r.user = r.rossum.AddUser(rossumsim.UserSpec{Username: demoUser, Password: testPassword, Admin: true, Organization: i.Organization})
	return i
}

// wantNoPlain looks for plain secrets in the files of the queue.
func (r *relay) wantNoPlain(secrets ...string) {
	r.t.Helper()
	err := filepath.WalkDir(r.env()["DATA"], func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		for _, secret := range secrets {
			if bytes.Contains(data, []byte(secret)) {
				r.t.Errorf("%s holds a plain secret", path)
			}
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// TestNoTokenLeft: the dead letter names what to configure.
func TestNoTokenLeft(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const config = `
rossum:
  bare: {base_url: "${ROSSUM_URL}"}
  wrong: {base_url: "${ROSSUM_URL}", username: "${ROSSUM_USERNAME}", password: "Wrong-Password-1"}
  blind: {base_url: "${ROSSUM_URL}", username: blind@acme.example, password: "${ROSSUM_PASSWORD}"}
hooks:
  ownerless: {rossum: bare, signing_secrets: ["${HOOK_SECRET}"]}
  lifeless: {rossum: bare, signing_secrets: ["${HOOK_SECRET}"]}
  wrong: {rossum: wrong, signing_secrets: ["${HOOK_SECRET}"]}
  blind: {rossum: blind, signing_secrets: ["${HOOK_SECRET}"]}
pipelines:
  ownerless: &tell
    hook: ownerless
    events: [annotation_status]
    when: annotation.status == 'postponed'
    steps: [{tell: {rossum: {metadata: {seen: "{{ run.id }}"}}}}]
  lifeless: {<<: *tell, hook: lifeless}
  wrong: {<<: *tell, hook: wrong}
  blind: {<<: *tell, hook: blind}
queue: {data: "${DATA}", durability: fast, max_store: 1GiB}
worker: {ack_wait: 1s, drain: 2s}
ingest: {listen: "${LISTEN}", public_url: "http://${LISTEN}"}
`
	want := map[string]struct{ reason, text string }{
		"ownerless": {"no_token", "has no token_owner, and rossum.bare has no service account"},
		"lifeless":  {"no_token", "token is dead and rossum.bare has no service account: set token_lifetime_s"},
		"wrong":     {"login_401", "rossum.wrong (" + demoUser + "): Rossum refuses the login, check username and password"},
		"blind":     {"rossum_404", "the service account blind@acme.example of rossum.blind"},
	}
	r := newRelay(t, config, erpsim.Options{})
	r.start()
	i := r.importSample()
	r.rossum.AddUser(rossumsim.UserSpec{Username: "blind@acme.example", Password: testPassword, Organization: i.Organization})
	for name := range want {
		hook := rossumsim.HookSpec{
			Name: name, URL: "http://" + r.listen + "/hooks/" + name, Secret: demoSecret, Events: []string{"annotation_status"}, Queues: []int64{i.Queue},
		}
		if name != "ownerless" {
			hook.TokenOwner = r.user
		}
		r.rossum.AddHook(hook)
	}
	r.statusEvents(1)
	for _, rec := range r.settled(ctx, len(want)) {
		w := want[rec.Pipeline]
		if rec.State != run.Dead || rec.Failure.Outcome.Reason != w.reason || !strings.Contains(rec.Message, w.text) {
			t.Errorf("%s: %s %s: %s", rec.Pipeline, rec.State, rec.Reason, rec.Message)
		}
		if kind := rec.Failure.Outcome.Kind; kind != outcome.Reauth && rec.Pipeline != "blind" {
			t.Errorf("%s: %s", rec.Pipeline, kind)
		}
	}
	r.wantNoPlain("Wrong-Password-1")
}

// TestERPTokensAreShared: two workers deliver with one token of the ERP, and with one more after it was revoked.
func TestERPTokensAreShared(t *testing.T) {
	t.Parallel() // a worker that comes waits for its share of the places
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	config := strings.Replace(testConfig(createStep), "private: true",
		"private: true, oauth2: {token_path: /oauth2/token, client_id: relay, client_secret: erp-secret-1}", 1)
	r := newRelay(t, config, erpsim.Options{ClientID: "relay", ClientSecret: "erp-secret-1"})
	r.hook("annotation_content.export")
	r.start()
	r.startWorker()
	deliver := func(from, to int) {
		t.Helper()
		var ids []int64
		for n := from; n < to; n++ {
			ids = append(ids, r.export(ctx, fmt.Sprintf("INV-%03d", n)))
		}
		for _, id := range ids {
			r.status(ctx, id, "exported")
		}
	}
	deliver(0, 5)
	r.erp.RevokeTokens()
	deliver(5, 10)
	r.effects(10)
	if n := r.erp.Counts().Tokens; n != 2 {
		t.Errorf("%d tokens were issued, want 2", n)
	}
	r.wantNoPlain("erp-secret-1")
}
