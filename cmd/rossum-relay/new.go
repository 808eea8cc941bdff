package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/rossum-relay/rossum-relay/configs/pipelines"
)

// newCmd is "rossum-relay new".
type newCmd struct {
	Pipeline newPipelineCmd `cmd:"" help:"Copy a ready-made pipeline into a folder of yours; without NAME, list them."`
}

// newPipelineCmd is "rossum-relay new pipeline".
type newPipelineCmd struct {
	Name string `arg:"" optional:"" placeholder:"NAME" help:"The ready-made pipeline."`
	Dir  string `arg:"" optional:"" placeholder:"DIR" help:"Folder to make; it must not exist or be empty. Defaults to NAME."`
}

// Run copies the pipeline and says what to set, or lists what there is. It overwrites nothing.
func (c *newPipelineCmd) Run(stdout io.Writer) error {
	if c.Name == "" {
		return listPipelines(stdout)
	}
	ready, err := pipelines.Files(c.Name)
	if err != nil {
		return withHint(fmt.Errorf("no ready-made pipeline %q", c.Name), "one of "+strings.Join(pipelines.Names(), ", "))
	}
	dir := c.Dir
	if dir == "" {
		dir = c.Name
	}
	if err := emptyDir(dir); err != nil {
		return err
	}
	if err := os.CopyFS(dir, ready); err != nil {
		return err
	}
	return tellNext(stdout, ready, dir)
}

func listPipelines(stdout io.Writer) error {
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	for _, name := range pipelines.Names() {
		title, err := pipelines.Title(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\t%s\n", name, title)
	}
	return w.Flush()
}

// emptyDir makes a folder; one that holds something is not touched.
func emptyDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if len(entries) > 0 {
		return withHint(fmt.Errorf("%s is not empty", dir), "name a folder that does not exist: rossum-relay new pipeline NAME DIR")
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.MkdirAll(dir, 0o755)
}

// variableName matches the variables of a configuration, see configs.Load.
var variableName = regexp.MustCompile(`\$\{([A-Z0-9_]+)`)

// tellNext says which variables the copied configuration reads, and how to go on.
func tellNext(stdout io.Writer, ready fs.FS, dir string) error {
	source, err := fs.ReadFile(ready, "relay.yaml")
	if err != nil {
		return err
	}
	var names []string
	for _, found := range variableName.FindAllStringSubmatch(string(source), -1) {
		if !slices.Contains(names, found[1]) {
			names = append(names, found[1])
		}
	}
	config := filepath.Join(dir, "relay.yaml")
	_, err = fmt.Fprintf(stdout, `made %s
set      %s
read     %s
try      rossum-relay test %s
check    rossum-relay config check -c %s
run      rossum-relay run -c %s
`, dir, strings.Join(names, " "), filepath.Join(dir, "README.md"), filepath.Join(dir, "cases"), config, config)
	return err
}
