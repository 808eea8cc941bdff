package queue_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
)

// backedUp is a backup of a filled queue whose data are gone, and the folder where its keys are already.
func backedUp(t *testing.T) (backup []byte, index string, cfg configs.Queue) {
	t.Helper()
	old := queuetest.Config(t.TempDir())
	q := queuetest.OpenConfig(t, old)
	fill(t, q)
	var b bytes.Buffer
	info, err := q.Backup(t.Context(), &b)
	if err != nil {
		t.Fatal(err)
	}
	for stream, want := range map[string]int{"EV": 2, "RETRY": 2, "DEADLETTERS": 1, "UNROUTED": 1, "HIST": 3, "payloads": 1, "KV_journal": 1} {
		if info.Messages[stream] != want {
			t.Errorf("%d messages of %s in the backup, want %d", info.Messages[stream], stream, want)
		}
	}
	if info.InWork != 0 {
		t.Errorf("%d in work", info.InWork)
	}
	index = q.Index("a", "b")
	q.Close()
	cfg = queuetest.Config(t.TempDir())
	keys, err := os.ReadFile(filepath.Join(old.Data, "keys"))
	if err == nil {
		err = os.WriteFile(filepath.Join(cfg.Data, "keys"), keys, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), index, cfg
}

func TestBackupIsRestored(t *testing.T) {
	backup, index, cfg := backedUp(t)
	if info, err := queue.ReadBackup(bytes.NewReader(backup)); err != nil || info.Messages["EV"] != 2 {
		t.Fatalf("%+v, %v", info, err)
	}
	q := queuetest.OpenConfig(t, cfg, queue.ForRestore())
	if !q.Restored().IsZero() {
		t.Error("restored before it was")
	}
	if _, err := q.Restore(t.Context(), bytes.NewReader(backup)); err != nil {
		t.Fatal(err)
	}
	if err := q.EndRestore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if q.Index("a", "b") != index {
		t.Error("the ledger's keys are others than before")
	}
	if _, err := q.Restore(t.Context(), bytes.NewReader(backup)); !errors.Is(err, queue.ErrNotEmpty) {
		t.Errorf("over what is there: %v", err)
	}
	q.Close()
	q = queuetest.OpenConfig(t, cfg)
	if q.Index("a", "b") != index || time.Since(q.Restored()) > time.Minute {
		t.Errorf("opened again: restored %s", q.Restored())
	}
	check(t, q)
}

// TestInterruptedRestore: what is not whole is never worked with, and the restore can be begun again.
func TestInterruptedRestore(t *testing.T) {
	backup, _, cfg := backedUp(t)
	q := queuetest.OpenConfig(t, cfg, queue.ForRestore())
	if _, err := q.Restore(t.Context(), bytes.NewReader(backup[:len(backup)-100])); err == nil {
		t.Fatal("a cut backup is restored")
	}
	q.Close()
	if _, err := queue.Open(t.Context(), cfg, queue.Serve, "test", zap.NewNop()); !errors.Is(err, queue.ErrRestoring) {
		t.Fatalf("opened half restored: %v", err)
	}
	q = queuetest.OpenConfig(t, cfg, queue.ForRestore())
	if _, err := q.Restore(t.Context(), bytes.NewReader(backup)); err != nil {
		t.Fatal(err)
	}
	if err := q.EndRestore(t.Context()); err != nil {
		t.Fatal(err)
	}
	check(t, q)
}

func TestRestoreNeedsTheKey(t *testing.T) {
	backup, _, cfg := backedUp(t)
	if err := os.Remove(filepath.Join(cfg.Data, "keys")); err != nil {
		t.Fatal(err)
	}
	if _, err := queue.Open(t.Context(), cfg, queue.Serve, "test", zap.NewNop(), queue.ForRestore()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without keys: %v", err)
	}
	queuetest.OpenConfig(t, cfg).Close() // makes a key of its own
	q := queuetest.OpenConfig(t, cfg, queue.ForRestore())
	if _, err := q.Restore(t.Context(), bytes.NewReader(backup)); !errors.Is(err, queue.ErrNoKey) {
		t.Errorf("with another key: %v", err)
	}
}

// TestBackupLetsTheLanesRest: while a backup is made nobody gets a message; afterwards all are delivered.
func TestBackupLetsTheLanesRest(t *testing.T) {
	q := queuetest.Open(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	got, done := make(chan *queue.Delivery, 1), make(chan error, 1)
	go func() {
		done <- q.Consume(ctx, queue.Lane{Name: "erp", Limit: 8, Slots: 8, AckWait: 20 * time.Second}, func(_ context.Context, d *queue.Delivery) { got <- d })
	}()
	publish := func(n int) {
		t.Helper()
		if _, err := q.Publish(ctx, "erp", envelope(n), store(t, q, envelope(n), []byte("x"))); err != nil {
			t.Fatal(err)
		}
	}
	publish(0)
	inWork := <-got
	w := &hookedWriter{first: func() {
		t.Error("the backup has not waited for the run in work")
	}}
	made := make(chan error, 1)
	go func() {
		_, err := q.Backup(ctx, w)
		made <- err
	}()
	w.mu.Lock()
	w.first = func() { // the lanes rest now
		publish(1)
		select {
		case <-got:
			t.Error("a message was delivered while the lanes rest")
		default:
		}
	}
	w.mu.Unlock()
	if err := inWork.Ack(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-made; err != nil {
		t.Fatal(err)
	}
	select {
	case d := <-got:
		if err := d.Ack(ctx); err != nil {
			t.Error(err)
		}
	case <-ctx.Done():
		t.Error("nothing is delivered after the backup")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func FuzzReadBackup(f *testing.F) {
	f.Add([]byte("x"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = queue.ReadBackup(bytes.NewReader(data))
	})
}

// hookedWriter calls first before the first byte.
type hookedWriter struct {
	mu    sync.Mutex
	first func()
}

func (w *hookedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.first != nil {
		w.first()
		w.first = nil
	}
	return len(p), nil
}
