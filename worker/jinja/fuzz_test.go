package jinja_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/jinja"
	"github.com/rossum-relay/rossum-relay/worker/jinja/jinjatest"
)

// addSeeds gives a fuzzer the conformance cases and generated templates.
func addSeeds(f *testing.F) {
	f.Helper()
	file, err := os.Open("testdata/cases.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	defer file.Close()
	cases, err := jinjatest.Read(file)
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range cases {
		f.Add(c.Template)
	}
	for seed := range uint64(200) {
		f.Add(generate(rand.New(rand.NewPCG(seed, 1))).Template)
	}
}

// fuzzLimits keep one input short.
var fuzzLimits = jinja.Limits{Steps: 20_000, OutputBytes: 1 << 18, AllocBytes: 1 << 22, ValueBytes: 1 << 20}

// checkError fails unless err is an error of the engine with a position.
func checkError(t *testing.T, err error) {
	t.Helper()
	var e *jinja.Error
	if !errors.As(err, &e) || e.Line < 1 || e.Column < 1 {
		t.Errorf("not an error with a position: %#v", err)
	}
}

// FuzzParse compiles anything as a template, an expression and a native
// template: no panic, and every error has a position.
func FuzzParse(f *testing.F) {
	addSeeds(f)
	env, err := jinja.New(jinja.Options{Do: true, LoopControls: true, TrimBlocks: true, LstripBlocks: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, source string) {
		if tmpl, err := env.Compile("t", source); err != nil {
			checkError(t, err)
		} else {
			tmpl.Variables()
		}
		if x, err := env.CompileExpression("x", source); err != nil {
			checkError(t, err)
		} else {
			x.Variables()
		}
		if _, err := env.CompileNative("n", source); err != nil {
			checkError(t, err)
		}
	})
}

// FuzzRender renders anything: no panic, and every error has a position.
func FuzzRender(f *testing.F) {
	addSeeds(f)
	env, err := jinja.New(jinja.Options{Do: true, LoopControls: true, Templates: generateTemplates, Limits: fuzzLimits})
	if err != nil {
		f.Fatal(err)
	}
	escaping, err := jinja.New(jinja.Options{Autoescape: true, Undefined: jinja.Chainable, Templates: generateTemplates, Limits: fuzzLimits})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, source string) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		for _, env := range []*jinja.Environment{env, escaping} {
			tmpl, err := env.Compile("t", source)
			if err != nil {
				continue
			}
			vars, err := jinjatest.DecodeContext([]byte(generateContext))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tmpl.Render(ctx, vars); err != nil {
				checkError(t, err)
			}
			if ctx.Err() != nil {
				t.Fatal("rendering within these limits took 20 seconds")
			}
		}
	})
}
