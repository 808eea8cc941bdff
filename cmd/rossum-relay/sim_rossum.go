package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
)

// simRossumCmd is "rossum-relay sim rossum".
type simRossumCmd struct {
	Listen   string  `default:"127.0.0.1:8081" help:"Address to listen on."`
	BaseURL  string  `placeholder:"URL" help:"How others reach it, such as http://rossum.localhost:8081. Defaults to the address it listens on."`
	Username string  `default:"relay@acme.example" help:"User who may log in, an admin."`
	Password string  `env:"SIM_ROSSUM_PASSWORD" default:"relay" help:"The user's password."`
	Accounts string  `type:"path" placeholder:"FILE" help:"More users: a JSON list of {username, password, admin, queues}, the queues by name."`
	Speed    float64 `default:"1" help:"How much faster than real time Rossum's waits pass: 30 polls every second."`
	Seed     uint64  `help:"Of ids and tokens."`

	Hook          string   `placeholder:"URL" help:"Webhook to call, such as http://localhost:8080/hooks/acme-exports."`
	Secret        string   `env:"ROSSUM_RELAY_SECRET" help:"Signing secret of the webhook. Without it, calls are not signed."`
	Events        []string `default:"annotation_content.export" placeholder:"EVENT" help:"What to call the webhook for. Defaults to annotation_content.export."`
	Sideload      []string `placeholder:"KIND" help:"What to send along: queues, schemas, modifiers, emails, labels."`
	TokenLifetime int      `default:"7200" placeholder:"SECONDS" help:"Life of the webhook's tokens, at most 7200. With 0 they die at the answer."`
	Export        bool     `help:"Confirm every document as a person would, which exports it."`
	Script        string   `type:"path" placeholder:"FILE" help:"Steps to play then: a JSON list such as [{\"do\": \"confirm\"}, {\"after\": \"12m\", \"do\": \"wait\", \"status\": \"exported\"}]. POST /_sim/steps takes one."`

	Files []string `arg:"" name:"file" type:"path" help:"Payloads of annotation events: each becomes a document with these data."`
}

// Validate is called by kong.
func (c *simRossumCmd) Validate() error {
	if c.Speed <= 0 || c.TokenLifetime < 0 || c.TokenLifetime > 7200 {
		return fmt.Errorf("--speed must be more than 0 and --token-lifetime from 0 to 7200")
	}
	return nil
}

// Run serves until ctx ends.
func (c *simRossumCmd) Run(ctx context.Context, stdout io.Writer) error {
	steps, err := c.steps()
	if err != nil {
		return err
	}
	var work sync.WaitGroup
	defer work.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	options := rossumsim.Options{Seed: c.Seed, Speed: c.Speed, BaseURL: c.BaseURL}
	return rossumsim.Serve(ctx, options, c.Listen, func(sim *rossumsim.Sim) error {
		user, annotations, err := c.prepare(sim)
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "base_url %s\nlogin    %s\n", sim.BaseURL(), c.Username)
		for i, id := range annotations {
			fmt.Fprintf(stdout, "%d %s\n", id, filepath.Base(c.Files[i]))
		}
		if c.Export {
			work.Go(func() { exportAll(ctx, sim, user, annotations, stdout) })
		}
		if steps != nil {
			work.Go(func() { c.play(ctx, sim, steps, stdout) })
		}
		return nil
	})
}

// prepare fills the simulator: the objects the files speak of, the user, the
// webhook, and a document for each file.
func (c *simRossumCmd) prepare(sim *rossumsim.Sim) (user int64, annotations []int64, err error) {
	payloads := make([][]byte, len(c.Files))
	queues := make([]int64, len(c.Files))
	for i, file := range c.Files {
		if payloads[i], err = os.ReadFile(file); err != nil {
			return 0, nil, err
		}
		imported, err := sim.Import(payloads[i])
		if err != nil {
			return 0, nil, fmt.Errorf("%s: %w", file, err)
		}
		queues[i] = imported.Queue
	}
	user = sim.AddUser(rossumsim.UserSpec{Username: c.Username, Password: c.Password, Admin: true})
	if err := c.addAccounts(sim); err != nil {
		return 0, nil, err
	}
	if c.Hook != "" {
		sim.AddHook(rossumsim.HookSpec{
			Name: "relay", URL: c.Hook, Secret: c.Secret, Events: c.Events, Queues: queues, Sideload: c.Sideload,
			TokenOwner: user, TokenLifetime: c.TokenLifetime,
		})
	}
	for i, payload := range payloads {
		id, err := sim.Upload(rossumsim.Upload{Payload: payload})
		if err != nil {
			return 0, nil, fmt.Errorf("%s: %w", c.Files[i], err)
		}
		annotations = append(annotations, id)
	}
	return user, annotations, nil
}

// exportAll confirms all annotations at once and prints how each ended.
func exportAll(ctx context.Context, sim *rossumsim.Sim, user int64, annotations []int64, stdout io.Writer) {
	var printing sync.Mutex
	var work sync.WaitGroup
	for _, id := range annotations {
		work.Go(func() {
			status, err := export(ctx, sim, user, id)
			if ctx.Err() != nil {
				return
			}
			printing.Lock()
			defer printing.Unlock()
			if err != nil {
				status = err.Error()
			}
			fmt.Fprintf(stdout, "%d %s\n%s", id, printable(status), printable(failures(sim, id)))
		})
	}
	work.Wait()
}

func export(ctx context.Context, sim *rossumsim.Sim, user, annotation int64) (status string, err error) {
	imported := []string{rossumapi.StatusToReview, rossumapi.StatusConfirmed, rossumapi.StatusExported, rossumapi.StatusFailedExport}
	if status, err = sim.WaitStatus(ctx, annotation, imported...); err != nil {
		return "", err
	}
	if status == rossumapi.StatusToReview {
		if err := sim.Confirm(ctx, annotation, user); err != nil {
			return "", err
		}
	}
	return sim.WaitStatus(ctx, annotation, rossumapi.StatusExported, rossumapi.StatusFailedExport)
}

// failures lists what an annotation was told and why calls for it failed.
func failures(sim *rossumsim.Sim, id int64) (lines string) {
	if annotation, err := sim.Annotation(id); err == nil {
		for _, m := range annotation.Messages {
			lines += fmt.Sprintf("  %s: %s\n", m.Type, m.Content)
		}
	}
	for _, call := range sim.Calls(0) {
		if call.Annotation == id && call.Failure != "" {
			lines += fmt.Sprintf("  %s: %s\n", call.Event, call.Failure)
		}
	}
	return lines
}
