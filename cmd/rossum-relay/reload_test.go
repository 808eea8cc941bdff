package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/erpsim"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// reloading is a relay in this process that reloads as after SIGHUP.
type reloading struct {
	*relay
	signals chan os.Signal
	ended   chan string // how each reload ended
	logs    *observer.ObservedLogs
	stop    func()
}

func newReloading(t *testing.T, config string, erp erpsim.Options) *reloading {
	t.Helper()
	running := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, running) }) // after all others
	r := &reloading{relay: newRelay(t, config, erp), signals: make(chan os.Signal, 1), ended: make(chan string, 100)}
	r.hook("annotation_content.export")
	core, logs := observer.New(zap.InfoLevel)
	r.logs = logs
	log := zap.New(core, zap.Hooks(func(e zapcore.Entry) error {
		if e.Message == takenUp || e.Message == notTakenUp {
			r.ended <- e.Message
		}
		return nil
	}))
	ctx, cancel := context.WithCancel(context.Background())
	env := r.env()
	load := func() (*configs.Config, error) {
		return configs.Load(r.config, configs.WithEnv(func(name string) (string, bool) { v, ok := env[name]; return v, ok }))
	}
	s, err := openService(ctx, r.loaded(), log, nil, configs.RoleIngest, configs.RoleWorker)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	s.reloads, s.load, r.service = r.signals, load, s
	ran := make(chan error, 1)
	go func() { ran <- s.run(ctx) }()
	r.stop = func() {
		cancel()
		if err := <-ran; err != nil {
			t.Errorf("service: %v", err)
		}
		s.close()
	}
	t.Cleanup(r.stop)
	return r
}

