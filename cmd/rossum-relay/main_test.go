package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the scripts run this test binary as rossum-relay, and the model test as a NATS server.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"rossum-relay": main, "nats-server": natsMain})
}

// TestScript runs the command line as a user would, one script per command.
// Scripts find a service to call at $SERVICE.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			service := newHookService()
			env.Defer(service.Close)
			env.Setenv("SERVICE", service.URL)
			env.Setenv("GORACE", "atexit_sleep_ms=10") // not a second for each command
			return nil
		},
	})
}

func TestReport(t *testing.T) {
	failed := errors.New("no")
	tests := map[string]struct {
		err  error
		code int
		want string
	}{
		"success":          {nil, 0, ""},
		"failure":          {failed, 1, "error: no\n"},
		"hint":             {withHint(failed, "again"), 1, "error: no\nTry: again\n"},
		"hint inside":      {fmt.Errorf("send: %w", withHint(failed, "again")), 1, "error: send: no\nTry: again\n"},
		"usage":            {usageError(failed), 2, "error: no\nTry: rossum-relay --help\n"},
		"terminal control": {errors.New("a\x1b[2Jb\u009bc\rd\te"), 1, "error: a[2Jbcd\te\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var stderr bytes.Buffer
			if code := report(&stderr, test.err); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if stderr.String() != test.want {
				t.Errorf("stderr %q, want %q", stderr.String(), test.want)
			}
		})
	}
}

func TestExecuteBindsContextAndWriter(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	code := execute(ctx, []string{"send", "--url=http://127.0.0.1:1", "--secret=s", payload08}, &stdout, &stderr)
	if want := "error: interrupted before the first call\n"; code != exitFailure || stderr.String() != want {
		t.Errorf("exit code %d, stderr %q; want 1 and %q", code, stderr.String(), want)
	}
	if stdout.Len() > 0 {
		t.Errorf("stdout %q, want none", stdout.String())
	}
}
