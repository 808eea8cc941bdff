package worker

import (
	"testing"

	"go.uber.org/zap/zapcore"

	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// TestLinesHaveAllIDs: whichever id somebody has, it finds the line.
func TestLinesHaveAllIDs(t *testing.T) {
	key := run.NewEventKey("hook", "annotation_content.export", "1")
	r := journal.Record{Run: run.NewID(key, "invoice", 1), Pipeline: "invoice", Annotation: 7, Key: key}
	for trace, want := range map[string]any{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01": "0af7651916cd43dd8448eb211c80319c", "": nil} {
		r.Trace = trace
		enc := zapcore.NewMapObjectEncoder()
		for _, f := range idsOf(&r) {
			f.AddTo(enc)
		}
		got := enc.Fields
		if got["run"] != string(r.Run) || got["pipeline"] != "invoice" || got["annotation"] != int64(7) || got["event_key"] != string(key) || got["trace_id"] != want {
			t.Errorf("fields %v", got)
		}
	}
}
