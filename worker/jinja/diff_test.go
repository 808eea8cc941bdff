package jinja_test

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/rossum-relay/rossum-relay/worker/jinja/jinjatest"
)

var (
	diffRounds = flag.Int("jinja.diff", 2000, "templates to compare with python3-jinja2")
	diffSeed   = flag.Uint64("jinja.seed", 1, "seed of the first compared template")
)

// reference is a running Python with real Jinja2.
type reference struct {
	in  io.WriteCloser
	out *bufio.Scanner
}

// answer is what Python made of a template.
type answer struct {
	Text    *string `json:"text"`
	Error   string  `json:"error"`
	Message string  `json:"message"`
	Skip    string  `json:"skip"`
}

// address matches what CPython prints of an object's place in memory, also
// after a filter had its way with it.
var address = regexp.MustCompile(`(?i)\bat 0x[0-9a-f]{6,}|0x7[ef][0-9a-f]{8,}`)

const python = "/usr/bin/python3"

// startReference starts Python, or skips the test where Jinja2 is missing.
func startReference(t *testing.T) *reference {
	t.Helper()
	version, err := exec.Command(python, "testdata/reference.py", "version").Output()
	if err != nil {
		t.Skipf("needs Debian's python3-jinja2: %v", err)
	}
	if !strings.Contains(string(version), `"jinja2": "3.1`) {
		t.Skipf("needs Jinja2 3.1, have %s", version)
	}
	cmd := exec.CommandContext(t.Context(), python, "testdata/reference.py")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait() //nolint:errcheck // ended by closing its input
	})
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 64<<20)
	return &reference{in, lines}
}

func (r *reference) render(c *jinjatest.Case) (answer, error) {
	var a answer
	request, err := json.Marshal(c)
	if err != nil {
		return a, err
	}
	if _, err := r.in.Write(append(request, '\n')); err != nil {
		return a, err
	}
	if !r.out.Scan() {
		return a, fmt.Errorf("python ended: %w", r.out.Err())
	}
	return a, json.Unmarshal(r.out.Bytes(), &a)
}

// TestAgreesWithPython renders generated templates here and in Python: both
// must fail, or write the same text.
func TestAgreesWithPython(t *testing.T) {
	python := startReference(t)
	failed, erred, skipped := 0, 0, 0
	for i := range uint64(*diffRounds) {
		seed := *diffSeed + i
		c := generate(rand.New(rand.NewPCG(seed, 0)))
		c.Name = fmt.Sprintf("seed-%d", seed)
		want, err := python.render(c)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if want.Skip != "" || want.Text != nil && address.MatchString(*want.Text) {
			skipped++
			continue
		}
		c.Expected, c.Error, c.ErrorMessage = want.Text, want.Error, want.Message
		if want.Text == nil {
			erred++
		}
		failure := c.Run(t.Context())
		if failure == nil {
			continue
		}
		if strings.Contains(failure.Got, "complex numbers are not supported") {
			skipped++
			continue
		}
		t.Errorf("seed %d, options %+v\ntemplate %q\nexpected %q\ngot      %q", seed, c.Options, c.Template, failure.Expected, failure.Got)
		if failed++; failed == 20 {
			t.Fatal("too many differences")
		}
	}
	t.Logf("%d templates from seed %d: %d failed alike, %d not comparable", *diffRounds, *diffSeed, erred, skipped)
}
