package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim/samples"
	"github.com/rossum-relay/rossum-relay/worker/erpsim"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

const testPassword = "test-Password-1"

// relay is a relay between two simulators. The simulators live in the test, the relay in it or in a child process.
type relay struct {
	t       *testing.T
	dir     string
	config  string // path
	listen  string
	rossum  *rossumsim.Sim
	erp     *erpsim.Sim
	erpURL  string
	user    int64
	tokens  int               // token_lifetime_s of the hook's tokens; 0: 7200, negative: none, they die with the answer
	more    map[string]string // variables of the configuration beside those of the demo
	service *service
	child   *exec.Cmd
}

// newRelay starts the simulators and writes the configuration, whose variables are those of the demo.
func newRelay(t *testing.T, config string, erp erpsim.Options, rossum ...func(*rossumsim.Options)) *relay {
	t.Helper()
	r := &relay{t: t, dir: t.TempDir()}
	options := rossumsim.Options{Seed: 1, Speed: 20, Switches: rossumsim.Switches{RateLimit: -1}}
	for _, change := range rossum {
		change(&options)
	}
	r.rossum = rossumsim.New(options)
	if err := r.rossum.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.rossum.Close)
	if erp.Keys == nil {
		erp.Keys = map[string][]string{"invoices": {"number"}}
	}
	r.erp = erpsim.New(erp)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.erpURL = "http://" + l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- r.erp.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	r.listen = quietAddr(t)
	r.config = filepath.Join(r.dir, "relay.yaml")
	if err := os.WriteFile(r.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return r
}

// quietPorts are the ports given out: each is given once, so that nobody else has it while its relay is down.
var quietPorts sync.Map

// quietAddr is a free address whose port the kernel gives to no outgoing connection: a relay can come back to it.
func quietAddr(t *testing.T) string {
	t.Helper()
	for range 100 {
		port := 10000 + rand.IntN(20000) //nolint:gosec // no secret
		if _, given := quietPorts.LoadOrStore(port, true); given {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = l.Close() // only its number is wanted
			return l.Addr().String()
		}
	}
	t.Fatal("no free port")
	return ""
}

func (r *relay) env() map[string]string {
	env := map[string]string{
		"ROSSUM_URL": r.rossum.BaseURL(), "ROSSUM_USERNAME": demoUser, "ROSSUM_PASSWORD": testPassword,
		"HOOK_SECRET": demoSecret, "ERP_URL": r.erpURL, "DATA": filepath.Join(r.dir, "data"), "LISTEN": r.listen,
	}
	maps.Copy(env, r.more)
	return env
}

// start runs the relay in this process until the returned function, which drains it, or the test's end.
func (r *relay) start(opts ...queue.Option) (stop func()) {
	r.t.Helper()
	env := r.env()
	cfg, err := configs.Load(r.config, configs.WithEnv(func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}))
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	log := zaptest.NewLogger(r.t, zaptest.Level(zap.ErrorLevel))
	s, err := openService(ctx, cfg, log, opts, configs.RoleIngest, configs.RoleWorker)
	if err != nil {
		cancel()
		r.t.Fatal(err)
	}
	r.service = s
	ran := make(chan error, 1)
	go func() { ran <- s.run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ran; err != nil && !errors.Is(err, errCrashed) {
			r.t.Errorf("service: %v", err)
		}
		s.close()
	}
	r.t.Cleanup(stop)
	return stop
}

// startChild runs the relay in a process of its own.
func (r *relay) startChild() {
	r.t.Helper()
	self, err := os.Executable()
	if err != nil {
		r.t.Fatal(err)
	}
	r.child = &exec.Cmd{Path: self, Args: []string{"rossum-relay", "run", "-c", r.config}, Env: os.Environ()} // see TestMain
	for k, v := range r.env() {
		r.child.Env = append(r.child.Env, k+"="+v)
	}
	log, err := os.Create(filepath.Join(r.dir, fmt.Sprintf("child-%d.log", time.Now().UnixNano())))
	if err != nil {
		r.t.Fatal(err)
	}
	r.child.Stderr, r.child.Stdout = log, log
	if err := r.child.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(r.kill)
}

// kill ends the child as kill -9 does.
func (r *relay) kill() {
	if r.child == nil {
		return
	}
	_ = r.child.Process.Kill()
	_ = r.child.Wait()
	r.child = nil
}

// hook adds the organization of the first sample, a user, and the relay's hook in Rossum.
func (r *relay) hook(events ...string) {
	r.t.Helper()
	r.hookNamed("test", events...)
}

// hookNamed is hook for a hook with another name.
func (r *relay) hookNamed(name string, events ...string) {
	r.t.Helper()
	r.hookAt("http://"+r.listen+"/hooks/"+name, events...)
}

