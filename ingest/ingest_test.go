package ingest_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/ingest"
	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	secret    = "hook-signing-secret"
	publicURL = "https://relay.example/in"
	base      = "https://example-us.rossum.app"
	exportUS  = "01-export-us-standard-ap.json"
	statusUS  = "08-status-to-review.json"
)

// relay is an ingest server over loopback on an embedded queue.
type relay struct {
	t        testing.TB
	cfg      *configs.Config
	queue    *queue.Queue
	store    *answer.Store
	server   *ingest.Server
	http     *httptest.Server
	registry *prometheus.Registry
	log      *lockedBuffer
	clock    *queuetest.Clock
	resolve  ingest.Resolver
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// config has a hook for each of the three organizations of the payloads, and a pipeline for every event of each.
func config() *configs.Config {
	cfg := &configs.Config{Ingest: configs.Ingest{PublicURL: publicURL, MaxBody: 8 << 20, MaxInFlight: 32 << 20}}
	for _, region := range []string{"us", "eu", "jp"} {
		cfg.Rossum = append(cfg.Rossum, configs.Entry[configs.Rossum]{
			Name: region, Value: configs.Rossum{BaseURL: "https://example-" + region + ".rossum.app"},
		})
		cfg.Hooks = append(cfg.Hooks, configs.Entry[configs.Hook]{
			Name: region, Value: configs.Hook{Rossum: region, SigningSecrets: []configs.Secret{configs.NewSecret("older"), configs.NewSecret(secret)}},
		})
		cfg.Pipelines = append(cfg.Pipelines, configs.Entry[configs.Pipeline]{
			Name: "erp-" + region, Value: configs.Pipeline{
				Hook: region, Events: []string{"annotation_content", "annotation_status", "upload", "email", "invocation", "future"},
			},
		})
	}
	return cfg
}

func start(t testing.TB, cfg *configs.Config) *relay {
	return startOn(t, cfg, queuetest.Open(t), nil)
}

func startOn(t testing.TB, cfg *configs.Config, q *queue.Queue, resolve ingest.Resolver) *relay {
	t.Helper()
	r := &relay{
		t: t, cfg: cfg, queue: q, registry: prometheus.NewRegistry(), log: &lockedBuffer{}, resolve: resolve,
		clock: queuetest.NewClock(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)),
	}
	var err error
	if r.store, err = answer.Open(t.Context(), q, r.clock.Now); err != nil {
		t.Fatal(err)
	}
	log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(r.log), zapcore.DebugLevel))
	if r.server, err = ingest.New(ingest.Options{
		Config: cfg, Queue: q, Store: r.store, Log: log, Metrics: r.registry, Resolve: resolve, Now: r.clock.Now,
	}); err != nil {
		t.Fatal(err)
	}
	r.http = httptest.NewServer(r.server)
	t.Cleanup(r.http.Close)
	return r
}

func sign(body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

type response struct {
	status int
	header http.Header
	body   string
}

// post signs and posts a body.
func (r *relay) post(hook string, body []byte) response {
	r.t.Helper()
	return r.do(http.MethodPost, "/hooks/"+hook, body, http.Header{"X-Rossum-Signature-SHA256": {sign(body)}})
}

func (r *relay) do(method, path string, body []byte, header http.Header) response {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.http.URL+path, bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	res, err := r.http.Client().Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return response{res.StatusCode, res.Header, string(data)}
}

// poll asks for an answer where a 202 said.
func (r *relay) poll(location string) response {
	r.t.Helper()
	return r.do(http.MethodGet, location[len(publicURL):], nil, nil)
}

// take consumes a lane until n messages were acked.
func (r *relay) take(lane string, n int) []taken {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	defer cancel()
	got := make(chan taken, n)
	done := make(chan error, 1)
	go func() {
		done <- r.queue.Consume(ctx, queue.Lane{Name: lane, Limit: 8, Slots: 1, AckWait: 5 * time.Second}, func(ctx context.Context, d *queue.Delivery) {
			plain, err := r.queue.OpenPayload(ctx, d.Run, d.Payload)
			if err == nil {
				err = d.Ack(ctx)
			}
			if err != nil {
				r.t.Error(err)
			}
			got <- taken{d.Envelope, plain}
		})
	}()
	var all []taken
	for len(all) < n {
		select {
		case m := <-got:
			all = append(all, m)
		case <-ctx.Done():
			r.t.Fatalf("got %d of %d messages", len(all), n)
		}
	}
	cancel()
	if err := <-done; err != nil {
		r.t.Fatal(err)
	}
	return all
}

type taken struct {
	queue.Envelope
	payload []byte
}

// stored counts the messages of a lane without taking them.
func (r *relay) stored(lane string) int {
	r.t.Helper()
	n, _, err := r.queue.Backlog(r.t.Context(), lane)
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

func payload(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "rossumapi", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// edit changes top-level members and members of the annotation ("annotation.status") of a payload.
func edit(t testing.TB, data []byte, changes map[string]any) []byte {
	t.Helper()
	var all, annotation map[string]any
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	annotation, _ = all["annotation"].(map[string]any)
	for k, v := range changes {
		if key, ok := cutAnnotation(k); ok {
			annotation[key] = v
		} else {
			all[k] = v
		}
	}
	out, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func cutAnnotation(key string) (string, bool) {
	const prefix = "annotation."
	if len(key) > len(prefix) && key[:len(prefix)] == prefix {
		return key[len(prefix):], true
	}
	return "", false
}

// counted is the value of a counter by the values of its labels, in the order of their names.
func (r *relay) counted(name string, labels ...string) float64 {
	r.t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			same := f.GetName() == name && len(m.GetLabel()) == len(labels)
			for i := 0; same && i < len(labels); i++ {
				same = m.GetLabel()[i].GetValue() == labels[i]
			}
			if same {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}
