package deploy_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/ingest"
	"github.com/rossum-relay/rossum-relay/worker/metrics"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
)

// names collects what is registered: also what has no series yet.
type names map[string][]string // labels by name

var described = regexp.MustCompile(`fqName: "([^"]+)".*variableLabels: \{([^}]*)\}`)

func (n names) Register(c prometheus.Collector) error {
	descs := make(chan *prometheus.Desc)
	go func() {
		c.Describe(descs)
		close(descs)
	}()
	for d := range descs {
		if m := described.FindStringSubmatch(d.String()); m != nil {
			n[m[1]] = strings.Split(m[2], ",")
		}
	}
	return nil
}

func (n names) MustRegister(all ...prometheus.Collector) {
	for _, c := range all {
		_ = n.Register(c)
	}
}

func (n names) Unregister(prometheus.Collector) bool { return false }

// registered are the metrics of all roles.
func registered(t *testing.T) names {
	t.Helper()
	all := names{}
	metrics.NewWork(all)
	q := queuetest.OpenConfig(t, queuetest.Config(t.TempDir()), queue.WithMetrics(all))
	if _, err := ingest.New(ingest.Options{Config: &configs.Config{}, Log: zap.NewNop(), Metrics: all}); err != nil {
		t.Fatal(err)
	}
	w, err := metrics.NewWatcher(t.Context(), metrics.WatcherOptions{Queue: q, Log: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Register(all, nil); err != nil {
		t.Fatal(err)
	}
	return all
}

var (
	used = regexp.MustCompile(`rossum_relay_[a-z_]+`)
	// grouped finds the labels a query groups a metric by.
	grouped = regexp.MustCompile(`by \(([a-z_, ]+)\) \((?:rate\(|increase\()?(rossum_relay_[a-z_]+)`)
)

// TestMetricsExist: alerts, dashboard and chart ask for nothing that no process tells, nor for labels it does not have.
func TestMetricsExist(t *testing.T) {
	all := registered(t)
	for _, file := range []string{"prometheus/alerts.yml", "grafana/dashboards/rossum-relay.json", "helm/rossum-relay/templates/worker.yaml"} {
		text := read(t, file)
		found := used.FindAllString(text, -1)
		if len(found) == 0 {
			t.Errorf("%s asks for nothing", file)
		}
		for _, name := range found {
			if all.of(name) == nil {
				t.Errorf("%s asks for %s, which nobody tells", file, name)
			}
		}
		for _, m := range grouped.FindAllStringSubmatch(text, -1) {
			for label := range strings.SplitSeq(m[1], ",") {
				label = strings.TrimSpace(label)
				if label != "le" && label != "instance" && !strings.Contains(strings.Join(all.of(m[2]), ","), label) {
					t.Errorf("%s groups %s by %s, which has only %v", file, m[2], label, all.of(m[2]))
				}
			}
		}
	}
}

// of are the labels of a metric, or of the histogram it is a series of.
func (n names) of(name string) []string {
	if labels, ok := n[name]; ok {
		return labels
	}
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base, ok := strings.CutSuffix(name, suffix); ok && n[base] != nil {
			return n[base]
		}
	}
	return nil
}

// TestAlertsAreExplained: each alert has a section in the README that says what to do.
func TestAlertsAreExplained(t *testing.T) {
	readme := read(t, "README.md")
	found := regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(read(t, "prometheus/alerts.yml"), -1)
	if len(found) < 10 {
		t.Fatalf("%d alerts", len(found))
	}
	for _, m := range found {
		if !strings.Contains(readme, "### "+m[1]+"\n") {
			t.Errorf("%s is not explained", m[1])
		}
	}
}
