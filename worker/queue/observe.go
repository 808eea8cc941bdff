package queue

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// writes counts the messages this process stores. Its labels are the names of streams and three results.
type writes struct {
	seconds *prometheus.HistogramVec
	results *prometheus.CounterVec
}

// WithMetrics counts what this process stores, and how long the server takes for it.
func WithMetrics(registry prometheus.Registerer) Option {
	w := &writes{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "rossum_relay_queue_publish_seconds", Help: "Time until a message was stored durably, with repetitions.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5},
		}, []string{"stream"}),
		results: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rossum_relay_queue_publishes_total", Help: "Messages stored, by result: stored, duplicate, full or failed.",
		}, []string{"stream", "result"}),
	}
	registry.MustRegister(w.seconds, w.results)
	return func(q *Queue) { q.writes = w }
}

// observe counts one publish.
func (w *writes) observe(stream string, start time.Time, duplicate bool, err error) {
	if w == nil {
		return
	}
	result := "stored"
	switch {
	case errors.Is(err, ErrFull):
		result = "full"
	case err != nil:
		result = "failed"
	case duplicate:
		result = "duplicate"
	}
	w.results.WithLabelValues(stream, result).Inc()
	if err == nil {
		w.seconds.WithLabelValues(stream).Observe(time.Since(start).Seconds())
	}
}
