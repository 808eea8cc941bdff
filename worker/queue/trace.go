package queue

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
)

const traceparent = "traceparent" // W3C Trace Context, 3.2

// SetTrace makes the span of ctx the parent of what the run's workers do; without a span that is traced it does nothing.
func (e *Envelope) SetTrace(ctx context.Context) {
	c := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, c)
	if c[traceparent] != "" {
		e.Trace = c[traceparent]
	}
}

// TraceContext is ctx with the span that stored the run as the parent of others, where it was traced.
func (e Envelope) TraceContext(ctx context.Context) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{traceparent: e.Trace})
}
