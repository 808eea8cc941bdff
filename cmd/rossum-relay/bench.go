package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"text/template"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim/samples"
	"github.com/rossum-relay/rossum-relay/worker/erpsim"
)

// benchCmd is "rossum-relay bench".
type benchCmd struct {
	Scale benchScaleCmd `cmd:"" help:"Measure how many invoices more worker processes deliver, on this machine."`
}

// benchScaleCmd is "rossum-relay bench scale".
type benchScaleCmd struct {
	Workers    []int         `default:"1,2,4" help:"Numbers of worker processes. Defaults to 1,2,4."`
	Latency    time.Duration `default:"100ms" help:"Time the ERP takes for each invoice. Defaults to 100ms."`
	Slots      int           `default:"4" help:"Invoices a worker process delivers at once. Defaults to 4."`
	Seconds    int           `default:"8" help:"How long each measurement takes at the least. Defaults to 8."`
	Durability string        `enum:"strict,balanced,fast" default:"strict" help:"Of the queue: strict, balanced or fast. Defaults to strict."`
}

// Validate is called by kong.
func (c *benchScaleCmd) Validate() error {
	if c.Slots < 1 || c.Seconds < 1 || c.Latency < time.Millisecond || len(c.Workers) == 0 || slices.Min(c.Workers) < 1 {
		return errors.New("--workers, --slots and --seconds must be more than 0, --latency at least 1ms")
	}
	return nil
}

// Run measures each number of workers with a relay of its own and prints a line for each. Everything is on the loopback.
func (c *benchScaleCmd) Run(ctx context.Context, stdout io.Writer) error {
	places := c.Slots * slices.Max(c.Workers)
	fmt.Fprintf(stdout, "ERP takes %s, a worker delivers %d at once, the target %d in all; queue %s\n\n", c.Latency, c.Slots, places, c.Durability)
	fmt.Fprintf(stdout, "%-8s %10s %10s %12s\n", "workers", "runs/s", "linear", "efficiency")
	one := 0.0
	for _, n := range c.Workers {
		rate, err := c.measure(ctx, n, places)
		if err != nil {
			return fmt.Errorf("%s: %w", counted(n, "worker"), err)
		}
		if one == 0 {
			one = rate / float64(n)
		}
		linear := one * float64(n)
		fmt.Fprintf(stdout, "%-8d %10.1f %10.1f %11.1f%%\n", n, rate, linear, 100*rate/linear)
	}
	return nil
}

