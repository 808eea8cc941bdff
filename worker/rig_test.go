package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker"
	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
	"github.com/rossum-relay/rossum-relay/worker/run"
	"github.com/rossum-relay/rossum-relay/worker/target/limits"
)

const (
	exported = "annotation_content.export"
	rigYAML  = `
rossum: {acme: {base_url: "${URL}", rate: 500/s}}
hooks: {acme: {rossum: acme, signing_secrets: ["${SECRET}"]}, other: {rossum: acme, signing_secrets: ["${SECRET}"]}}
targets: {erp: {http: {base_url: "${URL}", private: true}, timeout: 1s, breaker: {after: 1000, pause: 1s, max: 1s}}}
ingest: {public_url: "https://relay.example"}
queue: {data: "${DATA}", durability: fast, max_store: 1GiB}
worker: {ack_wait: 500ms, drain: 1s}
pipelines:
`
)

// rig is a queue with a fake Rossum and ERP, on which processes with workers of their own live and die.
type rig struct {
	t       *testing.T
	cfg     *configs.Config
	server  *queue.Queue
	journal *journal.Journal
	answers *answer.Store
	url     string
	n       int
}

// newRig serves the world to pipelines, YAML below the key pipelines.
func newRig(t *testing.T, pipelines string, world http.Handler) *rig {
	t.Helper()
	s := httptest.NewServer(world)
	t.Cleanup(s.Close)
	t.Cleanup(s.CloseClientConnections)
	r := &rig{t: t, url: s.URL}
	env := map[string]string{"URL": s.URL, "SECRET": "a-long-signing-secret-of-the-hook", "DATA": t.TempDir()}
	var err error
	r.cfg, err = configs.Parse(filepath.Join(t.TempDir(), "relay.yaml"), []byte(rigYAML+pipelines), configs.WithEnv(func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}))
	if err != nil {
		t.Fatal(err)
	}
	r.cfg.Queue.Listen = "127.0.0.1:0"
	r.server = queuetest.OpenConfig(t, r.cfg.Queue)
	if r.journal, err = journal.Open(t.Context(), r.server, time.Now); err != nil {
		t.Fatal(err)
	}
	if r.answers, err = answer.Open(t.Context(), r.server, time.Now); err != nil {
		t.Fatal(err)
	}
	return r
}

// process is a worker with a connection of its own.
type process struct {
	queue *queue.Queue
	stop  context.CancelFunc
	ended chan error
}

// process starts one; it lives until it is crashed or the test ends.
func (r *rig) process() *process {
	r.t.Helper()
	r.n++
	name := "p" + strconv.Itoa(r.n)
	check := func(err error) {
		r.t.Helper()
		if err != nil {
			r.t.Fatal(err)
		}
	}
	log := zap.NewNop()
	q, err := queue.Open(r.t.Context(), r.cfg.Queue, queue.Attach, name, log)
	check(err)
	j, err := journal.Open(r.t.Context(), q, time.Now)
	check(err)
	answers, err := answer.Open(r.t.Context(), q, time.Now)
	check(err)
	l, err := limits.Open(r.t.Context(), q, name, time.Now, log)
	check(err)
	set, err := pipeline.Compile(r.cfg)
	check(err)
	w, err := worker.New(worker.Options{
		Config: r.cfg, Pipelines: set, Queue: q, Journal: j, Answers: answers, Limits: l, Log: log, Name: name,
	})
	check(err)
	ctx, stop := context.WithCancel(context.Background())
	p := &process{queue: q, stop: stop, ended: make(chan error, 1)}
	go func() { p.ended <- w.Run(ctx) }()
	r.t.Cleanup(p.crash)
	return p
}

// crash cuts the process off its queue at once, and waits until it is gone.
func (p *process) crash() {
	p.queue.Close()
	p.stop()
	for range p.ended {
		close(p.ended)
	}
}

// payload is an export of an annotation with an invoice number and a total.
func (r *rig) payload(annotation int64, number, total string) []byte {
	point := func(id int, schema, value string) map[string]any {
		return map[string]any{
			"id": id, "category": "datapoint", "schema_id": schema, "content": map[string]any{"value": value, "normalized_value": value},
		}
	}
	url := r.url + "/api/v1"
	data, err := json.Marshal(map[string]any{
		"request_id": "r", "timestamp": time.Now().UTC().Format(time.RFC3339Nano), "base_url": r.url, "event": "annotation_content", "action": "export",
		"hook": url + "/hooks/1", "rossum_authorization_token": "token", "settings": map[string]any{},
		"annotation": map[string]any{
			"id": annotation, "url": fmt.Sprintf("%s/annotations/%d", url, annotation), "status": "exporting", "queue": url + "/queues/8",
			"content": []any{map[string]any{"category": "section", "schema_id": "basic", "children": []any{
				point(1, "document_id", number), point(2, "amount_total", total),
			}}},
		},
		"document": map[string]any{"id": 9, "url": url + "/documents/9"},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return data
}

// export stores an event as ingest does, and returns its run through a pipeline.
func (r *rig) export(pipeline string, annotation int64, number, total string) run.ID {
	r.t.Helper()
	r.n++
	p, _ := r.cfg.Pipelines.Get(pipeline)
	c := answer.Call{
		Key: run.NewEventKey(p.Hook, exported, strconv.Itoa(r.n)), Hook: p.Hook, Name: exported, Annotation: annotation, Queue: 8,
		BaseURL: r.url, Token: "token", Runs: []answer.RunRef{{Pipeline: pipeline, Lane: pipeline, Wait: true}}, Within: time.Hour,
	}
	event, _, err := r.answers.Join(r.t.Context(), c)
	if err != nil {
		r.t.Fatal(err)
	}
	id := event.Runs[0].ID
	sealed, err := r.server.StorePayload(r.t.Context(), id, r.payload(annotation, number, total))
	if err != nil {
		r.t.Fatal(err)
	}
	e := queue.Envelope{
		Run: id, Pipeline: pipeline, Hook: p.Hook, Event: exported, Key: c.Key, Annotation: annotation, Generation: 1, Received: time.Now().UTC(),
	}
	if _, err := r.server.Publish(r.t.Context(), pipeline, e, sealed); err != nil {
		r.t.Fatal(err)
	}
	return id
}

// until waits for a run to be as wanted.
func (r *rig) until(id run.ID, wanted func(journal.Record) bool) journal.Record {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	for {
		now, err := r.journal.Get(ctx, id)
		if err == nil && wanted(now.Record) {
			return now.Record
		}
		if err != nil && !errors.Is(err, queue.ErrNotFound) {
			r.t.Fatalf("run %s: %v", id, err)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			r.t.Fatalf("run %s: %v; it is %+v", id, ctx.Err(), now)
		}
	}
}

// settled waits for the end of a run.
func (r *rig) settled(id run.ID) journal.Record {
	r.t.Helper()
	return r.until(id, func(now journal.Record) bool { return now.State.Settled() })
}
