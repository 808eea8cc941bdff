package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rossum-relay/rossum-relay/worker/erpsim"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// blindStep is createStep without a look-up.
const blindStep = `
      - create:
          send: erp
          post: /api/invoices
          map: {number: "{{ field.document_id }}", total: "{{ value.amount_total }}"}
          keep: {erp_id: response.body.id}
`

// operateScript runs a script of testdata/operate against a running relay with n dead runs, $ID1 to $IDn. The script reads
// the configuration from $ROSSUM_RELAY_CONFIG.
func operateScript(t *testing.T, script, steps string, n int, fault erpsim.Rule, kind outcome.Kind) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	fault.Method, fault.Times = "POST", n
	r := newRelay(t, testConfig(steps), erpsim.Options{Faults: []erpsim.Rule{fault}})
	r.hook("annotation_content.export")
	r.start()
	vars := r.env()
	vars["ROSSUM_RELAY_CONFIG"] = r.config
	for i := range n {
		r.status(ctx, r.export(ctx, fmt.Sprintf("INV-%d", i+1)), "failed_export")
	}
	for _, rec := range r.settled(ctx, n) {
		if rec.State != run.Dead || rec.Failure.Outcome.Kind != kind {
			t.Fatalf("run %s is %s: %+v", rec.Run, rec.State, rec.Failure)
		}
		for i := range n {
			if rec.Business[0] == fmt.Sprintf("INV-%d", i+1) {
				vars[fmt.Sprintf("ID%d", i+1)] = string(rec.Run)
			}
		}
	}
	testscript.Run(t, testscript.Params{
		Files: []string{"testdata/operate/" + script}, RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			for k, v := range vars {
				env.Setenv(k, v)
			}
			env.Setenv("GORACE", "atexit_sleep_ms=10")
			return nil
		},
	})
}

func TestDeadCommands(t *testing.T) {
	operateScript(t, "dead.txtar", createStep+tellStep, 4, erpsim.Rule{
		Action: erpsim.Refuse, Status: 400, Body: `{"errors":{"supplier":["is not known to us"]}}`,
	}, outcome.Rejected)
}

func TestResolveCommand(t *testing.T) {
	operateScript(t, "resolve.txtar", blindStep+tellStep, 2, erpsim.Rule{Action: erpsim.ResetAfter}, outcome.Uncertain)
}
