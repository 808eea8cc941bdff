// Package trace makes OpenTelemetry traces: one for each event, from Rossum's
// call over the queue through every turn, step, attempt and HTTP call, sent to
// a collector as OTLP over HTTP.
//
// The id of a trace is made of the event's key and generation. So the calls by
// which Rossum repeats an event, its polls, and what workers do for it weeks
// later are found together without anything having to be remembered, and all
// processes agree on which events are sampled.
//
// Spans carry ids, names of the configuration and codes; never a payload, a
// value, a token, an ERP's path or a query.
package trace

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

const (
	scope         = "github.com/rossum-relay/rossum-relay"
	tracesPath    = "/v1/traces" // of OTLP over HTTP
	exportWithin  = 10 * time.Second
	complainEvery = time.Minute
)

// Tracer begins the spans that belong to an event. A nil Tracer traces nothing. It is safe for concurrent use.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// Open makes a tracer, nil where neither the configuration nor the environment (OTEL_EXPORTER_OTLP_ENDPOINT) names a
// collector. It connects to nothing yet, and a collector that is down loses spans but stops nothing. Close it when done.
func Open(ctx context.Context, cfg configs.Traces, version string, log *zap.Logger) (*Tracer, error) {
	if !wanted(cfg) {
		return nil, nil
	}
	exporter, err := otlptracehttp.New(ctx, exporterOptions(cfg)...)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	res, err := resource.New(ctx, resource.WithAttributes(
		attribute.String("service.name", "rossum-relay"), attribute.String("service.version", version), attribute.String("service.instance.id", instance()),
	), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	seldom := rate.Sometimes{Interval: complainEvery}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { // the library has one for the whole process
		seldom.Do(func() { log.Warn("traces are lost", zap.Error(err)) })
	}))
	provider := sdk.NewTracerProvider(
		sdk.WithBatcher(exporter), sdk.WithResource(res), sdk.WithIDGenerator(ids{}),
		sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(float64(cfg.Sample)/100))),
	)
	return &Tracer{provider: provider, tracer: provider.Tracer(scope)}, nil
}

func wanted(cfg configs.Traces) bool {
	return cfg.Endpoint != "" || os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

func exporterOptions(cfg configs.Traces) []otlptracehttp.Option {
	options := []otlptracehttp.Option{otlptracehttp.WithTimeout(exportWithin)}
	if cfg.Endpoint != "" {
		url := strings.TrimSuffix(cfg.Endpoint, "/")
		options = append(options, otlptracehttp.WithEndpointURL(strings.TrimSuffix(url, tracesPath)+tracesPath))
	}
	if len(cfg.Headers) > 0 {
		headers := map[string]string{}
		for _, h := range cfg.Headers {
			headers[h.Name] = h.Value.Reveal()
		}
		options = append(options, otlptracehttp.WithHeaders(headers))
	}
	return options
}

func instance() string {
	host, _ := os.Hostname()
	return fmt.Sprintf("%s-%d", host, os.Getpid())
}

// Close sends what is left, at most until ctx ends.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("traces: %w", err)
	}
	return nil
}

// Event begins a span of an event's trace for one call of Rossum, which began at start.
func (t *Tracer) Event(ctx context.Context, name string, key run.EventKey, generation int, start time.Time) (context.Context, trace.Span) {
	if t == nil {
		return ctx, trace.SpanFromContext(ctx)
	}
	ctx = context.WithValue(ctx, traceKey{}, traceID(key, generation))
	return t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(start),
		trace.WithAttributes(attribute.String("relay.event_key", string(key)), attribute.Int("relay.generation", generation)))
}

// Turn is one turn of a run, by what its message says.
type Turn struct {
	Run                   run.ID
	Pipeline, Hook, Event string
	Key                   run.EventKey
	Generation, Hop       int
	Annotation            int64
	// Parent is the traceparent of the call that stored the run, Last that of the turn before; both may be empty.
	Parent, Last string
}

// Turn begins the span of one turn below the call that stored the run, linked to the turn before. parent is the
// traceparent of the new span, empty where it is not traced.
func (t *Tracer) Turn(ctx context.Context, of Turn) (_ context.Context, span trace.Span, parent string) {
	if t == nil {
		return ctx, trace.SpanFromContext(ctx), ""
	}
	ctx = context.WithValue(ctx, traceKey{}, traceID(of.Key, of.Generation))
	if stored := parse(of.Parent); stored.IsValid() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, stored)
	}
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
		attribute.String("relay.run", string(of.Run)), attribute.String("relay.pipeline", of.Pipeline), attribute.String("relay.hook", of.Hook),
		attribute.String("relay.event", of.Event), attribute.Int64("relay.annotation", of.Annotation), attribute.Int("relay.hop", of.Hop),
	)}
	if before := parse(of.Last); before.IsValid() && of.Last != of.Parent {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: before}))
	}
	ctx, span = t.tracer.Start(ctx, "run "+of.Pipeline, options...)
	c := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, c)
	return ctx, span, c[traceparent]
}

const traceparent = "traceparent" // W3C Trace Context, 3.2

// parse reads a traceparent; one that is none gives an invalid context.
func parse(text string) trace.SpanContext {
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{traceparent: text})
	return trace.SpanContextFromContext(ctx)
}

// ID is the trace a traceparent belongs to, in hexadecimal; empty where it is none.
func ID(text string) string {
	if c := parse(text); c.IsValid() {
		return c.TraceID().String()
	}
	return ""
}

// traceKey is the context key of the trace a span without a parent begins in.
type traceKey struct{}

func traceID(key run.EventKey, generation int) trace.TraceID {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(generation)) //nolint:gosec // a counter from 1
	sum := sha256.Sum256(append([]byte(key), n[:]...))
	return trace.TraceID(sum[:16])
}

// ids makes the ids of spans, and takes those of traces from the event.
type ids struct{}

// NewIDs implements sdk.IDGenerator.
func (g ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	id, ok := ctx.Value(traceKey{}).(trace.TraceID)
	if !ok {
		binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
		binary.NativeEndian.PutUint64(id[8:], rand.Uint64())
	}
	return id, g.NewSpanID(ctx, id)
}

// NewSpanID implements sdk.IDGenerator.
func (ids) NewSpanID(context.Context, trace.TraceID) (id trace.SpanID) {
	binary.NativeEndian.PutUint64(id[:], rand.Uint64()|1) // never the invalid zero
	return id
}
