package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim/samples"
	"github.com/rossum-relay/rossum-relay/worker/erpsim"
	"github.com/rossum-relay/rossum-relay/worker/queue"
)

// world is a relay of child processes between a simulated Rossum and two simulated ERPs, all of whose faults and kills
// come from one seed.
type world struct {
	t      *testing.T
	name   string
	seed   uint64
	rng    *rand.Rand // of the goroutine that prepares; actors have their own
	dir    string
	config string // path
	listen string

	rossum *rossumsim.Sim
	erps   map[string]*erpsim.Sim // by target
	urls   map[string]string      // of the ERPs
	user   int64
	hookID int64
	queues []int64 // one per sample
	nats   *natsServers
	disk   *disk // of the queue; nil where it cannot be filled
	procs  []*process
	tally  tally
	calls  int // made by the test itself
}

// layout is which processes a world consists of.
type layout struct {
	name  string
	nats  int // servers of the external queue; 0: embedded
	roles []string
	// failRate of the ERPs beside the faults that are armed.
	failRate float64
	disk     int // bytes of the queue's disk; 0 is one of everybody
}

// newWorld starts simulators and queue; its processes are not started.
func newWorld(t *testing.T, l layout, seed uint64, switches rossumsim.Switches, config func(*world) string) *world {
	t.Helper()
	w := &world{
		t: t, name: l.name, seed: seed, rng: rand.New(rand.NewPCG(seed, 1)), dir: t.TempDir(), listen: quietAddr(t),
		erps: map[string]*erpsim.Sim{}, urls: map[string]string{},
	}
	w.startRossum(switches)
	for n, target := range []string{"north", "south"} {
		w.startERP(target, erpsim.Options{
			Keys:     map[string][]string{"invoices": {"number"}, "vouchers": {"number"}, "drafts": {"number"}, "notices": {"number"}},
			FailRate: l.failRate, Seed: seed + uint64(n), //nolint:gosec // 0 or 1
		})
	}
	stores := filepath.Join(w.dir, "data")
	if l.disk > 0 {
		w.disk = newDisk(t, stores, l.disk)
	}
	if l.nats > 0 {
		w.nats = startNATSIn(t, stores, l.nats)
	}
	w.config = filepath.Join(w.dir, "relay.yaml")
	text := config(w) + w.queueConfig() + fmt.Sprintf("ingest: {listen: %q, public_url: \"http://%s\"}\nlog: {level: info}\n", w.listen, w.listen)
	if err := os.WriteFile(w.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for n, role := range l.roles {
		w.procs = append(w.procs, &process{
			name: role, args: []string{"rossum-relay", role, "-c", w.config}, log: filepath.Join(w.dir, fmt.Sprintf("%s-%d.log", role, n)),
		})
	}
	t.Cleanup(func() {
		for _, p := range w.procs {
			p.kill()
		}
		w.keepLogs()
	})
	return w
}

// queueConfig is the queue's part of the configuration.
func (w *world) queueConfig() string {
	if w.nats == nil {
		return fmt.Sprintf("queue: {data: %q, durability: fast, max_store: 2GiB}\n", filepath.Join(w.dir, "data"))
	}
	key := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, queue.KeySize))
	replicas := 1
	if len(w.nats.nodes) > 1 {
		replicas = 3
	}
	return fmt.Sprintf("queue: {url: %q, replicas: %d, keys: [%q], data: %q, max_store: 1GiB}\n", w.nats.url(), replicas, key, w.dir)
}

func (w *world) startRossum(switches rossumsim.Switches) {
	w.t.Helper()
	switches.RateLimit = -1
	w.rossum = rossumsim.New(rossumsim.Options{Seed: w.seed, Speed: 20, Switches: switches})
	if err := w.rossum.Start("127.0.0.1:0"); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(w.rossum.Close)
	spec := rossumsim.HookSpec{
		Name: "relay", URL: "http://" + w.listen + "/hooks/test", Secret: demoSecret, TokenLifetime: 7200,
		Events: []string{"annotation_content.export", "annotation_status.changed"},
	}
	for _, p := range samples.All() {
		i, err := w.rossum.Import(p)
		if err != nil {
			w.t.Fatal(err)
		}
		if w.user == 0 {
			w.user = w.rossum.AddUser(rossumsim.UserSpec{Username: demoUser, Password: testPassword, Admin: true, Organization: i.Organization})
		}
		w.queues = append(w.queues, i.Queue)
	}
	spec.Queues, spec.TokenOwner = w.queues, w.user
	w.hookID = w.rossum.AddHook(spec)
}

func (w *world) startERP(target string, opts erpsim.Options) {
	w.t.Helper()
	sim := erpsim.New(opts)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- sim.Serve(ctx, l) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			w.t.Error(err)
		}
	})
	w.erps[target], w.urls[target] = sim, "http://"+l.Addr().String()
}

// keepLogs copies the processes' logs to where they survive the test, if it failed and -soak.logs says where.
func (w *world) keepLogs() {
	if *soakLogs == "" || !w.t.Failed() {
		return
	}
	to := filepath.Join(*soakLogs, fmt.Sprintf("%s-%d", w.name, w.seed))
	if err := os.MkdirAll(to, 0o755); err != nil {
		w.t.Log(err)
		return
	}
	logs := []string{w.chaosLog()}
	for _, p := range w.procs {
		logs = append(logs, p.log)
	}
	if w.nats != nil {
		for _, node := range w.nats.nodes {
			logs = append(logs, node.log)
		}
	}
	for _, log := range logs {
		data, err := os.ReadFile(log)
		if errors.Is(err, fs.ErrNotExist) {
			continue // never started
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, filepath.Base(log)), data, 0o600)
		}
		if err != nil {
			w.t.Log(err)
		}
	}
}

func (w *world) chaosLog() string { return filepath.Join(w.dir, "chaos.log") }

// happens notes what is done to the queue and to processes, beside their logs.
func (w *world) happens(what string) {
	f, err := os.OpenFile(w.chaosLog(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = fmt.Fprintln(f, time.Now().UTC().Format(time.RFC3339Nano), what)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		w.t.Error(err)
	}
}

// cli runs a command of rossum-relay. The relay may be down: the error is what the command says.
func (w *world) cli(ctx context.Context, args ...string) (string, error) {
	var out, errs bytes.Buffer
	if code := execute(ctx, append(args, "-c", w.config), &out, &errs); code != 0 {
		return out.String(), fmt.Errorf("%s: exit %d: %s", strings.Join(args, " "), code, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}

// startAll starts the processes that do not run and waits until the relay takes events. Workers may need the streams
// that the ingest makes: whoever ends is started again.
func (w *world) startAll(ctx context.Context) error {
	for {
		if err := w.startProcesses(); err != nil {
			return err
		}
		if w.ready(ctx) {
			return nil
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("%s: the relay does not come up: %w\n%s", w.name, err, w.procs[0].tail())
		}
	}
}

func (w *world) startProcesses() error {
	for _, p := range w.procs {
		if err := p.start(); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) ready(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.listen+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// sleep waits unless ctx ends before. The chaos needs real time to pass: what it disturbs are processes of their own.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
