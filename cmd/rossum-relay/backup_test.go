package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/erpsim"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// TestRestoreDoublesNothing loses a relay after its last backup: one invoice waited then and was delivered since, one was
// neither known then, one comes after the restore. Each is at the ERP once in the end.
func TestRestoreDoublesNothing(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	r := newRelay(t, testConfig(createStep+tellStep), erpsim.Options{Faults: []erpsim.Rule{{Method: "POST", Action: erpsim.Refuse, Status: 503}}})
	r.hook("annotation_content.export")
	stop := r.start()
	waited := r.export(ctx, "INV-waited")
	r.waits(ctx, 1)
	backup := filepath.Join(r.dir, "relay.backup")
	if out := r.cli("backup", backup, "-c", r.config); !strings.Contains(out, "KV_journal       1") {
		t.Errorf("backup:\n%s", out)
	}
	r.erp.ClearFaults()
	r.status(ctx, waited, "exported")
	since := r.export(ctx, "INV-since")
	r.status(ctx, since, "exported")
	r.effects(2)
	stop()

	lost := r.env()["DATA"]
	r.more = map[string]string{"DATA": filepath.Join(r.dir, "new")}
	if err := os.Mkdir(r.env()["DATA"], 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(lost, "keys"), filepath.Join(r.env()["DATA"], "keys")); err != nil {
		t.Fatal(err)
	}
	out := r.cli("restore", backup, "--yes", "-c", r.config)
	if !strings.Contains(out, "All targets are held") {
		t.Errorf("restore:\n%s", out)
	}
	r.start()
	r.rossum.SetStatus(since, rossumapi.StatusExporting, r.user) // somebody exports it again
	later := r.export(ctx, "INV-later")
	r.waits(ctx, 3)
	r.effects(2)
	r.cli("resume", "target", "erp", "-c", r.config)
	r.status(ctx, later, "exported")
	r.status(ctx, since, "exported")
	if states := count(r.settled(ctx, 3)); states[run.Done] != 3 {
		t.Errorf("after all: %v", states)
	}
	r.effects(3)
}

// waits waits until n runs wait or are parked.
func (r *relay) waits(ctx context.Context, n int) {
	r.t.Helper()
	for {
		waiting := 0
		err := r.service.journal.Each(ctx, func(rec journal.Record) error {
			if rec.State == run.Waiting || rec.State == run.Parked {
				waiting++
			}
			return nil
		})
		if err != nil {
			r.t.Fatal(err)
		}
		if waiting == n {
			return
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			r.t.Fatalf("%d runs wait, want %d", waiting, n)
		}
	}
}

// TestKeysAndBackupCommands runs a script on a relay that is stopped.
func TestKeysAndBackupCommands(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r := newRelay(t, testConfig(createStep+tellStep), erpsim.Options{})
	r.hook("annotation_content.export")
	stop := r.start()
	r.status(ctx, r.export(ctx, "INV-1"), "exported")
	stop()
	r.script("testdata/deploy/keys.txtar")
}

// script runs a script with the relay's variables; it finds the configuration at $ROSSUM_RELAY_CONFIG.
func (r *relay) script(file string) {
	r.t.Helper()
	testscript.Run(r.t, testscript.Params{
		Files: []string{file}, RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			for k, v := range r.env() {
				env.Setenv(k, v)
			}
			env.Setenv("ROSSUM_RELAY_CONFIG", r.config)
			env.Setenv("GORACE", "atexit_sleep_ms=10")
			return nil
		},
	})
}
