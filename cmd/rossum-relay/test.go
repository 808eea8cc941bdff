package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
)

// testCmd is "rossum-relay test".
type testCmd struct {
	Config string `short:"c" placeholder:"FILE" help:"Configuration file. Without it DIR/config names the file, relative to DIR."`
	Update bool   `help:"Write what is made as what is expected."`
	Dir    string `arg:"" placeholder:"DIR" help:"Folder of cases, each a folder with payload.json, expected/ and perhaps a file pipeline with a name."`
}

// Run makes the documents and requests of every case and compares them with its folder expected: STEP.EXT for documents,
// STEP.request.txt and STEP.find.txt for requests, STEP.write.txt for what is written back to Rossum, STEP.set.json
// for set values, STEP.messages.txt for messages, refused.txt for why the run would end early.
func (c *testCmd) Run(ctx context.Context, stdout io.Writer) error {
	cases, err := filepath.Glob(filepath.Join(c.Dir, "*", "payload.json"))
	if err != nil || len(cases) == 0 {
		return withHint(fmt.Errorf("no cases in %s", c.Dir), "a case is a folder with a file payload.json")
	}
	file, err := c.configFile()
	if err != nil {
		return err
	}
	cfg, set, err := configFlag{file}.compile()
	if err != nil {
		return err
	}
	failed := 0
	for _, path := range cases {
		complaint, err := c.test(ctx, cfg, set, filepath.Dir(path))
		if err != nil {
			complaint = err.Error() + "\n"
		}
		if complaint == "" {
			continue
		}
		failed++
		fmt.Fprintf(stdout, "FAIL %s\n%s", filepath.Base(filepath.Dir(path)), printable(complaint))
	}
	fmt.Fprintf(stdout, "%d passed, %d failed\n", len(cases)-failed, failed)
	if failed > 0 {
		return withHint(errors.New(counted(failed, "case")+" failed"), "look at the differences; where they are meant, run again with --update")
	}
	return nil
}

func (c *testCmd) configFile() (string, error) {
	if c.Config != "" {
		return c.Config, nil
	}
	name, err := os.ReadFile(filepath.Join(c.Dir, "config"))
	if err != nil {
		return "", withHint(fmt.Errorf("which configuration? %w", err), "give -c FILE, or write the file's name into "+filepath.Join(c.Dir, "config"))
	}
	path := strings.TrimSpace(string(name))
	if !filepath.IsAbs(path) {
		path = filepath.Join(c.Dir, path)
	}
	return path, nil
}

// test runs one case and says what differs, "" for nothing.
func (c *testCmd) test(ctx context.Context, cfg *configs.Config, set *pipeline.Set, dir string) (string, error) {
	payload, err := readPayload(filepath.Join(dir, "payload.json"))
	if err != nil {
		return "", err
	}
	name, err := os.ReadFile(filepath.Join(dir, "pipeline"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	p, err := choosePipeline(set, payload, strings.TrimSpace(string(name)))
	if err != nil {
		return "", err
	}
	made := caseFiles(preview(ctx, cfg, p, payload))
	expected := filepath.Join(dir, "expected")
	if c.Update {
		return "", writeFiles(expected, made)
	}
	return compareFiles(expected, made)
}

// caseFiles is what a case makes, by file name.
func caseFiles(p pipeline.Preview) map[string]string {
	files := map[string]string{}
	put := func(name, content string) {
		if content != "" {
			files[name] = content
		}
	}
	if p.Err != nil {
		put("refused.txt", p.Err.Error()+"\n")
	}
	if p.Skipped {
		put("refused.txt", "skipped\n")
	}
	for _, s := range p.Steps {
		put(s.Name+".request.txt", s.Request)
		put(s.Name+".find.txt", s.Find)
		put(s.Name+".write.txt", s.Write)
		put(s.Name+".set.json", s.Values)
		if s.Document != nil {
			put(s.Name+pipeline.Extension(s.Document), string(s.Document.Body))
		}
		var messages strings.Builder
		for _, m := range s.Messages {
			fmt.Fprintf(&messages, "%s: %s\n", m.Type, m.Content)
		}
		put(s.Name+".messages.txt", messages.String())
		if s.Err != nil {
			put("refused.txt", s.Name+": "+s.Err.Error()+"\n")
		}
	}
	return files
}

// writeFiles makes the folder hold exactly these files.
func writeFiles(dir string, files map[string]string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	old, err := readFiles(dir)
	if err != nil {
		return err
	}
	for name := range old {
		if _, ok := files[name]; !ok {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil { //nolint:gosec // cases are for everybody's eyes
			return err
		}
	}
	return nil
}

func readFiles(dir string) (map[string]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	files := map[string]string{}
	for _, e := range entries {
		if !e.Type().IsRegular() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		files[e.Name()] = string(content)
	}
	return files, nil
}

func compareFiles(dir string, made map[string]string) (string, error) {
	expected, err := readFiles(dir)
	if err != nil {
		return "", err
	}
	names := make([]string, 0, len(made)+len(expected))
	for name := range made {
		names = append(names, name)
	}
	for name := range expected {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range slices.Compact(names) {
		want, wanted := expected[name]
		got, got2 := made[name]
		switch {
		case !wanted:
			fmt.Fprintf(&b, "  %s: made, but not expected\n", name)
		case !got2:
			fmt.Fprintf(&b, "  %s: expected, but not made\n", name)
		case want != got:
			fmt.Fprintf(&b, "  %s differs:\n%s", name, difference(want, got))
		}
	}
	return b.String(), nil
}

// difference shows the lines between the common beginning and end of two texts, the first few of each.
func difference(want, got string) string {
	const most = 20
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	from := 0
	for from < min(len(a), len(b)) && a[from] == b[from] {
		from++
	}
	for len(a) > from && len(b) > from && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	var out strings.Builder
	fmt.Fprintf(&out, "    line %d\n", from+1)
	a, b = fromDifference(a[from:], b[from:])
	show := func(sign string, lines []string) {
		for i, line := range lines {
			if i == most {
				fmt.Fprintf(&out, "    %s and %d lines more\n", sign, len(lines)-most)
				return
			}
			fmt.Fprintf(&out, "    %s%s\n", sign, cut(line))
		}
	}
	show("-", a)
	show("+", b)
	return out.String()
}

// fromDifference leaves out the common beginning of the first lines where it is long: a JSON document is one line.
func fromDifference(a, b []string) (x, y []string) {
	const before = 60
	if len(a) == 0 || len(b) == 0 {
		return a, b
	}
	n := 0
	for n < min(len(a[0]), len(b[0])) && a[0][n] == b[0][n] {
		n++
	}
	if n <= 2*before {
		return a, b
	}
	tail := func(lines []string) []string {
		return append([]string{"... " + strings.ToValidUTF8(lines[0][n-before:], "")}, lines[1:]...)
	}
	return tail(a), tail(b)
}

// cut shortens a line to what a terminal can show.
func cut(line string) string {
	const most = 300
	if len(line) <= most {
		return line
	}
	return strings.ToValidUTF8(line[:most], "") + " ..."
}
