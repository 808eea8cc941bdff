package worker

import (
	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
	"github.com/rossum-relay/rossum-relay/worker/trace"
)

// idsOf are the fields of every line about a run, so that one search for any of them finds all of its lines, those of
// ingest and the spans of its trace.
func idsOf(r *journal.Record) []zap.Field {
	return ids(r.Run, r.Pipeline, r.Annotation, r.Key, r.Trace)
}

func idsOfEnvelope(e queue.Envelope) []zap.Field {
	return ids(e.Run, e.Pipeline, e.Annotation, e.Key, e.Trace)
}

func ids(id run.ID, pipeline string, annotation int64, key run.EventKey, traceparent string) []zap.Field {
	fields := []zap.Field{
		zap.String("run", string(id)), zap.String("pipeline", pipeline), zap.Int64("annotation", annotation), zap.String("event_key", string(key)),
	}
	if id := trace.ID(traceparent); id != "" {
		fields = append(fields, zap.String("trace_id", id))
	}
	return fields
}
