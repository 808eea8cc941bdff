package metrics

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// Work counts what a worker does. A nil Work counts nothing. It is safe for concurrent use.
type Work struct {
	settled, pauses, dead, attempts, findings *prometheus.CounterVec
	runSeconds, attemptSeconds                *prometheus.HistogramVec
	inWork                                    *prometheus.GaugeVec
	lag                                       prometheus.Histogram
	rossum                                    rossum
}

// rossum counts the calls of Rossum's API.
type rossum struct {
	calls   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
	waited  *prometheus.CounterVec
}

// callBuckets are seconds of a call over the network, runBuckets those of a whole run, which may wait for days.
var (
	callBuckets = []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	runBuckets  = []float64{.1, .5, 1, 5, 15, 60, 300, 1800, 7200, 43200, 172800}
)

// NewWork makes the counters of a worker and registers them.
func NewWork(registry prometheus.Registerer) *Work {
	w := &Work{
		settled: counter("runs_total", "Runs that ended, by end state.", "pipeline", "state"),
		pauses:  counter("run_pauses_total", "Turns of a run that ended in waiting or parking, by reason.", "pipeline", "state", "reason"),
		dead:    counter("dead_total", "Runs that died, by reason.", "pipeline", "reason"),
		attempts: counter("attempts_total", "Attempts at a side effect, by outcome; the kind is send, find or rossum.",
			"target", "kind", "outcome"),
		findings: counter("sweeper_findings_total", "What the sweeper found, mended or not.", "what", "mended"),
		runSeconds: histogram("run_seconds", "Time from Rossum's call to the end of a run that was delivered.",
			runBuckets, "pipeline"),
		attemptSeconds: histogram("attempt_seconds", "Time of an attempt at a side effect.", callBuckets, "target", "kind"),
		inWork: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: prefix + "runs_in_work", Help: "Runs this process is working on.",
		}, []string{"pipeline"}),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: prefix + "schedule_lag_seconds", Help: "How much too late waiting runs go on.",
			Buckets: []float64{.5, 1, 2, 5, 15, 60, 300},
		}),
		rossum: rossum{
			calls:   counter("rossum_calls_total", "Calls of Rossum's API, by status; 0 where none came.", "rossum", "method", "status"),
			seconds: histogram("rossum_call_seconds", "Time until Rossum's header.", callBuckets, "rossum"),
			waited:  counter("rossum_limited_seconds_total", "Time spent waiting for the own rate limit.", "rossum"),
		},
	}
	registry.MustRegister(w.settled, w.pauses, w.dead, w.attempts, w.findings, w.runSeconds, w.attemptSeconds, w.inWork, w.lag,
		w.rossum.calls, w.rossum.seconds, w.rossum.waited)
	return w
}

const prefix = "rossum_relay_"

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + name, Help: help}, labels)
}

func histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: prefix + name, Help: help, Buckets: buckets}, labels)
}

// Begin counts a run in work until the returned function is called.
func (w *Work) Begin(pipeline string) (end func()) {
	if w == nil {
		return func() {}
	}
	g := w.inWork.WithLabelValues(pipeline)
	g.Inc()
	return g.Dec
}

// Turn counts the end of a run's turn: a run that settled, or one that waits. took is the time since Rossum's call.
func (w *Work) Turn(pipeline string, state run.State, reason string, took time.Duration) {
	switch {
	case w == nil:
	case !state.Settled():
		w.pauses.WithLabelValues(pipeline, string(state), reason).Inc()
	default:
		w.settled.WithLabelValues(pipeline, string(state)).Inc()
		if state == run.Done {
			w.runSeconds.WithLabelValues(pipeline).Observe(took.Seconds())
		}
		if state == run.Dead {
			w.dead.WithLabelValues(pipeline, reason).Inc()
		}
	}
}

// Attempt counts one attempt at a target; Rossum is the target rossum.
func (w *Work) Attempt(target, kind string, o outcome.Outcome, took time.Duration) {
	if w == nil {
		return
	}
	w.attempts.WithLabelValues(target, kind, string(o.Kind)).Inc()
	w.attemptSeconds.WithLabelValues(target, kind).Observe(took.Seconds())
}

// Late observes how late a waiting run goes on.
func (w *Work) Late(by time.Duration) {
	if w != nil {
		w.lag.Observe(max(by, 0).Seconds())
	}
}

// Found counts what a sweep found.
func (w *Work) Found(what string, n int, mended bool) {
	if w != nil {
		w.findings.WithLabelValues(what, strconv.FormatBool(mended)).Add(float64(n))
	}
}

// Waiter holds back requests, as the rate limit of a Rossum does.
type Waiter interface {
	Wait(ctx context.Context) error
}

// Limiter is a limiter whose waiting is counted.
func (w *Work) Limiter(environment string, l Waiter) Waiter {
	if w == nil {
		return l
	}
	return limiter{Waiter: l, waited: w.rossum.waited.WithLabelValues(environment)}
}

type limiter struct {
	Waiter
	waited prometheus.Counter
}

// Wait waits and counts.
func (l limiter) Wait(ctx context.Context) error {
	start := time.Now()
	defer func() { l.waited.Add(time.Since(start).Seconds()) }()
	return l.Waiter.Wait(ctx)
}

// Rossum counts the calls of an environment that go through a transport.
func (w *Work) Rossum(environment string, next http.RoundTripper) http.RoundTripper {
	if w == nil {
		return next
	}
	return rossumCalls{next: next, counts: &w.rossum, environment: environment}
}

type rossumCalls struct {
	next        http.RoundTripper
	counts      *rossum
	environment string
}

// RoundTrip makes the call and counts it.
func (c rossumCalls) RoundTrip(r *http.Request) (*http.Response, error) {
	start := time.Now()
	resp, err := c.next.RoundTrip(r)
	status := 0
	if err == nil {
		status = resp.StatusCode
	}
	c.counts.calls.WithLabelValues(c.environment, r.Method, strconv.Itoa(status)).Inc()
	c.counts.seconds.WithLabelValues(c.environment).Observe(time.Since(start).Seconds())
	return resp, err
}

// CloseIdleConnections closes those of the transport.
func (c rossumCalls) CloseIdleConnections() { (&http.Client{Transport: c.next}).CloseIdleConnections() }
