package check

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// TestAlerts reads the rules as Prometheus does: names, durations, queries and templates of annotations.
func TestAlerts(t *testing.T) {
	rules, errs := rulefmt.ParseFile("../../prometheus/alerts.yml", false)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if n := len(rules.Groups[0].Rules); n < 10 {
		t.Errorf("%d rules", n)
	}
}

// TestDashboard reads every query, with Grafana's variables filled in.
func TestDashboard(t *testing.T) {
	data, err := os.ReadFile("../../grafana/dashboards/rossum-relay.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string `json:"title"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	if err := json.Unmarshal(data, &dashboard); err != nil {
		t.Fatal(err)
	}
	filled := strings.NewReplacer("$__rate_interval", "5m", "$hook", ".*", "$pipeline", ".*", "$target", ".*")
	n := 0
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			n++
			if _, err := parser.ParseExpr(filled.Replace(target.Expr)); err != nil {
				t.Errorf("%s: %v", p.Title, err)
			}
		}
	}
	if n < 20 {
		t.Errorf("%d queries", n)
	}
}
