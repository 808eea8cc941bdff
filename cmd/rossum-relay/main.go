// Command rossum-relay is a self-hosted service behind Rossum's webhooks: it
// accepts events durably and delivers their documents to ERPs.
//
// This folder is wiring only, one file per subcommand; the rooms it wires are
// described in their own packages.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// cli is the command line. Every command has a method Run that may ask for a
// context.Context, which ends with the first SIGINT or SIGTERM, and for an
// io.Writer, which is stdout.
type cli struct {
	PrintVersion kong.VersionFlag `name:"version" help:"Print the version and exit."`

	Run     runCmd     `cmd:"" help:"Run the relay: ingest, worker and console in one process."`
	Ingest  ingestCmd  `cmd:"" help:"Run only the ingest, which takes Rossum's calls."`
	Worker  workerCmd  `cmd:"" help:"Run only a worker, which delivers."`
	Console consoleCmd `cmd:"" help:"Serve only the console: the operators' pages and their API."`
	Demo    demoCmd    `cmd:"" help:"See it work: the relay between a simulated Rossum and a simulated ERP."`

	Dead    deadCmd    `cmd:"" help:"Look at dead letters; replay, edit, resolve or drop them."`
	Runs    runsCmd    `cmd:"" help:"Look at runs; cancel or wake them."`
	Explain explainCmd `cmd:"" help:"Tell one event's story in plain lines."`
	Ledger  ledgerCmd  `cmd:"" help:"Look at what was delivered."`
	Hold    holdCmd    `cmd:"" help:"Deliver nothing to a target, of a pipeline or for an annotation."`
	Resume  resumeCmd  `cmd:"" help:"End a hold and wake the runs it parked."`
	Holds   holdsCmd   `cmd:"" help:"List what is held."`
	Audit   auditCmd   `cmd:"" help:"List what operators did: who, what, when and why."`

	Alerts  alertsCmd  `cmd:"" help:"Try who is told of alerts."`
	Doctor  doctorCmd  `cmd:"" help:"Look at clock, disk, queue, keys, certificates, targets and hooks; say how to mend what is wrong."`
	Keys    keysCmd    `cmd:"" help:"Look at the sealing keys; change them."`
	Backup  backupCmd  `cmd:"" help:"Write everything stored into a file, sealed as it is, beside the running relay."`
	Restore restoreCmd `cmd:"" help:"Put a backup back, so that nothing is delivered twice."`

	Hooks     hooksCmd     `cmd:"" help:"Set up the hook objects in Rossum, try them, read their logs."`
	Schema    schemaCmd    `cmd:"" help:"Look at the fields of Rossum's queues and change them."`
	Payload   payloadCmd   `cmd:"" help:"Fetch payloads from Rossum."`
	Reconcile reconcileCmd `cmd:"" help:"Compare Rossum with what was delivered, and mend what was lost."`

	Config      configCmd      `cmd:"" help:"Check the configuration, print its schema."`
	Render      renderCmd      `cmd:"" help:"Show every document and request a run would send, without sending."`
	Test        testCmd        `cmd:"" help:"Run your own cases: payloads and the documents expected of them."`
	New         newCmd         `cmd:"" help:"Begin with a ready-made pipeline."`
	Template    templateCmd    `cmd:"" help:"Test and render Jinja2 templates."`
	Send        sendCmd        `cmd:"" help:"Sign payload files and post them as Rossum would."`
	Sim         simCmd         `cmd:"" help:"Serve a simulated Rossum or ERP to play with."`
	Bench       benchCmd       `cmd:"" help:"Measure the relay on this machine."`
	Healthcheck healthcheckCmd `cmd:"" help:"Ask a running process whether it is ready: for containers."`
	Version     versionCmd     `cmd:"" help:"Print the version."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal ends the process at once
	os.Exit(execute(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// execute runs one command line and returns the exit code.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	parser, err := kong.New(&cli{Config: configCmd{Check: configCheckCmd{check: compiles}}},
		kong.Name("rossum-relay"),
		kong.Description("Carries documents from Rossum's webhooks to ERPs: no invoice lost, none doubled."),
		kong.Vars{"version": versionText()},
		kong.Writers(stdout, stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.BindTo(stdout, (*io.Writer)(nil)),
	)
	if err != nil {
		return report(stderr, err)
	}
	command, err := parser.Parse(args)
	if err != nil {
		return report(stderr, usageError(err))
	}
	return report(stderr, command.Run())
}
