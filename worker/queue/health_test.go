package queue_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

func look(t *testing.T, m *queue.Monitor) queue.Health {
	t.Helper()
	h, err := m.Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func publish(t *testing.T, q *queue.Queue, n int) queue.Envelope {
	t.Helper()
	e := envelope(n)
	if _, err := q.Publish(t.Context(), e.Pipeline, e, store(t, q, e, []byte("payload"))); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestHealth(t *testing.T) {
	q := queuetest.Open(t)
	m := q.Monitor([]string{"erp", "other"})
	publish(t, q, 0)
	take(t, q, "erp", 1) // the lane has a consumer now
	if h := look(t, m); len(h.Lanes) != 1 || !h.Lanes[0].Oldest.IsZero() || h.Dead["erp"] != 0 {
		t.Errorf("an empty lane: %+v", h)
	}
	before := time.Now().Add(-time.Second)
	publish(t, q, 1)
	publish(t, q, 2)
	waits := envelope(3)
	if err := q.Schedule(t.Context(), "erp", waits, queue.Payload{}, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		dead := envelope(4 + n)
		if err := q.Bury(t.Context(), queue.Letter{Envelope: dead, Lane: "erp"}); err != nil {
			t.Fatal(err)
		}
	}
	h := look(t, m)
	if l := h.Lanes[0]; l.Lane != "erp" || l.Waiting != 2 || l.Oldest.Before(before) || l.Oldest.After(time.Now().Add(time.Second)) {
		t.Errorf("lane %+v", l)
	}
	if h.Scheduled["erp"] != 1 || h.Dead["erp"] != 3 || h.Dead["other"] != 0 || h.Due != 0 {
		t.Errorf("scheduled %v, dead %v, due %d", h.Scheduled, h.Dead, h.Due)
	}
	if h.StoreLimit != 1<<30 || h.Stored == 0 || h.Disk.Size == 0 || h.Disk.Fsync == 0 || h.RTT == 0 {
		t.Errorf("%+v", h)
	}
	if h.Events.Messages != 2 || h.Events.Limit != 1<<29 || h.Letters.Messages != 3 {
		t.Errorf("work queue %+v, letters %+v", h.Events, h.Letters)
	}
	names := map[string]bool{}
	for _, s := range h.Streams {
		names[s.Name] = true
	}
	for _, name := range []string{"EV", "RETRY", "HIST", "KV_journal", "KV_alerts", "OBJ_payloads"} {
		if !names[name] {
			t.Errorf("no %s among %v", name, names)
		}
	}
	oldest := h.Lanes[0].Oldest
	take(t, q, "erp", 2)
	publish(t, q, 8)
	if h := look(t, m); !h.Lanes[0].Oldest.After(oldest) {
		t.Error("the oldest message was taken, and is the oldest still")
	}
}

func problems(t *testing.T, q *queue.Queue) string {
	t.Helper()
	var all []string
	for _, c := range q.Check(t.Context()) {
		if c.Problem != "" {
			all = append(all, c.Name+": "+c.Problem)
		}
	}
	if err := q.Ready(t.Context()); (err == nil) != (len(all) == 0) {
		t.Errorf("Ready says %v, Check %v", err, all)
	}
	return strings.Join(all, "\n")
}

func TestCheckTellsWhyNot(t *testing.T) {
	t.Run("ready", func(t *testing.T) {
		if got := problems(t, queuetest.Open(t)); got != "" {
			t.Error(got)
		}
	})
	t.Run("closed", func(t *testing.T) {
		q := queuetest.Open(t)
		q.Close()
		if got := problems(t, q); got != "connection: not connected" {
			t.Error(got)
		}
	})
	t.Run("full", func(t *testing.T) {
		cfg := queuetest.Config(t.TempDir())
		cfg.MaxEvents = 8 << 10
		q := queuetest.OpenConfig(t, cfg)
		for n := 0; ; n++ {
			e := envelope(0)
			e.Run = run.NewID(e.Key, fmt.Sprint(n), 1)
			if _, err := q.Publish(t.Context(), "erp", e, store(t, q, e, nil)); errors.Is(err, queue.ErrFull) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if got := problems(t, q); got != "space: stream EV is full (8192 bytes)" {
			t.Error(got)
		}
	})
	t.Run("disk", func(t *testing.T) {
		cfg := queuetest.Config(t.TempDir())
		q := queuetest.OpenConfig(t, cfg)
		if err := os.Mkdir(filepath.Join(cfg.Data, ".probe"), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			t.Fatal(err)
		}
		if got := problems(t, q); !strings.HasPrefix(got, "disk: ") || !strings.Contains(got, "is a directory") {
			t.Error(got)
		}
	})
}

func TestPublishesAreCounted(t *testing.T) {
	registry := prometheus.NewRegistry()
	q := queuetest.OpenConfig(t, queuetest.Config(t.TempDir()), queue.WithMetrics(registry))
	publish(t, q, 0)
	publish(t, q, 0)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "rossum_relay_queue_publishes_total" {
				got[m.GetLabel()[1].GetValue()+" "+m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
			}
		}
	}
	if want := map[string]float64{"EV stored": 1, "EV duplicate": 1}; !maps.Equal(got, want) {
		t.Errorf("counted %v, want %v", got, want)
	}
}
