package queue

import (
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/rossum-relay/rossum-relay/worker/run"
)

// Envelope is what travels with a run's message in the open: ids and counters, no invoice data, no free text.
type Envelope struct {
	Run        run.ID
	Pipeline   string
	Hook       string
	Event      string // event.action
	Key        run.EventKey
	Annotation int64 // 0 where the event has none
	Generation int
	// Hop numbers the publishes of a run; <run>:<hop> is the message id, so that a repeated publish is swallowed and a
	// new one never is.
	Hop      int
	Received time.Time
	// Trace is a W3C traceparent.
	Trace string
}

// Message headers.
const (
	headerRun        = "Relay-Run"
	headerPipeline   = "Relay-Pipeline"
	headerHook       = "Relay-Hook"
	headerEvent      = "Relay-Event"
	headerKey        = "Relay-Event-Key"
	headerAnnotation = "Relay-Annotation"
	headerGeneration = "Relay-Generation"
	headerHop        = "Relay-Hop"
	headerReceived   = "Relay-Received"
	headerTrace      = "Traceparent"
	headerObject     = "Relay-Object"
	headerSize       = "Relay-Size"
)

// MessageID is what JetStream recognizes a repeated publish by.
func (e Envelope) MessageID() string { return string(e.Run) + ":" + strconv.Itoa(e.Hop) }

func (e Envelope) header() nats.Header {
	h := nats.Header{}
	h.Set(headerRun, string(e.Run))
	h.Set(headerPipeline, e.Pipeline)
	h.Set(headerHook, e.Hook)
	h.Set(headerEvent, e.Event)
	h.Set(headerKey, string(e.Key))
	h.Set(headerAnnotation, strconv.FormatInt(e.Annotation, 10))
	h.Set(headerGeneration, strconv.Itoa(e.Generation))
	h.Set(headerHop, strconv.Itoa(e.Hop))
	h.Set(headerReceived, e.Received.UTC().Format(time.RFC3339Nano))
	if e.Trace != "" {
		h.Set(headerTrace, e.Trace)
	}
	return h
}

func parseEnvelope(h nats.Header) (Envelope, error) {
	e := Envelope{
		Run: run.ID(h.Get(headerRun)), Pipeline: h.Get(headerPipeline), Hook: h.Get(headerHook),
		Event: h.Get(headerEvent), Key: run.EventKey(h.Get(headerKey)), Trace: h.Get(headerTrace),
	}
	if !e.Run.Valid() || !e.Key.Valid() || e.Pipeline == "" {
		return e, fmt.Errorf("queue: message without a valid run, event key and pipeline")
	}
	var err error
	if e.Annotation, err = strconv.ParseInt(h.Get(headerAnnotation), 10, 64); err != nil {
		return e, fmt.Errorf("queue: message of run %s: annotation: %w", e.Run, err)
	}
	if e.Generation, err = strconv.Atoi(h.Get(headerGeneration)); err != nil {
		return e, fmt.Errorf("queue: message of run %s: generation: %w", e.Run, err)
	}
	if e.Hop, err = strconv.Atoi(h.Get(headerHop)); err != nil {
		return e, fmt.Errorf("queue: message of run %s: hop: %w", e.Run, err)
	}
	if e.Received, err = time.Parse(time.RFC3339Nano, h.Get(headerReceived)); err != nil {
		return e, fmt.Errorf("queue: message of run %s: received: %w", e.Run, err)
	}
	return e, nil
}
