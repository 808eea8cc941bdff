package configs_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rossum-relay/rossum-relay/configs"
)

// TestMistakes holds what each mistake is answered with: one line a problem, its hint below.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/errors/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, err := configs.Load(file, environment("SECRET_LOOKING", "hunter2"))
			var problems configs.Errors
			if !errors.As(err, &problems) {
				t.Fatalf("loads: %v", err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Error("a value of the environment or a secret is shown")
			}
			var out strings.Builder
			shown, rest := problems.Shown()
			for _, p := range shown {
				p.Pos.File = filepath.Base(p.Pos.File)
				fmt.Fprintf(&out, "%s\n  Try: %s\n", p, p.Hint())
			}
			fmt.Fprintf(&out, "and %d more\n", rest)
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden", []byte(out.String()))
		})
	}
}

func TestErrorsPrintsFifty(t *testing.T) {
	problems := make(configs.Errors, 60)
	for i := range problems {
		problems[i] = configs.Error{Pos: configs.Pos{File: "a", Line: i, Column: 1}, Message: "x"}
	}
	text := problems.Error()
	if lines := strings.Count(text, "\n") + 1; lines != 51 || !strings.HasSuffix(text, "and 10 more") {
		t.Errorf("%d lines, ending %q", lines, text[len(text)-20:])
	}
}

func TestWarnings(t *testing.T) {
	spoilt := strings.NewReplacer(
		`"${COUPA_SECRET}"`, "hunter2",
		"https://acme.coupahost.com", "http://acme.coupahost.com",
		"[annotation_content.export]", "[annotation_content.export, annotation_content.updated, annotation_content.exprot]",
		"key: [settings.company, field.document_id]", "on_dead: {status: postpone}",
		`          find: {get: /api/invoices, hit: "response.body[0]", first: true}`, "",
		"ingest:", "queue: {max_events: 1GiB}\ningest:",
		`signing_secrets: ["${HOOK_SECRET}"]`, "insecure: true",
	).Replace(small)
	cfg, err := configs.Parse("relay.yaml", []byte(spoilt), environment())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(cfg.Warnings.Error(), "hunter2") {
		t.Error("a secret is shown")
	}
	golden(t, "testdata/warnings.golden", []byte(cfg.Warnings.Error()+"\n"))
}

// TestErrorsNameTheirPlace guards the form other tools parse.
func TestErrorsNameTheirPlace(t *testing.T) {
	_, err := configs.Parse("relay.yaml", []byte("pipelines:\n  p:\n    hook: h\n    events: [upload.created]\n    steps:\n      - s: {pots: a}\n"))
	want := `relay.yaml:6:13: pipelines.p.steps.s: unknown key "pots"; did you mean "post"?`
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	form := regexp.MustCompile(`^relay\.yaml:\d+:\d+: \S+: .+$`)
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if !form.MatchString(line) {
			t.Errorf("no place: %s", line)
		}
	}
}
