package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rossum-relay/rossum-relay/configs"
)

// writeConfig writes a configuration with one hook, whose secret is in a variable, and what is added to it.
func writeConfig(t *testing.T, more string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "relay.yaml")
	text := `rossum: {acme: {base_url: "https://acme.rossum.app", username: relay, password: "${CONFIG_TEST_PASSWORD}"}}
hooks: {exports: {rossum: acme, signing_secrets: ["${CONFIG_TEST_SECRET}"]}}
` + more
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestConfigCheck(t *testing.T) {
	t.Setenv("CONFIG_TEST_SECRET", "hunter2")
	compiled := func(err error) func(*configs.Config) error {
		return func(*configs.Config) error { return err }
	}
	tests := map[string]struct {
		more    string
		command configCheckCmd
		want    string
		problem string
	}{
		"good for ingest":  {command: configCheckCmd{Secrets: true, Role: []configs.Role{configs.RoleIngest}}, want: "ok: 1 hook, 0 targets, 0 pipelines\n"},
		"without secrets":  {command: configCheckCmd{}, want: "ok: 1 hook, 0 targets, 0 pipelines\n"},
		"missing secret":   {command: configCheckCmd{Secrets: true}, want: "rossum.acme.password: environment variable CONFIG_TEST_PASSWORD is not set\n  Try: provide", problem: "1 problem"},
		"warning":          {more: "queue: {user: a, password: hunter2}", want: "warning: FILE:3:28: queue.password: a secret in plain text\n  Try: write ${NAME} or file:PATH, so that the file can be shared\nok: 1 hook, 0 targets, 0 pipelines, 1 warning\n"},
		"all at once":      {more: "log: {level: loud, frmat: json}", want: "FILE:3:20: log: unknown key \"frmat\"; did you mean \"format\"?\n  Try: write \"format\"\n", problem: "2 problems"},
		"expressions":      {command: configCheckCmd{check: compiled(configs.Errors{{Pos: configs.Pos{File: "a", Line: 1, Column: 2}, Path: "pipelines.p", Message: "no", Try: "yes"}})}, want: "a:1:2: pipelines.p: no\n  Try: yes\n", problem: "1 problem"},
		"other error":      {command: configCheckCmd{check: compiled(errors.New("no"))}, want: "FILE:1:1: no\n", problem: "1 problem"},
		"terminal control": {more: "\"log\\e[2J\": 1", want: "unknown key \"log", problem: "1 problem"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.command.Config = writeConfig(t, test.more)
			var stdout bytes.Buffer
			err := test.command.Run(&stdout)
			got := strings.ReplaceAll(stdout.String(), test.command.Config, "FILE")
			if !strings.Contains(got, test.want) || strings.ContainsAny(got, "\x1b") || strings.Contains(got, "hunter2") {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
			if (err != nil) != (test.problem != "") || err != nil && !strings.HasSuffix(err.Error(), ": "+test.problem) {
				t.Errorf("error %v, want %q", err, test.problem)
			}
		})
	}
}

func TestConfigCheckWithoutFile(t *testing.T) {
	command := configCheckCmd{Config: filepath.Join(t.TempDir(), "none.yaml")}
	var stdout bytes.Buffer
	if err := command.Run(&stdout); !errors.Is(err, os.ErrNotExist) || stdout.Len() > 0 {
		t.Errorf("%v, printed %q", err, stdout.String())
	}
}

func TestConfigSchema(t *testing.T) {
	var stdout bytes.Buffer
	if err := (configSchemaCmd{}).Run(&stdout); err != nil || !bytes.Equal(stdout.Bytes(), configs.Schema()) {
		t.Errorf("%v, %d bytes", err, stdout.Len())
	}
}
