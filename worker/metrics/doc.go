// Package metrics is what Prometheus sees of the relay: the counters of the
// worker, and a watcher that looks at the queue every few seconds, so that a
// scrape reads memory only. README.md lists every metric.
//
// Labels hold names of the configuration and codes of fixed sets, never what
// came with an event: the number of series is bounded, and no invoice's value
// or secret can be among them.
package metrics
