package trace

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// Start begins a span below that of ctx. Where nothing is traced it does nothing, and End does nothing with its span.
func Start(ctx context.Context, name string) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, trace.SpanFromContext(context.Background())
	}
	return parent.TracerProvider().Tracer(scope).Start(ctx, name)
}

// EndAttempt ends the span of an attempt at a target.
func EndAttempt(span trace.Span, target string, o outcome.Outcome) {
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(attribute.String("relay.target", target), attribute.String("relay.outcome", string(o.Kind)), attribute.String("relay.reason", o.Reason))
	if !o.Done() {
		span.SetStatus(codes.Error, o.Reason)
	}
	span.End()
}

// EndTurn ends the span of a turn with what became of the run.
func EndTurn(span trace.Span, state run.State, reason string, err error) {
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(attribute.String("relay.state", string(state)), attribute.String("relay.reason", reason))
	if err != nil {
		span.SetStatus(codes.Error, "interrupted")
	} else if state == run.Dead {
		span.SetStatus(codes.Error, reason)
	}
	span.End()
}

// Transport makes a span of every request below a span that is traced. It knows method, host and status: paths of ERPs
// hold numbers of invoices. Nothing is added to the request.
func Transport(next http.RoundTripper) http.RoundTripper { return transport{next: next} }

// RossumTransport is Transport with the paths of Rossum's API, without the ids in them.
func RossumTransport(next http.RoundTripper) http.RoundTripper {
	return transport{next: next, template: rossumPath}
}

type transport struct {
	next     http.RoundTripper
	template func(*url.URL) string // nil for none
}

// RoundTrip makes the call.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !trace.SpanFromContext(r.Context()).IsRecording() {
		return t.next.RoundTrip(r)
	}
	_, span := Start(r.Context(), "HTTP "+r.Method)
	defer span.End()
	span.SetAttributes(attribute.String("http.request.method", r.Method), attribute.String("server.address", r.URL.Hostname()))
	if port, err := strconv.Atoi(r.URL.Port()); err == nil {
		span.SetAttributes(attribute.Int("server.port", port))
	}
	if t.template != nil {
		if path := t.template(r.URL); path != "" {
			span.SetAttributes(attribute.String("url.template", path))
		}
	}
	resp, err := t.next.RoundTrip(r)
	if err != nil {
		span.SetStatus(codes.Error, "no answer") // its text may hold the URL
		return resp, err
	}
	span.SetAttributes(attribute.Int("http.response.status_code", resp.StatusCode))
	if resp.StatusCode >= http.StatusBadRequest {
		span.SetStatus(codes.Error, strconv.Itoa(resp.StatusCode))
	}
	return resp, err
}

// CloseIdleConnections closes those of the transport below.
func (t transport) CloseIdleConnections() { (&http.Client{Transport: t.next}).CloseIdleConnections() }

// rossumPath is a path of Rossum's API with {id} for numbers; files in storage have paths of their own, which say nothing.
func rossumPath(u *url.URL) string {
	if !strings.HasPrefix(u.Path, "/api/v1/") {
		return ""
	}
	parts := strings.Split(u.Path, "/")
	for i, p := range parts[3:] {
		if p != "" && strings.Trim(p, "abcdefghijklmnopqrstuvwxyz_") != "" {
			parts[i+3] = "{id}"
		}
	}
	return strings.Join(parts, "/")
}
