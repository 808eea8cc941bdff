package metrics

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rossum-relay/rossum-relay/worker/target/limits"
)

// collector gives what the watcher saw last to a scrape. Every process of the relay sees the same queue: take the maximum
// over them, not the sum.
type collector struct {
	watcher *Watcher
	now     func() time.Time
	targets []string
	lanes   map[string]bool
	descs   []*prometheus.Desc

	up, looked, rtt, reconnects                          *prometheus.Desc
	messages, bytes, limit                               *prometheus.Desc
	waiting, inWork, redelivered, pulls, oldest          *prometheus.Desc
	scheduled, due, dead                                 *prometheus.Desc
	stored, storeLimit, diskFree, diskSize, fsync        *prometheus.Desc
	breakerOpen, breakerFailures, breakerInstances, held *prometheus.Desc
}

// Register gives a registry what the watcher sees. Only the named targets and the watcher's pipelines get series.
func (w *Watcher) Register(registry prometheus.Registerer, targets []string) error {
	c := &collector{watcher: w, now: w.now, targets: targets, lanes: map[string]bool{}}
	for _, p := range w.pipelines {
		c.lanes[p] = true
	}
	c.describeQueue()
	c.describeRuns()
	return registry.Register(c)
}

func (c *collector) desc(name, help string, labels ...string) *prometheus.Desc {
	d := prometheus.NewDesc(prefix+name, help, labels, nil)
	c.descs = append(c.descs, d)
	return d
}

func (c *collector) describeQueue() {
	c.up = c.desc("queue_up", "1 if the last look at the queue went well.")
	c.looked = c.desc("queue_looked_timestamp_seconds", "When the queue was last looked at with success.")
	c.rtt = c.desc("queue_rtt_seconds", "How long the queue takes to answer at all.")
	c.reconnects = c.desc("queue_reconnects_total", "Reconnects of this process to the queue.")
	c.messages = c.desc("queue_messages", "Messages stored.", "stream")
	c.bytes = c.desc("queue_bytes", "Bytes stored.", "stream")
	c.limit = c.desc("queue_limit_bytes", "Bytes that may be stored; missing where only the store is bounded.", "stream")
	c.stored = c.desc("queue_store_bytes", "Bytes the whole queue holds.")
	c.storeLimit = c.desc("queue_store_limit_bytes", "Bytes the whole queue may hold.")
	c.diskFree = c.desc("queue_disk_free_bytes", "Free bytes of the embedded queue's disk.")
	c.diskSize = c.desc("queue_disk_size_bytes", "Size of the embedded queue's disk.")
	c.fsync = c.desc("queue_fsync_seconds", "How long the last write of 4 KiB for good took.")
}

func (c *collector) describeRuns() {
	c.waiting = c.desc("lane_waiting", "Runs stored for a pipeline that no worker has.", "pipeline")
	c.inWork = c.desc("lane_in_work", "Runs of a pipeline that workers have.", "pipeline")
	c.redelivered = c.desc("lane_redelivered", "Runs in work whose message came more than once.", "pipeline")
	c.pulls = c.desc("lane_pulls", "Requests of workers that wait for runs; 0 with a backlog means that nobody works on it.", "pipeline")
	c.oldest = c.desc("lane_oldest_seconds", "Age of the oldest message of a lane.", "pipeline")
	c.scheduled = c.desc("scheduled", "Runs that wait for their time.", "pipeline")
	c.due = c.desc("due", "Runs whose time has come and that are not back in their lane.")
	c.dead = c.desc("dead_letters", "Dead letters.", "pipeline")
	c.breakerOpen = c.desc("breaker_open", "1 if the breaker of a target is open for any of its instances.", "target")
	c.breakerFailures = c.desc("breaker_failures", "Failures in a row, the most of any instance.", "target")
	c.breakerInstances = c.desc("breaker_open_instances", "Instances of a target whose breaker is open.", "target")
	c.held = c.desc("held", "What operators hold, by kind.", "kind")
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		out <- d
	}
}

// Collect implements prometheus.Collector. It reads memory only.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	s := c.watcher.Last()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(c.up, truth(s.Err == nil && !s.At.IsZero()))
	if s.At.IsZero() {
		return
	}
	h := s.Health
	gauge(c.looked, float64(s.At.UnixMilli())/1000)
	gauge(c.rtt, h.RTT.Seconds())
	out <- prometheus.MustNewConstMetric(c.reconnects, prometheus.CounterValue, float64(h.Reconnects))
	for _, st := range h.Streams {
		gauge(c.messages, float64(st.Messages), st.Name)
		gauge(c.bytes, float64(st.Bytes), st.Name)
		if st.Limit > 0 {
			gauge(c.limit, float64(st.Limit), st.Name)
		}
	}
	gauge(c.stored, float64(h.Stored))
	if h.StoreLimit > 0 {
		gauge(c.storeLimit, float64(h.StoreLimit))
	}
	if h.Disk.Size > 0 {
		gauge(c.diskFree, float64(h.Disk.Free))
		gauge(c.diskSize, float64(h.Disk.Size))
		gauge(c.fsync, h.Disk.Fsync.Seconds())
	}
	c.collectRuns(s, gauge)
	c.collectTargets(s, gauge)
}

func (c *collector) collectRuns(s Snapshot, gauge func(*prometheus.Desc, float64, ...string)) {
	for _, l := range s.Health.Lanes {
		if !c.lanes[l.Lane] {
			continue // the sweeper reports it
		}
		gauge(c.waiting, float64(l.Waiting), l.Lane)
		gauge(c.inWork, float64(l.InWork), l.Lane)
		gauge(c.redelivered, float64(l.Redelivered), l.Lane)
		gauge(c.pulls, float64(l.Pulls), l.Lane)
		age := time.Duration(0)
		if !l.Oldest.IsZero() {
			age = max(c.now().Sub(l.Oldest), 0)
		}
		gauge(c.oldest, age.Seconds(), l.Lane)
	}
	for p, n := range s.Health.Scheduled {
		gauge(c.scheduled, float64(n), p)
	}
	for p, n := range s.Health.Dead {
		gauge(c.dead, float64(n), p)
	}
	gauge(c.due, float64(s.Health.Due))
}

func (c *collector) collectTargets(s Snapshot, gauge func(*prometheus.Desc, float64, ...string)) {
	for _, name := range c.targets {
		open, failures := 0, 0
		for _, b := range s.Breakers {
			if b.Target != name {
				continue
			}
			failures = max(failures, b.Failures)
			if b.Open {
				open++
			}
		}
		gauge(c.breakerOpen, truth(open > 0), name)
		gauge(c.breakerInstances, float64(open), name)
		gauge(c.breakerFailures, float64(failures), name)
	}
	held := map[string]int{limits.HoldTarget: 0, limits.HoldPipeline: 0, limits.HoldAnnotation: 0}
	for _, h := range s.Holds {
		held[h.Kind]++
	}
	for kind, n := range held {
		gauge(c.held, float64(n), kind)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// registerBuild says which build runs.
func registerBuild(registry prometheus.Registerer, version, revision string) {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: prefix + "build_info", Help: "1; the labels say which build runs.",
		ConstLabels: prometheus.Labels{"version": version, "revision": revision, "go": runtime.Version()},
	})
	info.Set(1)
	registry.MustRegister(info)
}
