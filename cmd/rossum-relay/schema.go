package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/operate/setup"
)

// schemaCmd is "rossum-relay schema".
type schemaCmd struct {
	Show     schemaShowCmd     `cmd:"" help:"List the fields of a queue."`
	Apply    schemaApplyCmd    `cmd:"" help:"Replace the fields of a queue by those of a file."`
	AddField schemaAddFieldCmd `cmd:"" help:"Add a field to a queue, for the relay to write."`
}

// oneQueue is the queue a command is about.
type oneQueue struct {
	accountFlag
	Queue string `arg:"" help:"Name or id."`
}

func (c oneQueue) withQueue(ctx context.Context, act func(*setup.Setup, rossumapi.Queue) error) error {
	cfg, err := c.admin(true)
	if err != nil {
		return err
	}
	return c.with(cfg, "", func(s *setup.Setup) error {
		q, err := s.Queue(ctx, c.Queue)
		if err != nil {
			return err
		}
		return act(s, q)
	})
}

type schemaShowCmd struct {
	oneQueue
	JSON bool `help:"The schema's content as JSON, which schema apply takes."`
}

// Run prints the fields.
func (c *schemaShowCmd) Run(ctx context.Context, stdout io.Writer) error {
	return c.withQueue(ctx, func(s *setup.Setup, q rossumapi.Queue) error {
		schema, err := s.SchemaOf(ctx, q)
		if err != nil {
			return err
		}
		if c.JSON {
			var raw rossumapi.Object
			if err := json.Unmarshal(schema.Raw, &raw); err != nil {
				return err
			}
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, raw.Get("content"), "", "  "); err != nil {
				return err
			}
			_, err := fmt.Fprintln(stdout, pretty.String())
			return err
		}
		return table(stdout, "ID\tTYPE\tLABEL\tFORMAT OR OPTIONS\tFROM", func(w io.Writer) { printFields(w, schema.Content, "") })
	})
}

// printFields lists fields, those of sections and tables below them.
func printFields(w io.Writer, fields []rossumapi.SchemaField, indent string) {
	for _, f := range fields {
		kind, details := f.Category, f.Format
		if f.Type != "" {
			kind = f.Type
		}
		if f.Hidden {
			kind += " (hidden)"
		}
		if len(f.Options) > 0 {
			values := make([]string, 0, len(f.Options))
			for _, o := range f.Options {
				values = append(values, o.Value)
			}
			details = strings.Join(values, ", ")
		}
		fmt.Fprintf(w, "%s%s\t%s\t%s\t%s\t%s\n", indent, oneLine(f.ID, 50), oneLine(kind, 30), oneLine(f.Label, 40), oneLine(details, 60), oneLine(f.UI.Type, 12))
		printFields(w, f.Children, indent+"  ")
	}
}

// applySchema shows a change, warns, asks and applies.
func applySchema(ctx context.Context, stdout io.Writer, s *setup.Setup, c *setup.SchemaChange, yes bool) error {
	if len(c.Differences) == 0 {
		_, err := fmt.Fprintln(stdout, "nothing to change")
		return err
	}
	for _, d := range c.Differences {
		fmt.Fprintf(stdout, "%s: %s\n", printable(d.Field), printable(d.Text))
	}
	fmt.Fprintf(stdout, "warning: this reshapes %s of %s at once, exported ones included\n",
		counted(c.Annotations, "annotation"), printable(strings.Join(c.Queues, ", ")))
	if err := confirm(stdout, yes, fmt.Sprintf("Change schema %d?", c.Schema.ID)); err != nil {
		return err
	}
	if err := s.ApplySchema(ctx, c); err != nil {
		return err
	}
	_, err := fmt.Fprintf(stdout, "schema %d is changed\n", c.Schema.ID)
	return err
}

type schemaApplyCmd struct {
	oneQueue
	File string `arg:"" type:"existingfile" help:"The sections, as JSON or YAML; schema show --json prints them."`
	Yes  bool   `short:"y" help:"Do not ask."`
}

// Run applies a file.
func (c *schemaApplyCmd) Run(ctx context.Context, stdout io.Writer) error {
	content, err := readDocument(c.File)
	if err != nil {
		return err
	}
	return c.withQueue(ctx, func(s *setup.Setup, q rossumapi.Queue) error {
		change, err := s.CompareSchema(ctx, q, content)
		if err != nil {
			return err
		}
		return applySchema(ctx, stdout, s, change, c.Yes)
	})
}

type schemaAddFieldCmd struct {
	oneQueue
	ID       string   `arg:"" help:"Id of the new field, at most 50 characters."`
	In       string   `required:"" placeholder:"ID" help:"Section or table to put it into."`
	Label    string   `required:"" placeholder:"TEXT" help:"What Rossum shows."`
	Type     string   `default:"string" enum:"string,number,date,enum,button" help:"string, number, date, enum or button."`
	Format   string   `placeholder:"FORMAT" help:"Of numbers and dates."`
	Option   []string `placeholder:"VALUE=LABEL" sep:"none" help:"Option of an enum. Repeatable."`
	Hidden   bool     `help:"Do not show it in Rossum."`
	Required bool     `help:"Block the confirmation while it is empty."`
	Yes      bool     `short:"y" help:"Do not ask."`
}

// Run adds the field.
func (c *schemaAddFieldCmd) Run(ctx context.Context, stdout io.Writer) error {
	options, err := setup.ParseOptions(c.Option)
	if err != nil {
		return err
	}
	return c.withQueue(ctx, func(s *setup.Setup, q rossumapi.Queue) error {
		change, err := s.AddField(ctx, q, setup.NewField{
			ID: c.ID, Label: c.Label, Type: c.Type, In: c.In, Format: c.Format, Options: options, Hidden: c.Hidden, Required: c.Required,
		})
		if err != nil {
			return err
		}
		return applySchema(ctx, stdout, s, change, c.Yes)
	})
}
