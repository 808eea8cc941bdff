package pipeline_test

import (
	"testing"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
)

// benchmarkMap maps a payload anew for each run: scope, expressions, JSON.
func benchmarkMap(b *testing.B, name string) {
	cfg, err := configs.Load("testdata/documents.yaml")
	if err != nil {
		b.Fatal(err)
	}
	set, err := pipeline.Compile(cfg)
	if err != nil {
		b.Fatal(err)
	}
	p, _ := set.Pipeline("json")
	in := input(b, cfg, name)
	in.Resources = resources{in.Payload.Annotation.Queue: `{"name":"Q"}`, in.Payload.Annotation.Modifier: `{"username":"u"}`}
	var size int
	b.ReportAllocs()
	for b.Loop() {
		doc, err := p.Steps[0].Document(b.Context(), pipeline.NewScope(in))
		if err != nil {
			b.Fatal(err)
		}
		size = len(doc.Body)
	}
	b.SetBytes(int64(size))
}

func BenchmarkMap4Lines(b *testing.B) { benchmarkMap(b, us) }

func BenchmarkMap2000Lines(b *testing.B) { benchmarkMap(b, "05-export-einvoice-2000-lines.json") }

func BenchmarkCompile(b *testing.B) {
	cfg, err := configs.Load("testdata/documents.yaml")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := pipeline.Compile(cfg); err != nil {
			b.Fatal(err)
		}
	}
}
