package configs_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rossum-relay/rossum-relay/configs"
)

// FuzzParse: any file gives a configuration or located problems, and never the value of a variable.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/errors/*.yaml")
	for _, file := range append(files, "relay.example.yaml") {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(small))
	const value = "Zq9-value-of-a-variable"
	f.Fuzz(func(t *testing.T, data []byte) {
		if strings.Contains(string(data), "file:") || strings.Contains(string(data), value) {
			return // no reading of the machine's files
		}
		cfg, err := configs.Parse("fuzz.yaml", data, every(value))
		if err == nil {
			if strings.Contains(cfg.Warnings.Error(), value) {
				t.Errorf("a warning shows a variable: %v", cfg.Warnings)
			}
			return
		}
		var problems configs.Errors
		if !errors.As(err, &problems) || len(problems) == 0 || cfg != nil {
			t.Fatalf("%T %v", err, err)
		}
		for _, p := range problems {
			if p.Pos.Line < 1 || p.Pos.Column < 1 || p.Message == "" || strings.Contains(p.Error()+p.Hint(), value) {
				t.Errorf("%v", p)
			}
		}
	})
}
