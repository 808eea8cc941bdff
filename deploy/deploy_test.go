// Package deploy_test checks the files of this folder as far as that goes
// without the tools that read them.
package deploy_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
)

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func parse(t *testing.T, file string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(read(t, file)), into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// compose is what the tests look at in docker-compose.yml.
type compose struct {
	Services map[string]struct {
		Image       string            `yaml:"image"`
		Command     []string          `yaml:"command"`
		Environment map[string]string `yaml:"environment"`
		Volumes     []string          `yaml:"volumes"`
		Ports       []string          `yaml:"ports"`
		DependsOn   any               `yaml:"depends_on"`
		Profiles    []string          `yaml:"profiles"`
		Build       struct {
			Dockerfile string `yaml:"dockerfile"`
		} `yaml:"build"`
	} `yaml:"services"`
	Volumes map[string]any `yaml:"volumes"`
}

// TestCompose: what the file refers to is there, and every port is for this machine only.
func TestCompose(t *testing.T) {
	var c compose
	parse(t, "../docker-compose.yml", &c)
	for _, name := range []string{"ingest", "worker", "console", "nats-1", "nats-2", "nats-3", "prometheus", "grafana", "rossumsim", "erpsim"} {
		if _, ok := c.Services[name]; !ok {
			t.Errorf("there is no service %s", name)
		}
	}
	for name, s := range c.Services {
		for _, v := range s.Volumes {
			source, _, _ := strings.Cut(v, ":")
			if strings.HasPrefix(source, ".") {
				if _, err := os.Stat(filepath.Join("..", source)); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			} else if _, ok := c.Volumes[source]; !ok {
				t.Errorf("%s: no volume %s", name, source)
			}
		}
		for _, other := range dependencies(s.DependsOn) {
			if _, ok := c.Services[other]; !ok {
				t.Errorf("%s depends on %s, which is not there", name, other)
			}
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s: the port %s is open to others", name, p)
			}
		}
		if s.Build.Dockerfile != "" {
			if _, err := os.Stat(filepath.Join("..", s.Build.Dockerfile)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if slices.Contains(c.Services["ingest"].Profiles, "try") || !slices.Contains(c.Services["erpsim"].Profiles, "try") {
		t.Error("the simulators, and they only, belong to the profile try")
	}
}

func dependencies(v any) (names []string) {
	switch v := v.(type) {
	case []any:
		for _, name := range v {
			names = append(names, name.(string))
		}
	case map[string]any:
		for name := range v {
			names = append(names, name)
		}
	}
	return names
}

// TestComposeConfigByRole: each role of the compose file finds the secrets it needs in its own environment, and ingest has
// none of an ERP.
func TestComposeConfigByRole(t *testing.T) {
	var c compose
	parse(t, "../docker-compose.yml", &c)
	key := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for service, roles := range map[string][]configs.Role{
		"ingest": {configs.RoleIngest}, "worker": {configs.RoleWorker}, "console": {configs.RoleOperator, configs.RoleConsole},
	} {
		given := c.Services[service].Environment
		env := func(name string) (string, bool) {
			value, ok := given[name]
			switch {
			case !ok:
				return "", false
			case name == "RELAY_KEY":
				return key, true
			case strings.HasSuffix(value, ":-}"):
				return "", true // optional
			}
			return "secret", true
		}
		if service == "console" {
			given["CONSOLE_PASSWORD_HASH"] = "given"
		}
		cfg, err := configs.Load("compose/relay.yaml", configs.WithEnv(env), configs.WithRoles(roles...))
		if err != nil {
			t.Fatalf("%s: %v", service, err)
		}
		if err := cfg.Resolve(roles...); err != nil {
			t.Errorf("%s: %v", service, err)
		}
		if _, err := pipeline.Compile(cfg); err != nil {
			t.Errorf("%s: %v", service, err)
		}
		if cfg.Metrics.Listen != ":9464" {
			t.Errorf("%s: metrics are served on %s, where Prometheus does not look", service, cfg.Metrics.Listen)
		}
		for _, erp := range []string{"ERP_PASSWORD", "ROSSUM_PASSWORD"} {
			if _, has := given[erp]; has && service != "worker" {
				t.Errorf("%s has %s", service, erp)
			}
		}
	}
}

// TestExampleEnv: every variable the compose file insists on stands in the example.
func TestExampleEnv(t *testing.T) {
	example := read(t, "compose/example.env")
	for _, m := range regexp.MustCompile(`\$\{([A-Z_]+):`).FindAllStringSubmatch(read(t, "../docker-compose.yml"), -1) {
		if !strings.Contains(example, m[1]+"=") {
			t.Errorf("%s is not in compose/example.env", m[1])
		}
	}
}

// TestSystemd asks systemd itself, where it is.
func TestSystemd(t *testing.T) {
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze on this machine")
	}
	unit := strings.ReplaceAll(read(t, "systemd/rossum-relay.service"), "/usr/local/bin/rossum-relay", "/bin/true")
	path := filepath.Join(t.TempDir(), "rossum-relay.service")
	if err := os.WriteFile(path, []byte(unit), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), tool, "verify", "--man=no", path).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}

// TestProvisioning: what Grafana and Prometheus are told to read is where the compose file puts it.
func TestProvisioning(t *testing.T) {
	var sources struct {
		Datasources []struct {
			UID string `yaml:"uid"`
			URL string `yaml:"url"`
		} `yaml:"datasources"`
	}
	parse(t, "grafana/provisioning/datasources/prometheus.yaml", &sources)
	var providers struct {
		Providers []struct {
			Options struct {
				Path string `yaml:"path"`
			} `yaml:"options"`
		} `yaml:"providers"`
	}
	parse(t, "grafana/provisioning/dashboards/rossum-relay.yaml", &providers)
	var prometheus struct {
		Rules   []string `yaml:"rule_files"`
		Scrapes []struct {
			Job string `yaml:"job_name"`
			DNS []struct {
				Names []string `yaml:"names"`
			} `yaml:"dns_sd_configs"`
		} `yaml:"scrape_configs"`
	}
	parse(t, "prometheus/prometheus.yml", &prometheus)
	var c compose
	parse(t, "../docker-compose.yml", &c)
	if sources.Datasources[0].URL != "http://prometheus:9090" || sources.Datasources[0].UID != "prometheus" {
		t.Errorf("data source %+v", sources.Datasources)
	}
	if dir := providers.Providers[0].Options.Path; !slices.Contains(c.Services["grafana"].Volumes, "./deploy/grafana/dashboards:"+dir+":ro") {
		t.Errorf("nothing is mounted at %s", dir)
	}
	if _, err := os.Stat(filepath.Join("prometheus", prometheus.Rules[0])); err != nil {
		t.Error(err)
	}
	for _, name := range prometheus.Scrapes[0].DNS[0].Names {
		if _, ok := c.Services[name]; !ok {
			t.Errorf("Prometheus looks for %s, which is no service", name)
		}
	}
	if prometheus.Scrapes[0].Job != "rossum-relay" {
		t.Error("the alerts ask for the job rossum-relay")
	}
}

// TestChartFiles: the values are what their schema says, as JSON and YAML; the chart's own tests are in helm/check.
func TestChartFiles(t *testing.T) {
	var schema, values map[string]any
	if err := json.Unmarshal([]byte(read(t, "helm/rossum-relay/values.schema.json")), &schema); err != nil {
		t.Fatal(err)
	}
	parse(t, "helm/rossum-relay/values.yaml", &values)
	properties := schema["properties"].(map[string]any)
	for key := range values {
		if properties[key] == nil {
			t.Errorf("values.yaml has %s, the schema has not", key)
		}
	}
	for key := range properties {
		if _, ok := values[key]; !ok && key != "global" {
			t.Errorf("the schema has %s, values.yaml has not", key)
		}
	}
	if read(t, "helm/rossum-relay/alerts.yml") != read(t, "prometheus/alerts.yml") {
		t.Error("the chart has other alerts")
	}
}
