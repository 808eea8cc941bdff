package configs_test

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/rossum-relay/rossum-relay/configs"
)

var update = flag.Bool("update", false, "write golden files")

// golden compares with a file, or writes it with -update.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; got:\n%s\nwant:\n%s", file, got, want)
	}
}

func TestPublishedSchemaIsCurrent(t *testing.T) {
	golden(t, "relay.schema.json", configs.Schema())
}

func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(configs.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("relay.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("relay.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// TestSchemaFitsExamples validates every configuration of this folder: YAML files with pipelines.
func TestSchemaFitsExamples(t *testing.T) {
	schema, found := compile(t), 0
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && entry.Name() == "testdata" {
			return fs.SkipDir
		}
		if filepath.Ext(path) != ".yaml" {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(data), "\npipelines:") {
			return err
		}
		found++
		if err := schema.Validate(configs.Tree(path, data)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		return nil
	})
	if err != nil || found == 0 {
		t.Fatalf("%d examples, %v", found, err)
	}
}

func TestSchemaRefuses(t *testing.T) {
	schema := compile(t)
	base := configs.Tree("small.yaml", []byte(small))
	if err := schema.Validate(base); err != nil {
		t.Fatalf("the configuration that is spoilt below: %v", err)
	}
	tests := []struct{ name, from, to string }{
		{"unknown key", "rate: 20/s", "ratte: 20/s"},
		{"unknown section", "rossum:", "rossums:"},
		{"bad rate", "rate: 20/s", "rate: 20 per second"},
		{"bad duration", "for: 2d", "for: two days"},
		{"list expected", "[annotation_content.export]", "annotation_content.export"},
		{"number expected", "concurrency: 4", "concurrency: four"},
		{"missing key", "hook: acme-exports\n", "\n"},
		{"two transports", "concurrency: 4", "dir: {path: x}"},
		{"no transport", "    http:", "    x:"},
		{"boolean expected", "first: true", "first: yes"},
		{"bad name", "  coupa-invoice:", "  Coupa Invoice:"},
		{"step without a name", "- tell: {", "- {when: a, "},
		{"unknown key of a step", "post: /api/invoices", "pots: /api/invoices"},
		{"unknown enum value", "retry: {for: 2d}", "newer: newest"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			spoilt := strings.Replace(small, test.from, test.to, 1)
			if spoilt == small {
				t.Fatalf("%q is not in the configuration", test.from)
			}
			if err := schema.Validate(configs.Tree("small.yaml", []byte(spoilt))); err == nil {
				t.Errorf("%q passes", test.to)
			}
		})
	}
}
