package ingest

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/rossum-relay/rossum-relay/worker/run"
)

// line is what is logged and counted of one request: never a body, token, secret or signature, and no raw path, since
// the path of an answer is its secret.
type line struct {
	start      time.Time
	route      string // path template
	hook       string // a configured one
	event      string
	key        run.EventKey
	generation int
	result     string // opened, joined, unrouted, checked; pending, told, overdue
	bytes      int    // of the request body
	annotation int64
	span       trace.Span // nil where nothing is traced
}

func (s *Server) record(r *http.Request, l *line, out reply) {
	took := time.Since(l.start)
	l.endSpan(out.status)
	s.metrics.bytes.WithLabelValues(l.hook).Add(float64(l.bytes))
	s.metrics.seconds.WithLabelValues(l.route).Observe(took.Seconds())
	if out.reason != "" {
		s.metrics.refused.WithLabelValues(l.hook, string(out.reason)).Inc()
	} else if l.result != "" {
		s.metrics.calls.WithLabelValues(l.hook, eventLabel(l.event), l.result).Inc()
	}
	entry := s.log.Check(levelOf(l, out), "request")
	if entry == nil {
		return
	}
	fields := make([]zap.Field, 0, 14)
	fields = append(fields, zap.String("method", methodLabel(r.Method)), zap.String("path", l.route), zap.Int("status", out.status),
		zap.Int("bytes", l.bytes), zap.Duration("duration", took))
	for _, f := range []struct{ name, value string }{
		{"hook", l.hook}, {"event", clip(l.event)}, {"event_key", string(l.key)}, {"result", l.result}, {"reason", string(out.reason)},
	} {
		if f.value != "" {
			fields = append(fields, zap.String(f.name, f.value))
		}
	}
	if l.annotation != 0 {
		fields = append(fields, zap.Int64("annotation", l.annotation))
	}
	if l.span != nil {
		fields = append(fields, zap.String("trace_id", l.span.SpanContext().TraceID().String()))
	}
	if l.generation > 1 {
		fields = append(fields, zap.Int("generation", l.generation))
	}
	if out.err != nil {
		fields = append(fields, zap.Error(out.err))
	}
	entry.Write(fields...)
}

// beginSpan makes the request one of its event's trace; ctx has the span.
func (s *Server) beginSpan(ctx context.Context, l *line, name string) context.Context {
	if s.trace == nil {
		return ctx
	}
	ctx, l.span = s.trace(ctx, name, l.key, l.generation, l.start)
	return ctx
}

func (l *line) endSpan(status int) {
	if l.span == nil {
		return
	}
	l.span.SetAttributes(
		attribute.String("http.route", l.route), attribute.Int("http.response.status_code", status), attribute.Int("http.request.body.size", l.bytes),
		attribute.String("relay.hook", l.hook), attribute.String("relay.event", eventLabel(l.event)),
		attribute.Int64("relay.annotation", l.annotation), attribute.String("relay.result", l.result),
	)
	if status >= http.StatusInternalServerError {
		l.span.SetStatus(codes.Error, strconv.Itoa(status))
	}
	l.span.End()
}

func levelOf(l *line, out reply) zapcore.Level {
	switch {
	case out.reason != "":
		return zapcore.WarnLevel
	case l.route == pathHealth || l.route == pathReady:
		return zapcore.DebugLevel
	}
	return zapcore.InfoLevel
}

// methodLabel keeps what a caller invents out of the log.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// clip bounds a name that came with a payload.
func clip(name string) string {
	const most = 80
	return name[:min(len(name), most)]
}

// eventLabel bounds the events counted apart.
func eventLabel(event string) string {
	switch event {
	case "", "annotation_status.changed", "annotation_content.initialize", "annotation_content.started",
		"annotation_content.user_update", "annotation_content.updated", "annotation_content.confirm",
		"annotation_content.export", "upload.created", "email.received", "invocation.scheduled", "invocation.manual",
		"invocation.interface":
		return event
	}
	return "other"
}

type metrics struct {
	calls, refused, bytes *prometheus.CounterVec
	seconds               *prometheus.HistogramVec
}

// newMetrics registers what ingest counts; labels are bounded by the configuration and fixed sets.
func newMetrics(registry prometheus.Registerer, b *bodies, limit int64) (*metrics, error) {
	m := &metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rossum_relay_ingest_calls_total", Help: "Calls and polls that were answered, by what became of them.",
		}, []string{"hook", "event", "result"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rossum_relay_ingest_refused_total", Help: "Requests that were refused, by reason.",
		}, []string{"hook", "reason"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rossum_relay_ingest_bytes_total", Help: "Bytes of request bodies read whole.",
		}, []string{"hook"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "rossum_relay_ingest_request_seconds", Help: "Time from a request's header to its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, 1, 5, 10, 30},
		}, []string{"path"}),
	}
	inFlight := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "rossum_relay_ingest_in_flight_bytes", Help: "Bytes of request bodies held now.",
	}, func() float64 { return float64(limit - b.free.Load()) })
	if registry == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.calls, m.refused, m.bytes, m.seconds, inFlight} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
