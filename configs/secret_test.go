package configs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/rossum-relay/rossum-relay/configs"
)

func TestSecretDoesNotPrint(t *testing.T) {
	const value = "hunter2"
	type holder struct {
		Public  configs.Secret
		List    []configs.Secret
		private configs.Secret
	}
	s := configs.NewSecret(value)
	h := holder{Public: s, List: []configs.Secret{s}, private: s}
	printed := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%08.3f", "%c", "%U"} {
		printed["secret "+verb] = fmt.Sprintf(verb, s)
		printed["pointer "+verb] = fmt.Sprintf(verb, &s)
		printed["struct "+verb] = fmt.Sprintf(verb, h)
	}
	asJSON, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	printed["json"], printed["yaml"] = string(asJSON), string(asYAML)
	printed["error"] = fmt.Errorf("log in with %v: %w", s, errors.New("refused")).Error()
	core, logs := observer.New(zapcore.DebugLevel)
	zap.New(core).Info("x", zap.Any("secret", s), zap.Any("holder", h), zap.Stringer("stringer", s))
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	line, err := encoder.EncodeEntry(logs.All()[0].Entry, logs.All()[0].Context)
	if err != nil {
		t.Fatal(err)
	}
	printed["zap"] = line.String()
	for how, text := range printed {
		for _, form := range []string{value, fmt.Sprintf("%x", value), fmt.Sprintf("%X", value)} {
			if strings.Contains(text, form) {
				t.Errorf("%s prints the secret: %s", how, text)
			}
		}
	}
	if got := fmt.Sprintf("%v %+v %#v %s %x", s, s, s, s, s); got != "[secret] [secret] [secret] [secret] [secret]" {
		t.Errorf("got %s", got)
	}
	if string(asJSON) != `{"Public":"[secret]","List":["[secret]"]}` || !strings.Contains(string(asYAML), "[secret]") {
		t.Errorf("json %s, yaml %s", asJSON, asYAML)
	}
}

func TestSecretStates(t *testing.T) {
	var zero configs.Secret
	if !zero.IsZero() || zero.Reveal() != "" || zero.Source() != "" || !configs.NewSecret("").IsZero() {
		t.Error("the zero secret is not empty")
	}
	cfg, err := configs.Parse("relay.yaml", []byte(`queue: {password: "${P}", user: a}`), environment("P", "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if text := fmt.Sprint(recover()); !strings.Contains(text, "queue.password (${P}) is not resolved") {
			t.Errorf("panic: %s", text)
		}
	}()
	cfg.Queue.Password.Reveal()
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("newline", "from file \r\n", 0o600)
	write("open", "x", 0o644)
	write("large", strings.Repeat("x", 64<<10+1), 0o600)
	write("empty", "\n", 0o600)
	key := "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	tests := []struct{ name, written, want, problem, warning string }{
		{"variable", "${A}", "alpha", "", ""},
		{"inside text", "x-${A}-${B:-beta}", "x-alpha-beta", "", ""},
		{"default for an empty one", "${EMPTY:-beta}", "beta", "", ""},
		{"escaped", "$${A}", "${A}", "", "a secret in plain text"},
		{"the value is not read again", "${NESTED}", "${A}", "", ""},
		{"the value is not a file", "${FILE}", "file:newline", "", ""},
		{"file without its newline", "file:newline", "from file ", "", ""},
		{"file named by a variable", "file:${NAME}", "from file ", "", ""},
		{"unset", "${NOT_THERE}", "", "queue.password: environment variable NOT_THERE is not set", ""},
		{"empty", "${EMPTY}", "", "queue.password: secret ${EMPTY} is empty", ""},
		{"empty file", "file:empty", "", "secret file:empty is empty", ""},
		{"no file", "file:nowhere", "", "nowhere: no such file", ""},
		{"large file", "file:large", "", "larger than 64 KiB", ""},
		{"folder", "file:.", "", "not a regular file", ""},
		{"readable by all", "file:open", "x", "", "readable by everybody"},
		{"plain", "hunter2", "hunter2", "", "a secret in plain text"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			text := fmt.Sprintf("queue: {user: a, password: %q}", test.written)
			cfg, err := configs.Parse(filepath.Join(dir, "relay.yaml"), []byte(text),
				environment("A", "alpha", "EMPTY", "", "NESTED", "${A}", "FILE", "file:newline", "NAME", "newline"))
			if err != nil {
				t.Fatal(err)
			}
			err = cfg.Resolve(configs.RoleOperator)
			if (err != nil) != (test.problem != "") || err != nil && !strings.Contains(err.Error(), test.problem) {
				t.Errorf("error %v, want %q", err, test.problem)
			}
			if got := cfg.Warnings.Error(); (got != "") != (test.warning != "") || !strings.Contains(got, test.warning) {
				t.Errorf("warnings %q, want %q", got, test.warning)
			}
			if err == nil && cfg.Queue.Password.Reveal() != test.want {
				t.Errorf("got %q, want %q", cfg.Queue.Password.Reveal(), test.want)
			}
		})
	}
	cfg, err := configs.Parse("relay.yaml", []byte(`queue: {keys: ["${K}", "${SHORT}", "${WORD}", "${K}"]}`), environment("K", key, "SHORT", "eA==", "WORD", "hunter2"))
	if err != nil {
		t.Fatal(err)
	}
	err = cfg.Resolve(configs.RoleIngest)
	if text := fmt.Sprint(err); strings.Count(text, "32 bytes in base64") != 2 || !strings.Contains(text, "keys[3]: the same sealing key twice") || strings.Contains(text, "hunter2") {
		t.Errorf("keys: %v", err)
	}
}