// hookAt is hook with another URL.
func (r *relay) hookAt(url string, events ...string) {
	r.t.Helper()
	spec := rossumsim.HookSpec{Name: "relay", URL: url, Secret: demoSecret, Events: events, TokenLifetime: max(r.tokens, 0)}
	if r.tokens == 0 {
		spec.TokenLifetime = 7200
	}
	for _, p := range samples.All() {
		i, err := r.rossum.Import(p)
		if err != nil {
			r.t.Fatal(err)
		}
		if r.user == 0 {
			r.user = r.rossum.AddUser(rossumsim.UserSpec{Username: demoUser, Password: testPassword, Admin: true, Organization: i.Organization})
		}
		spec.Queues = append(spec.Queues, i.Queue)
	}
	spec.TokenOwner = r.user
	r.rossum.AddHook(spec)
}

// export uploads an invoice with this number and confirms it, which starts its export.
func (r *relay) export(ctx context.Context, number string) int64 {
	r.t.Helper()
	all := samples.All()
	id, err := r.rossum.Upload(rossumsim.Upload{Payload: all[len(number)%len(all)], Set: map[string]string{"document_id": number}})
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.rossum.WaitStatus(ctx, id, "to_review"); err != nil {
		r.t.Fatal(err)
	}
	if err := r.rossum.Confirm(ctx, id, r.user); err != nil {
		r.t.Fatal(err)
	}
	return id
}

func sample(t *testing.T) []byte {
	t.Helper()
	return samples.All()[0]
}

// status waits for the annotation's final status and fails unless it is the wanted one.
func (r *relay) status(ctx context.Context, id int64, want string) {
	r.t.Helper()
	got, err := r.rossum.WaitStatus(ctx, id, "exported", "failed_export")
	if err != nil {
		r.t.Fatalf("annotation %d: %v", id, err)
	}
	if got != want {
		a, _ := r.rossum.Annotation(id)
		r.t.Fatalf("annotation %d is %s, want %s; messages %+v", id, got, want, a.Messages)
	}
}

// effects counts the invoices at the ERP and fails if one is there twice.
func (r *relay) effects(want int) {
	r.t.Helper()
	n := 0
	for _, e := range r.erp.Effects() {
		if e.Kind == erpsim.Create {
			n++
		}
	}
	if d := r.erp.Duplicates(); len(d) > 0 || n != want {
		r.t.Errorf("%d invoices at the ERP, want %d; doubled: %v", n, want, d)
	}
}

// settled waits until every run the journal knows has ended, at least n of them, and returns them.
func (r *relay) settled(ctx context.Context, n int) []journal.Record {
	r.t.Helper()
	for {
		var all []journal.Record
		open := 0
		if err := r.service.journal.Each(ctx, func(rec journal.Record) error {
			all = append(all, rec)
			if !rec.State.Settled() {
				open++
			}
			return nil
		}); err != nil {
			r.t.Fatal(err)
		}
		if open == 0 && len(all) >= n {
			return all
		}
		select {
		case <-ctx.Done():
			for _, rec := range all {
				r.t.Logf("run %s %s at %s: %s %s", rec.Run, rec.State, rec.At, rec.Reason, rec.Message)
			}
			r.t.Fatalf("%d of %d runs have not ended", open, len(all))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// count counts runs by state.
func count(all []journal.Record) map[run.State]int {
	states := map[run.State]int{}
	for _, r := range all {
		states[r.State]++
	}
	return states
}

// testConfig is the configuration of most tests: one pipeline with a create that can be looked up.
func testConfig(steps string) string {
	return strings.ReplaceAll(`
rossum: {test: {base_url: "${ROSSUM_URL}", username: "${ROSSUM_USERNAME}", password: "${ROSSUM_PASSWORD}", rate: 500/s}}
hooks: {test: {rossum: test, signing_secrets: ["${HOOK_SECRET}"]}}
targets: {erp: {http: {base_url: "${ERP_URL}", private: true}, timeout: 1s, breaker: {after: 1000, pause: 1s, max: 1s}}}
pipelines:
  invoice:
    hook: test
    events: [annotation_content.export]
    key: [field.document_id]
    retry: {first: 200ms, max: 1s, for: 5m}
    steps:
STEPS
queue: {data: "${DATA}", durability: fast, max_store: 1GiB}
worker: {ack_wait: 1s, drain: 2s}
ingest: {listen: "${LISTEN}", public_url: "http://${LISTEN}"}
`, "STEPS", steps)
}

const createStep = `
      - create:
          send: erp
          post: /api/invoices
          map: {number: "{{ field.document_id }}", total: "{{ value.amount_total }}"}
          find: {get: /api/invoices, query: {number: "{{ field.document_id }}"}, hit: "response.body[0]", after: 300ms}
          keep: {erp_id: hit.id}
`

const tellStep = `
      - tell: {rossum: {metadata: {erp_id: "{{ steps.create.erp_id }}"}}}
`
