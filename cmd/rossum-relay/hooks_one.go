package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/operate/setup"
)

// oneHook is the hook a command is about.
type oneHook struct {
	accountFlag
	Hook string `arg:"" help:"Name in the configuration; or the id or the name in Rossum."`
}

// withHook calls act with the hook object in Rossum.
func (c oneHook) withHook(ctx context.Context, act func(*setup.Setup, rossumapi.Hook) error) error {
	cfg, err := c.admin(true)
	if err != nil {
		return err
	}
	return c.with(cfg, c.Hook, func(s *setup.Setup) error {
		h, err := s.Hook(ctx, c.Hook)
		if err != nil {
			return withHint(err, "rossum-relay hooks apply -c "+c.Config)
		}
		return act(s, h)
	})
}

type hooksTestCmd struct {
	oneHook
	Event      string `placeholder:"EVENT" help:"What to try, such as annotation_content.export. Defaults to the hook's first event."`
	Annotation int64  `placeholder:"ID" help:"Document to try it with. Defaults to the newest of the hook's queues."`
}

// Run prints the relay's answer to the call.
func (c *hooksTestCmd) Run(ctx context.Context, stdout io.Writer) error {
	cfg, err := c.admin(false)
	if err != nil {
		return err
	}
	secret := ""
	if h, ok := cfg.Hooks.Get(c.Hook); ok && len(h.SigningSecrets) > 0 && !setup.Missing(h.SigningSecrets[0]) {
		secret = h.SigningSecrets[0].Reveal()
	}
	return c.withHook(ctx, func(s *setup.Setup, h rossumapi.Hook) error {
		event := c.Event
		if event == "" {
			event = firstEvent(h)
		}
		answer, err := s.Test(ctx, h, setup.PayloadOf{Event: event, Annotation: c.Annotation}, secret)
		if err != nil {
			return err
		}
		return printTest(stdout, answer)
	})
}

// firstEvent is the hook's first event; of a whole event the usual action.
func firstEvent(h rossumapi.Hook) string {
	usual := map[string]string{
		"annotation_content": "annotation_content.export", "annotation_status": "annotation_status.changed",
		"upload": "upload.created", "email": "email.received", "invocation": "invocation.manual",
	}
	if len(h.Events) == 0 {
		return ""
	}
	if action, whole := usual[h.Events[0]]; whole {
		return action
	}
	return h.Events[0]
}

// checkAnswer is what the relay answers to a call in check mode.
type checkAnswer struct {
	Hook       string `json:"hook"`
	Event      string `json:"event"`
	Annotation int64  `json:"annotation"`
	Unrouted   bool   `json:"unrouted"`
	Joins      bool   `json:"joins"`
	Status     int    `json:"status"`
	Pipelines  []struct {
		Pipeline     string `json:"pipeline"`
		Answer       string `json:"answer"`
		QueueUnknown bool   `json:"queue_unknown"`
		Full         bool   `json:"full"`
	} `json:"pipelines"`
}

// printTest shows what would happen. An answer that is not the relay's is shown as it came.
func printTest(stdout io.Writer, raw json.RawMessage) error {
	var a checkAnswer
	if json.Unmarshal(raw, &a) != nil || a.Hook == "" {
		return withHint(fmt.Errorf("the relay did not answer the call: %s", oneLine(string(raw), 200)),
			"is the relay running, is its public_url reachable from Rossum, and has it the same signing secret?")
	}
	fmt.Fprintf(stdout, "Rossum reaches hook %s: %s of annotation %d would be answered with %d\n", printable(a.Hook), printable(a.Event), a.Annotation, a.Status)
	if a.Joins {
		fmt.Fprintln(stdout, "it would join an event that is there already")
	}
	for _, p := range a.Pipelines {
		notes := ""
		if p.QueueUnknown {
			notes += ", if the queue's name fits"
		}
		if p.Full {
			notes += ", but its backlog is full"
		}
		fmt.Fprintf(stdout, "pipeline %s takes it, answer %s%s\n", printable(p.Pipeline), printable(p.Answer), notes)
	}
	if a.Unrouted {
		return withHint(errors.New("no pipeline takes it"), "events and queues of the pipelines")
	}
	return nil
}

type hooksLogsCmd struct {
	oneHook
	Failed bool `help:"Only calls that failed."`
	Since  ago  `placeholder:"24h" help:"Only those within this time."`
	Limit  int  `default:"100" help:"At most this many; 0 means all."`
	JSON   bool `help:"One JSON object a line, as Rossum gives them, without payloads."`
}

