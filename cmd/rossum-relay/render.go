package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
)

// renderCmd is "rossum-relay render".
type renderCmd struct {
	configFlag
	Pipeline string `placeholder:"NAME" help:"The pipeline; without it, the only one that takes the payload's event."`
	Step     string `placeholder:"NAME" help:"Show this step only."`
	Payload  string `arg:"" placeholder:"PAYLOAD" help:"File with a webhook call's body, - for stdin."`
}

// Run shows every document and request that a run of the payload would send. Nothing is sent or fetched, no secret is read.
func (c *renderCmd) Run(ctx context.Context, stdout io.Writer) error {
	cfg, set, err := c.compile()
	if err != nil {
		return err
	}
	payload, err := readPayload(c.Payload)
	if err != nil {
		return err
	}
	p, err := choosePipeline(set, payload, c.Pipeline)
	if err != nil {
		return err
	}
	if err := hasStep(p, c.Step); err != nil {
		return err
	}
	var shown strings.Builder
	if err := preview(ctx, cfg, p, payload).Show(&shown, c.Step); err != nil {
		return err
	}
	_, err = io.WriteString(stdout, printable(shown.String())) // documents hold what came from outside
	return err
}

// compile loads the configuration and compiles its pipelines, as a worker does, but without its secrets.
func (f configFlag) compile() (*configs.Config, *pipeline.Set, error) {
	cfg, err := f.load(configs.RoleWorker)
	if err != nil {
		return nil, nil, err
	}
	set, err := pipeline.Compile(cfg)
	if err != nil {
		return nil, nil, withHint(err, "rossum-relay config check -c "+f.Config)
	}
	return cfg, set, nil
}

// maxPayload bounds a payload file in bytes.
const maxPayload = 256 << 20

func readPayload(path string) (rossumapi.Payload, error) {
	file := os.Stdin
	if path != "-" {
		var err error
		if file, err = os.Open(path); err != nil {
			return rossumapi.Payload{}, fmt.Errorf("read payload: %w", err)
		}
		defer file.Close()
	}
	body, err := io.ReadAll(io.LimitReader(file, maxPayload))
	if err != nil {
		return rossumapi.Payload{}, fmt.Errorf("read payload: %w", err)
	}
	payload, err := rossumapi.DecodePayload(body)
	if err != nil {
		return payload, withHint(fmt.Errorf("%s: %w", path, err), "give the body of a webhook call, as Rossum sends it")
	}
	return payload, nil
}

// choosePipeline finds the pipeline named, or the only one that takes the payload's event.
func choosePipeline(set *pipeline.Set, payload rossumapi.Payload, name string) (*pipeline.Pipeline, error) {
	var names []string
	var taking []*pipeline.Pipeline
	for _, p := range set.All() {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
		if p.Config.Takes(payload.Name()) {
			taking = append(taking, p)
		}
	}
	switch {
	case name != "":
		return nil, withHint(fmt.Errorf("no pipeline %q", name), "one of "+strings.Join(names, ", "))
	case len(taking) == 1:
		return taking[0], nil
	}
	return nil, withHint(fmt.Errorf("%s is taken by %s", payload.Name(), counted(len(taking), "pipeline")), "name one: "+strings.Join(names, ", "))
}

func hasStep(p *pipeline.Pipeline, name string) error {
	names := make([]string, 0, len(p.Steps))
	for _, s := range p.Steps {
		if s.Name == name {
			return nil
		}
		names = append(names, s.Name)
	}
	if name == "" {
		return nil
	}
	return withHint(fmt.Errorf("pipeline %s has no step %q", p.Name, name), "one of "+strings.Join(names, ", "))
}

// preview shows what a run would do. The facts about the run are the same each time: what is shown can be compared.
func preview(ctx context.Context, cfg *configs.Config, p *pipeline.Pipeline, payload rossumapi.Payload) pipeline.Preview {
	hook, _ := cfg.Hooks.Get(p.Config.Hook)
	at := payload.Timestamp
	if at.IsZero() {
		at = time.Unix(0, 0).UTC()
	}
	return p.Preview(ctx, pipeline.NewScope(p.PreviewInput(pipeline.ScopeInput{
		Payload: payload, Settings: hook.Settings, Secrets: hook.Secrets, Tables: cfg.Tables,
		Run: pipeline.RunFacts{ID: "aaaaaaaaaaaaaaaaaaaaaaaaaa", Pipeline: p.Name, Generation: 1, Event: payload.Name(), Received: at, Now: at},
	})))
}
