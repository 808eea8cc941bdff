// Package pipelines holds ready-made pipelines, one folder per ERP: a README, a
// configuration, tables and cases for "rossum-relay test". They are starting
// points to copy, not to run as they are.
package pipelines

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed */README.md */relay.yaml */tables */cases
var files embed.FS

// Names are the ready-made pipelines, sorted.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(fmt.Sprintf("pipelines: %v", err)) // embedded: cannot be missing
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Files are the files of one pipeline. The error wraps fs.ErrNotExist where there is none of that name.
func Files(name string) (fs.FS, error) {
	if _, err := fs.Stat(files, name+"/relay.yaml"); err != nil {
		return nil, fmt.Errorf("no ready-made pipeline %q: %w", name, fs.ErrNotExist)
	}
	return fs.Sub(files, name)
}

// Title is the first line of a pipeline's README, without its mark. The error is that of Files.
func Title(name string) (string, error) {
	readme, err := fs.ReadFile(files, name+"/README.md")
	if err != nil {
		return "", fmt.Errorf("no ready-made pipeline %q: %w", name, err)
	}
	first, _, _ := strings.Cut(string(readme), "\n")
	return strings.TrimSpace(strings.TrimLeft(first, "# ")), nil
}