// Run prints the calls.
func (c *hooksLogsCmd) Run(ctx context.Context, stdout io.Writer) error {
	return c.withHook(ctx, func(s *setup.Setup, h rossumapi.Hook) error {
		logs, err := s.Logs(ctx, h, c.Failed, c.Since.time(), c.Limit)
		switch {
		case err != nil:
			return err
		case c.JSON:
			all := make([]json.RawMessage, 0, len(logs))
			for _, l := range logs {
				line, err := withoutPayload(l.Raw)
				if err != nil {
					return err
				}
				all = append(all, line)
			}
			return jsonLines(stdout, all)
		case len(logs) == 0:
			_, err := fmt.Fprintln(stdout, "no calls")
			return err
		}
		return table(stdout, "TIME (UTC)\tEVENT\tANNOTATION\tSTATUS\tANSWER\tMESSAGE", func(w io.Writer) {
			for _, l := range logs {
				status := l.Status
				if l.StatusCode >= http.StatusBadRequest {
					status = "failed"
				}
				fmt.Fprintf(w, "%s\t%s.%s\t%d\t%s\t%d\t%s\n", oneLine(l.Timestamp, 26), oneLine(l.Event, 40), oneLine(l.Action, 40),
					l.AnnotationID, oneLine(status, 20), l.StatusCode, oneLine(l.Message, 80))
			}
		})
	})
}

// withoutPayload drops what holds tokens, secrets and documents where the hook logs payloads.
func withoutPayload(line json.RawMessage) (json.RawMessage, error) {
	var o rossumapi.Object
	if err := json.Unmarshal(line, &o); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(o, func(m rossumapi.Member) bool {
		return m.Key == "request" || m.Key == "response" || m.Key == "settings"
	}).MarshalJSON()
}

type hooksSecretsSchemaCmd struct {
	oneHook
	File string `arg:"" type:"existingfile" help:"JSON Schema, as JSON or YAML."`
	Yes  bool   `short:"y" help:"Do not ask."`
}

// Run replaces the schema.
func (c *hooksSecretsSchemaCmd) Run(ctx context.Context, stdout io.Writer) error {
	schema, err := readDocument(c.File)
	if err != nil {
		return err
	}
	return c.withHook(ctx, func(s *setup.Setup, h rossumapi.Hook) error {
		if err := confirm(stdout, c.Yes, fmt.Sprintf("Replace the schema of the secrets of hook %d?", h.ID)); err != nil {
			return err
		}
		changed, err := s.SetSecretsSchema(ctx, h, schema)
		if err != nil {
			return err
		}
		what := "is as it was"
		if changed {
			what = "is replaced"
		}
		_, err = fmt.Fprintf(stdout, "%s: the schema of the secrets of hook %d %s\n", c.Hook, h.ID, what)
		return err
	})
}

// hooksSecretsCmd is "rossum-relay hooks secrets".
type hooksSecretsCmd struct {
	Set hooksSecretsSetCmd `cmd:"" help:"Write secrets of a hook, each from a file."`
}

type hooksSecretsSetCmd struct {
	oneHook
	Values  []string `arg:"" placeholder:"KEY=@FILE" help:"Name and file of each secret; @- is stdin. A newline at the end is dropped."`
	Replace bool     `help:"Accept that Rossum may drop secrets that are not given."`
}

// Run writes the secrets.
func (c *hooksSecretsSetCmd) Run(ctx context.Context, stdout io.Writer) error {
	values, err := readSecrets(c.Values)
	if err != nil {
		return err
	}
	return c.withHook(ctx, func(s *setup.Setup, h rossumapi.Hook) error {
		keys, err := s.SetSecrets(ctx, h, values, c.Replace)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(stdout, "%s: hook %d has the secrets %s\n", c.Hook, h.ID, printable(strings.Join(keys, ", ")))
		return err
	})
}

// maxHookSecret bounds one secret in bytes.
const maxHookSecret = 64 << 10

// readSecrets reads KEY=@FILE. A value on the command line would show in the list of processes.
func readSecrets(written []string) (map[string]string, error) {
	values := map[string]string{}
	for _, text := range written {
		key, file, ok := strings.Cut(text, "=@")
		if !ok || key == "" || file == "" {
			key, _, _ = strings.Cut(text, "=")
			return nil, withHint(fmt.Errorf("secret %s: the value must come from a file", key), key+"=@FILE, or "+key+"=@- for stdin")
		}
		source := os.Stdin
		if file != "-" {
			var err error
			if source, err = os.Open(file); err != nil {
				return nil, fmt.Errorf("secret %s: %w", key, err)
			}
		}
		data, err := io.ReadAll(io.LimitReader(source, maxHookSecret+1))
		if err = errors.Join(err, source.Close()); err != nil {
			return nil, fmt.Errorf("secret %s: %w", key, err)
		}
		data = bytes.TrimRight(data, "\r\n")
		if len(data) == 0 || len(data) > maxHookSecret {
			return nil, fmt.Errorf("secret %s: a value has 1 to %d bytes", key, maxHookSecret)
		}
		values[key] = string(data)
	}
	return values, nil
}
