package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/operate/setup"
)

// payloadCmd is "rossum-relay payload".
type payloadCmd struct {
	Get payloadGetCmd `cmd:"" help:"Fetch what Rossum would send to a hook, for render and test."`
}

type payloadGetCmd struct {
	accountFlag
	Hook           string `placeholder:"NAME" help:"The hook; without it, the only configured one that is called for the event."`
	Event          string `default:"annotation_content.export" help:"Event and action."`
	Annotation     int64  `placeholder:"ID" help:"Of annotation events."`
	Upload         int64  `placeholder:"ID" help:"Of upload events."`
	Email          int64  `placeholder:"ID" help:"Of e-mail events."`
	Status         string `help:"Status of the annotation in the payload. Defaults to what the event usually finds."`
	PreviousStatus string `help:"Its status before."`
	Output         string `short:"o" placeholder:"FILE" help:"File to write, which only its owner may read. Defaults to stdout."`
}

// Run writes the payload. It has no token and no secrets.
func (c *payloadGetCmd) Run(ctx context.Context, stdout io.Writer) error {
	cfg, err := c.admin(true)
	if err != nil {
		return err
	}
	hook, err := c.hook(cfg)
	if err != nil {
		return err
	}
	return c.with(cfg, hook, func(s *setup.Setup) error {
		h, err := s.Hook(ctx, hook)
		if err != nil {
			return withHint(err, "rossum-relay hooks apply -c "+c.Config)
		}
		payload, err := s.Payload(ctx, h, setup.PayloadOf{
			Event: c.Event, Annotation: c.Annotation, Upload: c.Upload, Email: c.Email, Status: c.Status, PreviousStatus: c.PreviousStatus,
		})
		if err != nil {
			return err
		}
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, payload, "", "  "); err != nil {
			return err
		}
		pretty.WriteByte('\n')
		if c.Output == "" {
			_, err = stdout.Write(pretty.Bytes())
			return err
		}
		return os.WriteFile(c.Output, pretty.Bytes(), 0o600)
	})
}

// hook is the one that is named, or the only one that Rossum calls for the event.
func (c *payloadGetCmd) hook(cfg *configs.Config) (string, error) {
	if c.Hook != "" {
		return c.Hook, nil
	}
	var names []string
	whole, _, _ := strings.Cut(c.Event, ".")
	for _, e := range cfg.Hooks {
		for _, event := range cfg.EventsOf(e.Name) {
			if event == c.Event || event == whole {
				names = append(names, e.Name)
				break
			}
		}
	}
	switch len(names) {
	case 0:
		return "", withHint(fmt.Errorf("no hook is called for %s", c.Event), "--hook NAME, or another --event")
	case 1:
		return names[0], nil
	}
	return "", withHint(errors.New("several hooks are called for "+c.Event), "--hook NAME: "+strings.Join(names, ", "))
}
