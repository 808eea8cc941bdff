package jinja_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rossum-relay/rossum-relay/worker/jinja/jinjatest"
)

// TestCases renders every conformance case of testdata.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no case files: %v", err)
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		cases, err := jinjatest.Read(f)
		f.Close()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, c := range cases {
			t.Run(c.Name, func(t *testing.T) {
				if f := c.Run(t.Context()); f != nil {
					t.Errorf("template %q\nexpected %q\ngot      %q", c.Template, f.Expected, f.Got)
				}
			})
		}
	}
}
