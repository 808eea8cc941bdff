package configs_test

import (
	"os"
	"strings"
	"testing"

	"github.com/rossum-relay/rossum-relay/configs"
)

// every is an environment in which each variable is set.
func every(value string) configs.Option {
	return configs.WithEnv(func(string) (string, bool) { return value, true })
}

func TestExample(t *testing.T) {
	cfg, err := configs.Load("relay.example.yaml", every("x"))
	if err != nil {
		t.Fatal(err)
	}
	if err := cfg.Resolve(); err != nil {
		t.Error(err)
	}
	if len(cfg.Warnings) > 0 {
		t.Errorf("the example has warnings:\n%v", cfg.Warnings)
	}
	coupa, _ := cfg.Targets.Get("coupa")
	if coupa.Concurrency != 4 || coupa.Breaker.After != 5 {
		t.Errorf("the merge key was lost: %+v", coupa)
	}
}

// TestExampleIsComplete finds keys that the example does not show.
func TestExampleIsComplete(t *testing.T) {
	data, err := os.ReadFile("relay.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range configs.Keys() {
		if !strings.Contains(string(data), key+":") {
			t.Errorf("the example does not show %s", key)
		}
	}
}
