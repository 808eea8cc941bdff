package jinja_test

import (
	"encoding/json"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/jinja"
	"github.com/rossum-relay/rossum-relay/worker/jinja/jinjatest"
)

// invoiceBenchmark is testdata/invoice.json, which testdata/bench.py reads too.
type invoiceBenchmark struct {
	Template string          `json:"template"`
	Header   json.RawMessage `json:"header"`
	Line     json.RawMessage `json:"line"`
}

// invoice compiles the benchmark's template and makes a context of n lines.
func invoice(tb testing.TB, n int) (*jinja.Template, *jinja.Dict) {
	tb.Helper()
	data, err := os.ReadFile("testdata/invoice.json")
	if err != nil {
		tb.Fatal(err)
	}
	var b invoiceBenchmark
	if err := json.Unmarshal(data, &b); err != nil {
		tb.Fatal(err)
	}
	field := strings.TrimSuffix(strings.TrimSpace(string(b.Header)), "}")
	lines := strings.Repeat(","+string(b.Line), n)[1:]
	vars, err := jinjatest.DecodeContext([]byte(`{"field": ` + field + `, "line_items": [` + lines + `]}}`))
	if err != nil {
		tb.Fatal(err)
	}
	env, err := jinja.New(jinja.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	t, err := env.Compile("invoice", b.Template)
	if err != nil {
		tb.Fatal(err)
	}
	return t, vars
}

func benchmarkInvoice(b *testing.B, lines int) {
	t, vars := invoice(b, lines)
	text, err := t.Render(b.Context(), vars)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	start := cpuTime(b)
	for b.Loop() {
		if _, err := t.Render(b.Context(), vars); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpuTime(b)-start)/float64(b.N)/1e3, "cpu-us/op")
}

// cpuTime is what the process has used of all cores: on a busy machine it
// says more than the clock.
func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func BenchmarkInvoice3Lines(b *testing.B)   { benchmarkInvoice(b, 3) }
func BenchmarkInvoice500Lines(b *testing.B) { benchmarkInvoice(b, 500) }

// BenchmarkCompileInvoice is what a configuration's reload pays per template.
func BenchmarkCompileInvoice(b *testing.B) {
	data, err := os.ReadFile("testdata/invoice.json")
	if err != nil {
		b.Fatal(err)
	}
	var inv invoiceBenchmark
	if err := json.Unmarshal(data, &inv); err != nil {
		b.Fatal(err)
	}
	env, err := jinja.New(jinja.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := env.Compile("invoice", inv.Template); err != nil {
			b.Fatal(err)
		}
	}
}