// measure starts a relay with n workers and returns how many invoices a second it delivers.
func (c *benchScaleCmd) measure(ctx context.Context, n, places int) (float64, error) {
	dir, err := os.MkdirTemp("", "rossum-relay-bench-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir) // a temporary folder
	b := &bench{dir: dir, secret: rand.Text()}
	defer b.stop()
	if err := b.start(ctx, c, n, places); err != nil {
		return 0, err
	}
	if err := b.send(ctx, n*c.Slots); err != nil { // until every worker has its share of the target's places
		return 0, err
	}
	if err := b.settle(ctx); err != nil {
		return 0, err
	}
	ideal := float64(n*c.Slots) / c.Latency.Seconds()
	batch := max(int(ideal*float64(c.Seconds)), 50)
	began := len(b.erp.Effects())
	if err := b.send(ctx, batch); err != nil {
		return 0, err
	}
	if err := b.erp.WaitEffects(ctx, began+batch); err != nil {
		return 0, err
	}
	return steady(b.erp.Effects()[began:]), nil
}

// steady is the rate between the first and the last tenth: neither the start nor the end of a batch counts.
func steady(effects []erpsim.Effect) float64 {
	first, last := len(effects)/10, len(effects)-len(effects)/10-1
	took := effects[last].At.Sub(effects[first].At)
	return float64(last-first) / max(took.Seconds(), 1e-9)
}

// bench is a relay of child processes before a simulated ERP.
type bench struct {
	dir, secret, listen string
	erp                 *erpsim.Sim
	children            []*exec.Cmd
	end                 []func()
	sent                int
}

var benchConfig = template.Must(template.New("bench").Parse(`
rossum: {bench: {base_url: "http://127.0.0.1:1"}}
hooks: {bench: {rossum: bench, signing_secrets: ["{{.Secret}}"]}}
targets: {erp: {http: {base_url: "{{.ERP}}", private: true}, concurrency: {{.Places}}}}
pipelines:
  bench:
    hook: bench
    events: [annotation_content.export]
    answer: accept
    concurrency: {{.Places}}
    key: [field.document_id]
    steps: [{create: {send: erp, post: /api/invoices, map: {number: "{{"{{ field.document_id }}"}}"}}}]
queue: {data: "{{.Dir}}/data", durability: {{.Durability}}}
worker: {slots: {{.Slots}}}
ingest: {listen: "{{.Listen}}", public_url: "http://{{.Listen}}"}
metrics: {listen: "off"}
console: {listen: "off"}
log: {level: error}
`))

func (b *bench) start(ctx context.Context, c *benchScaleCmd, workers, places int) error {
	b.erp = erpsim.New(erpsim.Options{Keys: map[string][]string{"invoices": {"number"}}, Faults: []erpsim.Rule{
		{Method: http.MethodPost, Action: erpsim.Slow, DelayMS: int(c.Latency.Milliseconds())},
	}})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	serving, cancel := context.WithCancel(ctx)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = b.erp.Serve(serving, l) // its end is the bench's
	}()
	b.end = append(b.end, func() { cancel(); <-served })
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	b.listen = free.Addr().String()
	_ = free.Close()
	var text bytes.Buffer
	err = benchConfig.Execute(&text, map[string]any{
		"Secret": b.secret, "ERP": "http://" + l.Addr().String(), "Places": places, "Slots": c.Slots, "Dir": b.dir,
		"Listen": b.listen, "Durability": c.Durability,
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(b.config(), text.Bytes(), 0o600); err != nil {
		return err
	}
	if err := b.child("ingest"); err != nil {
		return err
	}
	if err := b.ready(ctx); err != nil {
		return err
	}
	for range workers {
		if err := b.child("worker"); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) config() string { return filepath.Join(b.dir, "relay.yaml") }

// child starts this program once more.
func (b *bench) child(role string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := &exec.Cmd{Path: self, Args: []string{"rossum-relay", role, "-c", b.config()}, Env: os.Environ(), Stderr: os.Stderr}
	if err := cmd.Start(); err != nil {
		return err
	}
	b.children = append(b.children, cmd)
	return nil
}

// stop ends the children, the newest first, and the ERP.
func (b *bench) stop() {
	for _, c := range slices.Backward(b.children) {
		_ = c.Process.Signal(syscall.SIGTERM)
		_ = c.Wait()
	}
	for _, end := range slices.Backward(b.end) {
		end()
	}
}

func (b *bench) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		check := healthcheckCmd{URL: "http://" + b.listen + "/readyz", Timeout: time.Second}
		err := check.Run(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the relay does not come up: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// settle sends a little until deliveries come as fast as they are sent, as workers that have just come have no share of
// the target yet.
func (b *bench) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for quick := 0; quick < 3; {
		start := time.Now()
		if err := b.send(ctx, 1); err != nil {
			return err
		}
		if err := b.erp.WaitEffects(ctx, b.sent); err != nil {
			return fmt.Errorf("the workers do not deliver: %w", err)
		}
		quick++
		if time.Since(start) > 2*time.Second {
			quick = 0
		}
	}
	return nil
}

// send makes Rossum's calls for n invoices.
func (b *bench) send(ctx context.Context, n int) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for range n {
		b.sent++
		body := b.invoice(b.sent)
		g.Go(func() error { return b.post(ctx, body) })
	}
	return g.Wait()
}

func (b *bench) invoice(n int) []byte {
	body := bytes.ReplaceAll(samples.All()[0], []byte("https://example-us.rossum.app"), []byte("http://127.0.0.1:1"))
	body = bytes.ReplaceAll(body, []byte("INV-2026-004417"), fmt.Appendf(nil, "BENCH-%d", n))
	return bytes.ReplaceAll(body, []byte("21440871"), fmt.Append(nil, 50_000_000+n))
}

func (b *bench) post(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+b.listen+"/hooks/bench", bytes.NewReader(body))
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, []byte(b.secret))
	mac.Write(body)
	req.Header.Set("X-Rossum-Signature-SHA256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the ingest answers %d", res.StatusCode)
	}
	return nil
}
