package queue

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
)

const traceparent = "traceparent" // W3C Trace Context, 3.2

// SetTrace makes the span of ctx the parent of what workers do for the run; without a span it does nothing.
func (e *Envelope) SetTrace(ctx context.Context) {
	c := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, c)
	if c[traceparent] != "" {
		e.Trace = c[traceparent]
	}
}
