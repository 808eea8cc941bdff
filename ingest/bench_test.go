package ingest_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"testing"

	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/ingest"
	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
)

// BenchmarkIngest takes distinct events from 64 callers through the handler into an embedded queue, signing included.
// Durability strict is bound by the disk, fast by the processor.
func BenchmarkIngest(b *testing.B) {
	for _, durability := range []configs.Durability{configs.Strict, configs.Fast} {
		for _, bench := range []struct{ name, file, id string }{
			{"2KB", statusUS, "21461200"},
			{"56KB", exportUS, "21440871"},
			{"3MB", "05-export-einvoice-2000-lines.json", "24001973"},
		} {
			b.Run(string(durability)+"/"+bench.name, func(b *testing.B) {
				cfg := queuetest.Config(b.TempDir())
				cfg.Durability, cfg.MaxStore = durability, 32<<30
				benchmarkIngest(b, cfg, payload(b, bench.file), bench.id)
			})
		}
	}
}

func benchmarkIngest(b *testing.B, cfg configs.Queue, body []byte, id string) {
	q, err := queue.Open(b.Context(), cfg, queue.Serve, "bench", zap.NewNop())
	if err != nil {
		b.Fatal(err)
	}
	defer q.Close()
	store, err := answer.Open(b.Context(), q, nil)
	if err != nil {
		b.Fatal(err)
	}
	relay := config()
	relay.Ingest.MaxInFlight = 1 << 30
	server, err := ingest.New(ingest.Options{Config: relay, Queue: q, Store: store, Log: zap.NewNop()})
	if err != nil {
		b.Fatal(err)
	}
	hook := "us"
	if id[:2] == "24" {
		hook = "eu"
	}
	var count atomic.Int64
	b.SetBytes(int64(len(body)))
	b.SetParallelism(64 / runtime.GOMAXPROCS(0))
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		call := bytes.Clone(body)
		for pb.Next() {
			distinct := bytes.ReplaceAll(call, []byte(id), fmt.Appendf(nil, "%08d", 30000000+count.Add(1)))
			r := httptest.NewRequest(http.MethodPost, "/hooks/"+hook, bytes.NewReader(distinct))
			r.Header["X-Rossum-Signature-Sha256"] = []string{sign(distinct)}
			w := httptest.NewRecorder()
			server.ServeHTTP(w, r)
			if w.Code >= 300 {
				b.Errorf("%d %s", w.Code, w.Body)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
