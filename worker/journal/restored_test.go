package journal_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// TestRestoredLedgerTrustsNothing: what was reserved then, and what the ledger has never heard of but is older than the
// restore, may have been delivered since the backup; what is newer was not.
func TestRestoredLedgerTrustsNothing(t *testing.T) {
	ctx, old, cfg := t.Context(), queuetest.Config(t.TempDir()), queuetest.Config(t.TempDir())
	q := queuetest.OpenConfig(t, old)
	j, err := journal.Open(ctx, q, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	claim := func(id run.ID, number string, came time.Time) journal.Claim {
		return journal.Claim{Target: "erp", Key: []string{number}, Run: id, Annotation: 7, Fingerprint: "f", Came: came}
	}
	now := time.Now()
	first, second := take(t, j, envelope("a"), "w"), take(t, j, envelope("b"), "w")
	delivered, reserved := claim(first.Record.Run, "1", now), claim(second.Record.Run, "2", now)
	for _, c := range []journal.Claim{delivered, reserved} {
		if reply, _, err := j.Claim(ctx, c); reply != journal.Free || err != nil {
			t.Fatalf("%d, %v", reply, err)
		}
	}
	if err := j.Deliver(ctx, delivered, nil); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := q.Backup(ctx, &b); err != nil {
		t.Fatal(err)
	}
	q.Close()
	keys, err := os.ReadFile(filepath.Join(old.Data, "keys"))
	if err == nil {
		err = os.WriteFile(filepath.Join(cfg.Data, "keys"), keys, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	q = queuetest.OpenConfig(t, cfg, queue.ForRestore())
	if _, err := q.Restore(ctx, &b); err != nil {
		t.Fatal(err)
	}
	if j, err = journal.Open(ctx, q, time.Now); err != nil {
		t.Fatal(err)
	}
	if n, err := j.AfterRestore(ctx); n != 1 || err != nil {
		t.Fatalf("%d reservations became doubt, %v", n, err)
	}
	if err := q.EndRestore(ctx); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		claim journal.Claim
		want  journal.Claimed
	}{
		"delivered before":  {delivered, journal.Known},
		"reserved then":     {reserved, journal.Unclear},
		"of another run":    {claim(first.Record.Run, "2", now), journal.Unclear},
		"never heard of":    {claim(second.Record.Run, "3", now), journal.Unclear},
		"nobody knows when": {claim(second.Record.Run, "4", time.Time{}), journal.Unclear},
		"came later":        {claim(second.Record.Run, "5", now.Add(time.Hour)), journal.Free},
	}
	for name, test := range tests {
		if reply, _, err := j.Claim(ctx, test.claim); reply != test.want || err != nil {
			t.Errorf("%s: %d, want %d, %v", name, reply, test.want, err)
		}
	}
}
