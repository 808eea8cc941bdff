package metrics

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	// scrapesMost is how many scrapes are answered at once.
	scrapesMost = 4
	readyWithin = 2 * time.Second
)

// NewRegistry makes a registry that knows the process and its build.
func NewRegistry(version, revision string) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	registerBuild(r, version, revision)
	return r
}

// Handler serves GET /metrics, /healthz, which says that the process lives, and /readyz, which says what ready does: its
// body is JSON and tells why not.
func Handler(registry *prometheus.Registry, ready func(context.Context) (bool, []byte)) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: scrapesMost}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, []byte(`{"status":"ok"}`))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyWithin)
		defer cancel()
		status := http.StatusOK
		ok, body := ready(ctx)
		if !ok {
			status = http.StatusServiceUnavailable
		}
		answer(w, status, body)
	})
	return mux
}

func answer(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