// rewrite changes the configuration's file.
func (r *relay) rewrite(oldnew ...string) {
	r.t.Helper()
	text, err := os.ReadFile(r.config)
	if err != nil {
		r.t.Fatal(err)
	}
	changed := strings.NewReplacer(oldnew...).Replace(string(text))
	if changed == string(text) {
		r.t.Fatalf("%q changes nothing", oldnew)
	}
	if err := os.WriteFile(r.config, []byte(changed), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// reload asks for a reload and waits until it has ended as wanted.
func (r *reloading) reload(ctx context.Context, want string) {
	r.t.Helper()
	r.signals <- syscall.SIGHUP
	select {
	case got := <-r.ended:
		if got != want {
			r.t.Fatalf("reload: %s; %v", got, r.logs.FilterLevelExact(zap.ErrorLevel).All())
		}
	case <-ctx.Done():
		r.t.Fatal("no reload")
	}
}

// lastBody is the document the ERP got last.
func (r *relay) lastBody() string {
	r.t.Helper()
	all := r.erp.Effects()
	if len(all) == 0 {
		r.t.Fatal("the ERP got nothing")
	}
	return string(all[len(all)-1].Body)
}

func TestReload(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r := newReloading(t, testConfig(createStep+tellStep), erpsim.Options{})
	r.status(ctx, r.export(ctx, "INV-1"), "exported")

	r.rewrite(`map: {number`, `map: {note: new, number`)
	r.reload(ctx, takenUp)
	r.reload(ctx, takenUp) // what has not changed does no harm
	r.status(ctx, r.export(ctx, "INV-22"), "exported")
	if body := r.lastBody(); !strings.Contains(body, `"note":"new"`) {
		t.Errorf("after the reload the ERP got %s", body)
	}

	r.rewrite(`send: erp`, `sned: erp`)
	r.refuses(ctx, ":14:11: ")
	r.rewrite(`sned: erp`, `send: erp`, `note: new`, `note: "{{ nonsense("`)
	r.refuses(ctx, ":16:36: ")
	r.status(ctx, r.export(ctx, "INV-333"), "exported")
	if body := r.lastBody(); !strings.Contains(body, `"note":"new"`) {
		t.Errorf("after the failed reload the ERP got %s", body)
	}

	if err := os.Remove(r.config); err != nil {
		t.Fatal(err)
	}
	r.reload(ctx, notTakenUp)
	r.effects(3)
}

// refuses reloads a broken file; the log says the place of the first problem.
func (r *reloading) refuses(ctx context.Context, place string) {
	r.t.Helper()
	r.logs.TakeAll()
	r.reload(ctx, notTakenUp)
	errs := r.logs.FilterLevelExact(zap.ErrorLevel).All()
	if problem, _ := errs[0].ContextMap()["problem"].(string); !strings.Contains(problem, r.config+place) {
		r.t.Errorf("the log does not say what is wrong, and where: %v", errs)
	}
}

// TestReloadSaysWhatItCannotTakeUp: nothing of the file is ignored in silence.
func TestReloadSaysWhatItCannotTakeUp(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r := newReloading(t, testConfig(createStep), erpsim.Options{})
	r.rewrite("durability: fast", `durability: strict, retention: {ledger: 10d}`, "ingest: {", "log: {level: warn}\ningest: {max_in_flight: 1GiB, max_body: 1MiB, ",
		"targets: {", `targets: {other: {http: {base_url: "${ERP_URL}", private: true}}, `)
	for range 2 {
		r.reload(ctx, takenUp)
	}
	const want = "needs a restart: queue.durability, ingest.max_in_flight, log.level, gauges of new pipelines and targets"
	if got := r.logs.FilterLevelExact(zap.WarnLevel).FilterMessage(want).Len(); got != 2 {
		t.Errorf("said %d times, want after both reloads: %v", got, r.logs.FilterLevelExact(zap.WarnLevel).All())
	}
}

// TestReloadMendsWaitingRun: a run that waits goes on with the new configuration.
func TestReloadMendsWaitingRun(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r := newReloading(t, testConfig(createStep), erpsim.Options{
		Keys:   map[string][]string{"invoices": {"number"}, "bills": {"number"}},
		Faults: []erpsim.Rule{{Path: "/api/invoices", Method: "POST", Action: erpsim.Refuse, Status: 503}},
	})
	id := r.export(ctx, "INV-1")
	r.waiting(ctx)
	r.rewrite("/api/invoices", "/api/bills")
	r.reload(ctx, takenUp)
	r.status(ctx, id, "exported")
	r.effects(1)
}

// waiting waits until a run waits for its next attempt.
func (r *relay) waiting(ctx context.Context) {
	r.t.Helper()
	for {
		found := false
		if err := r.service.journal.Each(ctx, func(rec journal.Record) error {
			found = found || rec.State == run.Waiting
			return nil
		}); err != nil {
			r.t.Fatal(err)
		}
		if found {
			return
		}
		select {
		case <-ctx.Done():
			r.t.Fatal("no run waits")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// TestReloadWhileDelivering: the ERP has taken an invoice and not yet answered when the worker is replaced.
func TestReloadWhileDelivering(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r := newReloading(t, testConfig(createStep+tellStep), erpsim.Options{
		Faults: []erpsim.Rule{{Method: "POST", Action: erpsim.HangAfter, Times: 2}},
	})
	var ids []int64
	for n, number := range []string{"INV-1", "INV-22", "INV-333"} {
		ids = append(ids, r.export(ctx, number))
		if err := r.erp.WaitEffects(ctx, n+1); err != nil {
			t.Fatal(err)
		}
		r.reload(ctx, takenUp)
	}
	for _, id := range ids {
		r.status(ctx, id, "exported")
	}
	r.effects(len(ids))
	if states := count(r.settled(ctx, len(ids))); states[run.Done] != len(ids) {
		t.Errorf("runs ended as %v", states)
	}
}

func TestReloadWhileStopping(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	s := &service{log: zap.New(core), load: func() (*configs.Config, error) { return nil, errors.New("broken") }}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if next := s.reload(ctx); next != nil || logs.Len() > 0 {
		t.Errorf("%v %v", next, logs.All())
	}
}

// TestSIGHUP sends the signal to a process.
func TestSIGHUP(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r := newRelay(t, testConfig(createStep), erpsim.Options{})
	r.hook("annotation_content.export")
	r.startChild()
	r.up(ctx)
	r.rewrite(`map: {number`, `map: {note: new, number`)
	r.signalChild(ctx, takenUp)
	r.status(ctx, r.export(ctx, "INV-1"), "exported")
	if body := r.lastBody(); !strings.Contains(body, `"note":"new"`) {
		t.Errorf("after the signal the ERP got %s", body)
	}
	r.rewrite("pipelines:", "pipeline:")
	r.signalChild(ctx, notTakenUp)
	r.status(ctx, r.export(ctx, "INV-22"), "exported")
	r.effects(2)
}

// signalChild sends SIGHUP and waits for a line of the log.
func (r *relay) signalChild(ctx context.Context, want string) {
	r.t.Helper()
	if err := r.child.Process.Signal(syscall.SIGHUP); err != nil {
		r.t.Fatal(err)
	}
	logs, err := filepath.Glob(filepath.Join(r.dir, "child-*.log"))
	if err != nil || len(logs) != 1 {
		r.t.Fatal(logs, err)
	}
	for {
		text, err := os.ReadFile(logs[0])
		if err != nil {
			r.t.Fatal(err)
		}
		if strings.Contains(string(text), want) {
			return
		}
		select {
		case <-ctx.Done():
			r.t.Fatalf("the log does not say %q:\n%s", want, text)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
